"""A new cluster is a copy of an earlier one that was put by empty, or is made where there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from switchover.move import queries
from switchover.settings import Settings, read_settings
from switchover.store.borrowed import borrow_database
from switchover.store.embedded import template

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(short_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = short_directory / "cache"
    monkeypatch.setattr(template, "cache_directory", lambda: place)
    return place


def settings_in(directory: Path) -> Settings:
    return read_settings({}, data=directory)


async def identity(settings: Settings, *, write: bool = False) -> tuple[int, int]:
    """Return what tells clusters apart, and how many pairs of mailboxes this one knows."""
    async with borrow_database(settings) as database, database.transaction() as connection:
        if write:
            await queries.find_or_add_pair(connection, "a", "b", datetime.now(UTC))
        cursor = await connection.execute("select system_identifier from pg_control_system()")
        row = await cursor.fetchone()
        count = await (await connection.execute("select count(*) from copy_pair")).fetchone()
    assert row
    assert count
    return row[0], count[0]


async def test_the_second_directory_gets_a_copy_without_what_the_first_one_holds(
    short_directory: Path, cache: Path
) -> None:
    first = await identity(settings_in(short_directory / "one"), write=True)
    assert first[1] == 1
    assert len(list(cache.glob("cluster-*"))) == 1
    assert await identity(settings_in(short_directory / "two")) == (first[0], 0)
    assert await identity(settings_in(short_directory / "one")) == first


@pytest.mark.parametrize("harm", ["open to others", "no version", "cut"])
async def test_a_copy_that_can_not_be_trusted_is_not_used(
    short_directory: Path, cache: Path, harm: str
) -> None:
    first = await identity(settings_in(short_directory / "one"))
    (kept,) = cache.glob("cluster-*")
    match harm:
        case "open to others":
            cache.chmod(0o777)
        case "no version":
            (kept / "PG_VERSION").unlink()
        case _:
            kept.rename(cache / "elsewhere")
    other = await identity(settings_in(short_directory / "two"))
    assert other[0] != first[0]
    assert other[1] == 0


async def test_a_cache_that_can_not_be_written_keeps_nobody_from_working(
    short_directory: Path, cache: Path
) -> None:
    cache.write_text("a file where the directory should be")
    assert (await identity(settings_in(short_directory / "one")))[1] == 0
