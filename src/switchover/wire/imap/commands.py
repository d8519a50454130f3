"""The commands about the connection, the sign-in and the mailboxes; messages: ``message_commands``.

Names of mailboxes are raw bytes as the server knows them (``MailboxName.raw``). Capabilities are upper
case and what ``Profile.usable`` leaves of them, so that a broken one is never asked for. RFC 9051
section 6 where no other source is named.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from switchover.errors import InvalidInput
from switchover.wire.imap import uid_set
from switchover.wire.imap.command import (
    Command,
    Dialogue,
    Hidden,
    Literal,
    Part,
    astring,
    atom,
    mailbox,
    number,
    quoted,
    secret_string,
    string,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


def _bare(name: str, *, is_barrier: bool = False, dialogue: Dialogue = Dialogue.NONE) -> Command:
    return Command(name=name, parts=(name.encode(),), is_barrier=is_barrier, dialogue=dialogue)


CAPABILITY: Final = _bare("CAPABILITY")
NOOP: Final = _bare("NOOP")
NAMESPACE: Final = _bare("NAMESPACE")  # RFC 2342
LOGOUT: Final = _bare("LOGOUT", is_barrier=True)
# What follows in the clear after STARTTLS would be read inside TLS, or the other way round.
STARTTLS: Final = _bare("STARTTLS", is_barrier=True)
COMPRESS_DEFLATE: Final = _bare("COMPRESS DEFLATE", is_barrier=True)  # RFC 4978
UNAUTHENTICATE: Final = _bare("UNAUTHENTICATE", is_barrier=True)  # RFC 8437
UNSELECT: Final = _bare("UNSELECT")  # RFC 3691
# Where UNSELECT is missing: it removes mails marked deleted, unless the mailbox was EXAMINEd.
CLOSE: Final = _bare("CLOSE")
IDLE: Final = _bare("IDLE", is_barrier=True, dialogue=Dialogue.IDLE)  # RFC 2177
IDLE_DONE: Final = b"DONE\r\n"

# RFC 5464 section 3: parts that begin with a slash, none empty, no wildcard in them.
_ENTRY_NAME = re.compile(r"(?:/[!-$&-)+-.0-~]+)+")
# RFC 2971 section 3.3: as many fields, field names and values as a server must bear.
_MOST_ID_FIELDS = 30
_LONGEST_ID_NAME = 30
_LONGEST_ID_VALUE = 1024


def identify(fields: Mapping[str, str]) -> Command:
    """Return ID (RFC 2971) with who we are, or ``ID NIL`` for no field at all.

    Raises InvalidInput beyond the standard's 30 fields, 30 octets a name and 1024 a value.
    """
    if not fields:
        return Command(name="ID", parts=(b"ID NIL",))
    if len(fields) > _MOST_ID_FIELDS:
        raise InvalidInput(f"ID takes at most {_MOST_ID_FIELDS} fields, not {len(fields)}")
    words = []
    for name, value in fields.items():
        if len(name) > _LONGEST_ID_NAME or len(value) > _LONGEST_ID_VALUE:
            raise InvalidInput(f"the ID field {name[:40]!r} is too long")
        words += [quoted(name.encode()), quoted(value.encode())]
    return Command(name="ID", parts=(b"ID (%b)" % b" ".join(words),))


def enable(capabilities: Sequence[str]) -> Command:
    """Return ENABLE for some of CONDSTORE, QRESYNC, UTF8=ACCEPT, UIDONLY, IMAP4rev2."""
    if not capabilities:
        raise InvalidInput("ENABLE needs a capability")
    return Command(name="ENABLE", parts=(b"ENABLE", *(b" " + atom(one) for one in capabilities)))


def login(user: str, password: str) -> Command:
    """Return LOGIN, the way in where no mechanism of SASL is offered; the password is never shown."""
    parts = (b"LOGIN ", string(user.encode()), b" ", secret_string(password.encode()))
    return Command(name="LOGIN", parts=parts)


def authenticate(mechanism: str, initial: bytes | None = None) -> Command:
    """Return AUTHENTICATE, with the first response in it where the server knows SASL-IR (RFC 4959).

    ``initial`` is not yet base64; None waits for the first continuation.
    """
    opening = b"AUTHENTICATE " + atom(mechanism)
    parts: tuple[Part, ...] = (opening,)
    if initial is not None:
        parts = (opening, b" ", Hidden(_base64(initial) or b"="))
    return Command(name="AUTHENTICATE", parts=parts, dialogue=Dialogue.SIGN_IN, is_barrier=True)


# Ends a sign-in that we will not go on with; the server then answers BAD.
SIGN_IN_CANCEL: Final = b"*\r\n"


def sign_in_line(response: bytes) -> bytes:
    """Return the line that answers a challenge. It holds secrets: no trace may show it."""
    return _base64(response) + b"\r\n"


def read_challenge(text: bytes) -> bytes:
    """Return the challenge that a continuation's text holds.

    Raises InvalidInput when it is not base64; missing padding is forgiven. No text at all is the
    empty challenge: some servers leave out even the blank after the plus.
    """
    try:
        return binascii.a2b_base64(text + b"==")
    except binascii.Error as error:
        raise InvalidInput("the server's challenge is not base64") from error


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _on(name: str, raw: bytes, *rest: Part) -> Command:
    return Command(name=name, parts=(name.encode() + b" ", mailbox(raw), *rest))


class Selection(StrEnum):
    """Which mailboxes LIST names (RFC 5258 section 3.1, RFC 6154 section 3)."""

    SUBSCRIBED = "SUBSCRIBED"
    RECURSIVE_MATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"


class Detail(StrEnum):
    """What LIST tells beside each name (RFC 5258 section 3.2, RFC 6154 section 3)."""

    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"


class StatusItem(StrEnum):
    """What STATUS tells about a mailbox, and who defined it."""

    MESSAGES = "MESSAGES"
    UID_NEXT = "UIDNEXT"
    UID_VALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    HIGHEST_MOD_SEQ = "HIGHESTMODSEQ"  # RFC 7162
    SIZE = "SIZE"  # RFC 8438
    DELETED = "DELETED"  # RFC 9051, RFC 9208
    APPEND_LIMIT = "APPENDLIMIT"  # RFC 7889
    MAILBOX_ID = "MAILBOXID"  # RFC 8474


def list_mailboxes(
    *patterns: bytes,
    reference: bytes = b"",
    selections: Collection[Selection] = (),
    details: Collection[Detail] = (),
    status: Collection[StatusItem] = (),
) -> Command:
    """Return LIST for ``patterns`` (``*`` all, ``%`` one level), by default for ``*``.

    Anything beyond one pattern needs LIST-EXTENDED (RFC 5258), ``status`` LIST-STATUS (RFC 5819) and
    special use SPECIAL-USE (RFC 6154): three capabilities, none of which implies another.
    """
    parts: list[Part] = [b"LIST "]
    if selections:
        parts.append(b"(%b) " % _words(selections))
    parts += [string(reference), b" ", *_patterns(patterns or (b"*",))]
    returned = [_words(details)] if details else []
    if status:
        returned.append(b"STATUS (%b)" % _words(status))
    if returned:
        parts.append(b" RETURN (%b)" % b" ".join(returned))
    return Command(name="LIST", parts=tuple(parts))


def _patterns(patterns: Sequence[bytes]) -> list[Part]:
    if len(patterns) == 1:
        return [string(patterns[0])]
    parts: list[Part] = []
    for pattern in patterns:
        parts += [b" " if parts else b"(", string(pattern)]
    return [*parts, b")"]


def _words(values: Iterable[str]) -> bytes:
    return " ".join(values).encode("ascii")


def list_subscribed(reference: bytes = b"", pattern: bytes = b"*") -> Command:
    """Return LSUB, for servers without LIST-EXTENDED; IMAP4rev2 has it no more."""
    return Command(name="LSUB", parts=(b"LSUB ", string(reference), b" ", string(pattern)))


def status_items(capabilities: Collection[str]) -> tuple[StatusItem, ...]:
    """Return what such a server can be asked about a mailbox without opening it."""
    wanted = [StatusItem.MESSAGES, StatusItem.UID_NEXT, StatusItem.UID_VALIDITY]
    if {"CONDSTORE", "QRESYNC"} & set(capabilities):
        wanted.append(StatusItem.HIGHEST_MOD_SEQ)
    if "STATUS=SIZE" in capabilities:
        wanted.append(StatusItem.SIZE)
    if "OBJECTID" in capabilities:
        wanted.append(StatusItem.MAILBOX_ID)
    if "APPENDLIMIT" in capabilities:  # with a value in it, one limit holds for all
        wanted.append(StatusItem.APPEND_LIMIT)
    return tuple(wanted)


def inventory(capabilities: Collection[str]) -> tuple[Command, ...]:
    """Return the commands that list all mailboxes, to be sent together.

    One LIST where the server can tell everything in it: subscriptions, special use and status. Else
    LIST and LSUB, and the caller asks the status of each. Each detail is asked for only when its own
    capability is there: Zimbra 8.8 has LIST-EXTENDED and answers BAD to SPECIAL-USE.
    """
    if "LIST-EXTENDED" not in capabilities:
        return (list_mailboxes(), list_subscribed())
    details = [Detail.SUBSCRIBED, Detail.CHILDREN]
    if "SPECIAL-USE" in capabilities:
        details.append(Detail.SPECIAL_USE)
    status = status_items(capabilities) if "LIST-STATUS" in capabilities else ()
    return (list_mailboxes(details=details, status=status),)


def subscribe(raw: bytes) -> Command:
    """Return SUBSCRIBE; the mailbox need not exist on most servers."""
    return _on("SUBSCRIBE", raw)


def unsubscribe(raw: bytes) -> Command:
    """Return UNSUBSCRIBE."""
    return _on("UNSUBSCRIBE", raw)


def create(raw: bytes, special_uses: Sequence[str] = ()) -> Command:
    r"""Return CREATE; ``special_uses`` such as ``\Sent`` need CREATE-SPECIAL-USE (RFC 6154)."""
    uses = b" ".join(b"\\" + atom(use.removeprefix("\\")) for use in special_uses)
    return _on("CREATE", raw, *([b" (USE (%b))" % uses] if uses else []))


def delete(raw: bytes) -> Command:
    """Return DELETE: the mailbox and every mail in it."""
    return _on("DELETE", raw)


def rename(raw: bytes, new: bytes) -> Command:
    """Return RENAME; of INBOX it moves the mails and leaves INBOX empty."""
    return _on("RENAME", raw, b" ", mailbox(new))


def status(raw: bytes, items: Collection[StatusItem]) -> Command:
    """Return STATUS; not for the mailbox that is open (RFC 9051 section 6.3.11)."""
    if not items:
        raise InvalidInput("STATUS needs an item")
    return _on("STATUS", raw, b" (%b)" % _words(items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """What we last knew of a mailbox, for QRESYNC (RFC 7162 section 3.2.5).

    ``known_uids`` is a set, or empty for all from 1; it counts towards the length of the line. Pairs of
    message numbers and UIDs are never sent: UIDONLY (RFC 9586) forbids them.
    """

    uid_validity: int
    mod_seq: int
    known_uids: bytes = b""


def select(raw: bytes, *, condstore: bool = False, resync: Resync | None = None) -> Command:
    """Return SELECT; ``resync`` needs QRESYNC enabled, ``condstore`` the capability CONDSTORE."""
    return _on("SELECT", raw, *_select_parameter(condstore=condstore, resync=resync))


def examine(raw: bytes, *, condstore: bool = False, resync: Resync | None = None) -> Command:
    """Return EXAMINE: as ``select``, and nothing in the mailbox changes by our reading."""
    return _on("EXAMINE", raw, *_select_parameter(condstore=condstore, resync=resync))


def _select_parameter(*, condstore: bool, resync: Resync | None) -> list[Part]:
    if resync is None:
        return [b" (CONDSTORE)"] if condstore else []
    if resync.uid_validity < 1 or resync.mod_seq < 1:
        raise InvalidInput("QRESYNC needs a UIDVALIDITY and a modification sequence of 1 or more")
    known = b" " + uid_set.checked(resync.known_uids) if resync.known_uids else b""
    numbers = b"%b %b" % (number(resync.uid_validity), number(resync.mod_seq))
    return [b" (QRESYNC (%b%b))" % (numbers, known)]


def get_acl(raw: bytes) -> Command:
    """Return GETACL (RFC 4314)."""
    return _on("GETACL", raw)


def set_acl(raw: bytes, identifier: str, rights: str) -> Command:
    """Return SETACL (RFC 4314): ``rights`` replace those there, or begin with ``+`` or ``-``."""
    return _on("SETACL", raw, b" ", astring(identifier.encode()), b" ", astring(rights.encode()))


def delete_acl(raw: bytes, identifier: str) -> Command:
    """Return DELETEACL (RFC 4314)."""
    return _on("DELETEACL", raw, b" ", astring(identifier.encode()))


def my_rights(raw: bytes) -> Command:
    """Return MYRIGHTS (RFC 4314)."""
    return _on("MYRIGHTS", raw)


def get_metadata(
    raw: bytes, entries: Sequence[str], *, whole_tree: bool = True, most_octets: int | None = None
) -> Command:
    """Return GETMETADATA (RFC 5464) for ``entries`` such as ``/shared``; raw ``b""`` is the server.

    ``whole_tree`` asks for everything below them. Values above ``most_octets`` are left out and told
    as a response code.
    """
    options = [] if most_octets is None else [b"MAXSIZE " + number(most_octets)]
    if whole_tree:
        options.append(b"DEPTH infinity")
    before = b"(%b) " % b" ".join(options) if options else b""
    named = b" ".join(_entry(entry) for entry in entries)
    parts = (b"GETMETADATA " + before, string(raw), b" (%b)" % named)
    return Command(name="GETMETADATA", parts=parts)


def set_metadata(raw: bytes, values: Mapping[str, bytes | None]) -> Command:
    """Return SETMETADATA (RFC 5464); the value None removes an entry; raw ``b""`` is the server."""
    if not values:
        raise InvalidInput("SETMETADATA needs an entry")
    parts: list[Part] = [b"SETMETADATA ", string(raw)]
    before = b" ("
    for entry, value in values.items():
        parts += [before + _entry(entry) + b" ", _entry_value(value)]
        before = b" "
    return Command(name="SETMETADATA", parts=(*parts, b")"))


def _entry(name: str) -> bytes:
    if not _ENTRY_NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name of a metadata entry")
    return quoted(name.encode())


def _entry_value(value: bytes | None) -> bytes | Literal:
    if value is None:
        return b"NIL"
    return Literal(len(value), value, is_binary=True) if b"\0" in value else string(value)


def get_quota_root(raw: bytes) -> Command:
    """Return GETQUOTAROOT (RFC 9208): the quota that applies to a mailbox, with its use."""
    return _on("GETQUOTAROOT", raw)
