"""What FETCH tells of a message: a fast way for the shapes that we ask for, and a way for all others.

A listing has one line per message and the server chooses the order of the items, but hardly ever
changes it. So the order is learnt from one line and compiled to one expression, which then reads every
line that looks the same, in columns: nothing runs per line in Python code. A line that looks different
is read by its tokens.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from switchover.wire.imap.internal_date import parse
from switchover.wire.imap.tokens import (
    LiteralRef,
    Quoted,
    Value,
    is_nil,
    nil_or_string,
    number,
    string,
    strings,
    tokenize,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from switchover.wire.imap.internal_date import InternalDate


class FetchItem(NamedTuple):
    r"""One message as one response shows it; None where the server said nothing, or nothing readable.

    ``flags`` are as served, ``\Recent`` too. ``size`` (RFC822.SIZE) is what the server believes: some
    only estimate it. ``date`` is INTERNALDATE as it stands between the quotes. ``body`` tells that the
    whole message came, and its true size. ``email_id`` is EMAILID (RFC 8474) or Gmail's X-GM-MSGID.
    ``sequence`` is the message number, only where there is no UID. ``other`` holds all further items,
    and those whose value could not be read.
    """

    uid: int | None = None
    flags: tuple[bytes, ...] | None = None
    size: int | None = None
    date: bytes | None = None
    modseq: int | None = None
    body: LiteralRef | None = None
    email_id: bytes | None = None
    sequence: int | None = None
    other: tuple[tuple[bytes, Value], ...] = ()

    @property
    def internal_date(self) -> InternalDate | None:
        """What ``date`` means, worked out when asked; None where it names no moment."""
        return None if self.date is None else parse(self.date)

    def find(self, name: bytes) -> Value | None:
        """Return the value of another item (``X-GM-LABELS``), None if it is not there."""
        return next((value for other, value in self.other if other == name), None)


_LABEL = rb'(?:"(?:[^"\\\r\n]|\\["\\])*"|[^()"{ \t\r\n]+)'
_PATTERNS = {
    b"UID": rb"UID ([0-9]{1,10})",
    b"FLAGS": rb'FLAGS \(([^()"{\t\r\n]*)\)',
    b"MODSEQ": rb"MODSEQ \(([0-9]{1,19})\)",
    b"RFC822.SIZE": rb"RFC822\.SIZE ([0-9]{1,19})",
    b"INTERNALDATE": rb'INTERNALDATE "([^"\\\r\n]{1,40})"',
    b"EMAILID": rb'EMAILID \(([^()"{ \t\r\n]+)\)',
    b"X-GM-MSGID": rb"X-GM-MSGID ([0-9]{1,19})",
    b"X-GM-LABELS": rb"X-GM-LABELS \(((?:%b(?: %b)*)?)\)" % (_LABEL, _LABEL),
}
_NAMES = re.compile(rb"[ (](%b) (?=[(\"0-9])" % b"|".join(map(re.escape, _PATTERNS)))
_LEARN_BYTES = 1000  # of a line: enough for every shape that is fast
_SHAPES_KEPT = 4
_MOST_FLAG_SETS = 4096


class _FlagSets(dict[bytes, tuple[bytes, ...]]):
    """Flag text to flags; the mails of a mailbox share few combinations."""

    def __missing__(self, text: bytes) -> tuple[bytes, ...]:
        if len(self) >= _MOST_FLAG_SETS:
            self.clear()
        flags = tuple(flag for flag in text.split(b" ") if flag)
        self[text] = flags
        return flags


class _LabelSets(dict[bytes, tuple[tuple[bytes, Value], ...]]):
    """Gmail's label text to what ``FetchItem.other`` holds; the mails of a mailbox share them too."""

    def __missing__(self, text: bytes) -> tuple[tuple[bytes, Value], ...]:
        if len(self) >= _MOST_FLAG_SETS:
            self.clear()
        labels = cast("Value", tokenize([text], depth=1) or [])
        self[text] = ((b"X-GM-LABELS", labels),)
        return self[text]


_FLAG_SETS = _FlagSets()
_LABEL_SETS = _LabelSets()
_new_item = cast("Callable[[Iterable[object]], FetchItem]", partial(tuple.__new__, FetchItem))


class Coming(NamedTuple):
    """A message that has begun, and how many bytes of its response are still to come."""

    item: FetchItem
    missing_bytes: int


