"""One field of a form and the key of the platform file that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchover.model.platform_file.scalars import as_written
from switchover.model.platform_file.spec import Layout
from switchover.model.platform_file.writing import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.edges.console.form.values import Values

Plain = dict[str, Any]
_WHOLE = re.compile(r"[0-9]{1,18}\Z")
_BETWEEN = re.compile(r"[\s,;]+")
_BETWEEN_FILES = re.compile(r"[\n,;]+")


class Kind(StrEnum):
    """What is typed or chosen."""

    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    LIST = "list"
    FILES = "files"
    """File names, which may hold blanks."""
    CHOICE = "choice"
    SWITCH = "switch"
    """Off unless the file says so."""
    SWITCH_ON = "switch-on"
    """On unless the file says otherwise."""
    THREE_WAY = "three-way"
    """Yes, no, or as switchover decides."""


_LISTS = frozenset({Kind.LIST, Kind.FILES})


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field: the path of its key below the block, words for people, and the layouts it counts in."""

    path: tuple[str, ...]
    title: str
    kind: Kind = Kind.TEXT
    hint: str = ""
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    layouts: frozenset[Layout] = frozenset(Layout)
    needed: str = ""
    """What to say when it is empty, where it must not be."""
    takes: str = ""
    """``certificate``, ``authority`` or ``page``: a file can be sent for it."""

    @property
    def name(self) -> str:
        """Its name in the form: the path with dots."""
        return ".".join(self.path)

    @property
    def id(self) -> str:
        """Its id in the page."""
        return "field-" + "-".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFault:
    """What is wrong with a field and what to do; ``field`` is "" for the form as a whole."""

    field: str
    message: str
    hint: str = ""


def read_field(field: FormField, values: Values) -> Any:
    """Return the plain value that a field asks for, None where it leaves its key out.

    Never refuses: what is no number stays text, and the platform file's rules say what is wrong with it.
    """
    if field.kind is Kind.SWITCH:
        return True if values.has(field.name) else None
    if field.kind is Kind.SWITCH_ON:
        return None if values.has(field.name) else False
    text = values.get(field.name).strip()
    if not text:
        return None
    if field.kind in _LISTS:
        listed = entries(field, text)
        return listed[0] if field.kind is Kind.FILES and len(listed) == 1 else listed
    if field.kind is Kind.THREE_WAY:
        return {"yes": True, "no": False}.get(text)
    if field.kind in {Kind.NUMBER, Kind.DURATION}:
        return number(text)
    return text


def show_field(field: FormField, value: Any) -> tuple[str, ...]:
    """Return the texts that show a plain value; None is a key that is left out."""
    if field.kind is Kind.SWITCH:
        return ("yes",) if value is True else ()
    if field.kind is Kind.SWITCH_ON:
        return () if value is False else ("yes",)
    if value is None:
        return ()
    if field.kind is Kind.THREE_WAY:
        return ("yes" if value else "no",)
    if field.kind in _LISTS:
        listed = value if isinstance(value, list) else [value]
        return ("\n".join(shown(item) for item in listed),)
    return (shown(value),)


def shown(value: Any) -> str:
    """Return a scalar as it is written in the file, without quotes."""
    written = as_written(value)
    return written if isinstance(written, str) else scalar_text(written)


def number(text: str) -> Any:
    """Return a whole number, other text as it is: ``30`` and ``30s``."""
    return int(text) if _WHOLE.match(text) else text


def entries(field: FormField, text: str) -> list[str]:
    """Return what stands between commas, line ends and, but for file names, blanks."""
    between = _BETWEEN_FILES if field.kind is Kind.FILES or field.takes else _BETWEEN
    return [entry for part in between.split(text) if (entry := part.strip())]


def read_fields(fields: Iterable[FormField], values: Values, *, layout: str) -> Plain:
    """Return the keys that the fields ask for; those of other layouts are left out."""
    block: Plain = {}
    for field in fields:
        value = read_field(field, values) if layout in field.layouts else None
        if value is not None:
            put(block, field.path, value)
    return block


def show_fields(fields: Iterable[FormField], block: Plain) -> dict[str, tuple[str, ...]]:
    """Return the texts of all fields for a block."""
    return {field.name: show_field(field, find(block, field.path)) for field in fields}


def missing(fields: Iterable[FormField], values: Values) -> list[FieldFault]:
    """Return a fault for each field that is empty and must not be."""
    return [
        FieldFault(field=field.name, message="is needed", hint=field.needed)
        for field in fields
        if field.needed and not values.get(field.name).strip()
    ]


def find(block: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at a path, None where nothing does."""
    for key in path:
        block = block.get(key) if isinstance(block, dict) else None
    return block


def put(block: Plain, path: tuple[str, ...], value: Any) -> None:
    """Set the value at a path, with the mappings above it."""
    for key in path[:-1]:
        block = block.setdefault(key, {})
    block[path[-1]] = value


def without(block: Plain, paths: Iterable[tuple[str, ...]]) -> Plain:
    """Return what is left of a block without these keys; mappings that become empty go too."""
    gone = set(paths)
    return _without(block, gone, ())


def _without(block: Plain, gone: set[tuple[str, ...]], above: tuple[str, ...]) -> Plain:
    left: Plain = {}
    for key, value in block.items():
        path = (*above, key)
        if path in gone:
            continue
        inner = _without(value, gone, path) if isinstance(value, dict) else value
        if inner != {} or value == {}:
            left[key] = inner
    return left
