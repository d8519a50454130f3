"""One response, complete, to its type: the way for all that the fast path of FETCH does not take.

Whatever makes no sense is ``Unparsed``: it costs one response and never the run.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from switchover.wire.imap import mailbox_data
from switchover.wire.imap.fetch import fetch_item
from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.response_codes import capabilities_of, parse_code, split_code
from switchover.wire.imap.responses import (
    Capability,
    Continuation,
    Enabled,
    ESearch,
    Exists,
    Expunge,
    Fetch,
    Flags,
    Id,
    Recent,
    Search,
    Status,
    StatusKind,
    Unparsed,
    Vanished,
)
from switchover.wire.imap.tokens import (
    LiteralRef,
    Quoted,
    Value,
    is_nil,
    number,
    string,
    strings,
    tokenize,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.wire.imap.responses import Response

Parts: TypeAlias = "Sequence[bytes | LiteralRef]"

_STATUS = re.compile(rb"([^ ]+) +(OK|NO|BAD|BYE|PREAUTH)(?: +(.*)| *)", re.IGNORECASE | re.DOTALL)
_CODE_ALONE = re.compile(rb"\* *(\[.*)", re.DOTALL)
_UNTAGGED = re.compile(rb"\* *(?:([0-9]{1,20}) +)?([A-Za-z][A-Za-z0-9-]*) *(.*)", re.DOTALL)
_SEARCH = re.compile(rb"([0-9 \t]*)(?:\( *MODSEQ +([0-9]{1,20}) *\))? *", re.IGNORECASE)
_VANISHED = re.compile(rb"(\( *EARLIER *\))? *([0-9:,]+) *", re.IGNORECASE)


def parse_response(parts: Parts, *, depth: int) -> Response:
    """Return the response in texts and literals, no line ends; ``depth`` bounds its nested lists."""
    text = parts[0]
    if isinstance(text, LiteralRef):
        return _unparsed(parts)
    if text.startswith(b"+"):
        return Continuation(text=text[1:].strip(b" "))
    status = _status(text)
    if status is not None:
        return status
    found = _UNTAGGED.fullmatch(text)
    if found is None:
        return _unparsed(parts)
    name, rest = found[2].upper(), [found[3], *parts[1:]]
    if found[1] is None:
        read = _READERS.get(name)
        response = None if read is None else read(rest, depth)
    else:
        response = _counted(name, int(found[1]), rest, depth)
    return _unparsed(parts) if response is None else response


def _unparsed(parts: Parts) -> Unparsed:
    pieces = (b"{%d}" % part.size if isinstance(part, LiteralRef) else part for part in parts)
    return Unparsed(raw=b"".join(pieces))


def _status(text: bytes) -> Status | None:
    found = _STATUS.fullmatch(text)
    if found is not None:
        tag = None if found[1] == b"*" else found[1]
        return _status_of(StatusKind(found[2].decode().upper()), tag, found[3] or b"")
    found = _CODE_ALONE.fullmatch(text)  # Office 365 leaves the OK out
    return None if found is None else _status_of(StatusKind.OK, None, found[1])


def _status_of(kind: StatusKind, tag: bytes | None, text: bytes) -> Status:
    inside, human = split_code(text)
    code = parse_code(inside) if inside else None
    return Status(kind=kind, tag=tag, code=code, text=human.decode("utf-8", "replace"))


def _counted(name: bytes, count: int, parts: Parts, depth: int) -> Response | None:
    match name:
        case b"EXISTS":
            return Exists(count=count)
        case b"RECENT":
            return Recent(count=count)
        case b"EXPUNGE":
            return Expunge(sequence=count)
        case b"FETCH" | b"UIDFETCH":
            values = tokenize(parts, depth=depth)
            if not values or not isinstance(values[0], list):
                return None
            if name == b"UIDFETCH":
                return Fetch(items=[fetch_item(values, uid=count)])
            return Fetch(items=[fetch_item(values, sequence=count)])
        case _:
            return None


def _whole(parts: Parts) -> bytes | None:
    """Return the text of a response that can have no literals."""
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else None


def _capability(parts: Parts, _depth: int) -> Capability | None:
    text = _whole(parts)
    return None if text is None else Capability(capabilities=capabilities_of(text))


def _enabled(parts: Parts, _depth: int) -> Enabled | None:
    text = _whole(parts)
    return None if text is None else Enabled(capabilities=capabilities_of(text))


def _code_without_brackets(name: bytes, parts: Parts, _depth: int) -> Status | None:
    text = _whole(parts)
    if text is None:
        return None
    return Status(kind=StatusKind.OK, code=parse_code(name + b" " + text))


def _flags(parts: Parts, depth: int) -> Flags | None:
    values = tokenize(parts, depth=depth)
    flags = strings(values[0]) if values else None
    return None if flags is None else Flags(flags=flags)


def _search(parts: Parts, _depth: int) -> Search | None:
    text = _whole(parts)
    found = None if text is None else _SEARCH.fullmatch(text)
    numbers = None if found is None else NumberRanges.parse_list(found[1])
    if found is None or numbers is None:
        return None
    return Search(numbers=numbers, modseq=number(found[2]) if found[2] else None)


def _vanished(parts: Parts, _depth: int) -> Vanished | None:
    text = _whole(parts)
    found = None if text is None else _VANISHED.fullmatch(text)
    uids = None if found is None else NumberRanges.parse_set(found[2])
    if found is None or uids is None:
        return None
    return Vanished(uids=uids, earlier=found[1] is not None)


def _id(parts: Parts, depth: int) -> Id | None:
    values = tokenize(parts, depth=depth)
    if not values:
        return None
    if is_nil(values[0]):
        return Id(fields={})
    listed = strings(values[0])
    if listed is None or not isinstance(values[0], list):
        return None
    texts = [text.decode("utf-8", "replace") for text in listed]
    pairs = zip(texts[::2], texts[1::2], values[0][1::2], strict=False)
    return Id(fields={name.lower(): text for name, text, value in pairs if not is_nil(value)})


def _esearch(parts: Parts, depth: int) -> ESearch | None:
    values = tokenize(parts, depth=depth)
    if values is None:
        return None
    tag = _tag(values[0]) if values else None
    pending = list(reversed(values if tag is None else values[1:]))
    fields: dict[str, object] = {"tag": tag, "uid": False}
    while pending:
        name = pending.pop()
        if isinstance(name, list):  # some put MODSEQ and its value into parentheses
            pending.extend(reversed(name))
        elif name == b"UID" and not isinstance(name, Quoted):
            fields["uid"] = True
        elif not _take_result(name, pending, fields):
            return None
    return ESearch(**fields)  # type: ignore[arg-type]  # the table below says which types they have


def _tag(value: Value) -> bytes | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    return string(value[1]) if (string(value[0]) or b"").upper() == b"TAG" else None


def _take_result(name: Value, pending: list[Value], fields: dict[str, object]) -> bool:
    field, read = _RESULTS.get((string(name) or b"").upper(), ("", _anything))
    result = read(pending.pop()) if pending else None
    if field and result is not None:
        fields[field] = result
    return result is not None


def _anything(value: Value) -> object:
    return value


def _set(value: Value) -> NumberRanges | None:
    return NumberRanges.parse_set(string(value) or b"")


def _partial_result(value: Value) -> tuple[bytes, NumberRanges | None] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    window, numbers = string(value[0]), _set(value[1])
    if window is None or (numbers is None and not is_nil(value[1])):
        return None
    return window, numbers


_RESULTS: dict[bytes, tuple[str, Callable[[Value], object]]] = {
    b"ALL": ("numbers", _set),
    b"MIN": ("first", number),
    b"MAX": ("last", number),
    b"COUNT": ("count", whole_number),
    b"MODSEQ": ("modseq", number),
    b"PARTIAL": ("partial", _partial_result),
}
_READERS: dict[bytes, Callable[[Parts, int], Response | None]] = {
    b"CAPABILITY": _capability,
    b"ENABLED": _enabled,
    b"ESEARCH": _esearch,
    b"FLAGS": _flags,
    b"ID": _id,
    b"SEARCH": _search,
    b"VANISHED": _vanished,
    # Seen without the brackets that make them codes.
    b"APPENDUID": partial(_code_without_brackets, b"APPENDUID"),
    b"COPYUID": partial(_code_without_brackets, b"COPYUID"),
    b"LIST": partial(mailbox_data.list_entry, "LIST"),
    b"LSUB": partial(mailbox_data.list_entry, "LSUB"),
    b"XLIST": partial(mailbox_data.list_entry, "XLIST"),
    b"STATUS": mailbox_data.mailbox_status,
    b"NAMESPACE": mailbox_data.namespace,
    b"QUOTA": mailbox_data.quota,
    b"QUOTAROOT": mailbox_data.quota_roots,
    b"ACL": mailbox_data.acl,
    b"MYRIGHTS": mailbox_data.my_rights,
    b"LISTRIGHTS": mailbox_data.list_rights,
    b"METADATA": mailbox_data.metadata,
}
