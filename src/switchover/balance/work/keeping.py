"""Revisions into the database and their files out of it, sealed there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance import queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from psycopg import AsyncConnection

    from switchover.balance.revision import Draft, Revision
    from switchover.balance.work.parts import BalancerParts


async def write_revision(
    parts: BalancerParts,
    connection: AsyncConnection[Any],
    latest: Revision | None,
    draft: Draft,
    files: Mapping[str, bytes],
    *,
    number: int,
    diff: str,
    summary: str,
) -> None:
    """Write a revision with its text and files, and that the engine is to run it; commits nothing."""
    now = clock.now()
    document = hashlib.sha256(draft.text.encode()).hexdigest()
    known = set(latest.files.values()) if latest else set()
    sealed = {
        digest: parts.sealer.seal(files[name], f"asset:{digest}")
        for name, digest in draft.files.items()
        if digest not in known
    }
    async with connection.pipeline():  # one trip to the database, not four
        await queries.insert_document(connection, document, draft.text, now)
        await queries.insert_assets(connection, sealed, now)
        await queries.insert_revision(
            connection,
            draft,
            number=number,
            parent=latest.number if latest else None,
            document=document,
            diff=diff,
            summary=summary,
            now=now,
        )
        await queries.save_engine(
            connection,
            applied_revision=number,
            file_digest=None,
            loaded_digest=None,
            accepted_digest=None,
            now=now,
        )


async def load_files(
    parts: BalancerParts, connection: AsyncConnection[Any], revision: Revision | None
) -> dict[str, bytes]:
    """Return the files of a revision by name."""
    if revision is None or not revision.files:
        return {}
    sealed = await queries.load_assets(connection, revision.files.values())
    return {
        name: parts.sealer.unseal(sealed[digest], f"asset:{digest}")
        for name, digest in revision.files.items()
    }
