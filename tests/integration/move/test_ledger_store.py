"""The ledger in a real PostgreSQL: small, durable where it must be, and never in the way of the copying."""

from __future__ import annotations

import hashlib
import resource
from array import array
from dataclasses import replace

import psycopg
import pytest

from switchover.errors import Conflict
from switchover.move import queries
from switchover.move.append_batches import BatchLimits, batches
from switchover.move.canonical import Form
from switchover.move.segment import Row, RowKind, Segment, Skip, SkipReason, reflagged, skipped
from switchover.move.work.append import Sent
from switchover.move.work.ledger_store import FolderRows, LedgerStore, fresh_rows
from switchover.move.work.mailbox import Mails
from switchover.move.work.recording import Recorder
from switchover.store.pool import Database
from switchover.wire.imap.internal_date import InternalDate

FLAGS = ((), ("\\Seen",), ("\\Answered", "\\Seen"), ("$Forwarded", "\\Seen"), ("\\Flagged", "work"))
TABLES = ("copy_pair", "copy_folder", "ledger_row", "ledger_intent")


def made(count: int, seed: int) -> Mails:
    """Mails as a mailbox of some years has them: sizes and gaps between dates that repeat nowhere."""
    mails = Mails()
    at = 1_300_000_000 + seed * 7919
    for number in range(count):
        spread = int.from_bytes(hashlib.sha256(b"%d %d" % (seed, number)).digest()[:4], "big")
        at += spread % 40_000
        mails.uids.append(2 * number + 1 if number % 7 else 2 * number)
        mails.flags.append(FLAGS[spread % 11 % len(FLAGS)])
        mails.sizes.append(600 + spread % 90_000)
        mails.seconds.append(at)
        mails.zones.append(60 if spread % 3 else 120)
    return mails


async def copy(store: LedgerStore, rows: FolderRows, mails: Mails, *, floor: int = 1) -> None:
    """Do what the pump does, without servers: every batch is stored under the next UIDs."""
    sizes = dict(zip(mails.uids, mails.sizes, strict=True))
    recorder = Recorder(store=store, rows=rows, floor=floor)
    sent = {
        uid: Sent(uid=uid, size=size, digest=hashlib.sha256(b"%d" % uid).digest()[:16], flags=flags, date=date)
        for uid, size, flags, date in zip(mails.uids, mails.sizes, mails.flags, mails.dates, strict=True)
    }  # fmt: skip
    appends = batches(mails.uids, sizes, BatchLimits())
    async for batch in recorder.intended(appends, mails):
        batch.sent = {uid: sent[uid] for uid in batch.uids}
        batch.stored = {uid: floor + at for at, uid in enumerate(batch.uids)}
        floor += len(batch.uids)
        recorder.take(batch)
    recorder.flush()


async def opened(store: LedgerStore, *names: bytes) -> list[FolderRows]:
    known = await store.add_folders([(name, name) for name in names])
    return [await store.load(known[name]) for name in names]


async def table_bytes(dsn: str) -> dict[str, int]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return {
            table: (
                await (
                    await connection.execute("select pg_total_relation_size(%s)", (table,))
                ).fetchone()
                or (0,)
            )[0]
            for table in TABLES
        }


async def test_a_mail_takes_at_most_48_bytes_all_told(
    database: Database, database_url: str
) -> None:
    """Two mailboxes of 20,000 mails in 20 folders, then some increments, each a run of its own."""
    empty = await table_bytes(database_url)
    count, begun = 0, resource.getrusage(resource.RUSAGE_SELF)
    for mailbox in range(2):
        async with await LedgerStore.open(database, f"a{mailbox}", "b") as store:
            names = [b"folder %d" % number for number in range(20)]
            for number, rows in enumerate(await opened(store, *names)):
                await copy(store, rows, made(250 + number * 79, number))
                store.fold(rows)
                store.save_complete(replace(rows.folder, source_uid_next=10**6))
                count += 250 + number * 79
    ended = resource.getrusage(resource.RUSAGE_SELF)
    spent = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
    after = await table_bytes(database_url)
    print(f"{spent / count * 1e6:.1f} us of our CPU a mail, {after} after {empty}")
    assert count >= 40_000
    assert sum(after.values()) / count <= 48
    for run in range(30):
        async with await LedgerStore.open(database, "a0", "b") as store:
            (rows,) = await opened(store, b"folder 3")
            fresh = made(3, run)
            fresh.uids = array("q", [10_000 + 10 * run + at for at in range(3)])
            await copy(store, rows, fresh, floor=10_000 + 10 * run)
            store.write(rows, reflagged({10_000 + 10 * run: ("\\Seen",)}))
            store.fold(rows)
        count += 3
    later = await table_bytes(database_url)
    assert sum(later.values()) / count <= 48


