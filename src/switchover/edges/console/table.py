"""What every list page has: columns, filters, sorting, pages, export links. Pure.

The whole state of a list stands in its address, so that it can be kept and sent to others. A page
describes its list once as a ``ListSpec``, reads the request into a ``ListQuery``, fetches the rows, and
gives ``Table`` to the macros of ``table.html``.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from switchover.errors import InvalidInput

ROWS = 100
_LONGEST = 200
_LONGEST_PLACE = 2000


class Align(StrEnum):
    """On which side a column's values stand; numbers at the end."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; ``key`` is its word in addresses, ``is_sortable`` makes its head a link."""

    key: str
    title: str
    is_sortable: bool = False
    align: Align = Align.START


class FilterKind(StrEnum):
    """How a filter is chosen."""

    TEXT = "text"
    CHOICE = "choice"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter; ``choices`` are value and title of each for ``CHOICE``. The empty value means all."""

    key: str
    title: str
    kind: FilterKind = FilterKind.TEXT
    choices: tuple[tuple[str, str], ...] = ()


def word_filter(key: str, title: str, words: Iterable[str]) -> Filter:
    """Return a filter by one of these words, which are shown as they stand in addresses."""
    return Filter(
        key=key,
        title=title,
        kind=FilterKind.CHOICE,
        choices=tuple((str(word), str(word)) for word in words),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpec:
    """What a list can do. ``sort`` is the order without a choice, ``-`` in front for descending."""

    path: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    exports: tuple[str, ...] = ("csv", "json")
    rows: int = ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What somebody wants to see of a list; ``place`` is a cursor, ``page`` counts from 1."""

    spec: ListSpec
    filters: Mapping[str, str]
    sort: str
    page: int = 1
    place: str | None = None
    form: str | None = None

    def get(self, key: str) -> str | None:
        """Return the value of a filter, None where it is not set."""
        return self.filters.get(key) or None

    def place_number(self) -> int | None:
        """Return the cursor as a number, None at the start; raises InvalidInput for one that is none."""
        if self.place is None:
            return None
        if not (self.place.isascii() and self.place.isdigit() and len(self.place) < 19):
            raise InvalidInput(f"{self.place[:20]!r} is no place in the list; begin at its start")
        return int(self.place)

    @property
    def sort_key(self) -> str:
        """The column in whose order the rows stand."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """True when the greatest value stands first."""
        return self.sort.startswith("-")

    @property
    def is_filtered(self) -> bool:
        """True when some rows may be left out."""
        return any(self.filters.values())

    def link(self, **changes: str | int | None) -> str:
        """Return the address with ``changes``; a new filter or order begins at the first row."""
        now = {**self.filters, "sort": self.sort if self.sort != self.spec.sort else ""}
        kept = {**now, **{key: str(value or "") for key, value in changes.items()}}
        words = urllib.parse.urlencode({key: value for key, value in kept.items() if value})
        return f"{self.spec.path}?{words}" if words else self.spec.path

    def sort_link(self, column: Column) -> str:
        """Return the address in the order of a column, the other way round when it is in force."""
        is_ascending = self.sort == column.key
        return self.link(sort=f"-{column.key}" if is_ascending else column.key)

    def direction(self, column: Column) -> str:
        """Return the value of ``aria-sort`` for a column's head."""
        if self.sort_key != column.key:
            return "none"
        return "descending" if self.is_descending else "ascending"


def read_query(spec: ListSpec, given: Mapping[str, str]) -> ListQuery:
    """Return what an address asks for; raises InvalidInput for what the list does not have."""
    sort = _text(given, "sort") or spec.sort
    sortable = {column.key for column in spec.columns if column.is_sortable}
    if sort != spec.sort and sort.removeprefix("-") not in sortable:
        raise InvalidInput(f"this list can not be sorted by {sort!r}; use the heads of its columns")
    form = _text(given, "format")
    if form and form not in spec.exports:
        raise InvalidInput(
            f"this list can not be had as {form!r}, only as {', '.join(spec.exports)}"
        )
    return ListQuery(
        spec=spec,
        filters={item.key: _filter(item, given) for item in spec.filters},
        sort=sort,
        page=_page(given),
        place=_text(given, "place", longest=_LONGEST_PLACE) or None,
        form=form or None,
    )


def _text(given: Mapping[str, str], key: str, *, longest: int = _LONGEST) -> str:
    text = given.get(key, "").strip()
    if len(text) > longest or not text.isprintable():
        raise InvalidInput(
            f"{key!r} is longer than {longest} characters or holds control characters"
        )
    return text


def _filter(item: Filter, given: Mapping[str, str]) -> str:
    text = _text(given, item.key)
    known = {value for value, _ in item.choices}
    if text and item.kind is FilterKind.CHOICE and text not in known:
        raise InvalidInput(f"{item.title}: {text!r} is none of {', '.join(sorted(known))}")
    return text


def _page(given: Mapping[str, str]) -> int:
    text = given.get("page", "") or "1"
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 0):
        raise InvalidInput(f"{text[:20]!r} is no page; they are numbered from 1")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows to show. ``total`` where it is known; ``following`` is the cursor of the next page."""

    query: ListQuery
    rows: Sequence[Any]
    total: int | None = None
    following: str | None = None

    @property
    def first(self) -> int:
        """Number of the first row shown, from 1."""
        return (self.query.page - 1) * self.query.spec.rows + 1

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return self.first + len(self.rows) - 1

    @property
    def pages(self) -> int:
        """How many pages there are, 1 where that is not known."""
        return max(1, -(-(self.total or 0) // self.query.spec.rows))

    @property
    def next_link(self) -> str | None:
        """The address of what follows, None at the end."""
        if self.following is not None:
            return self.query.link(place=self.following)
        if self.total is not None and self.last < self.total:
            return self.query.link(page=self.query.page + 1)
        return None

    @property
    def back_link(self) -> str | None:
        """The address of what came before (of the beginning where places are cursors)."""
        if self.query.place is not None:
            return self.query.link()
        if self.query.page > 1:
            return self.query.link(page=self.query.page - 1 if self.query.page > 2 else None)
        return None


Keys = Mapping[str, Callable[[Any], Any]]
"""The value of a row by column, for those whose rows are no mapping with that column."""


def in_order(query: ListQuery, rows: Iterable[Any], keys: Keys | None = None) -> list[Any]:
    """Return rows that are all in memory sorted by the query's column; as they come without one."""
    found = list(rows)
    if query.sort_key:
        key = (keys or {}).get(query.sort_key, lambda row: row[query.sort_key])
        found.sort(key=lambda row: _comparable(key(row)), reverse=query.is_descending)
    return found


def cut(query: ListQuery, rows: Iterable[Any], *, keys: Keys | None = None) -> Table:
    """Return the page asked for of rows that are all in memory, in the order asked for."""
    found = in_order(query, rows, keys)
    start = (query.page - 1) * query.spec.rows
    return Table(query=query, rows=found[start : start + query.spec.rows], total=len(found))


def read_page(query: ListQuery, rows: Sequence[Any], *, place: Callable[[Any], object]) -> Table:
    """Return the page of rows that were read for it, one more than it shows where others follow.

    ``place`` is the cursor of a row: what the next page begins after.
    """
    shown = rows[: query.spec.rows]
    following = str(place(shown[-1])) if len(rows) > query.spec.rows else None
    return Table(query=query, rows=shown, following=following)


def _comparable(value: Any) -> tuple[bool, Any]:
    """Return what sorts texts without case, and nothing before everything."""
    return (value is not None, value.casefold() if isinstance(value, str) else value or 0)
