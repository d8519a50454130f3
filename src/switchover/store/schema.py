"""Whether a database has the schema that this code knows, without loading what would change it."""

from __future__ import annotations

from pathlib import Path

_STEPS = Path(__file__).with_name("migrations") / "versions"


def latest_version() -> str:
    """Return the number of the newest step, ``0002``."""
    return max(step.name[1:5] for step in _STEPS.glob("v[0-9][0-9][0-9][0-9]_*.py"))


async def is_current(dsn: str) -> bool:
    """Return whether nothing has to be migrated; False also when nobody can tell."""
    import psycopg  # noqa: PLC0415 - start-up time

    try:
        async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=5) as connection:
            cursor = await connection.execute(
                "-- version of the schema; no lock\nselect version_num from switchover_schema"
            )
            row = await cursor.fetchone()
    except psycopg.Error:
        return False
    return row is not None and row[0] == latest_version()
