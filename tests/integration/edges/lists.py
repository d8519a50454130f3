"""Reading the lists of the API whole: page by page, and as a file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import psycopg
from tests.integration.suite import Answer, Suite


async def execute(at: Suite, statement: str, *values: object) -> None:
    """Put rows in the database that no test could wait for."""
    dsn = at.environment["SWITCHOVER_DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(statement.encode(), values)


async def pages(
    at: Suite, path: str, key: str, *, cursor: str = "after", **query: str
) -> list[list[dict[str, Any]]]:
    """Return every page of a list; only the last may lead nowhere."""
    found: list[list[dict[str, Any]]] = []
    place: dict[str, str] = {}
    while True:
        body = await at.get(path, **{**query, **place})
        found.append(body[key])
        if body[cursor] is None:
            return found
        assert len(found) < 2000, "the cursor leads nowhere"
        place = {cursor: str(body[cursor])}


async def whole(
    at: Suite, path: str, key: str, *, cursor: str = "after", **query: str
) -> list[dict[str, Any]]:
    """Return every row of a list, read in pages."""
    found = await pages(at, path, key, cursor=cursor, **query)
    return [row for page in found for row in page]


async def file_of(at: Suite, path: str, **query: str) -> list[dict[str, str]]:
    """Return the lines of an export by their columns."""
    answer = await at.api("GET", path, format="csv", **query)
    return lines_of(answer)


def lines_of(answer: Answer) -> list[dict[str, str]]:
    """Return the lines of a file that the API gave."""
    assert answer.status == 200, answer.body
    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="switchover-')
    return read_csv(answer.body)


def read_csv(text: str) -> list[dict[str, str]]:
    """Return the lines of a file by their columns; every line has them all."""
    head, *lines = csv.reader(io.StringIO(text, newline=""))
    return [dict(zip(head, line, strict=True)) for line in lines]


def as_cells(row: dict[str, Any]) -> dict[str, str]:
    """Return a row of JSON as a file shows it."""
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():  # what a spreadsheet would take for a formula, other tests leave some behind
            return f"'{value}" if value[:1] in tuple("=+-@\t\r") else value
        case list():
            return " ".join(map(_cell, value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)
