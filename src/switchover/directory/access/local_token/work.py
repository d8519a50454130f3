"""The token with which the command line on this machine signs in; who may read its file is an administrator."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.work import create_token, find_token, list_tokens, revoke_token

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.directory.access.memory import TokenMemory
    from switchover.store.pool import Database

LOCAL_TOKEN_NAME = "local administrator"  # noqa: S105 - a name, not the secret
LOCAL_TOKEN_DAYS = 365.0
LOCAL_TOKEN_RENEWAL = timedelta(days=30)


async def renew_local_token(database: Database, memory: TokenMemory, file: Path) -> None:
    """Make the admin token of the local command line (file mode 0600) unless a good one is there.

    It is valid for LOCAL_TOKEN_DAYS and replaced a month before its end; its predecessors are revoked.
    Raises Unavailable while the database does not answer.
    """
    text = _kept(file)
    kept = await find_token(database, text) if text else None
    if kept is not None and kept.is_valid(clock.now() + LOCAL_TOKEN_RENEWAL):
        return
    old = [
        token
        for token in await list_tokens(database)
        if token.name == LOCAL_TOKEN_NAME and token.revoked_at is None
    ]
    system = Actor(name="switchover", role=Role.ADMIN)
    fresh = await create_token(
        database, LOCAL_TOKEN_NAME, Role.ADMIN, actor=system, valid_days=LOCAL_TOKEN_DAYS
    )
    _keep(file, fresh.secret)
    for token in old:
        await revoke_token(database, memory, token.id, actor=system)


def _kept(file: Path) -> str:
    return file.read_text("ascii", "replace").strip() if file.is_file() else ""


def _keep(file: Path, secret: str) -> None:
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(secret + "\n")
    draft.replace(file)
