"""What a response is said to weigh is about what it takes."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.unit.wire.imap.served import drain

from switchover.wire.imap.reader import Reader
from switchover.wire.imap.response_weight import weight

LINES = {
    "folders": b'* LIST (\\HasNoChildren \\Marked) "/" "Archive/%06d"\r\n',
    "statuses": b'* STATUS "Archive/%06d" (MESSAGES 5 UIDNEXT 7 UIDVALIDITY 99999 HIGHESTMODSEQ 70000)\r\n',
    "quotas": b'* QUOTA "user%06d" (STORAGE 10 512)\r\n',
    "words": b"* OK [X-%06d] still here\r\n",
    "rubbish": b"* XYZZY %06d\r\n* OK\r\n",
    "metadata": b'* METADATA "folder%06d" (/shared/comment "text")\r\n',
}


@pytest.mark.parametrize("kind", LINES)
def test_small_responses_weigh_about_what_they_take(kind: str) -> None:
    reader = Reader()
    reader.receive(b"".join(LINES[kind] % number for number in range(500)))
    tracemalloc.start()
    try:
        events = drain(reader)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    weighed = sum(map(weight, events))
    assert taken / 2.5 < weighed < taken * 2.5


@pytest.mark.parametrize(
    "line",
    [
        b"* SEARCH" + b" 7 9" * 20_000 + b"\r\n",
        b"* OK " + b"x" * 200_000 + b"\r\n",
        b"* XYZZY " + b"x" * 200_000 + b"\r\n",
        b'* LIST () "/" "' + b"x" * 200_000 + b'"\r\n',
        b"* FLAGS (" + b"a " * 20_000 + b")\r\n",
        b'* ID ("name" "' + b"x" * 200_000 + b'")\r\n',
    ],
)
def test_one_large_response_weighs_what_it_takes(line: bytes) -> None:
    reader = Reader()
    reader.receive(line)
    (event,) = drain(reader)
    assert len(line) / 2 < weight(event) < 30 * len(line)


def test_nothing_and_numbers_weigh_little() -> None:
    assert weight(None) == 0
    assert weight(True) == 0
    assert 0 < weight(2**62) < 100
    assert weight(memoryview(b"abc")) > 3