async def test_what_was_written_comes_back_and_thousands_of_increments_do_not_pile_up(
    database: Database,
) -> None:
    async with await LedgerStore.open(database, "a", "b") as store:
        (rows,) = await opened(store, b"INBOX")
        await copy(store, rows, made(500, 1))
    expected = dict(zip(made(500, 1).uids, range(1, 501), strict=True))
    for run in range(150):
        async with await LedgerStore.open(database, "a", "b") as store:
            (rows,) = await opened(store, b"INBOX")
            fresh = made(1, run)
            fresh.uids = array("q", [5_000 + run])
            await copy(store, rows, fresh, floor=5_000 + run)
            store.fold(rows)
        expected[5_000 + run] = 5_000 + run
    (rows,) = await opened(store, b"INBOX")
    assert rows.ledger.by_source_uid() == expected
    assert len(rows.rows) < 30
    assert rows.ledger.open_rows == ()


async def test_an_intent_is_there_before_its_mails_and_gone_with_their_answer(
    database: Database,
) -> None:
    mails = made(2_000, 1)
    async with await LedgerStore.open(database, "a", "b") as store:
        (rows,) = await opened(store, b"INBOX")
        recorder = Recorder(store=store, rows=rows, floor=7)
        appends = batches(mails.uids, None, BatchLimits(mails_at_most=100))
        batch = await anext(recorder.intended(appends, mails))
        other = await LedgerStore.open(database, "a", "b")
        seen = (await opened(other, b"INBOX"))[0]
        intended = [row for row in seen.rows if row.kind is RowKind.INTENDED]
        assert [row.floor for row in intended] == [7, 7]
        assert set(batch.uids) < {
            uid for row in seen.rows for uid in Segment(row.packed).source_uids
        }
        recorder.flush()


async def test_a_mail_stored_under_an_open_intent_is_not_in_doubt(database: Database) -> None:
    mails = made(300, 1)
    async with await LedgerStore.open(database, "a", "b") as store:
        (rows,) = await opened(store, b"INBOX")
        recorder = Recorder(store=store, rows=rows, floor=1)
        appends = batches(mails.uids, None, BatchLimits(mails_at_most=100))
        taken = [batch async for batch in recorder.intended(appends, mails)]
        first = taken[0]
        date = InternalDate(0, 0)
        first.sent = {
            uid: Sent(uid=uid, size=1, digest=b"x" * 16, flags=(), date=date) for uid in first.uids
        }
        first.stored = {uid: uid for uid in first.uids[:-1]}
        first.refused = {first.uids[-1]: Skip(SkipReason.REFUSED, "no")}
        recorder.take(first)
        recorder.flush()
    (again,) = await opened(await LedgerStore.open(database, "a", "b"), b"INBOX")
    assert len(again.ledger.open_rows) == 1
    assert all(again.ledger.knows(uid) for uid in first.uids)
    assert not any(again.ledger.knows(uid) for uid in taken[1].uids)


async def test_the_form_of_a_pair_is_chosen_once(database: Database) -> None:
    first = await LedgerStore.open(database, "a", "b", form=Form.LINES)
    second = await LedgerStore.open(database, "a", "b", form=Form.STRUCTURE)
    other = await LedgerStore.open(database, "a", "c", form=Form.STRUCTURE)
    assert (first.form, second.form, other.form) == (Form.LINES, Form.LINES, Form.STRUCTURE)


async def test_new_uidvalidity_and_new_rows_come_together(database: Database) -> None:
    async with await LedgerStore.open(database, "a", "b") as store:
        (rows,) = await opened(store, b"INBOX")
        await copy(store, rows, made(10, 1))
        await store.durable()
        store.replace_all(rows, [skipped({4: Skip(SkipReason.EMPTY)})])
        store.save_validity(rows, 7, 8)
    (again,) = await opened(await LedgerStore.open(database, "a", "b"), b"INBOX")
    assert (again.folder.source_uid_validity, again.folder.target_uid_validity) == (7, 8)
    assert (again.ledger.known(), again.ledger.skipped) == ([], {4: Skip(SkipReason.EMPTY)})


async def test_an_intent_is_never_dropped_for_another_of_its_number(database: Database) -> None:
    async with await LedgerStore.open(database, "a", "b") as store:
        (rows,) = await opened(store, b"INBOX")
        number = store.write(rows, Row(RowKind.INTENDED, b"one", floor=1))
        await store.durable()
    async with database.transaction() as connection:
        same = [(rows.folder.id, number, Row(RowKind.INTENDED, b"one", floor=1))]
        await queries.write_intents(connection, same)  # as after a database that was away

    async def write_another() -> None:
        async with await LedgerStore.open(database, "a", "b") as other:
            other.write(fresh_rows(rows.folder), Row(RowKind.INTENDED, b"two", floor=1))

    with pytest.raises(Conflict, match="other mails on their way"):
        await write_another()
