"""The commands about messages: fetch, search, store, expunge, copy, move and append.

Messages are named by UID alone, so nothing here means something else when the mailbox changes under
us, and UIDONLY (RFC 9586) changes no command. RFC 9051 section 6.4 where no other source is named.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from switchover.errors import InvalidInput
from switchover.wire.imap import uid_set
from switchover.wire.imap.command import (
    Command,
    Literal,
    Part,
    flag_list,
    is_flag,
    mailbox,
    number,
    quoted,
    string,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import date

# Room for a tag, the blank after it and the line end, when a line is cut to a limit.
_AROUND_OCTETS = 24

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class FetchField(StrEnum):
    """What FETCH tells about a message, and who defined it. Nothing here sets a flag.

    ENVELOPE and BODYSTRUCTURE are left out: they make servers parse, and some answer them malformed.
    RFC822 is left out: iCloud answers it without data.
    """

    UID = "UID"
    FLAGS = "FLAGS"
    INTERNAL_DATE = "INTERNALDATE"
    SIZE = "RFC822.SIZE"
    MOD_SEQ = "MODSEQ"  # RFC 7162
    EMAIL_ID = "EMAILID"  # RFC 8474
    THREAD_ID = "THREADID"  # RFC 8474
    GMAIL_MESSAGE_ID = "X-GM-MSGID"  # Gmail's X-GM-EXT-1
    GMAIL_LABELS = "X-GM-LABELS"
    HEADER = "BODY.PEEK[HEADER]"
    MESSAGE_ID = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
    BODY = "BODY.PEEK[]"


def listing_fields(
    capabilities: Collection[str], *, is_uid_only: bool = False
) -> tuple[FetchField, ...]:
    """Return what a listing of a mailbox asks for, always in one order: answers mostly keep it.

    UID is named although UID FETCH implies it, because servers forget what nobody named; with
    UIDONLY enabled the answer itself begins with it.
    """
    fields = [] if is_uid_only else [FetchField.UID]
    fields += [FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.SIZE]
    if {"CONDSTORE", "QRESYNC"} & set(capabilities):
        fields.append(FetchField.MOD_SEQ)
    if "OBJECTID" in capabilities:
        fields += [FetchField.EMAIL_ID, FetchField.THREAD_ID]
    if "X-GM-EXT-1" in capabilities:
        fields += [FetchField.GMAIL_MESSAGE_ID, FetchField.GMAIL_LABELS]
    return tuple(fields)


def flag_fields(*, is_uid_only: bool = False) -> tuple[FetchField, ...]:
    """Return what a listing asks for that only looks for new, gone and reflagged messages."""
    return (FetchField.FLAGS,) if is_uid_only else (FetchField.UID, FetchField.FLAGS)


def body_fields(*, is_uid_only: bool = False) -> tuple[FetchField, ...]:
    """Return what the copier asks for: the message whole, and the flags and date it has then.

    The body comes last, so that all that APPEND needs is known before its literal begins.
    """
    fields = (FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.BODY)
    return fields if is_uid_only else (FetchField.UID, *fields)


class Page(NamedTuple):
    """Results ``first`` to ``last`` counted from 1, or from the end when both are negative.

    RFC 9394.
    """

    first: int
    last: int

    def text(self) -> bytes:
        """Return ``1:500`` or ``-1:-500``; raises InvalidInput for 0 and for mixed signs."""
        if self.first * self.last <= 0:
            raise InvalidInput(f"{self.first}:{self.last} is no page of results")
        return b"%d:%d" % self


def uid_fetch(
    uids: bytes,
    fields: Sequence[FetchField],
    *,
    changed_since: int | None = None,
    with_vanished: bool = False,
    page: Page | None = None,
) -> Command:
    """Return UID FETCH of ``fields`` for the set ``uids``.

    ``changed_since`` is a modification sequence and needs CONDSTORE; ``with_vanished`` goes with it
    and needs QRESYNC enabled (RFC 7162 section 3.2.6); ``page`` needs PARTIAL.
    """
    if not fields or (with_vanished and changed_since is None):
        raise InvalidInput("UID FETCH needs a field, and VANISHED needs CHANGEDSINCE")
    modifiers = [] if changed_since is None else [b"CHANGEDSINCE " + number(changed_since)]
    if with_vanished:
        modifiers.append(b"VANISHED")
    if page is not None:
        modifiers.append(b"PARTIAL " + page.text())
    text = b"UID FETCH %b (%b)" % (uid_set.checked(uids), " ".join(fields).encode("ascii"))
    if modifiers:
        text += b" (%b)" % b" ".join(modifiers)
    return Command(name="UID FETCH", parts=(text,))


SearchKey: TypeAlias = tuple[Part, ...]

ALL: SearchKey = (b"ALL",)
DELETED: SearchKey = (b"DELETED",)


def uid_key(uids: bytes) -> SearchKey:
    """Return the key for a set of UIDs; ``1:*`` keeps iCloud from inventing some."""
    return (b"UID " + uid_set.checked(uids),)


def since_key(day: date) -> SearchKey:
    """Return the key for an internal date on or after ``day``, in the server's time zone."""
    return (b"SINCE " + _day(day),)


