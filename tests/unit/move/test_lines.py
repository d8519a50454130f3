"""Line ends and NUL take one form, however a mail is cut."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchover.move.lines import LineNormaliser

TEXTS = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b"\x80", b"a", b"--", b"\xff"]), max_size=30
).map(b"".join)


def plainly(text: bytes) -> bytes:
    """The same form, said in one line each."""
    text = re.sub(rb"\r*\n", b"\n", text.replace(b"\0", b"\x80"))
    text = re.sub(rb"\r+\Z", b"", text) + (b"\n" if text.endswith(b"\r") else b"")
    text = text if not text or text.endswith(b"\n") else text + b"\n"
    return text.replace(b"\n", b"\r\n")


def normalised(chunks: list[bytes]) -> bytes:
    lines = LineNormaliser()
    return b"".join(piece for chunk in chunks for piece in lines.feed(chunk)) + lines.end()


@given(TEXTS, st.lists(st.integers(0, 60), max_size=8))
@example(b"a\r\r\nb", [1, 2, 3])
@example(b"\r\r", [1])
def test_any_cut_gives_the_same_text(text: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    assert normalised([text[a:b] for a, b in pairwise(places)]) == plainly(text)
    assert normalised([text]) == plainly(text)
    assert normalised([bytes((byte,)) for byte in text]) == plainly(text)


@given(TEXTS)
def test_the_form_is_stable(text: bytes) -> None:
    assert normalised([normalised([text])]) == normalised([text])
    assert normalised([normalised([text]).replace(b"\r\n", b"\n")]) == normalised([text])


@given(TEXTS, st.lists(st.integers(0, 60), max_size=8))
def test_no_piece_ends_within_a_line_end(text: bytes, cuts: list[int]) -> None:
    lines = LineNormaliser()
    for start, end in pairwise([0, *sorted(cuts), len(text)]):
        pieces = lines.feed(text[start:end])
        assert not any(piece.startswith(b"\n") for piece in pieces)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"", 0),
        (b"a", 1),
        (b"a\n", 3),
        (b"a\r\n", 3),
        (b"a\r\r\nb", 4),
        (b"a\rb", 3),
        (b"a\0\n\n", 6),
    ],
)
def test_the_size_is_that_of_the_copy_on_a_server(text: bytes, size: int) -> None:
    lines = LineNormaliser()
    lines.feed(text)
    assert lines.size_bytes == size


@pytest.mark.no_cover  # it measures, and others cover the same
def test_a_flood_of_returns_takes_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        normalised([b"\r" * count + b"x", b"\r" * count, b"\n"])
        normalised([b"\r\r\n" * (count // 3)])
        return time.process_time() - start

    seconds(1000)
    assert seconds(4_000_000) < 20 * max(seconds(1_000_000), 0.002)
