"""The server of an archive: what it answers, also to what it can not do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.move.archive.stores import KINDS, Client, open_store, put

from switchover.errors import Refused
from switchover.move.archive import store_maildir
from switchover.move.archive.fetching import Broken
from switchover.move.archive.store import Body


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(open_store("maildir", tmp_path / "a"))


def test_it_greets_and_lets_the_engine_in_and_out(client: Client) -> None:
    assert client.said.startswith(b"* OK [CAPABILITY IMAP4rev1 LITERAL+ ")
    assert client.run(b'LOGIN "archive" ""')[-1].startswith(b"a OK [CAPABILITY")
    assert client.run(b"CAPABILITY")[0].startswith(b"* CAPABILITY IMAP4rev1")
    assert client.run(b'ID ("name" "x")') == [b'* ID ("name" "switchover maildir")', b"a OK done"]
    assert client.run(b"NAMESPACE")[0] == b'* NAMESPACE (("" ".")) NIL NIL'
    assert client.run(b"ENABLE CONDSTORE") == [b"* ENABLED", b"a OK done"]
    assert client.run(b"IDLE") == [b"a BAD unknown command"]
    assert client.run(b"LOGOUT") == [b"* BYE until next time", b"a OK done"]
    assert client.session.is_over


def test_folders_are_listed_with_subscriptions_and_status_in_one_answer(client: Client) -> None:
    client.run(b'CREATE "Sent"')
    client.run(b'CREATE "Archive.2024"')
    client.run(b'SUBSCRIBE "Sent"')
    client.run(b'SUBSCRIBE "gone"')
    assert client.run(
        b'LIST "" "*" RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UNSEEN RECENT))'
    ) == [
        b'* LIST () "." "INBOX"',
        b'* STATUS "INBOX" (MESSAGES 0 UNSEEN 0 RECENT 0)',
        b'* LIST () "." "Archive.2024"',
        b'* STATUS "Archive.2024" (MESSAGES 0 UNSEEN 0 RECENT 0)',
        b'* LIST (\\Subscribed) "." "Sent"',
        b'* STATUS "Sent" (MESSAGES 0 UNSEEN 0 RECENT 0)',
        b"a OK done",
    ]
    assert client.run(b'LIST "" "%"')[:-1] == [
        b'* LIST () "." "INBOX"',
        b'* LIST (\\Subscribed) "." "Sent"',
    ]
    assert client.run(b'LIST "" ("Sent" "x*")')[:-1] == [b'* LIST (\\Subscribed) "." "Sent"']
    assert client.run(b'LIST (SUBSCRIBED) "" "*"')[:-1] == [
        b'* LIST (\\Subscribed) "." "Sent"',
        b'* LIST (\\NonExistent \\Subscribed) "." "gone"',
    ]
    assert client.run(b'LIST "" ""')[0] == b'* LIST (\\Noselect) "." ""'
    assert client.run(b'LSUB "" "*"')[:-1] == [b'* LSUB () "." "Sent"', b'* LSUB () "." "gone"']
    client.run(b'UNSUBSCRIBE "gone"')
    assert len(client.run(b'LSUB "" "*"')) == 2
    assert client.run(b'STATUS "Sent" (UIDNEXT)')[0] == b'* STATUS "Sent" (UIDNEXT 1)'


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b'SELECT "nowhere"', b"a NO [NONEXISTENT] there is no folder nowhere"),
        (b'STATUS "nowhere" (UIDNEXT)', b"a NO [NONEXISTENT] there is no folder nowhere"),
        (b'CREATE "INBOX"', b"a NO [ALREADYEXISTS] the folder INBOX is there already"),
        (b'CREATE "a/b"', b"a NO 'a/b' can not be a folder of a Maildir"),
        (b"CREATE", b"a BAD CREATE needs the name of a folder"),
        (b"UID FETCH 1 (UID)", b"a BAD no folder is open"),
        (b'LIST ""', b"a BAD LIST needs a reference and a pattern"),
        (b"LSUB", b"a BAD LSUB needs a reference and a pattern"),
    ],
)
def test_what_can_not_be_is_answered_with_the_reason(
    client: Client, command: bytes, answer: bytes
) -> None:
    client.run(b'SELECT "INBOX"')
    client.run(b"UNSELECT")
    assert client.run(command) == [answer]


@pytest.mark.parametrize("kind", KINDS)
def test_mails_come_in_together_and_go_out_as_they_came(kind: str, tmp_path: Path) -> None:
    client = Client(open_store(kind, tmp_path / "a"))
    opened = client.run(b'SELECT "inbox"')
    assert b"* 0 EXISTS" in opened
    assert opened[-1] == b"a OK [READ-WRITE] open"
    validity = next(line for line in opened if b"UIDVALIDITY" in line).split()[3].rstrip(b"]")
    text = (
        b'a APPEND "INBOX" (\\Seen work) "17-Jul-1996 02:44:25 +0200" {14+}\r\nA: b\r\n\r\nFrom\r\n'
        b" {7+}\r\nB: c\r\n\n\r\n"
    )
    assert client.say(text) == b"a OK [APPENDUID %b 1:2] stored\r\n" % validity
    assert client.run(b"UID FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)")[0] == (
        b"* 1 FETCH (UID 1 FLAGS (\\Seen work) INTERNALDATE"
        b' "17-Jul-1996 00:44:25 +0000" RFC822.SIZE 14)'
    )
    assert client.say(b"a UID FETCH 1 (UID BODY.PEEK[])\r\n") == (
        b"* 1 FETCH (UID 1 BODY[] {14}\r\nA: b\r\n\r\nFrom\r\n)\r\na OK done\r\n"
    )
    assert client.say(b"a UID FETCH 1 BODY.PEEK[HEADER]\r\n") == (
        b"* 1 FETCH (UID 1 BODY[HEADER] {8}\r\nA: b\r\n\r\n)\r\na OK done\r\n"
    )
    assert client.run(b"UID STORE 1:* +FLAGS (\\Deleted)") == [
        b"* 1 FETCH (UID 1 FLAGS (%b))" % _flags(client, 1),
        b"* 2 FETCH (UID 2 FLAGS (\\Deleted))",
        b"a OK done",
    ]
    assert client.run(b"UID STORE 1 -FLAGS.SILENT (\\Deleted)") == [b"a OK done"]
    assert client.run(b"UID STORE 1 FLAGS.SILENT \\Draft") == [b"a OK done"]
    assert _flags(client, 1) == b"\\Draft"
    assert client.run(b"UID EXPUNGE 1:*") == [b"* 2 EXPUNGE", b"a OK done"]
    assert b"* 1 EXISTS" in client.run(b'EXAMINE "INBOX"')
    assert client.run(b"UID EXPUNGE 1")[0].startswith(
        b"a NO [ALREADYEXISTS] the folder is open for"
    )
    client.session.close()


def _flags(client: Client, uid: int) -> bytes:
    line = client.run(b"UID FETCH %d (FLAGS)" % uid)[0]
    return line.partition(b"FLAGS (")[2].rstrip(b")")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (b"UID FETCH 1", b"FETCH needs"),
        (b"UID FETCH x (UID)", b"set of UIDs"),
        (b"UID FETCH 1 (ENVELOPE)", b"FETCH knows"),
        (b"UID FETCH 1 (BODY[] BODY[HEADER])", b"FETCH knows"),
        (b"UID STORE 1 FLAGS", b"STORE needs"),
        (b"UID STORE 1 LABELS (x)", b"STORE knows"),
        (b"UID EXPUNGE", b"needs UIDs"),
    ],
)
def test_what_it_does_not_know_is_bad(client: Client, command: bytes, words: bytes) -> None:
    client.run(b'SELECT "INBOX"')
    assert client.run(command)[0].startswith(b"a BAD ")
    assert words in client.run(command)[0]


def test_an_append_that_can_not_be_swallows_its_mails_and_says_why(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.say(b"a APPEND nowhere {2+}\r\nx\n {1+}\r\ny\r\n").startswith(
        b"a NO [NONEXISTENT]"
    )
    assert client.say(b"a APPEND INBOX {0+}\r\n\r\n").startswith(b"a NO a mail without an octet")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", "/archive/tmp/x")

    monkeypatch.setattr(store_maildir.os, "write", full)
    answer = client.say(b"a APPEND INBOX {2+}\r\nx\n {1+}\r\ny\r\n")
    assert answer == b"a NO [NOROOM] /archive/tmp/x: No space left on device\r\n"
    monkeypatch.undo()
    client.run(b'SELECT "INBOX"')
    assert client.run(b"UID FETCH 1:* (UID)") == [b"a OK done"]
    assert client.say(b"a APPEND INBOX {1}\r\n") == b"+ go on\r\n"
    client.session.close()


def test_what_makes_no_sense_ends_the_conversation(client: Client) -> None:
    assert client.say(b"a\r\n").startswith(b"* BYE ")
    assert client.session.is_over


def test_a_mail_that_goes_while_it_is_read_is_left_out_and_one_that_changes_ends_the_connection(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_store("maildir", tmp_path / "a").open("INBOX", to_write=True)
    put(folder, b"one\r\n", b"two\r\n", b"three\r\n")
    client.run(b'EXAMINE "INBOX"')
    opened = client.session._folder
    assert opened is not None
    first = next(
        path for path in (tmp_path / "a" / "cur").iterdir() if path.read_bytes() == b"one\n"
    )
    monkeypatch.setattr(type(opened), "refresh", lambda _: None)
    first.unlink()
    assert client.run(b"UID FETCH 1:2 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")[0] == (
        b"* 2 FETCH (UID 2 FLAGS () INTERNALDATE"
        b' "14-Nov-2023 22:13:20 +0000" RFC822.SIZE 5 BODY[] {5}'
    )
    monkeypatch.setattr(type(opened), "open_body", lambda *_: Body(9, iter([b"short"])))
    with pytest.raises(Broken, match="changed"):
        client.run(b"UID FETCH 3 (BODY.PEEK[])")
    monkeypatch.setattr(type(opened), "open_body", lambda *_: Body(3, iter([b"longer"])))
    with pytest.raises(Broken, match="changed"):
        client.run(b"UID FETCH 3 (BODY.PEEK[])")

    def refuse(*_: object) -> Body:
        raise Refused("not a plain file")

    monkeypatch.setattr(type(opened), "open_body", refuse)
    assert client.run(b"UID FETCH 3 (BODY.PEEK[])") == [b"a NO not a plain file"]


def test_the_27th_keyword_is_told_and_the_mail_is_kept(client: Client) -> None:
    keywords = b" ".join(b"k%d" % number for number in range(27))
    client.run(b'SELECT "INBOX"')
    answer = client.say(b"a APPEND INBOX (%b) {1+}\r\nx\r\n" % keywords).split(b"\r\n")
    assert answer[0] == (
        b"* NO INBOX can not keep the keyword k26: a Maildir folder has room for 26"
    )
    assert answer[1].startswith(b"a OK [APPENDUID")
    permanent = next(line for line in client.run(b'SELECT "INBOX"') if b"PERMANENTFLAGS" in line)
    assert b"\\*" not in permanent
    assert b" k25)" in permanent
    assert client.session._store.notices == [answer[0].removeprefix(b"* NO ").decode()]
