"""Compression gives back what went in, in any portions, and never more at once than was agreed."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.served import cut

from switchover.wire.imap.deflate import PORTION_BYTES, Deflate

RAW = -zlib.MAX_WBITS


def inflated(deflate: Deflate, portions: list[bytes]) -> bytes:
    out = bytearray()
    for portion in portions:
        deflate.receive(portion)
        while piece := deflate.next_portion():
            out += piece
    return bytes(out)


@given(st.binary(max_size=3000), st.lists(st.integers(min_value=0, max_value=50), max_size=100))
def test_what_one_side_compresses_the_other_reads_in_any_portions(
    data: bytes, sizes: list[int]
) -> None:
    ours, theirs = Deflate(), Deflate()
    sent = ours.compress(data) + ours.flush()
    assert inflated(theirs, cut(sent, sizes)) == data
    more = ours.compress(memoryview(data)) + ours.flush()
    assert inflated(theirs, [more]) == data


@pytest.mark.parametrize("over", [-300, -1, 0, 1, 2, 257, 300])
def test_a_bomb_comes_out_in_portions_and_to_its_last_byte(over: int) -> None:
    size = 8 * PORTION_BYTES + over
    packer = zlib.compressobj(level=9, wbits=RAW)
    bomb = packer.compress(bytes(size)) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < size // 500
    deflate = Deflate()
    deflate.receive(bomb)
    sizes = [len(piece) for piece in iter(deflate.next_portion, b"")]
    assert max(sizes) == PORTION_BYTES
    assert sum(sizes) == size


def test_what_is_not_compressed_is_an_error() -> None:
    deflate = Deflate()
    deflate.receive(b"* OK hello\r\n")
    with pytest.raises(zlib.error):
        deflate.next_portion()


def test_a_stream_that_was_ended_stays_ended_whatever_follows() -> None:
    packer = zlib.compressobj(wbits=RAW)
    deflate = Deflate()
    assert not deflate.is_over
    assert inflated(deflate, [packer.compress(b"abc") + packer.flush(), b"more", b"more"]) == b"abc"
    assert deflate.is_over


def test_what_was_flushed_need_not_wait_for_more() -> None:
    ours, theirs = Deflate(), Deflate()
    for number in range(100):
        line = b"S%d NOOP\r\n" % number
        theirs.receive(ours.compress(line) + ours.flush())
        assert theirs.next_portion() == line
        assert theirs.next_portion() == b""
