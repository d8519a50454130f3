"""What the server says, as bytes. Pure."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from switchover.errors import Conflict, NotFound, SwitchoverError
from switchover.move.archive.store import SYSTEM_FLAGS
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.response_codes import CodeName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.move.archive.store import Folder, Mail

CAPABILITIES = b"IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE LIST-EXTENDED LIST-STATUS ENABLE UNSELECT ID CHILDREN"

PLAIN: Final = {
    "CAPABILITY": (b"* CAPABILITY %b\r\n" % CAPABILITIES, b"OK done"),
    "NOOP": (b"", b"OK done"),
    "LOGIN": (b"", b"OK [CAPABILITY %b] welcome" % CAPABILITIES),
    "LOGOUT": (b"* BYE until next time\r\n", b"OK done"),
    "ID": (b'* ID ("name" "switchover KIND")\r\n', b"OK done"),
    "ENABLE": (b"* ENABLED\r\n", b"OK done"),
    "NAMESPACE": (b'* NAMESPACE (("" "SEPARATOR")) NIL NIL\r\n', b"OK done"),
    "UNSELECT": (b"", b"OK done"),
    "CLOSE": (b"", b"OK done"),
}
"""What is said before the end of a command and at it."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def quoted(text: bytes) -> bytes:
    """Return a quoted string, or a literal for what can not be one."""
    if any(octet in text for octet in (b"\r", b"\n", b"\0")) or not text.isascii():
        return b"{%d}\r\n%b" % (len(text), text)
    return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def sentence(text: str) -> bytes:
    """Return a text for people in one line."""
    return " ".join(text.split()).encode("utf-8", "replace")[:900] or b"no reason known"


def listed(
    name: bytes, separator: bytes, *, attributes: Sequence[bytes], kind: bytes = b"LIST"
) -> bytes:
    """Return the line for a folder."""
    return b'* %b (%b) "%b" %b\r\n' % (kind, b" ".join(attributes), separator, quoted(name))


def status(name: bytes, items: Sequence[bytes], folder: Folder) -> bytes:
    """Return STATUS; what is not known is left out."""
    known = {
        b"MESSAGES": len(folder.uids()),
        b"RECENT": 0,
        b"UIDNEXT": folder.uid_next,
        b"UIDVALIDITY": folder.uid_validity,
    }
    if b"UNSEEN" in items:
        mails = folder.list_flags(None)
        known[b"UNSEEN"] = sum(b"\\Seen" not in mail.flags for mail in mails)
    told = [b"%b %d" % (item, known[item]) for item in items if item in known]
    return b"* STATUS %b (%b)\r\n" % (quoted(name), b" ".join(told))


def selected(folder: Folder) -> bytes:
    """Return what SELECT and EXAMINE tell before they end."""
    flags = b" ".join((*SYSTEM_FLAGS, *folder.keywords))
    permanent = flags + b" \\*" if folder.takes_keywords else flags
    return (
        b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] flags kept\r\n* %d EXISTS\r\n* 0 RECENT\r\n"
        b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] next UID\r\n"
    ) % (flags, permanent, len(folder.uids()), folder.uid_validity, folder.uid_next)


def fetched(place: int, mail: Mail, items: Sequence[bytes], size: int) -> bytes:
    """Return the begin of a FETCH answer, without its last parenthesis."""
    told = []
    for item in items:
        if item == b"UID":
            told.append(b"UID %d" % mail.uid)
        elif item == b"FLAGS":
            told.append(b"FLAGS (%b)" % b" ".join(mail.flags))
        elif item == b"INTERNALDATE":
            told.append(b'INTERNALDATE "%b"' % InternalDate(mail.epoch_seconds, 0).encode())
        elif item == b"RFC822.SIZE":
            told.append(b"RFC822.SIZE %d" % size)
    return b"* %d FETCH (%b" % (place, b" ".join(told))


def appended(uid_validity: int, uids: Sequence[int]) -> bytes:
    """Return the code that tells where mails were put (RFC 4315)."""
    return b"[APPENDUID %d %b]" % (uid_validity, NumberRanges.from_numbers(uids).encode())


def refusal(error: SwitchoverError | OSError) -> bytes:
    """Return why not, with the code that says it to programs (RFC 5530)."""
    if isinstance(error, OSError):
        return _refusal_of_system(error)
    code = b"[NONEXISTENT] " if isinstance(error, NotFound) else b""
    code = b"[ALREADYEXISTS] " if isinstance(error, Conflict) else code
    return code + sentence(str(error))


def _refusal_of_system(error: OSError) -> bytes:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in _FULL:
        # Not OVERQUOTA: a server may still take smaller mails, but here every mail meets the same.
        return b"[%b] " % CodeName.NOROOM.encode() + sentence(f"{place}{error.strerror or error}")
    code = b"[NOPERM] " if error.errno in _FORBIDDEN else b""
    code = b"[OVERQUOTA] " if error.errno == errno.EFBIG else code
    return code + sentence(f"{place}{error.strerror or error}")
