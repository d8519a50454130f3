"""Line ends: what goes into a file comes out again, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.archive.line_ends import ToFile, ToWire

TEXTS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"From ", b"\0"])).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[begin:end] for begin, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def to_file(chunks: list[bytes]) -> bytes:
    work = ToFile()
    return b"".join(map(work.feed, chunks)) + work.end()


def to_wire(chunks: list[bytes]) -> bytes:
    work = ToWire()
    text = b"".join(map(work.feed, chunks))
    assert work.octets == len(text)
    return text


@given(TEXTS, st.lists(st.integers(0, 99), max_size=9), st.lists(st.integers(0, 99), max_size=9))
def test_every_mail_without_a_bare_line_feed_comes_back(
    text: bytes, cuts: list[int], others: list[int]
) -> None:
    mail = to_wire([text])
    file = to_file(cut(mail, cuts))
    assert to_wire(cut(file, others)) == mail
    assert to_file([mail]) == file


@pytest.mark.parametrize(
    ("mail", "file"),
    [
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"a\r\r\nb", b"a\r\r\nb"),
        (b"a\rb\r", b"a\rb\r"),
        (b"\r\n\r\n", b"\n\n"),
        (b"", b""),
    ],
)
def test_a_file_has_line_feeds_alone_but_where_a_return_stands_before(
    mail: bytes, file: bytes
) -> None:
    assert to_file([mail]) == file
    assert to_file([bytes([one]) for one in mail]) == file
    assert to_wire([file]) == mail


def test_a_bare_line_feed_is_all_that_changes() -> None:
    assert to_wire([to_file([b"a\nb\r\nc\n"])]) == b"a\r\nb\r\nc\r\n"
