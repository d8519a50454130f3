"""The ledger in the database: rows become durable in groups, beside the copying and not in its way.

``write`` and its like return at once; ``durable`` waits. One task writes, in the order given, so a row
never overtakes the one that it replaces, and everything given while one transaction ran goes into the next.
Only intents wait for the disk (research D.3): any other row that a crash of the database takes back leaves
an intent behind, or something that the next listing shows again.

Everything that is written may be written twice, so a database that was away is simply tried again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from switchover import clock
from switchover.errors import Unavailable
from switchover.move import queries
from switchover.move.canonical import Form
from switchover.move.ledger import replay
from switchover.move.segment import RowKind
from switchover.store.disk import NoSpace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.ledger import FolderLedger
    from switchover.move.queries import CopyFolder
    from switchover.move.segment import Row
    from switchover.store.pool import Database

PATIENCE_SECONDS = 30.0
"""How long a database may be away before the copying ends."""
_FULL_PATIENCE_SECONDS = 5.0
"""And one whose disk is full: hardly ever does that pass by itself."""
_PAUSE_SECONDS = 0.3
_LONG_STATEMENT_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class FolderRows:
    """The rows of one folder in their order, intended ones last, and the number that the next one gets."""

    folder: CopyFolder
    ledger: FolderLedger
    numbers: list[int]
    rows: list[Row]
    following: int
    has_news: bool = False
    """Rows were written since it was loaded."""


def fresh_rows(folder: CopyFolder) -> FolderRows:
    """Return the rows of a folder of which the ledger has never known a UIDVALIDITY: there are none."""
    return FolderRows(folder=folder, ledger=replay([]), numbers=[], rows=[], following=1)


@dataclass(slots=True, kw_only=True)
class _Pending:
    """What the next transaction writes, in this order."""

    validities: list[tuple[int, int, int]] = field(default_factory=list)
    rows: list[tuple[int, int, Row]] = field(default_factory=list)
    dead_rows: list[tuple[int, int]] = field(default_factory=list)
    intents: list[tuple[int, int, Row]] = field(default_factory=list)
    dead_intents: list[tuple[int, int]] = field(default_factory=list)
    complete: list[CopyFolder] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class LedgerStore:
    """Writes ledger rows for one pair of mailboxes; use as a context."""

    database: Database
    pair_id: int
    form: Form = Form.EXACT
    patience_seconds: float = PATIENCE_SECONDS
    _pending: _Pending = field(default_factory=_Pending)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _written: int = 0
    _given: int = 0
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None
    _failure: BaseException | None = None
    _has_litter: bool = False

    @classmethod
    async def open(
        cls, database: Database, source_key: str, target_key: str, *, form: Form = Form.EXACT
    ) -> Self:
        """Return the store of a pair, new or known; ``form`` holds for a new one, a known one has its own."""
        async with database.transaction() as connection:
            pair_id = await queries.find_or_add_pair(
                connection, source_key, target_key, clock.now()
            )
            chosen = Form(await queries.find_or_set_form(connection, pair_id, form.value))
        return cls(database=database, pair_id=pair_id, form=chosen)

    async def __aenter__(self) -> Self:
        """Start writing."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_reason: object) -> None:
        """Write what is left, give back the room of what is finished, and stop."""
        try:
            await self.durable()
            if self._has_litter:
                await self._tidy()
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
        """Return the ledger of a folder, with everything written so far."""
        if self._written < self._given:
            await self.durable()
        async with self.database.transaction(statement_seconds=_LONG_STATEMENT_SECONDS) as one:
            numbers, rows = await queries.load_rows(one, folder.id)
        return FolderRows(
            folder=folder,
            ledger=replay(rows),
            numbers=numbers,
            rows=rows,
            following=max(numbers, default=0) + 1,
        )

    async def load_sharing(self, rows: FolderRows, target_uid_validity: int) -> list[FolderLedger]:
        """Return the ledgers of other folders that are copied into the same target folder."""
        await self.durable()
        async with self.database.transaction(statement_seconds=_LONG_STATEMENT_SECONDS) as one:
            folders = await queries.list_sharing_folders(one, rows.folder.id, target_uid_validity)
            return [replay((await queries.load_rows(one, folder))[1]) for folder in folders]

    async def find_begin(self) -> int | None:
        """Return when the pair was copied first, in UTC seconds."""
        async with self.database.transaction() as one:
            return await queries.find_pair_begin(one, self.pair_id)

    def write(self, rows: FolderRows, row: Row) -> int:
        """Have a row written behind all others and return its number; an intended one stays until ``finish``."""
        number, rows.following = rows.following, rows.following + 1
        rows.numbers.append(number)
        rows.rows.append(row)
        is_intent = row.kind is RowKind.INTENDED
        place = self._pending.intents if is_intent else self._pending.rows
        place.append((rows.folder.id, number, row))
        rows.has_news = True
        self._note()
        return number

    def finish(self, rows: FolderRows, numbers: Iterable[int]) -> None:
        """Have intents deleted of which it is known what became of their mails."""
        gone = set(numbers)
        if not gone:
            return
        self._has_litter = True
        self._pending.dead_intents += [(rows.folder.id, number) for number in sorted(gone)]
        kept = [at for at, number in enumerate(rows.numbers) if number not in gone]
        rows.rows = [rows.rows[at] for at in kept]
        rows.numbers = [rows.numbers[at] for at in kept]
        self._note()

    def fold(self, rows: FolderRows) -> None:
        """Have many small rows of a folder become few, where that pays."""
        if not rows.has_news:
            return
        from switchover.move.folding import fold  # noqa: PLC0415 - start-up time

        better = fold(rows.rows)
        if better is None:
            return
        numbers = [rows.numbers[at] for at in better.replaced]
        kept = numbers[len(numbers) - len(better.rows) :]
        self._pending.rows += [
            (rows.folder.id, number, row) for number, row in zip(kept, better.rows, strict=True)
        ]
        self._pending.dead_rows += [(rows.folder.id, one) for one in numbers[: -len(kept) or None]]
        rows.has_news = False
        self._note()

    def replace_all(self, rows: FolderRows, fresh: Sequence[Row]) -> None:
        """Have all rows of a folder, intended ones too, replaced by others in one transaction."""
        folder = rows.folder.id
        for number, row in zip(rows.numbers, rows.rows, strict=True):
            is_intent = row.kind is RowKind.INTENDED
            place = self._pending.dead_intents if is_intent else self._pending.dead_rows
            place.append((folder, number))
        rows.numbers, rows.rows = [], []
        for row in fresh:
            self.write(rows, row)
        rows.ledger = replay(rows.rows)

    def save_validity(self, rows: FolderRows, source: int, target: int) -> None:
        """Note what the UIDs of both sides mean from now on."""
        known = (rows.folder.source_uid_validity, rows.folder.target_uid_validity)
        if known != (source, target):
            rows.folder = replace(
                rows.folder, source_uid_validity=source, target_uid_validity=target
            )
            self._pending.validities.append((rows.folder.id, source, target))
            self._note()

    def save_complete(self, folder: CopyFolder) -> None:
        """Note that a folder is complete, behind everything written so far."""
        self._pending.complete.append(folder)
        self._note()

    @property
    def has_failed(self) -> bool:
        """True when nothing can be written any more: this store is over, a new one must be opened."""
        return self._failure is not None

    @property
    def given(self) -> int:
        """A mark of everything given so far, for ``durable``."""
        return self._given

    async def durable(self, mark: int | None = None) -> None:
        """Wait until everything given up to ``mark`` (by default: so far) is written.

        Intents are on disk then. Raises what kept it from being written.
        """
        wanted = self._given if mark is None else mark
        if self._written < wanted:
            async with self._moved:
                await self._moved.wait_for(lambda: self._written >= wanted or self._failure)
        if self._failure is not None and self._written < wanted:
            raise self._failure

    def _note(self) -> None:
        self._given += 1
        self._wake.set()

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
        batch, self._pending, mark = self._pending, _Pending(), self._given
        begun = clock.monotonic()
        while True:
            try:
                await self._write(batch)
                break
            except Unavailable as error:
                patience = self.patience_seconds
                if isinstance(error, NoSpace):
                    patience = min(patience, _FULL_PATIENCE_SECONDS)
                if clock.monotonic() > begun + patience:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
        async with self._moved:
            self._written = mark
            self._moved.notify_all()

    async def _write(self, batch: _Pending) -> None:
        async with self.database.transaction() as connection:
            if not batch.intents:
                await queries.commit_later(connection)
            if batch.validities:
                await queries.save_validities(connection, batch.validities)
            if batch.rows:
                await queries.write_rows(connection, batch.rows)
            if batch.dead_rows:
                await queries.delete_rows(connection, batch.dead_rows)
            if batch.intents:
                await queries.write_intents(connection, batch.intents)
            if batch.dead_intents:
                await queries.delete_intents(connection, batch.dead_intents)
            if batch.complete:
                await queries.save_complete(connection, batch.complete, clock.now())

    async def _tidy(self) -> None:
        # Whoever holds it up, or a database that goes now: the next one to end does it.
        with suppress(Unavailable):
            async with self.database.transaction() as connection:
                await queries.vacuum_intents(connection)
