"""Rows as dataclasses: the columns of a query are the fields of the type, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString, TypeAlias, TypeVar

from psycopg import sql
from psycopg.rows import class_row

if TYPE_CHECKING:
    from psycopg.abc import Params

    from switchover.store.pool import Connection

Statement: TypeAlias = LiteralString | sql.SQL | sql.Composed
T = TypeVar("T")


async def list_rows(
    connection: Connection, row: type[T], query: Statement, parameters: Params | None = None
) -> list[T]:
    """Return all rows of ``query`` in its order, each as a ``row``.

    Raises:
        TypeError: columns and fields have different names; that is a bug in the query.
    """
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def find_row(
    connection: Connection, row: type[T], query: Statement, parameters: Params | None = None
) -> T | None:
    """Return the first row of ``query`` as a ``row``, None when there is none."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchone()
