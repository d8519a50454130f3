"""Where everything stands in a platform file's text: keys and values with their character offsets.

``tree`` tells what a file means, this what it looks like: whether a mapping is written in lines or in
braces, where a value begins and ends, which anchors and aliases it uses. ``rewrite`` changes the text by it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import yaml

from switchover.errors import Corrupt
from switchover.model.platform_file.tree import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[^\r\n]*", re.MULTILINE)


class Kind(StrEnum):
    """What a node is in the text."""

    SCALAR = "scalar"
    MAPPING = "mapping"
    SEQUENCE = "sequence"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value in the text.

    ``start`` is the offset of its first character (its anchor's, where it has one), ``end`` the one after
    its last. ``anchor`` is the name it is given or, for an alias, the name it uses.
    """

    kind: Kind
    start: int
    end: int
    is_flow: bool = False
    anchor: str | None = None
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An entry of a mapping or sequence; ``start`` is where its key or its dash begins."""

    start: int
    value: Node
    name: str = ""
    key: Node | None = None


def read_syntax(text: str) -> Node | None:
    """Return the root node, None where the text has no document.

    For text without byte order mark that ``read_tree`` understands: bounds are not looked at here.
    """
    events = yaml.parse(text, Loader=LOADER)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _Reader(text, events).node(next(events))
    return None


def comments_of(text: str, root: Node | None) -> list[tuple[int, str]]:
    """Return every comment with its offset, in the order of the text."""
    scalars = sorted(_scalar_spans(root)) if root else []
    starts = [start for start, _ in scalars]
    found = []
    for match in _COMMENT.finditer(text):
        before = bisect_right(starts, match.start()) - 1
        if before < 0 or scalars[before][1] <= match.start():
            found.append((match.start(), match[0].rstrip()))
    return found


def anchors_of(root: Node | None) -> list[str]:
    """Return the anchors that are given in a node, in the order of the text."""
    nodes = _walk(root) if root else ()
    return [node.anchor for node in nodes if node.anchor and node.kind is not Kind.ALIAS]


def aliases_of(root: Node | None) -> set[str]:
    """Return the anchors that are used in a node."""
    nodes = _walk(root) if root else ()
    return {node.anchor for node in nodes if node.anchor and node.kind is Kind.ALIAS}


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for item in node.items:
        if item.key:
            yield item.key
        yield from _walk(item.value)


def _scalar_spans(root: Node) -> Iterator[tuple[int, int]]:
    for node in _walk(root):
        if node.kind is Kind.SCALAR and node.end > node.start:
            yield node.start, node.end


def _span(event: yaml.Event) -> tuple[int, int]:
    if event.start_mark is None or event.end_mark is None:
        raise Corrupt("the YAML parser gives no places")
    return event.start_mark.index, event.end_mark.index


class _Reader:
    """Consumes parser events of text that is known to be within bounds."""

    def __init__(self, text: str, events: Iterator[yaml.Event]) -> None:
        self.text = text
        self.events = events

    def node(self, event: yaml.Event) -> Node:
        start, end = _span(event)
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            return Node(kind=Kind.ALIAS, start=start, end=end, anchor=anchor)
        if isinstance(event, yaml.ScalarEvent):
            if event.style in {"|", ">"}:  # its end is the beginning of what follows
                end = start + len(self.text[start:end].rstrip())
            return Node(kind=Kind.SCALAR, start=start, end=end, anchor=anchor)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.collection(event, Kind.SEQUENCE, yaml.SequenceEndEvent)
        if isinstance(event, yaml.MappingStartEvent):
            return self.collection(event, Kind.MAPPING, yaml.MappingEndEvent)
        raise Corrupt(f"{event} is no value, although the text was read before")

    def collection(
        self, event: yaml.CollectionStartEvent, kind: Kind, last: type[yaml.Event]
    ) -> Node:
        is_flow = bool(event.flow_style)
        items = []
        while not isinstance(following := next(self.events), last):
            items.append(self.item(following, kind, is_flow=is_flow))
        start, _ = _span(event)
        # A collection in lines ends where its last value does, not where the next token begins.
        end = _span(following)[1] if is_flow or not items else items[-1].value.end
        return Node(
            kind=kind, start=start, end=end, is_flow=is_flow, anchor=event.anchor, items=tuple(items)
        )  # fmt: skip

    def item(self, event: yaml.Event, kind: Kind, *, is_flow: bool) -> Item:
        first = self.node(event)
        if kind is Kind.SEQUENCE:
            start = first.start if is_flow else self.text.rfind("-", 0, first.start)
            return Item(start=start, value=first)
        return Item(
            start=first.start,
            key=first,
            name=getattr(event, "value", ""),
            value=self.node(next(self.events)),
        )