def before_key(day: date) -> SearchKey:
    """Return the key for an internal date before ``day``, in the server's time zone."""
    return (b"BEFORE " + _day(day),)


def _day(day: date) -> bytes:
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}".encode("ascii")


def larger_key(octets: int) -> SearchKey:
    """Return the key for messages of more than ``octets``."""
    return (b"LARGER " + number(octets),)


def mod_seq_key(mod_seq: int) -> SearchKey:
    """Return the key for changes at or after a modification sequence (RFC 7162 section 3.1.5)."""
    return (b"MODSEQ " + number(mod_seq),)


def header_key(name: str, value: str) -> SearchKey:
    """Return the key for ``value`` anywhere in a header field; ASCII only, without case."""
    try:
        sought = value.encode("ascii")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{value!r} cannot be searched: it is not ASCII") from error
    return (b"HEADER " + quoted(name.encode()) + b" ", string(sought))


class SearchResult(StrEnum):
    """What SEARCH returns instead of a list (ESEARCH, RFC 4731; SAVE RFC 5182)."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"


def uid_search(
    *keys: SearchKey, results: Collection[SearchResult] = (), page: Page | None = None
) -> Command:
    """Return UID SEARCH for messages that meet all ``keys``, by default for every message.

    ``results`` needs ESEARCH and gives compact sets instead of one huge line of numbers; ``page``
    needs PARTIAL (RFC 9394).
    """
    parts: list[Part] = [b"UID SEARCH"]
    returned = [result.encode("ascii") for result in results]
    if page is not None:
        returned.append(b"PARTIAL " + page.text())
    if returned:
        parts.append(b" RETURN (%b)" % b" ".join(returned))
    for key in keys or (ALL,):
        parts += [b" ", *key]
    return Command(name="UID SEARCH", parts=tuple(parts))


class FlagChange(StrEnum):
    """What STORE does with the flags given."""

    ADD = "+"
    REMOVE = "-"
    REPLACE = ""


def uid_store(
    uids: bytes,
    change: FlagChange,
    flags: tuple[bytes, ...],
    *,
    is_silent: bool = True,
    unchanged_since: int | None = None,
) -> Command:
    """Return UID STORE; silent ones answer only where CONDSTORE must (its new MODSEQ).

    ``unchanged_since`` (CONDSTORE) leaves messages alone that changed after it: the answer names them.
    """
    opening = _store(b"FLAGS", uids, change, is_silent=is_silent, unchanged_since=unchanged_since)
    return Command(name="UID STORE", parts=(opening + flag_list(flags),))


def uid_store_labels(
    uids: bytes, change: FlagChange, labels: Sequence[bytes], *, is_silent: bool = True
) -> Command:
    r"""Return UID STORE of Gmail labels: raw names as in FETCH, or system ones such as ``\Inbox``."""
    opening = _store(b"X-GM-LABELS", uids, change, is_silent=is_silent, unchanged_since=None)
    parts: list[Part] = []
    for label in labels:
        is_system = label.startswith(b"\\") and is_flag(label)
        parts += [b" " if parts else opening + b"(", label if is_system else string(label)]
    return Command(name="UID STORE", parts=(*(parts or [opening + b"("]), b")"))


def _store(
    item: bytes, uids: bytes, change: FlagChange, *, is_silent: bool, unchanged_since: int | None
) -> bytes:
    modifier = b""
    if unchanged_since is not None:
        modifier = b"(UNCHANGEDSINCE %b) " % number(unchanged_since)
    silent = b".SILENT" if is_silent else b""
    words = (uid_set.checked(uids), modifier, change.encode("ascii"), item, silent)
    return b"UID STORE %b %b%b%b%b " % words


def uid_expunge(uids: bytes) -> Command:
    """Return UID EXPUNGE (UIDPLUS, RFC 4315): only these, never what others marked deleted."""
    return Command(name="UID EXPUNGE", parts=(b"UID EXPUNGE " + uid_set.checked(uids),))


def uid_copy(uids: bytes, target: bytes) -> Command:
    """Return UID COPY into the mailbox with the raw name ``target``."""
    return _transfer("UID COPY", uids, target)


def uid_move(uids: bytes, target: bytes) -> Command:
    """Return UID MOVE (RFC 6851) into the mailbox with the raw name ``target``."""
    return _transfer("UID MOVE", uids, target)


def _transfer(name: str, uids: bytes, target: bytes) -> Command:
    return Command(
        name=name, parts=(b"%b %b " % (name.encode(), uid_set.checked(uids)), mailbox(target))
    )


class MessageForm(StrEnum):
    """How a message travels in APPEND."""

    PLAIN = "literal"
    BINARY = "literal8"  # may hold NUL; needs BINARY (RFC 3516)
    UTF8 = "UTF8 literal8"  # headers in UTF-8; needs UTF8=ACCEPT enabled (RFC 6855 section 4)


class NewMessage(NamedTuple):
    """A message to append: exactly ``size`` octets, streamed by the caller unless ``content`` is set.

    ``internal_date`` is the wire text without quotes; empty lets the server take its own time.
    """

    size: int
    flags: tuple[bytes, ...] = ()
    internal_date: bytes = b""
    form: MessageForm = MessageForm.PLAIN
    content: bytes | None = None


def append(raw: bytes, *messages: NewMessage) -> Command:
    """Return APPEND; more than one message needs MULTIAPPEND (RFC 3502): all or none are stored."""
    if not messages:
        raise InvalidInput("APPEND needs a message")
    parts = [part for message in messages for part in append_message(message)]
    return Command(name="APPEND", parts=(*append_opening(raw), *parts))


def append_opening(raw: bytes) -> tuple[Part, ...]:
    """Return the beginning of an APPEND that grows message by message, up to the name."""
    return (b"APPEND ", mailbox(raw))


def append_message(message: NewMessage) -> tuple[Part, ...]:
    """Return one message of a growing APPEND, ended by the line end or by the next message."""
    before = b" "
    if message.flags:
        before += flag_list(message.flags) + b" "
    if message.internal_date:
        before += quoted(message.internal_date) + b" "
    is_binary = message.form is not MessageForm.PLAIN
    literal = Literal(message.size, message.content, is_binary)
    if message.form is MessageForm.UTF8:
        return (before + b"UTF8 (", literal, b")")
    return (before, literal)


class ChunkedCommand(NamedTuple):
    """One command for ``uids[start:stop]`` of the UIDs given."""

    command: Command
    start: int
    stop: int


def in_chunks(
    build: Callable[[bytes], Command],
    uids: Sequence[int],
    *,
    line_octets: int,
    most_uids: int | None = None,
) -> Iterator[ChunkedCommand]:
    """Yield the commands that ``build`` makes for sets of ``uids``, no line above ``line_octets``.

    ``build`` takes a set and must put it into the text once. ``uids`` ascend; errors as
    ``uid_set.chunks``.
    """
    room = line_octets - build(b"1").line_octets - _AROUND_OCTETS
    for chunk in uid_set.chunks(uids, octets=room, most_uids=most_uids):
        yield ChunkedCommand(build(chunk.text), chunk.start, chunk.stop)
