"""Rows of the copier's tables to types and back. No decisions here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.errors import Conflict
from switchover.move.segment import Row, RowKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

_KINDS = tuple(RowKind)
_NUMBER_OF = {kind: number for number, kind in enumerate(_KINDS, 1)}


OTHER_FOLDER = -2
"""The target UIDVALIDITY of a folder that goes into another one from now on; none is like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFolder:
    """A folder pair as the database keeps it; see the table ``copy_folder``."""

    id: int
    source_name: bytes
    target_name: bytes
    source_uid_validity: int = 0
    target_uid_validity: int = 0
    source_uid_next: int = 0
    source_mod_seq: int = 0
    source_messages: int = 0
    fingerprint: bytes = b""
    target_uid_next: int = 0
    target_mod_seq: int = 0
    target_messages: int = 0
    terms: str = ""


async def find_or_add_pair(
    connection: AsyncConnection[Any], source_key: str, target_key: str, now: datetime
) -> int:
    """Return the id of a pair of mailboxes, new or known."""
    cursor = await connection.execute(
        """
        -- a pair of mailboxes, once; row lock
        insert into copy_pair (source_key, target_key, created_at)
        values (%s, %s, %s)
        on conflict (source_key, target_key) do update set source_key = excluded.source_key
        returning id
        """,
        (source_key, target_key, now),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an insert that returns has a row
    return int(row[0])


async def list_folders(connection: AsyncConnection[Any], pair_id: int) -> dict[bytes, CopyFolder]:
    """Return the folders of a pair by their name on the source."""
    cursor = await connection.execute(
        """
        -- folders of a pair; no lock
        select id, source_name, target_name, source_uid_validity, target_uid_validity,
               source_uid_next, source_mod_seq, source_messages, fingerprint,
               target_uid_next, target_mod_seq, target_messages, terms
        from copy_folder
        where pair_id = %s
        """,
        (pair_id,),
    )
    folders = [
        CopyFolder(
            id=row[0], source_name=bytes(row[1]), target_name=bytes(row[2]),
            source_uid_validity=row[3], target_uid_validity=row[4], source_uid_next=row[5],
            source_mod_seq=row[6], source_messages=row[7], fingerprint=bytes(row[8]),
            target_uid_next=row[9], target_mod_seq=row[10], target_messages=row[11], terms=row[12],
        )
        for row in await cursor.fetchall()
    ]  # fmt: skip
    return {folder.source_name: folder for folder in folders}


async def find_pair(
    connection: AsyncConnection[Any], source_key: str, target_key: str
) -> int | None:
    """Return the id of a pair of mailboxes, None for one that was never copied."""
    cursor = await connection.execute(
        """
        -- a known pair of mailboxes; no lock
        select id
        from copy_pair
        where source_key = %s and target_key = %s
        """,
        (source_key, target_key),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def find_pair_begin(connection: AsyncConnection[Any], pair_id: int) -> int | None:
    """Return when a pair was copied first, in UTC seconds."""
    cursor = await connection.execute(
        """
        -- when a pair was copied first; no lock
        select created_at
        from copy_pair
        where id = %s
        """,
        (pair_id,),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0].timestamp())


async def save_standings(connection: AsyncConnection[Any], folders: Sequence[CopyFolder]) -> None:
    """Note how the target stood when folders were complete, and by which terms they are."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- how the target stands; row locks
            update copy_folder
            set target_uid_next = %s, target_mod_seq = %s, target_messages = %s, terms = %s
            where id = %s
            """,
            [
                (one.target_uid_next, one.target_mod_seq, one.target_messages, one.terms, one.id)
                for one in folders
            ],
        )


async def add_folders(
    connection: AsyncConnection[Any], pair_id: int, names: Sequence[tuple[bytes, bytes]]
) -> None:
    """Add folders by their names on both sides; a known one goes into another folder from now on.

    What its ledger says of copies is true of the former one: nothing is complete, and UIDs mean nothing.
    """
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- folders of a pair; row locks
            insert into copy_folder (pair_id, source_name, target_name)
            values (%s, %s, %s)
            on conflict (pair_id, source_name) do update set
                target_name = excluded.target_name,
                target_uid_validity =
                    case copy_folder.target_uid_validity when 0 then 0 else %s end,
                source_uid_next = 0,
                source_mod_seq = 0,
                source_messages = 0,
                fingerprint = '',
                target_uid_next = 0,
                target_mod_seq = 0,
                target_messages = 0,
                terms = ''
            where copy_folder.target_name <> excluded.target_name
            """,
            [(pair_id, source, target, OTHER_FOLDER) for source, target in names],
        )


async def rename_folder(
    connection: AsyncConnection[Any], folder_id: int, source_name: bytes, target_name: bytes
) -> None:
    """Note that a folder has other names on both sides, and the same mails."""
    await connection.execute(
        """
        -- a renamed folder; row lock
        update copy_folder
        set source_name = %s, target_name = %s
        where id = %s
        """,
        (source_name, target_name, folder_id),
    )


async def save_validities(
    connection: AsyncConnection[Any], folders: Sequence[tuple[int, int, int]]
) -> None:
    """Note the UIDVALIDITYs, source and target, under which the ledgers of folders are written from now on."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- what UIDs mean; row locks
            update copy_folder
            set source_uid_validity = %s, target_uid_validity = %s
            where id = %s
            """,
            [(source, target, folder) for folder, source, target in folders],
        )


async def save_complete(
    connection: AsyncConnection[Any], folders: Sequence[CopyFolder], now: datetime
) -> None:
    """Note where the source stood when everything up to there was copied."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- folders are complete; row locks
            update copy_folder
            set source_uid_next = %s, source_mod_seq = %s, source_messages = %s, fingerprint = %b,
                complete_at = %s
            where id = %s
            """,
            [
                (
                    one.source_uid_next, one.source_mod_seq, one.source_messages, one.fingerprint,
                    now, one.id,
                )
                for one in folders
            ],
        )  # fmt: skip


async def list_sharing_folders(
    connection: AsyncConnection[Any], folder_id: int, target_uid_validity: int
) -> list[int]:
    """Return the ids of other folders, of any pair, that are copied into the same folder of the same target."""
    cursor = await connection.execute(
        """
        -- folders that share their target with one; no lock
        select other.id
        from copy_folder as ours
        join copy_pair as our_pair on our_pair.id = ours.pair_id
        join copy_pair as other_pair on other_pair.target_key = our_pair.target_key
        join copy_folder as other on other.pair_id = other_pair.id
        where ours.id = %s
          and other.id <> ours.id
          and other.target_name = ours.target_name
          and other.target_uid_validity = %s
        """,
        (folder_id, target_uid_validity),
    )
    return [row[0] for row in await cursor.fetchall()]


async def load_rows(
    connection: AsyncConnection[Any], folder_id: int
) -> tuple[list[int], list[Row]]:
    """Return the numbers and rows of a folder's ledger, in order; what is intended comes last."""
    cursor = await connection.execute(
        """
        -- ledger of a folder with what is on its way; no lock
        select false as is_intent, number, kind, packed, target_uids, 0::bigint as floor
        from ledger_row
        where folder_id = %s
        union all
        select true, number, 1::smallint, packed, ''::bytea, floor
        from ledger_intent
        where folder_id = %s
        order by 1, 2
        """,
        (folder_id, folder_id),
        binary=True,
    )
    found = await cursor.fetchall()
    rows = [
        Row(_KINDS[kind - 1], bytes(packed), bytes(uids), floor)
        for _, _, kind, packed, uids, floor in found
    ]
    return [row[1] for row in found], rows


