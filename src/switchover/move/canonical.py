"""Canonical forms of a mail, each as a digest that streams. Pure.

Servers do not keep every byte, so "the same mail" needs a declared form. The fidelity probe of an
endpoint picks the strictest form that both ends keep:

``exact``
    The bytes as the server delivers them.
``lines``
    Line ends and NUL in one form (module ``lines``): Dovecot, mbox files, archives with bare LF.
    A mail that is in that form has the same digest as under ``exact``.
``structure``
    What a server that keeps no MIME can give back (module ``mime_structure``): who, when, subject,
    the letters of the text, each attachment: Exchange.

A digest takes constant memory, whatever the mail, and is the same however the mail is cut into
chunks. Digests of different forms must not be compared.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from switchover.move.lines import LineNormaliser
from switchover.move.segment import DIGEST_BYTES


class Form(StrEnum):
    """What two copies of a mail must have in common."""

    EXACT = "exact"
    LINES = "lines"
    STRUCTURE = "structure"


class Digester(Protocol):
    """A digest of one mail that is being read."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the mail so far, in the form where that has a size of its own."""

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next chunk."""

    def digest(self) -> bytes:
        """Return the digest of what was taken so far, as if the mail ended here."""


class ExactDigest:
    """The bytes as they are."""

    __slots__ = ("_hash", "size_bytes")

    def __init__(self) -> None:
        """Start with an empty mail."""
        self._hash = sha256()
        self.size_bytes = 0

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next chunk."""
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def digest(self) -> bytes:
        """Return the digest of what was taken so far."""
        return self._hash.digest()[:DIGEST_BYTES]


class LinesDigest:
    """The text with CR LF as its only line end."""

    __slots__ = ("_hash", "_lines")

    def __init__(self) -> None:
        """Start with an empty mail."""
        self._hash = sha256()
        self._lines = LineNormaliser()

    @property
    def size_bytes(self) -> int:
        """Bytes with CR LF as line end: what Dovecot announces for its copy."""
        return self._lines.size_bytes

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next chunk."""
        for piece in self._lines.feed(bytes(chunk)):
            self._hash.update(piece)

    def digest(self) -> bytes:
        """Return the digest of what was taken so far, the last line ended."""
        whole = self._hash.copy()
        whole.update(self._lines.end())
        return whole.digest()[:DIGEST_BYTES]


def digester(form: Form) -> Digester:
    """Return a fresh digest of that form."""
    if form is Form.EXACT:
        return ExactDigest()
    if form is Form.LINES:
        return LinesDigest()
    from switchover.move.mime_structure import StructureDigest  # noqa: PLC0415 - start-up time

    return StructureDigest()


def digest_of(form: Form, mail: bytes | memoryview) -> bytes:
    """Return the digest of a mail that is in memory."""
    if form is Form.EXACT:
        return sha256(mail).digest()[:DIGEST_BYTES]
    work = digester(form)
    work.update(mail)
    return work.digest()
