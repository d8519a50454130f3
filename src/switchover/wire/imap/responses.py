"""The responses of a server as types: what a conversation acts upon.

Names of mailboxes are raw: the bytes that stood on the wire, without quotes and escapes. Flags are as
served. RFC 9051, section 7, and where a type names another source, that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchover.wire.imap.failure import Failure
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.number_ranges import NumberRanges
    from switchover.wire.imap.response_codes import ResponseCode


class StatusKind(StrEnum):
    """What a status says: of a command if it has a tag, else of the connection."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"
    BYE = "BYE"
    PREAUTH = "PREAUTH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A status, the greeting too; ``tag`` is None for an untagged one, ``text`` is for people."""

    kind: StatusKind
    tag: bytes | None = None
    code: ResponseCode | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """The server waits for the rest of the command; ``text`` is a base64 challenge or for people."""

    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What the server can do now: upper case, in its order."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enabled:
    """What ENABLE switched on (RFC 5161): upper case."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Id:
    """Who the server says it is (RFC 2971): names in lower case, NIL values left out."""

    fields: Mapping[str, str]


class ListEntry(NamedTuple):
    r"""One mailbox of LIST, LSUB or XLIST; ``attributes`` as served (``\HasNoChildren``).

    ``delimiter`` None means that the name has no levels. ``old_name`` is OLDNAME (RFC 9051, section
    6.3.9.7) and ``child_info`` CHILDINFO (RFC 5258).
    """

    command: str
    attributes: tuple[bytes, ...]
    delimiter: bytes | None
    name: bytes
    old_name: bytes | None = None
    child_info: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """What STATUS tells of a mailbox: None for what was not asked or not readable."""

    name: bytes
    messages: int | None = None
    recent: int | None = None
    uid_next: int | None = None
    uid_validity: int | None = None
    unseen: int | None = None
    deleted: int | None = None
    size: int | None = None
    highest_modseq: int | None = None
    append_limit: int | None = None
    mailbox_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags in use in the selected mailbox."""

    flags: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists:
    """How many messages the selected mailbox has."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """How many of them no session has seen."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expunge:
    """A message is gone, and those behind it moved up by one."""

    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """Messages are gone (RFC 7162, section 3.2.10); ``earlier`` ones count no numbers down."""

    uids: NumberRanges
    earlier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What SEARCH found, in the server's order: UIDs if UID SEARCH was asked."""

    numbers: NumberRanges
    modseq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ESearch:
    """What extended SEARCH found (RFC 4731): ``numbers`` is ALL, ``first`` and ``last`` MIN and MAX.

    ``tag`` names the command. ``partial`` (RFC 9394) is the window that was asked for and what is in
    it, None for nothing.
    """

    tag: bytes | None
    uid: bool
    numbers: NumberRanges | None = None
    first: int | None = None
    last: int | None = None
    count: int | None = None
    modseq: int | None = None
    partial: tuple[bytes, NumberRanges | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Where a kind of mailboxes is rooted, and what parts its levels (None: nothing does)."""

    prefix: bytes
    delimiter: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """The roots of our own, other people's and shared mailboxes (RFC 2342)."""

    personal: tuple[Prefix, ...]
    other: tuple[Prefix, ...]
    shared: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One limit of a quota: STORAGE counts in units of 1,024 bytes (RFC 9208)."""

    name: str
    usage: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The limits of a quota root."""

    root: bytes
    resources: tuple[Resource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRoots:
    """The quota roots that a mailbox counts in."""

    name: bytes
    roots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """Who may do what with a mailbox (RFC 4314): (identifier, rights)."""

    name: bytes
    rights: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MyRights:
    """What we may do with a mailbox."""

    name: bytes
    rights: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRights:
    """What an identifier can be given: first what it always has, then groups that go together."""

    name: bytes
    identifier: bytes
    always: bytes
    optional: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Annotations of a mailbox, or of the server when ``name`` is empty (RFC 5464).

    A value is None for NIL; a response without values says only that these entries changed.
    """

    name: bytes
    entries: tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Messages, in the server's order: at least one, and as many as stood together in the stream."""

    items: Sequence[FetchItem]


class BodyStart(NamedTuple):
    """The bytes of a message or of one of its sections begin; chunks follow, then BodyEnd.

    ``section`` is how the server names it (``BODY[]``). ``item`` is what came before it: with a server
    that names the UID last it has none, and the Fetch behind the body tells.
    """

    size: int
    section: bytes
    item: FetchItem


class BodyChunk(NamedTuple):
    """The next bytes of the body: a view of what was received."""

    data: memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyEnd:
    """The body is complete; the Fetch with its item follows, unless there are more sections."""


class Bodies(NamedTuple):
    """Whole messages, as many as came together: ``contents`` are views, one for each of ``items``.

    Only for who asked for them (``Reader.whole_bodies``), and no Fetch follows.
    """

    items: Sequence[FetchItem]
    contents: Sequence[memoryview]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparsed:
    """A response that we can not read, or do not know; ``{n}`` stands for each of its literals."""

    raw: bytes


Response: TypeAlias = (
    Status
    | Continuation
    | Capability
    | Enabled
    | Id
    | ListEntry
    | MailboxStatus
    | Flags
    | Exists
    | Recent
    | Expunge
    | Vanished
    | Search
    | ESearch
    | Namespace
    | Quota
    | QuotaRoots
    | Acl
    | MyRights
    | ListRights
    | Metadata
    | Fetch
    | Unparsed
)
Event: TypeAlias = "Response | BodyStart | BodyChunk | BodyEnd | Bodies | Failure"
