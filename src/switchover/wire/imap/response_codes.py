"""What stands in brackets before a status text, and what a text says of coming back later.

RFC 9051, section 7.1; RFC 7162 (CONDSTORE, QRESYNC), RFC 8474 (MAILBOXID), RFC 5530. A code that is
known but badly formed is a ``Code`` with what it held, so that nothing is believed of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.tokens import number, strings, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CodeName(StrEnum):
    """The names that the copying engine acts upon; servers send many more."""

    ALERT = "ALERT"
    ALREADYEXISTS = "ALREADYEXISTS"
    AUTHENTICATIONFAILED = "AUTHENTICATIONFAILED"
    AUTHORIZATIONFAILED = "AUTHORIZATIONFAILED"
    CANNOT = "CANNOT"
    CLOSED = "CLOSED"
    CONTACTADMIN = "CONTACTADMIN"
    CORRUPTION = "CORRUPTION"
    EXPIRED = "EXPIRED"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"
    INUSE = "INUSE"
    LIMIT = "LIMIT"
    NOMODSEQ = "NOMODSEQ"
    NONEXISTENT = "NONEXISTENT"
    NOPERM = "NOPERM"
    NOROOM = "NOROOM"
    """What our archives say of a full disk; no standard knows it."""
    OVERQUOTA = "OVERQUOTA"
    PRIVACYREQUIRED = "PRIVACYREQUIRED"
    READ_ONLY = "READ-ONLY"
    READ_WRITE = "READ-WRITE"
    SERVERBUG = "SERVERBUG"
    THROTTLED = "THROTTLED"
    TOOBIG = "TOOBIG"
    TRYCREATE = "TRYCREATE"
    UIDNEXT = "UIDNEXT"
    UIDNOTSTICKY = "UIDNOTSTICKY"
    UIDVALIDITY = "UIDVALIDITY"
    UNAVAILABLE = "UNAVAILABLE"
    UNSEEN = "UNSEEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code without a form of its own: ``name`` in upper case, ``arguments`` as they stood."""

    name: str
    arguments: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCode:
    """UIDNEXT, UIDVALIDITY, HIGHESTMODSEQ, ...; 0 where the server says so, meaning that it has none."""

    name: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendUid:
    """Where an APPEND put its messages; ``uids`` in the order of the command (RFC 9051, section 7.1)."""

    name: ClassVar[str] = "APPENDUID"
    uid_validity: int
    uids: NumberRanges


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyUid:
    """Where COPY or MOVE put its messages: the two sets pair by position."""

    name: ClassVar[str] = "COPYUID"
    uid_validity: int
    source: NumberRanges
    target: NumberRanges

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield (source UID, target UID); none at all when the sets are not equally many."""
        if self.source.count != self.target.count:
            return iter(())
        return zip(self.source.numbers(), self.target.numbers(), strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityCode:
    """CAPABILITY in a greeting or an OK: upper case, in the server's order."""

    name: ClassVar[str] = "CAPABILITY"
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentFlags:
    r"""The flags that can be kept; ``\*`` among them means new keywords too."""

    name: ClassVar[str] = "PERMANENTFLAGS"
    flags: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxId:
    """The mailbox's identity, which outlives renaming (RFC 8474)."""

    name: ClassVar[str] = "MAILBOXID"
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Modified:
    """Messages that a conditional STORE left alone (RFC 7162, section 3.1.3)."""

    name: ClassVar[str] = "MODIFIED"
    numbers: NumberRanges


ResponseCode: TypeAlias = (
    Code | NumberCode | AppendUid | CopyUid | CapabilityCode | PermanentFlags | MailboxId | Modified
)

_CODE_DEPTH = 4
_LIST_END = re.compile(rb"\) *\]")


def split_code(text: bytes) -> tuple[bytes | None, bytes]:
    """Return what is in the brackets at the begin of a status text, and the text after them.

    Flags in a list may hold "]" themselves: with a list the bracket after its end counts. None where
    there are no brackets, or only the first.
    """
    end = text.find(b"]") if text.startswith(b"[") else -1
    if end < 0:
        return None, text
    begin = text.find(b"(", 0, end)
    found = _LIST_END.search(text, begin) if begin >= 0 else None
    if found is not None:
        end = found.end() - 1
    return text[1:end].strip(b" "), text[end + 1 :].lstrip(b" ")


