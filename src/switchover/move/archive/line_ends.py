"""Line ends between a mail (CR LF) and a file (LF), chunk by chunk. Pure.

In a file LF stands for CR LF. Where a CR stands before CR LF, all of it is written as it is: so every mail
without a bare LF comes back byte for byte. A bare LF comes back as CR LF, which is all that changes.
"""

from __future__ import annotations

import re

_WIRE_END = re.compile(rb"(?<!\r)\r\n")
_FILE_END = re.compile(rb"(?<!\r)\n")


class ToFile:
    """A mail in, its file out; what comes out joined does not depend on the chunks."""

    __slots__ = ("_holds_return", "_is_after_return")

    def __init__(self) -> None:
        """Start with an empty mail."""
        self._holds_return = False
        self._is_after_return = False

    def feed(self, chunk: bytes) -> bytes:
        """Return what the chunk becomes; a CR at its end is held back until it is known what follows."""
        data = b"\r" + chunk if self._holds_return else chunk
        if not data:
            return b""
        self._holds_return = data.endswith(b"\r")
        if self._holds_return:
            data = data[:-1]
        if not data:
            return b""
        after, self._is_after_return = self._is_after_return, data.endswith(b"\r")
        if after:
            return _WIRE_END.sub(b"\n", b"\r" + data)[1:]
        if b"\r\r\n" in data:
            return _WIRE_END.sub(b"\n", data)
        return data.replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """Return what was held back."""
        return b"\r" if self._holds_return else b""


class ToWire:
    """A file in, its mail out; ``octets`` counts what came out."""

    __slots__ = ("_is_after_return", "octets")

    def __init__(self) -> None:
        """Start with an empty file."""
        self._is_after_return = False
        self.octets = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return what the chunk becomes."""
        if not chunk:
            return b""
        after, self._is_after_return = self._is_after_return, chunk.endswith(b"\r")
        returns = chunk.count(b"\r\n")
        if after and chunk.startswith(b"\n"):
            text = b"\n" + self._plain(chunk[1:])
        elif returns and returns == chunk.count(b"\n"):
            text = chunk
        else:
            text = self._plain(chunk)
        self.octets += len(text)
        return text

    @staticmethod
    def _plain(data: bytes) -> bytes:
        return _FILE_END.sub(b"\r\n", data) if b"\r\n" in data else data.replace(b"\n", b"\r\n")
