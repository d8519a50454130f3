"""A command as a sequence of parts, and how the parts become bytes, streams and waits.

Texts enter a command only through the functions here, and none of them lets a line end or a NUL
through, so no folder name, flag or password can smuggle in a second command. The content of a literal
may be absent: then the caller sends exactly its octets when the step comes, and a message of any size
passes without being held.

Grammar: RFC 9051 section 9 (the same as RFC 3501 where both speak of a thing), literals without
waiting RFC 7888, literal8 RFC 3516.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# RFC 7888 section 5: LITERAL- promises no more than this without waiting.
SMALL_LITERAL_OCTETS: Final = 4096
# Longer strings go as literals: some servers read a line into a small buffer.
_LONGEST_QUOTED_OCTETS = 1024
_LARGEST_NUMBER = (1 << 63) - 1

_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
# "]" is not in the grammar of keywords, but servers hand such keywords out and take them back.
_FLAG = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_QUOTABLE = re.compile(rb"[ -~]*")
_BREAKS_THE_LINE = re.compile(rb"[\r\n\0]")


class LiteralMode(StrEnum):
    """Which literals go out without waiting for the server's leave."""

    SYNCHRONISING = "none"
    SMALL = "up to 4096 octets"
    ANY = "any size"


def literal_mode(capabilities: Collection[str]) -> LiteralMode:
    """Return what a server that announces ``capabilities`` (upper case) takes without waiting.

    Dovecot 2.4 knows both forms: the wider one counts. IMAP4rev2 holds LITERAL- in itself, but
    beside IMAP4rev1 only once it is enabled, so there the server must name it.
    """
    if "LITERAL+" in capabilities:
        return LiteralMode.ANY
    only_revision_2 = "IMAP4REV2" in capabilities and "IMAP4REV1" not in capabilities
    if "LITERAL-" in capabilities or only_revision_2:
        return LiteralMode.SMALL
    return LiteralMode.SYNCHRONISING


class Literal(NamedTuple):
    """``size`` octets of any value except NUL, or of any value at all when ``is_binary``.

    ``content`` None means that the caller sends the octets itself when the step comes.
    """

    size: int
    content: bytes | None = None
    is_binary: bool = False
    is_secret: bool = False

    def __repr__(self) -> str:
        """Return the size alone: contents are other people's mail, or passwords."""
        return f"Literal(size={self.size})"

    def waits(self, mode: LiteralMode) -> bool:
        """Return whether the server must say that it is ready before the octets go out."""
        if mode is LiteralMode.SMALL:
            return self.size > SMALL_LITERAL_OCTETS
        return mode is LiteralMode.SYNCHRONISING

    def announcement(self, *, waits: bool) -> bytes:
        """Return the braces and the line end before the octets."""
        tilde = b"~" if self.is_binary else b""
        return b"%b{%d%b}\r\n" % (tilde, self.size, b"" if waits else b"+")


class Hidden(NamedTuple):
    """Text that goes out as it is and is never shown."""

    text: bytes

    def __repr__(self) -> str:
        """Return a constant, so that traces and failures stay clean."""
        return "Hidden(***)"


Part: TypeAlias = bytes | Literal | Hidden


