"""Lists of the API: each reads in pages, and exports to its end.

A route says how its list is read from a place on; ``Listing`` makes the page with the place where the
next one begins, or the CSV file. The file is read page by page while it is sent: no export is held
whole, and none keeps a connection to the database while a slow client reads.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, Protocol, TypeAlias, TypeVar

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from pydantic import StringConstraints

from switchover import clock
from switchover.edges.api.spreadsheet import head_line, row_lines

EXPORT_ROWS = 1000
"""Rows that an export reads at once: some milliseconds of work between two looks at other requests."""

Place = TypeVar("Place", str, int)
Row: TypeAlias = dict[str, Any]
Answer: TypeAlias = dict[str, Any] | Response


class Format(StrEnum):
    """How a list is given."""

    JSON = "json"
    CSV = "csv"


Form = Annotated[
    Format,
    Query(
        alias="format",
        description="`csv`: a file with all that follows, or with `limit` of it; text that a "
        "spreadsheet would take for a formula gets an apostrophe in front.",
    ),
]
_NO_ZERO = r"^[^\x00]*$"
"""PostgreSQL has no text with a zero byte."""
Word = Annotated[str, StringConstraints(max_length=200, pattern=_NO_ZERO)]
_Cursor = Annotated[str, StringConstraints(max_length=2000, pattern=_NO_ZERO)]
Name = Annotated[Word | None, Query(description="Only this one.")]
Part = Annotated[Word | None, Query(description="Only those with this in their name, in any case.")]
After = Annotated[
    _Cursor | None, Query(description="Where to go on: `after` of the answer before.")
]
Before = Annotated[
    _Cursor | None, Query(description="Where to go on: `before` of the answer before.")
]
Older = Annotated[
    int | None,
    Query(ge=1, le=2**63 - 1, description="Where to go on: `before` of the answer before."),
]
CSV_TOO: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page, or the file.", "content": {"text/csv": {}}}
}
"""For routes: what else status 200 may bring."""


def _as_it_is(row: Row) -> Iterable[Row]:
    return (row,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Place]):
    """A list: how it is called, how it is read, and what its lines in a file are.

    ``read`` returns up to so many rows after a place, None for the beginning; ``place`` is the place
    after a row, in an answer under the name ``cursor``. ``lines`` spreads a row that holds others over
    several lines. ``file_name`` is a word for the file's name where the list's own does not say enough.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[Place | None, int], Awaitable[list[Row]]]
    place: Callable[[Row], Place]
    cursor: str = "after"
    file_name: str = ""
    lines: Callable[[Row], Iterable[Row]] = _as_it_is

    async def answer(
        self, form: Format, *, start: Place | None, limit: int | None, default: int, **more: object
    ) -> Answer:
        """Return a page with the place where the next begins, null at the end; or the file."""
        if form is Format.CSV:
            return await self.file(form, start=start, limit=limit)
        rows, following = await self._page(start, limit or default)
        return {**more, self.name: rows, self.cursor: following}

    async def _page(self, start: Place | None, limit: int) -> tuple[list[Row], Place | None]:
        rows = await self.read(start, limit + 1)
        shown = rows[:limit]
        return shown, self.place(shown[-1]) if len(rows) > limit else None

    async def file(
        self, form: Format, *, start: Place | None = None, limit: int | None = None
    ) -> Response:
        """Return the list from a place on as a file, sent while it is read."""
        # The first page before the answer begins, so that what fails gets an answer of its own.
        page = await self._page(start, _at_once(limit))
        return file_answer(
            self.file_name or self.name, self.columns, self._pages(page, limit), form, self.lines
        )

    async def _pages(
        self, page: tuple[list[Row], Place | None], left: int | None
    ) -> AsyncIterator[list[Row]]:
        while True:
            rows, following = page
            yield rows
            left = None if left is None else left - len(rows)
            if following is None or left == 0:
                return
            page = await self._page(following, _at_once(left))


def file_answer(
    name: str,
    columns: Sequence[str],
    pages: AsyncIterator[Sequence[Row]],
    form: Format,
    lines: Callable[[Row], Iterable[Row]] = _as_it_is,
) -> Response:
    """Return rows as a file to keep, named after its list and this moment."""
    file = f"switchover-{name}-{clock.now():%Y%m%dT%H%M%SZ}.{form}"
    return StreamingResponse(
        _csv(columns, pages, lines) if form is Format.CSV else _json(pages),
        media_type="text/csv" if form is Format.CSV else "application/json",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


async def _csv(
    columns: Sequence[str],
    pages: AsyncIterator[Sequence[Row]],
    lines: Callable[[Row], Iterable[Row]],
) -> AsyncIterator[str]:
    yield head_line(columns)
    async for rows in pages:
        yield row_lines(columns, (line for row in rows for line in lines(row)))


async def _json(pages: AsyncIterator[Sequence[Row]]) -> AsyncIterator[str]:
    start = "[\n"
    async for rows in pages:
        if rows:
            written = (json.dumps(row, default=_json_value, ensure_ascii=False) for row in rows)
            yield start + ",\n".join(written)
            start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _at_once(left: int | None) -> int:
    return EXPORT_ROWS if left is None else min(left, EXPORT_ROWS)


class ReadByTime(Protocol):
    """Reads rows by time: those ``before`` a number, or ``beyond`` it where the oldest come first."""

    async def __call__(
        self, *, filters: Mapping[str, object], limit: int, oldest_first: bool
    ) -> list[Row]:
        """Return up to ``limit`` rows that fit the filters."""


def list_by_time(
    name: str,
    columns: tuple[str, ...],
    read: ReadByTime,
    filters: Mapping[str, object],
    *,
    number: str,
    oldest_first: bool = False,
) -> Listing[int]:
    """Return a list of rows by time, newest first, each with its place in the column ``number``."""
    place = "beyond" if oldest_first else "before"

    async def read_from(start: int | None, rows: int) -> list[Row]:
        return await read(filters={**filters, place: start}, limit=rows, oldest_first=oldest_first)

    return Listing(
        name=name,
        columns=columns,
        read=read_from,
        place=lambda row: int(row[number]),
        cursor="before",
    )
