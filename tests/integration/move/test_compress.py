"""Where it is asked for and offered, all connections of a side are compressed, and what arrives is the same."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.imap_servers import Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, free_user

from switchover.store.pool import Database


async def test_each_connection_of_the_side_is_compressed_and_only_those(database: Database) -> None:
    with (
        dovecot(Options(users=USERS, mechanisms=("plain",))) as server,
        dovecot(Options(users=USERS, mechanisms=("plain",), compresses=False)) as without,
    ):
        source = Box(server=server, user=free_user())
        for folder in ("INBOX", "Sent", "Archive"):
            source.put(folder, *(f"{folder} {number} " + "x" * 5000 for number in range(5)))
        source.target = replace(server.plain, compress=True)
        target = Box(server=without, user=source.user, target=replace(without.plain, compress=True))
        pair = Pair(source=source, target=target, database=database)
        report = await pair.copy()
        assert (report.copied, report.is_complete) == (15, True)
        connections = source.sent("AUTHENTICATE")
        # How many there are depends on how fast the first was; none may be left out.
        assert len(source.sent("COMPRESS")) == len(connections) > 0
        assert not target.sent("COMPRESS")
        assert pair.are_equal()
