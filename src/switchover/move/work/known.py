"""What an earlier copy noted, for those who only want to know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from switchover.move import queries
from switchover.move.ledger import FolderLedger, replay

if TYPE_CHECKING:
    from switchover.move.queries import CopyFolder
    from switchover.settings import Settings
    from switchover.store.pool import Database


def has_store(settings: Settings) -> bool:
    """Return whether this data directory has a database, without making one."""
    if settings.database_url is not None:
        return True
    return (settings.postgres_dir / "cluster" / "PG_VERSION").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPair:
    """The ledger of a pair of mailboxes, to read; without a database, or for a new pair, an empty one.

    ``begun`` is when the first copy began (UTC seconds), None where there was none.
    """

    database: Database | None = None
    begun: int | None = None
    folders: dict[bytes, CopyFolder] = field(default_factory=dict)

    @classmethod
    async def load(cls, database: Database, source_key: str, target_key: str) -> Self:
        """Return what is known of a pair."""
        async with database.transaction() as connection:
            pair_id = await queries.find_pair(connection, source_key, target_key)
            if pair_id is None:
                return cls(database=database)
            begun = await queries.find_pair_begin(connection, pair_id)
            folders = await queries.list_folders(connection, pair_id)
        return cls(database=database, begun=begun, folders=folders)

    async def ledger(self, folder: CopyFolder) -> FolderLedger:
        """Return the ledger of one folder."""
        if self.database is None:
            return FolderLedger()
        async with self.database.transaction() as connection:
            _, rows = await queries.load_rows(connection, folder.id)
        return replay(rows)
