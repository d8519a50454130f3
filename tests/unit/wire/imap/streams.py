"""Streams for property tests: what servers send, what they might, and what nobody should."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = (
    b"* OK [ALERT] hello\r\n",
    b"* [UIDNEXT 5]\r\n",
    b"a1 OK [APPENDUID 1 2:3] done\r\n",
    b"a1 BAD what is APPEND {5}\r\n",
    b"+ go on\r\n",
    b"+\r\n",
    b"\r\n",
    b"\n",
    b"* 3 EXISTS\r\n",
    b"* SEARCH 1 2 3 (MODSEQ 5)\r\n",
    b"* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n",
    b"* 2 FETCH (UID 6 FLAGS ())\r\n",
    b"* 3 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (9))\r\n",
    b'* 4 FETCH (UID 8 INTERNALDATE " 5-Feb-2017 14:38:25 +0200" RFC822.SIZE 5)\r\n',
    b"* 5 FETCH (UID 9 FLAGS (a]b) BODY[] {5}\r\nhel\r\n)\r\n",
    b"* 5 FETCH (BODY[] {0}\r\n UID 9)\r\n",
    b"* 5 FETCH (UID 9 BODY[] ~{3}\nab\n)\n",
    b'* 5 FETCH (UID 9 BODY[] "quoted")\r\n',
    b"* 5 FETCH (UID 9 BODY[HEADER] {3}\r\nA:b X-GM-LABELS ({1}\r\na) BODY[TEXT] {2}\r\nhi)\r\n",
    b'* LIST (\\HasNoChildren) "/" {3}\r\na"b\r\n',
    b'* LIST () "/" "a "b" c"\r\n',
    b"* STATUS {3}\r\na b (MESSAGES 1)\r\n",
    b'* METADATA "" (/a {3}\r\nabc /b NIL)\r\n',
    b"* 5 FETCH (UID 9 BODY[] {3}\r\nlonger than three)\r\n",
    b"* 5 FETCH (UID 9 BODY[] {30}\r\nshorter)\r\n",
    b"* 5 FETCH (UID",
    b"{3}\r\n",
    b"{3",
    b"}\r\n",
    b'"',
    b"\\",
    b"(((",
    b")))",
    b"\r",
    b"\0",
)
streams = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=12)), max_size=30).map(
    b"".join
)
sizes = st.lists(st.integers(min_value=0, max_value=40), max_size=200)