class _Shape:
    """The expression for one order of items, and what makes items of its groups.

    Groups come as one list for many lines: what is between two lines (nothing), then the groups of a
    line, and so on, as ``re.split`` gives them. A column is a slice of it.
    """

    def __init__(self, names: tuple[bytes, ...]) -> None:
        items = rb"\* [0-9]{1,10} FETCH \(" + b" ".join(map(_PATTERNS.__getitem__, names))
        self.row = re.compile(rb"%b\)\r?\n" % items)
        self.head = re.compile(rb"%b BODY\[\] ?" % items)
        self.body = re.compile(rb"%b BODY\[\] ?\{([0-9]{1,10})\}\r\n" % items)
        self.width = len(names) + 1
        places = {name: place for place, name in enumerate(names, 1)}
        self._columns = [
            self._column(places.get(b"UID"), int),
            self._column(places.get(b"FLAGS"), _FLAG_SETS.__getitem__),
            self._column(places.get(b"RFC822.SIZE"), int),
            self._column(places.get(b"INTERNALDATE"), None),
            self._column(places.get(b"MODSEQ"), int),
            _absent,
            self._column(places.get(b"EMAILID", places.get(b"X-GM-MSGID")), None),
            _absent,
            self._column(places.get(b"X-GM-LABELS"), _LABEL_SETS.__getitem__)
            if b"X-GM-LABELS" in places
            else _nothing_else,
        ]

    def _column(self, place: int | None, convert: Callable[[bytes], object] | None) -> _Column:
        if place is None:
            return _absent
        column = slice(place, None, self.width)
        if convert is None:
            return lambda groups: groups[column]
        return lambda groups: map(convert, groups[column])

    def items(self, groups: list[bytes]) -> list[FetchItem]:
        """Return one item per line."""
        return list(
            map(_new_item, zip(*[column(groups) for column in self._columns], strict=False))
        )

    def read_run(self, block: bytes, first: re.Match[bytes]) -> tuple[list[FetchItem], int]:
        """Return the items of all such lines from ``first`` on, and where they end."""
        if first.start() == 0:
            groups = self.row.split(block)
            rest = groups.pop()
            # Nothing between the lines: they are all of this shape, but for the rest at the end.
            if not any(groups[:: self.width]):
                return self.items(groups), len(block) - len(rest)
        groups, end, line = [], 0, self.row.match(block, first.start())
        while line is not None:
            groups += (b"", *line.groups())
            end = line.end()
            line = self.row.match(block, end)
        return self.items(groups), end


_Column: TypeAlias = "Callable[[list[bytes]], Iterable[object]]"


def _absent(_groups: list[bytes]) -> Iterable[None]:
    return repeat(None)


def _nothing_else(_groups: list[bytes]) -> Iterable[tuple[()]]:
    return repeat(())


@lru_cache(maxsize=64)
def _shape_of(names: tuple[bytes, ...]) -> _Shape:
    return _Shape(names)


class FetchLines:
    """Reads FETCH lines of the shapes that this server has shown; one per connection."""

    def __init__(self) -> None:
        """Begin with no shape known."""
        self._shapes: list[_Shape] = []

    def read(self, block: bytes, at: int) -> tuple[list[FetchItem], int]:
        """Return the items of all equally shaped lines from ``at`` on, and where they end.

        ``block`` is whole lines and ``at`` the begin of one. No items when that one is not simple.
        """
        for shape in self._candidates(block, at):
            found = shape.row.match(block, at)
            if found is not None:
                self._remember(shape)
                return shape.read_run(block, found)
        return [], at

    def head(self, before: bytes) -> FetchItem | None:
        """Return what stands before the literal of a ``BODY[]`` that is the last item, else None."""
        for shape in self._candidates(before, 0):
            found = shape.head.fullmatch(before)
            if found is not None:
                self._remember(shape)
                return shape.items([b"", *found.groups()])[0]
        return None

    def whole_bodies(
        self, data: bytes, at: int, *, largest_bytes: int
    ) -> tuple[list[FetchItem], list[memoryview], int, Coming | None]:
        """Return the messages that are wholly in ``data`` from ``at`` on, their bodies, and where they end.

        Only those of one shape, with ``BODY[]`` as the last item, non-empty and of at most
        ``largest_bytes``; bodies are views. All others, and all that is odd, is left to the slow way. Last
        comes the one behind them, if only its end is missing.
        """
        bodies: list[memoryview] = []
        shape = self._shapes[0] if self._shapes else None
        if shape is None:
            return [], bodies, at, None
        coming: Coming | None = None
        groups: list[bytes] = []
        view, length = memoryview(data), len(data)
        head = shape.body.match(data, at)
        while head is not None:
            *told, digits = head.groups()
            size, begin = int(digits), head.end()
            end = begin + size
            if not 0 < size <= largest_bytes:
                break
            if end + 3 > length:
                coming = Coming(shape.items([b"", *told])[0], end + 3 - length)
                break
            if data[end : end + 3] != b")\r\n":
                break
            groups += (b"", *told)
            bodies.append(view[begin:end])
            at = end + 3
            head = shape.body.match(data, at)
        return shape.items(groups), bodies, at, coming

    def _candidates(self, text: bytes, at: int) -> Iterator[_Shape]:
        """Yield the shapes known, then the one that the line at ``at`` seems to have."""
        yield from tuple(self._shapes)
        line = text[at : at + _LEARN_BYTES].partition(b"\n")[0]
        names = tuple(_NAMES.findall(line))
        if b"UID" in names and len(set(names)) == len(names):
            yield _shape_of(names)

    def _remember(self, shape: _Shape) -> None:
        if self._shapes[:1] != [shape]:
            rest = [other for other in self._shapes if other is not shape]
            self._shapes = [shape, *rest][:_SHAPES_KEPT]


