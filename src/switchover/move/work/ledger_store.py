"""The ledger in the database: rows become durable in groups, beside the copying and not in its way.

``write`` gives a row its number at once and returns; ``settled`` waits until everything written so far is
on disk. One task writes, in the order given, so a row never overtakes the one that it replaces.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from switchover import clock
from switchover.move import queries
from switchover.move.ledger import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.move.ledger import FolderLedger
    from switchover.move.queries import CopyFolder
    from switchover.move.segment import Row
    from switchover.store.pool import Database


@dataclass(slots=True, kw_only=True)
class FolderRows:
    """The rows of one folder: as loaded, and the number that the next one gets."""

    folder: CopyFolder
    ledger: FolderLedger
    numbers: list[int]
    rows: list[Row]
    following: int


@dataclass(slots=True, kw_only=True)
class LedgerStore:
    """Writes ledger rows for one pair of mailboxes; use as a context."""

    database: Database
    pair_id: int
    _pending: list[tuple[int, int, Row]] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _written: int = 0
    _given: int = 0
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None
    _failure: BaseException | None = None

    @classmethod
    async def open(cls, database: Database, source_key: str, target_key: str) -> Self:
        """Return the store of a pair, new or known."""
        async with database.transaction() as connection:
            pair_id = await queries.find_or_add_pair(
                connection, source_key, target_key, clock.now()
            )
        return cls(database=database, pair_id=pair_id)

    async def __aenter__(self) -> Self:
        """Start writing."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_reason: object) -> None:
        """Write what is left and stop."""
        try:
            await self.settled()
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)

    async def add_folders(self, names: Sequence[tuple[bytes, bytes]]) -> dict[bytes, CopyFolder]:
        """Note which folder goes where and return what is known of each, by its name on the source."""
        async with self.database.transaction() as connection:
            known = await queries.list_folders(connection, self.pair_id)
            fresh = [
                (source, target)
                for source, target in names
                if source not in known or known[source].target_name != target
            ]
            if fresh:
                await queries.add_folders(connection, self.pair_id, fresh)
                known = await queries.list_folders(connection, self.pair_id)
        return known

    async def load(self, folder: CopyFolder) -> FolderRows:
        """Return the ledger of a folder."""
        async with self.database.transaction() as connection:
            numbers, rows = await queries.load_rows(connection, folder.id)
        return FolderRows(
            folder=folder,
            ledger=replay(rows),
            numbers=numbers,
            rows=rows,
            following=max(numbers, default=0) + 1,
        )

    def write(self, rows: FolderRows, row: Row, *, number: int | None = None) -> int:
        """Have a row written, in the place of ``number`` or as a new one; return its number."""
        if number is None:
            number = rows.following
            rows.following += 1
        self._pending.append((rows.folder.id, number, row))
        self._given += 1
        self._wake.set()
        return number

    async def delete(self, rows: FolderRows, numbers: Sequence[int]) -> None:
        """Delete rows at once, behind everything written so far."""
        await self.settled()
        async with self.database.transaction() as connection:
            await queries.delete_rows(connection, rows.folder.id, numbers)

    async def save_validity(self, rows: FolderRows, source: int, target: int) -> None:
        """Note what the UIDs of both sides mean from now on."""
        async with self.database.transaction() as connection:
            await queries.save_validity(connection, rows.folder.id, source, target)

    async def save_complete(self, folder: CopyFolder) -> None:
        """Note that a folder is complete, behind everything written so far."""
        await self.settled()
        async with self.database.transaction() as connection:
            await queries.save_complete(connection, folder, clock.now())

    async def settled(self) -> None:
        """Wait until everything given so far is durable; raises what kept it from being."""
        wanted = self._given
        async with self._moved:
            await self._moved.wait_for(lambda: self._written >= wanted or self._failure)
        if self._failure is not None and self._written < wanted:
            raise self._failure

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._flush()
        except BaseException as error:
            self._failure = error
            async with self._moved:
                self._moved.notify_all()
            raise

    async def _flush(self) -> None:
        batch, self._pending = self._pending, []
        if batch:
            async with self.database.transaction() as connection:
                await queries.write_rows(connection, batch)
        async with self._moved:
            self._written += len(batch)
            self._moved.notify_all()
