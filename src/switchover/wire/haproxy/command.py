"""A command for a running engine as text, and its answer judged by the kind of command.

Most commands say nothing when they did what they were told and something when they did not; some say so
either way; dumps say what was asked. HAProxy 2.8 management guide, section 9.3; the answers are those
of 2.8.25.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """Why the engine did not do what it was told."""

    NO_SUCH_SERVER = "no such server"
    NO_SUCH_BACKEND = "no such backend"
    NO_SUCH_MAP = "no such map"
    NO_SUCH_ENTRY = "no such entry"
    NO_SUCH_CERTIFICATE = "no such certificate"
    NO_SUCH_TABLE = "no such table"
    NO_SUCH_PROCESS = "no such process"
    NO_TRANSACTION = "no transaction"
    WRONG_VERSION = "wrong version"
    NOT_ENABLED = "not enabled"
    STOPPING = "worker is stopping"
    DENIED = "denied"
    TOO_BIG = "too big"
    UNKNOWN_COMMAND = "unknown command"
    INVALID_VALUE = "invalid value"
    OTHER = "other"


# In order of search: the first text found in an answer names its fault.
_FAULTS = (
    ("No such server.", Fault.NO_SUCH_SERVER),
    ("No such backend.", Fault.NO_SUCH_BACKEND),
    ("Unknown map identifier", Fault.NO_SUCH_MAP),
    ("Unknown ACL identifier", Fault.NO_SUCH_MAP),
    ("entry not found.", Fault.NO_SUCH_ENTRY),
    ("Key not found.", Fault.NO_SUCH_ENTRY),
    ("certificate which is not referenced", Fault.NO_SUCH_CERTIFICATE),
    ("Can't display the certificate: Not found", Fault.NO_SUCH_CERTIFICATE),
    ("No such table", Fault.NO_SUCH_TABLE),
    ("Can't find the target PID", Fault.NO_SUCH_PROCESS),
    ("No ongoing transaction", Fault.NO_TRANSACTION),
    ("Version number", Fault.WRONG_VERSION),
    ("checks are not enabled on this server", Fault.NOT_ENABLED),
    ("Proxy is disabled.", Fault.STOPPING),
    ("Permission denied", Fault.DENIED),
    ("too big for the buffer size", Fault.TOO_BIG),
    ("Unknown command", Fault.UNKNOWN_COMMAND),
    ("weight can only be", Fault.INVALID_VALUE),
    ("weight string", Fault.INVALID_VALUE),
    ("Invalid addr", Fault.INVALID_VALUE),
    ("invalid addr", Fault.INVALID_VALUE),
    ("supported only through configuration", Fault.INVALID_VALUE),
    ("only supported through configuration", Fault.INVALID_VALUE),
    ("can't change <port>", Fault.INVALID_VALUE),
    ("unable to load certificate", Fault.INVALID_VALUE),
    ("' expects ", Fault.INVALID_VALUE),
)


class AnswerKind(StrEnum):
    """What a command answers when it was done."""

    SILENCE = "silence"
    PHRASE = "phrase"  # contains Command.phrase
    TEXT = "text"  # a dump; only a known fault is a fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One runtime command: a line without its end, a payload, and how to judge its answer.

    Built by the functions of ``runtime``. The payload is never shown: it may be a private key.
    """

    line: str
    answers: AnswerKind = AnswerKind.SILENCE
    phrase: str = ""
    payload: str = field(default="", repr=False)

    def encode(self) -> bytes:
        """Return the bytes to send, with the empty line that ends a payload."""
        if not self.payload:
            return f"{self.line}\n".encode()
        return f"{self.line} <<\n{self.payload}\n\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The judged answer to one command. ``fault`` is None when it was done."""

    command: Command
    text: str
    fault: Fault | None = None

    @property
    def is_done(self) -> bool:
        """True when the engine did what it was told."""
        return self.fault is None


def judge(command: Command, answer: str) -> Outcome:
    """Return what ``answer`` means for ``command``; never raises."""
    text = answer.strip()
    return Outcome(command=command, text=text, fault=_fault(command, text))


def _fault(command: Command, text: str) -> Fault | None:
    if command.answers is AnswerKind.TEXT:
        # A dump may quote any text further down; only its first line can be a refusal.
        return _known_fault(text.partition("\n")[0])
    known = _known_fault(text)
    if command.answers is AnswerKind.SILENCE:
        return None if text == "" else known or Fault.OTHER
    # Some refusals end like a success ("Invalid addr ... by 'stats socket command'").
    return known or (None if command.phrase in text else Fault.OTHER)


def _known_fault(text: str) -> Fault | None:
    return next((fault for phrase, fault in _FAULTS if phrase in text), None)