def fetch_item(
    values: Sequence[Value], *, sequence: int | None = None, uid: int | None = None
) -> FetchItem:
    """Return the item in the tokens of a FETCH list, in any order and with surplus parentheses.

    ``uid`` is what UIDFETCH (RFC 9586) names before the list. A body that came as a quoted string is
    a ``body`` with content.
    """
    known: dict[str, Any] = {"uid": uid}
    other: list[tuple[bytes, Value]] = []
    pending = list(reversed(values))
    while pending:
        name = pending.pop()
        if isinstance(name, list):  # Domino puts pairs into parentheses of their own
            pending.extend(reversed(name))
        elif not isinstance(name, LiteralRef) and pending:
            _take_item(name.upper(), pending, known, other)
    if known["uid"] is None:
        known["sequence"] = sequence
    return FetchItem(**known, other=tuple(other))


_BODY = re.compile(rb"(?:BODY|BINARY)(?:\.PEEK)?\[\](?:<0>)?|RFC822")
_SECTION = re.compile(rb"(?:BODY|BINARY)(?:\.PEEK)?\[.*|RFC822(?:\.HEADER|\.TEXT)?", re.DOTALL)


def _take_item(
    name: bytes, pending: list[Value], known: dict[str, Any], other: list[tuple[bytes, Value]]
) -> None:
    value = pending.pop()
    if _SECTION.fullmatch(name):
        is_text = isinstance(value, (LiteralRef, Quoted))
        if not is_text and not is_nil(value):
            pending.append(value)  # iCloud names the item and goes on without its data
        elif is_text and _BODY.fullmatch(name):
            known.setdefault("body", _body(value))
        elif is_text:
            other.append((name, value))
        return
    field, read = _READERS.get(name, ("", _unread))
    read_value = read(value)
    if read_value is None:
        other.append((name, value))
    elif name != b"X-GM-MSGID" or field not in known:
        known[field] = read_value


def _unread(_value: Value) -> None:
    return None


def _body(value: Value) -> LiteralRef | None:
    if isinstance(value, Quoted):
        return LiteralRef(len(value), content=bytes(value))
    return value if isinstance(value, LiteralRef) else None


def _flags(value: Value) -> tuple[bytes, ...] | None:
    return () if is_nil(value) else strings(value)


def _alone(value: Value) -> Value:
    """Return the only member of a list: MODSEQ and EMAILID come in parentheses."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _modseq(value: Value) -> int | None:
    return number(_alone(value))


def _object_id(value: Value) -> bytes | None:
    alone = _alone(value)
    return None if is_nil(alone) else string(alone)


_READERS: dict[bytes, tuple[str, Callable[[Value], object]]] = {
    b"UID": ("uid", number),
    b"FLAGS": ("flags", _flags),
    b"RFC822.SIZE": ("size", whole_number),
    b"INTERNALDATE": ("date", nil_or_string),
    b"MODSEQ": ("modseq", _modseq),
    b"EMAILID": ("email_id", _object_id),
    b"X-GM-MSGID": ("email_id", _object_id),
}
