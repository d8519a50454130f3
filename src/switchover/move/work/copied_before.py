"""What the database knows of a pair of mailboxes before anything is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.move import queries
from switchover.wire.imap.mailbox_name import NameEncoding, decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from switchover.move.queries import CopyFolder
    from switchover.move.work.copying import CopyOrder
    from switchover.store.pool import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The database with the folders of a pair by their raw names on the source.

    ``skipping`` are the (decoded) names of those where mails were skipped.
    """

    database: Database
    folders: Mapping[bytes, CopyFolder]
    skipping: frozenset[str] = frozenset()


async def load_known(opening: Awaitable[Database], order: CopyOrder) -> Known:
    """Return what is known of the pair, nothing of one that was never copied."""
    database = await opening
    async with database.transaction() as connection:
        pair = await queries.find_pair(connection, order.source_key, order.target_key)
        if pair is None:
            return Known(database=database, folders={})
        folders = await queries.list_folders(connection, pair)
        ids = await queries.list_folders_with_skips(connection, pair)
    skipping = (raw for raw, one in folders.items() if one.id in ids)
    return Known(
        database=database,
        folders=folders,
        skipping=frozenset(decode(raw, NameEncoding.MODIFIED_UTF7) for raw in skipping),
    )