async def write_rows(
    connection: AsyncConnection[Any], rows: Sequence[tuple[int, int, Row]]
) -> None:
    """Write ledger rows, each as (folder id, number, row); one of the same number is replaced."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- ledger rows; row locks
            insert into ledger_row (folder_id, number, kind, packed, target_uids)
            values (%s, %s, %s, %b, %b)
            on conflict (folder_id, number) do update set
                kind = excluded.kind,
                packed = excluded.packed,
                target_uids = excluded.target_uids
            """,
            [
                (folder, number, _NUMBER_OF[row.kind], row.packed, row.target_uids)
                for folder, number, row in rows
            ],
        )


async def write_intents(
    connection: AsyncConnection[Any], intents: Sequence[tuple[int, int, Row]]
) -> None:
    """Write what is about to be sent, each as (folder id, number, row); the same may be written twice.

    Raises Conflict where another one has that number: whoever wrote it knows of mails that we do not.
    """
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            -- mails about to be sent; row locks
            insert into ledger_intent (folder_id, number, floor, packed)
            values (%s, %s, %s, %b)
            on conflict (folder_id, number) do update set floor = excluded.floor
            where ledger_intent.floor = excluded.floor
              and ledger_intent.packed = excluded.packed
            """,
            [(folder, number, row.floor, row.packed) for folder, number, row in intents],
        )
        if cursor.rowcount < len(intents):
            raise Conflict(
                "the ledger of a folder has other mails on their way than this command knows of: another one "
                "copies the same mailbox; run it again when that has ended"
            )


async def delete_intents(
    connection: AsyncConnection[Any], intents: Sequence[tuple[int, int]]
) -> None:
    """Delete what is in doubt no more, each as (folder id, number)."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "-- mails that arrived; row locks\n"
            "delete from ledger_intent where folder_id = %s and number = %s",
            intents,
        )


async def delete_rows(connection: AsyncConnection[Any], rows: Sequence[tuple[int, int]]) -> None:
    """Delete ledger rows whose contents stand in others now, each as (folder id, number)."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "-- folded ledger rows; row locks\n"
            "delete from ledger_row where folder_id = %s and number = %s",
            rows,
        )


async def commit_later(connection: AsyncConnection[Any]) -> None:
    """Let this transaction end before it is on disk: what a crash of the database takes back is only in doubt."""
    await connection.execute(
        "-- a commit that nobody waits for; no lock\nset local synchronous_commit = off"
    )


async def find_or_set_form(connection: AsyncConnection[Any], pair_id: int, form: str) -> str:
    """Return the canonical form of a pair's digests: the one it has, else ``form`` from now on."""
    cursor = await connection.execute(
        """
        -- canonical form of a pair, chosen once; row lock
        update copy_pair
        set form = case form when '' then %s else form end
        where id = %s
        returning form
        """,
        (form, pair_id),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the pair was made before
    return str(row[0])


async def vacuum_intents(connection: AsyncConnection[Any]) -> None:
    """Give back the room of intents that are gone; must stand outside of any transaction."""
    await connection.set_autocommit(True)
    try:
        await connection.execute(
            "-- room of finished batches; share update exclusive lock on ledger_intent\n"
            "vacuum (skip_locked, truncate) ledger_intent"
        )
    finally:
        await connection.set_autocommit(False)


async def list_folders_with_skips(connection: AsyncConnection[Any], pair_id: int) -> set[int]:
    """Return the ids of a pair's folders that have ledger rows of skipped mails, valid or not."""
    cursor = await connection.execute(
        """
        -- folders where mails were skipped; no lock
        select distinct folder_id
        from ledger_row
        join copy_folder on copy_folder.id = ledger_row.folder_id
        where copy_folder.pair_id = %s
          and ledger_row.kind = %s
        """,
        (pair_id, _NUMBER_OF[RowKind.SKIPPED]),
    )
    return {row[0] for row in await cursor.fetchall()}