class Dialogue(StrEnum):
    """What continuations mean after the whole command is sent."""

    NONE = "none is expected"
    SIGN_IN = "each is a challenge"
    IDLE = "one, then news until DONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command without its tag. Made by the functions of ``commands``.

    ``is_barrier``: nothing may follow before its answer, because the stream or the meaning of what
    follows changes with it.
    """

    name: str
    parts: tuple[Part, ...] = field(repr=False)
    dialogue: Dialogue = Dialogue.NONE
    is_barrier: bool = False

    @property
    def line_octets(self) -> int:
        """The longest stretch of text between two literals, without tag and line end."""
        longest = length = 0
        for part in self.parts:
            if isinstance(part, Literal):
                length = 0
            else:
                length += len(part.text if isinstance(part, Hidden) else part)
                longest = max(longest, length)
        return longest

    def show(self) -> str:
        """Return the command for a trace: ``APPEND "x" {310}``, secrets as ``***``."""
        return b"".join(_shown(part) for part in self.parts).decode("ascii", "backslashreplace")


def _shown(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, Hidden) or part.is_secret:
        return b"***"  # not even the length of a secret
    return b"%b{%d}" % (b"~" if part.is_binary else b"", part.size)


class Wait(Enum):
    """Send nothing more until the server continues; a tagged answer instead ends the command."""

    CONTINUATION = "continuation"


class Stream(NamedTuple):
    """Send exactly ``size`` octets: those of the streamed literal at ``place``, counted from 0."""

    place: int
    size: int


Step: TypeAlias = bytes | Stream | Wait


def encode(tag: bytes, command: Command, mode: LiteralMode) -> tuple[Step, ...]:
    """Return what to do, in order, to send ``command``; no two texts follow each other.

    Raises InvalidInput for a text that would break the line, and for a literal whose content has
    another size or a NUL that it may not have.
    """
    return _steps((tag + b" ", *command.parts), mode, first_stream=0, end=b"\r\n")


def encode_parts(
    parts: Iterable[Part], mode: LiteralMode, *, first_stream: int = 0
) -> tuple[Step, ...]:
    """Return the steps for a piece of a command, without tag and line end; errors as ``encode``.

    So an APPEND can grow while its messages arrive: opening, message, message, then the line end.
    ``first_stream`` numbers the streamed literals of this piece.
    """
    return _steps(parts, mode, first_stream=first_stream, end=b"")


def _steps(
    parts: Iterable[Part], mode: LiteralMode, *, first_stream: int, end: bytes
) -> tuple[Step, ...]:
    steps: list[Step] = []
    text = bytearray()
    streams = first_stream
    for part in parts:
        if not isinstance(part, Literal):
            text += _one_line(part)
            continue
        _check(part)
        waits = part.waits(mode)
        text += part.announcement(waits=waits)
        if waits:
            steps += [bytes(text), Wait.CONTINUATION]
            text.clear()
        if part.content is not None:
            text += part.content
            continue
        if text:
            steps.append(bytes(text))
            text.clear()
        steps.append(Stream(streams, part.size))
        streams += 1
    text += end
    if text:
        steps.append(bytes(text))
    return tuple(steps)


def _one_line(part: bytes | Hidden) -> bytes:
    text = part.text if isinstance(part, Hidden) else part
    if _BREAKS_THE_LINE.search(text):
        raise InvalidInput("a command may not hold a line end or a NUL")
    return text


def _check(literal: Literal) -> None:
    if not 0 <= literal.size <= _LARGEST_NUMBER:
        raise InvalidInput(f"a literal cannot have {literal.size} octets")
    if literal.content is None:
        return
    if len(literal.content) != literal.size:
        raise InvalidInput(
            f"a literal of {literal.size} octets was given {len(literal.content)} octets"
        )
    if b"\0" in literal.content and not literal.is_binary:
        raise InvalidInput("only a literal8 can hold a NUL")


def atom(text: str) -> bytes:
    """Return ``text`` as an atom; raises InvalidInput when the grammar has no such atom."""
    value = text.encode("utf-8", "replace")
    if not _ATOM.fullmatch(value):
        raise InvalidInput(f"{text!r} cannot be an IMAP atom")
    return value


def quoted(value: bytes) -> bytes:
    """Return printable ASCII between quotes; raises InvalidInput for anything else."""
    if not _QUOTABLE.fullmatch(value):
        raise InvalidInput(f"{value!r} cannot stand between quotes")
    return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def string(value: bytes) -> bytes | Literal:
    """Return ``value`` quoted where that is safe with every server, else as a literal.

    Raises InvalidInput for NUL, which only a literal8 can carry.
    """
    if len(value) <= _LONGEST_QUOTED_OCTETS and _QUOTABLE.fullmatch(value):
        return quoted(value)
    if b"\0" in value:
        raise InvalidInput("an IMAP string cannot hold a NUL")
    return Literal(len(value), value)


def astring(value: bytes) -> bytes | Literal:
    """Return ``value`` bare where it is clearly a word, else as ``string`` does.

    NIL and words that begin with a digit are quoted: servers and their tests have read them as the
    absent value and as numbers.
    """
    is_word = _ASTRING.fullmatch(value) and not value[:1].isdigit() and value.upper() != b"NIL"
    return value if is_word and len(value) <= _LONGEST_QUOTED_OCTETS else string(value)


def secret_string(value: bytes) -> Hidden | Literal:
    """Return ``value`` as ``string`` does, in a part that shows neither it nor its length."""
    part = string(value)
    return Hidden(part) if isinstance(part, bytes) else part._replace(is_secret=True)


def mailbox(raw: bytes) -> bytes | Literal:
    """Return a mailbox name for a command: always quoted, or a literal.

    Never bare: names such as ``NIL`` and ``2013`` have been misread. Raises InvalidInput for no name.
    """
    if not raw:
        raise InvalidInput("a mailbox name is empty")
    return string(raw)


def number(value: int) -> bytes:
    """Return a number of up to 63 bits (RFC 9051 number64); raises InvalidInput beyond that."""
    if not 0 <= value <= _LARGEST_NUMBER:
        raise InvalidInput(f"{value} is not an IMAP number")
    return b"%d" % value


def is_flag(value: bytes) -> bool:
    r"""Return whether ``value`` can be sent as a flag or keyword; ``\*`` is not one."""
    return _FLAG.fullmatch(value) is not None


@functools.lru_cache(maxsize=4096)
def flag_list(flags: tuple[bytes, ...]) -> bytes:
    r"""Return the flags in parentheses, ``\Recent`` left out: only a server sets it.

    Raises InvalidInput for what ``is_flag`` denies. A mailbox knows few combinations, so they are
    remembered.
    """
    for flag in flags:
        if not is_flag(flag):
            raise InvalidInput(f"{flag!r} cannot be an IMAP flag")
    return b"(%b)" % b" ".join(flag for flag in flags if flag.lower() != b"\\recent")
