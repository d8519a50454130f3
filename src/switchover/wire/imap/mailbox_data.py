"""What servers tell of mailboxes: LIST, STATUS, NAMESPACE, QUOTA, ACL, METADATA.

Each reader takes the texts and literals behind the response's name and returns None when they make no
sense. Names are where servers err most, so LIST and STATUS have ways of their own for them: without
quotes although there are blanks (Exchange), with quotes and backslashes that are not escaped (Domino).
RFC 9051, section 7.3; RFC 9208; RFC 4314; RFC 5464.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from switchover.wire.imap.responses import (
    Acl,
    ListEntry,
    ListRights,
    MailboxStatus,
    Metadata,
    MyRights,
    Namespace,
    Prefix,
    Quota,
    QuotaRoots,
    Resource,
)
from switchover.wire.imap.tokens import (
    LiteralRef,
    Value,
    is_nil,
    nil_or_string,
    number,
    string,
    strings,
    tokenize,
    unescape,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Parts: TypeAlias = "Sequence[bytes | LiteralRef]"

_LIST = re.compile(
    rb'(?:\(([^()]*)\)|NIL) *(?:(NIL)|"(\\.|[^"\\]|\\)?"|([^ "()])) +(.*)',
    re.IGNORECASE | re.DOTALL,
)
_QUOTED_NAME = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)" *(\(.*)?', re.DOTALL)
_BARE_NAME = re.compile(rb"([^ ]+) +(\(.*)", re.DOTALL)
_STATUS_LIST = re.compile(
    rb" *\((?=(?:MESSAGES|RECENT|UIDNEXT|UIDVALIDITY|UNSEEN|DELETED|SIZE|HIGHESTMODSEQ|APPENDLIMIT"
    rb"|MAILBOXID) |\) *\Z)",
    re.IGNORECASE,
)


def list_entry(command: str, parts: Parts, depth: int) -> ListEntry | None:
    """Read LIST, LSUB or XLIST."""
    found = _LIST.fullmatch(parts[0]) if isinstance(parts[0], bytes) else None
    if found is None:
        return None
    attributes = tuple((found[1] or b"").split())
    delimiter = None if found[2] else found[4] or unescape(found[3] or b"")
    name, extension = _list_name(found[5], parts[1:])
    extended = _list_extension(extension, depth)
    if extended is None:
        extended = {}
        if not found[5].startswith(b'"'):  # what looked like one belongs to a name without quotes
            name = found[5].rstrip(b" ") if len(parts) == 1 else None
    if name is None:
        return None
    return ListEntry(
        command,
        attributes,
        bytes(delimiter) if delimiter else None,
        bytes(name),
        next(iter(extended.get(b"OLDNAME", ())), None),
        extended.get(b"CHILDINFO", ()),
    )


def _list_name(text: bytes, more: Parts) -> tuple[bytes | None, Parts]:
    """Return the name and the parts behind it."""
    if more and not text.strip(b" ") and isinstance(more[0], LiteralRef):
        return more[0].content, more[1:]
    if text.startswith(b'"'):
        name, extension = _quoted_name(text)
        return name, (extension, *more)
    found = _BARE_NAME.fullmatch(text)
    if found is not None:
        return found[1], (found[2], *more)
    return text.rstrip(b" ") or None, more


def _quoted_name(text: bytes) -> tuple[bytes | None, bytes]:
    found = _QUOTED_NAME.fullmatch(text.rstrip(b" "))
    if found is not None:
        return unescape(found[1]), found[2] or b""
    # Inner quotes or backslashes are not escaped: the last quote ends the name.
    last = text.rfind(b'" (') if text.endswith(b")") else text.rfind(b'"')
    if last <= 0:
        return None, b""
    return unescape(text[1:last]), text[last + 1 :]


def _list_extension(parts: Parts, depth: int) -> dict[bytes, tuple[bytes, ...]] | None:
    """Return LIST-EXTENDED data by tag; None for anything that is not of that form."""
    values = tokenize(parts, depth=depth)
    if not values:
        return {} if values == [] else None
    pairs = values[0]
    if len(values) > 1 or not isinstance(pairs, list) or len(pairs) % 2:
        return None
    tags = [string(tag) for tag in pairs[::2]]
    found = {}
    for tag, value in zip(tags, pairs[1::2], strict=True):
        if tag is None:
            return None
        found[tag.upper()] = strings(value) or ()
    return found


def mailbox_status(parts: Parts, depth: int) -> MailboxStatus | None:
    """Read STATUS."""
    values = tokenize(parts, depth=depth)
    if values is not None and len(values) == 2:
        name, items = string(values[0]), values[1]
        if name is not None and isinstance(items, list):
            return _status_of(name, items)
    text = parts[0] if len(parts) == 1 else b""
    return _careless_status(text, depth) if isinstance(text, bytes) else None


def _careless_status(text: bytes, depth: int) -> MailboxStatus | None:
    last = deque(_STATUS_LIST.finditer(text), maxlen=1)
    if not last:
        return None
    begin = last[0].start()
    name = text[:begin].strip(b" ")
    items = tokenize([text[begin:]], depth=depth)
    if not name or not items or not isinstance(items[0], list):
        return None
    if len(name) > 1 and name.startswith(b'"') and name.endswith(b'"'):
        name = bytes(unescape(name[1:-1]))
    return _status_of(name, items[0])


def _status_of(name: bytes, items: list[Value]) -> MailboxStatus:
    known: dict[str, Any] = {}
    for item, value in zip(items[::2], items[1::2], strict=False):
        field, read = _STATUS_FIELDS.get((string(item) or b"").upper(), ("", number))
        if field:
            known[field] = read(value)
    return MailboxStatus(name=name, **known)


def _object_id(value: Value) -> bytes | None:
    return string(value[0] if isinstance(value, list) and len(value) == 1 else value)


_STATUS_FIELDS: dict[bytes, tuple[str, Callable[[Value], int | bytes | None]]] = {
    b"MESSAGES": ("messages", whole_number),
    b"RECENT": ("recent", whole_number),
    b"UIDNEXT": ("uid_next", number),
    b"UIDVALIDITY": ("uid_validity", number),
    b"UNSEEN": ("unseen", whole_number),
    b"DELETED": ("deleted", whole_number),
    b"SIZE": ("size", whole_number),
    b"HIGHESTMODSEQ": ("highest_modseq", number),
    b"APPENDLIMIT": ("append_limit", number),
    b"MAILBOXID": ("mailbox_id", _object_id),
}


def namespace(parts: Parts, depth: int) -> Namespace | None:
    """Read NAMESPACE; a kind that is missing at the end counts as NIL."""
    values = tokenize(parts, depth=depth)
    if not values or len(values) > 3:
        return None
    kinds = [_prefixes(value) for value in values]
    if None in kinds:
        return None
    personal, other, shared, *_ = (*(kind or () for kind in kinds), (), (), ())
    return Namespace(personal=personal, other=other, shared=shared)


def _prefixes(value: Value) -> tuple[Prefix, ...] | None:
    if is_nil(value):
        return ()
    if not isinstance(value, list):
        return None
    prefixes = [_prefix(entry) for entry in value]
    return None if None in prefixes else tuple(entry for entry in prefixes if entry is not None)


def _prefix(entry: Value) -> Prefix | None:
    if not isinstance(entry, list) or len(entry) < 2:
        return None
    text = string(entry[0])
    return None if text is None else Prefix(prefix=text, delimiter=nil_or_string(entry[1]) or None)


def quota(parts: Parts, depth: int) -> Quota | None:
    """Read QUOTA; resources whose numbers can not be read are left out."""
    values = tokenize(parts, depth=depth)
    if not values or len(values) != 2 or not isinstance(values[1], list):
        return None
    root, listed = string(values[0]), values[1]
    if root is None:
        return None
    triples = zip(listed[::3], listed[1::3], listed[2::3], strict=False)
    resources = [_resource(*triple) for triple in triples]
    return Quota(root=root, resources=tuple(one for one in resources if one is not None))


def _resource(name: Value, usage: Value, limit: Value) -> Resource | None:
    text, used, most = string(name), whole_number(usage), whole_number(limit)
    if text is None or used is None or most is None:
        return None
    return Resource(name=text.decode("ascii", "replace").upper(), usage=used, limit=most)


def quota_roots(parts: Parts, depth: int) -> QuotaRoots | None:
    """Read QUOTAROOT."""
    words = _words(parts, depth, least=1)
    return None if words is None else QuotaRoots(name=words[0], roots=words[1:])


def acl(parts: Parts, depth: int) -> Acl | None:
    """Read ACL."""
    words = _words(parts, depth, least=1)
    if words is None or len(words) % 2 == 0:
        return None
    return Acl(name=words[0], rights=tuple(zip(words[1::2], words[2::2], strict=True)))


def my_rights(parts: Parts, depth: int) -> MyRights | None:
    """Read MYRIGHTS."""
    words = _words(parts, depth, least=2)
    return None if words is None else MyRights(name=words[0], rights=words[1])


def list_rights(parts: Parts, depth: int) -> ListRights | None:
    """Read LISTRIGHTS."""
    words = _words(parts, depth, least=3)
    if words is None:
        return None
    return ListRights(name=words[0], identifier=words[1], always=words[2], optional=words[3:])


def metadata(parts: Parts, depth: int) -> Metadata | None:
    """Read METADATA, with values or only with the names of entries that changed."""
    values = tokenize(parts, depth=depth)
    name = string(values[0]) if values else None
    if not values or name is None or len(values) < 2:
        return None
    listed = values[1]
    if not isinstance(listed, list):
        names = strings(values[1:])
        return None if names is None else Metadata(name=name, entries=_changed(names))
    entries = []
    for entry, value in zip(listed[::2], listed[1::2], strict=False):
        key, text = string(entry), nil_or_string(value)
        if key is None or (text is None and not is_nil(value)):
            return None
        entries.append((key, text))
    return Metadata(name=name, entries=tuple(entries))


def _changed(names: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes | None], ...]:
    return tuple((name, None) for name in names)


def _words(parts: Parts, depth: int, *, least: int) -> tuple[bytes, ...] | None:
    words = strings(tokenize(parts, depth=depth) or [])
    return None if words is None or len(words) < least else words
