"""COMPRESS=DEFLATE (RFC 4978) without I/O: both directions of one connection.

A kilobyte can hold a megabyte, so what comes is inflated in portions: whoever reads them can stop.
"""

from __future__ import annotations

import zlib
from typing import Final

PORTION_BYTES: Final = 1024 * 1024
"""How much is inflated at a time."""

# Raw DEFLATE, no header and no check sum (RFC 4978 section 3).
_WINDOW_BITS: Final = -zlib.MAX_WBITS
_LEVEL: Final = 1  # the fastest: mails are mostly base64, which no level makes much smaller


class Deflate:
    """The compression of a connection, from the bytes behind the OK on."""

    def __init__(self) -> None:
        """Begin both directions."""
        self._inflate = zlib.decompressobj(_WINDOW_BITS)
        self._deflate = zlib.compressobj(level=_LEVEL, wbits=_WINDOW_BITS)
        self._received = b""
        self._holds_more = False  # a full portion may leave a match half written in zlib

    @property
    def is_over(self) -> bool:
        """True when the server has ended the compressed stream: nothing comes any more."""
        return self._inflate.eof

    def receive(self, data: bytes) -> None:
        """Take compressed bytes; take all portions before the next."""
        self._received += data

    def next_portion(self) -> bytes:
        """Return up to PORTION_BYTES of what came; empty when more has to come first.

        Raises zlib.error for bytes that are not compressed.
        """
        if self._inflate.eof or not (self._received or self._holds_more):
            return b""
        portion = self._inflate.decompress(self._received, PORTION_BYTES)
        self._received = self._inflate.unconsumed_tail
        self._holds_more = len(portion) == PORTION_BYTES
        return portion

    def compress(self, data: bytes | memoryview) -> bytes:
        """Return what can be sent of ``data``; the rest stays until ``flush``."""
        return self._deflate.compress(data)

    def flush(self) -> bytes:
        """Return all that has to be sent so that the server has everything up to here."""
        return self._deflate.flush(zlib.Z_SYNC_FLUSH)