def parse_code(inside: bytes) -> ResponseCode:
    """Return the code that ``split_code`` found."""
    word, _, arguments = inside.partition(b" ")
    name = word.decode("ascii", "replace").upper()
    read = _READERS.get(name)
    code = None if read is None else read(name, arguments.strip(b" "))
    return Code(name=name, arguments=arguments) if code is None else code


def capabilities_of(text: bytes) -> tuple[str, ...]:
    """Return capabilities in upper case; ``LITERAL +`` with a blank is LITERAL+ (seen in the field)."""
    result: list[str] = []
    for word in text.decode("ascii", "replace").upper().split():
        if word in {"+", "-"} and result[-1:] == ["LITERAL"]:
            result[-1] += word
        else:
            result.append(word)
    return tuple(result)


def _number(name: str, arguments: bytes) -> ResponseCode | None:
    value = number(arguments)
    return None if value is None else NumberCode(name=name, value=value)


def _append_uid(_name: str, arguments: bytes) -> ResponseCode | None:
    words = arguments.split()
    if len(words) != 2:
        return None
    validity, uids = number(words[0]), NumberRanges.parse_set(words[1])
    if validity is None or uids is None:
        return None
    return AppendUid(uid_validity=validity, uids=uids)


def _copy_uid(_name: str, arguments: bytes) -> ResponseCode | None:
    words = arguments.split()
    if len(words) != 3:  # Exchange has been seen to leave both sets out
        return None
    validity = number(words[0])
    source, target = map(NumberRanges.parse_set, words[1:])
    if validity is None or source is None or target is None:
        return None
    return CopyUid(uid_validity=validity, source=source, target=target)


def _capabilities(_name: str, arguments: bytes) -> ResponseCode:
    return CapabilityCode(capabilities=capabilities_of(arguments))


def _permanent_flags(_name: str, arguments: bytes) -> ResponseCode | None:
    values = tokenize([arguments], depth=_CODE_DEPTH) if arguments.endswith(b")") else None
    flags = strings(values[0]) if values else None
    return None if flags is None else PermanentFlags(flags=flags)


def _mailbox_id(_name: str, arguments: bytes) -> ResponseCode | None:
    value = arguments.strip(b"() ")
    return MailboxId(value=value) if value else None


def _modified(_name: str, arguments: bytes) -> ResponseCode | None:
    numbers = NumberRanges.parse_set(arguments)
    return None if numbers is None else Modified(numbers=numbers)


_READERS: dict[str, Callable[[str, bytes], ResponseCode | None]] = {
    "APPENDUID": _append_uid,
    "COPYUID": _copy_uid,
    "CAPABILITY": _capabilities,
    "PERMANENTFLAGS": _permanent_flags,
    "MAILBOXID": _mailbox_id,
    "MODIFIED": _modified,
    "APPENDLIMIT": _number,
    "HIGHESTMODSEQ": _number,
    "MESSAGELIMIT": _number,
    "SAVELIMIT": _number,
    "UIDNEXT": _number,
    "UIDVALIDITY": _number,
    "UNSEEN": _number,
}

# Exchange: "Request is throttled. Suggested Backoff Time: 299961 milliseconds".
_BACK_OFF = re.compile(r"back-?off time:? {0,4}(\d{1,12}) {0,4}(m?)", re.IGNORECASE | re.ASCII)
_AGAIN = re.compile(
    r"(?:try again|retry|wait)[a-z ]{0,20} (\d{1,9}) {0,4}([smh])", re.IGNORECASE | re.ASCII
)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}
_THROTTLE_WORDS = re.compile(
    r"throttl|back-?off time|too many (?:simultaneous )?(?:connections|requests|commands|sessions)"
    r"|rate limit|bandwidth limit|server (?:is )?busy",
    re.IGNORECASE,
)
_THROTTLE_CODES = frozenset({CodeName.THROTTLED, CodeName.INUSE, CodeName.UNAVAILABLE})


def is_throttling(code: ResponseCode | None, text: str) -> bool:
    """Return whether a NO, BAD or BYE means "not so fast" rather than "no"."""
    if code is not None and code.name in _THROTTLE_CODES:
        return True
    return _THROTTLE_WORDS.search(text) is not None


def back_off_seconds(text: str) -> float | None:
    """Return for how long the text asks us to stay away; None if it names no time."""
    found = _BACK_OFF.search(text)
    if found is not None:
        return int(found[1]) / (1000 if found[2] else 1)
    found = _AGAIN.search(text)
    return None if found is None else float(int(found[1]) * _UNIT_SECONDS[found[2].lower()])
