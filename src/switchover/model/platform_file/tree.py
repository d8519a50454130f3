"""YAML text to plain values, with the place of every key and value.

We compose from PyYAML's event stream (libyaml underneath) instead of calling ``yaml.load``: that gives
us places, duplicate keys as errors, and bounds on size, depth and alias expansion before any memory is
spent ("billion laughs" files). Only the YAML 1.2 core scalars are understood: ``no`` and ``on`` stay
text, as administrators mean them. Keys are always text, and numbers remember how they were written, so
that ``minimum: 1.20`` or a server named ``123`` is taken as typed wherever text is wanted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from switchover.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 200_000
MAX_SCALAR = 1_000
MAX_KEPT = 1_000_000
"""Characters of a text whose tree is kept: one of 2,000 servers has a quarter of that."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip

# The parser's time grows with the square of the number of these.
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_TAGS = frozenset({"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
# What YAML 1.2 calls printable (section 5.1); without half surrogates, which a JSON string can carry.
_FORBIDDEN = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
)


class WrittenFloat(float):
    """A number with a fraction or exponent that remembers its own spelling."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Keep ``text``; the value itself is made by ``float``."""
        self.text = text


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value (and its key, in a mapping) stands; lines and columns count from 1."""

    line: int
    column: int
    key_line: int
    key_column: int


@dataclass(slots=True)
class Tree:
    """Plain values of a document and the place of each, by path (``("services", "mail", "port")``)."""

    value: Any
    places: dict[Path, Place] = field(default_factory=dict)

    def place_of(self, path: Path) -> Place:
        """Return the place of ``path``, or of its nearest ancestor that stands in the text."""
        for length in range(len(path), 0, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return self.places.get((), Place(1, 1, 1, 1))


def decode(raw: bytes, *, source: str = "") -> str:
    """Return the text of a platform file; refuses files that are too large or are not UTF-8."""
    if len(raw) > MAX_BYTES:
        message = (
            f"the file has {len(raw):,} bytes; a platform file may have {MAX_BYTES:,} "
            f"(about 16,000 servers)"
        )
        raise _fault(message, source=source, hint="is this really a platform file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position_at(error.object[: error.start].decode())
        raise _fault(
            f"byte 0x{error.object[error.start]:02x} is not UTF-8",
            line=line,
            column=column,
            source=source,
            hint="save the file as UTF-8",
        ) from error


def read_tree(text: str, *, source: str = "") -> Tree:
    """Return the values of one YAML document with their places.

    Raises InvalidInput with line and column for broken YAML, duplicate keys, more than one document,
    tags, or a document beyond the bounds above.
    """
    if len(text) > MAX_BYTES:
        raise _fault("the file is too large for a platform file", source=source)
    text = text.removeprefix("\ufeff")
    if forbidden := _FORBIDDEN.search(text):
        line, column = _position_at(text[: forbidden.start()])
        raise _fault(
            f"the character U+{ord(forbidden[0]):04X} is not allowed",
            line=line,
            column=column,
            source=source,
            hint="write it as an escape in double quotes, or remove it",
        )
    if directive := _TAG_DIRECTIVE.search(text):
        line, column = _position_at(text[: directive.start()])
        raise _fault("%TAG is not understood", line=line, column=column, source=source)
    try:
        return _Composer(yaml.parse(text, Loader=LOADER), source).compose()
    except yaml.MarkedYAMLError as error:
        raise _broken(error, text, source) from error


def read_kept_tree(text: str, *, source: str = "") -> Tree:
    """Do as ``read_tree``, but read a text only once while it is asked for again; nobody may change the tree.

    A change of one block reads the same two texts again and again: to find the block, to compare what is
    wanted, to prove what was written, to apply that.
    """
    return _read_once(text, source) if len(text) <= MAX_KEPT else read_tree(text, source=source)


@lru_cache(maxsize=2)
def _read_once(text: str, source: str) -> Tree:
    return read_tree(text, source=source)


def _broken(error: yaml.MarkedYAMLError, text: str, source: str) -> InvalidInput:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    before = "".join(text.split("\n")[line : line + 1])[: column + 1]
    return _fault(
        " ".join(part for part in (error.context, error.problem) if part),
        line=line + 1,
        column=column + 1,
        source=source,
        hint="indent with spaces" if "\t" in before else "",
    )


def _fault(
    message: str,
    *,
    line: int | None = None,
    column: int | None = None,
    source: str = "",
    hint: str = "",
) -> InvalidInput:
    problem = Problem(message=message, line=line, column=column, source=source, hint=hint)
    return InvalidInput(str(problem), (problem,))


def _position_at(before: str) -> tuple[int, int]:
    """Return line and column, from 1, of what follows ``before``."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    return text if event.style or event.tag else plain_value(text)


def plain_value(text: str) -> object:
    """Return what a scalar without quotes and tag means: nothing, a truth, a number, or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) < 20:
        return int(text)
    return WrittenFloat(text) if _FLOAT.match(text) and len(text) < 40 else text


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class _Composer:
    """Consumes parser events; recursion is bounded by MAX_DEPTH."""

    def __init__(self, events: Iterator[yaml.Event], source: str) -> None:
        self.events = events
        self.source = source
        self.places: dict[Path, Place] = {}
        self.anchors: dict[str, tuple[object, int]] = {}
        self.nodes = 0

    def compose(self) -> Tree:
        value: object = {}
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.fault("a second document starts here; use one file each", event)
                first = next(self.events)
                value = self.node(first, (), first)
        if not documents:
            self.places[()] = Place(1, 1, 1, 1)
        return Tree(value=value, places=self.places)

    def fault(self, message: str, event: yaml.Event, hint: str = "") -> InvalidInput:
        line, column = _position(event)
        return _fault(message, line=line, column=column, source=self.source, hint=hint)

    def count(self, event: yaml.Event, nodes: int = 1) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self.fault(
                f"more than {MAX_NODES:,} values after aliases are expanded", event, "is it a bomb?"
            )

    def node(self, event: yaml.Event, path: Path, key: yaml.Event) -> object:
        self.places[path] = Place(*_position(event), *_position(key))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        self.count(event)
        before = self.nodes - 1
        value = self.collect(event, path)
        if anchor := getattr(event, "anchor", None):
            self.anchors[anchor] = (value, self.nodes - before)
        return value

    def alias(self, event: yaml.AliasEvent) -> object:
        if event.anchor not in self.anchors:
            raise self.fault(f"alias *{event.anchor} has no anchor before it", event)
        value, nodes = self.anchors[event.anchor]
        self.count(event, nodes)
        return value

    def acceptable(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag and tag not in _TAGS:
            tag = tag[:80].replace("tag:yaml.org,2002:", "!!")
            raise self.fault(f"the tag {tag} is not understood", event, "remove it")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_SCALAR:
            raise self.fault(
                f"a value of {len(event.value):,} characters; at most {MAX_SCALAR:,} are allowed",
                event,
            )

    def collect(self, event: yaml.Event, path: Path) -> object:
        self.acceptable(event)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if len(path) >= MAX_DEPTH:
            raise self.fault(f"nested deeper than {MAX_DEPTH} levels", event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path)
        return self.mapping(path)

    def sequence(self, path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items)), event))
        return items

    def mapping(self, path: Path) -> dict[str, object]:
        items: dict[str, object] = {}
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self.fault("a key must be a plain word", key)
            self.count(key)
            self.acceptable(key)
            name: str = key.value
            if name in items:
                first = self.places[(*path, name)]
                raise self.fault(
                    f"the key {name!r} stands here a second time (first in line {first.key_line})",
                    key,
                    "remove one or rename it",
                )
            items[name] = self.node(next(self.events), (*path, name), key)
        return items
