"""Which folders of a source without modification sequences are unchanged: many are listed in one flight.

EXAMINE and a listing of flags go out for many folders together; what comes runs into a fingerprint and is
kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.move.fingerprint import Fingerprint
from switchover.move.work.mail_columns import FLAG_FIELDS
from switchover.move.work.mailbox import opened
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.responses import Fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.shell import Connection

_IN_FLIGHT = 100
"""Folders asked for together: their commands fit every server's buffer."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Listed:
    raw: bytes
    opening: Request
    listing: Request
    fingerprint: Fingerprint | None = None

    def take(self, items: Sequence[FetchItem]) -> None:
        """Take mails; what comes without a UID or flags makes the folder look changed."""
        if self.fingerprint is not None:
            self.fingerprint.add((one.uid or 0, one.flags or ()) for one in items)

    def digest(self) -> bytes:
        """Return the fingerprint, none for a folder that could not be listed."""
        return self.fingerprint.digest() if self.fingerprint and self.listing.is_ok else b""


async def fingerprints(connection: Connection, names: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fingerprint of each folder as it is now; empty for one that can not be listed."""
    found: dict[bytes, bytes] = {}
    for at in range(0, len(names), _IN_FLIGHT):
        flight = [await _ask(connection, raw) for raw in names[at : at + _IN_FLIGHT]]
        await _receive(connection, flight)
        found |= {one.raw: one.digest() for one in flight}
    return found


async def _ask(connection: Connection, raw: bytes) -> _Listed:
    return _Listed(
        raw=raw,
        opening=await connection.send(commands.examine(raw)),
        listing=await connection.send(message_commands.uid_fetch(b"1:*", FLAG_FIELDS)),
    )


async def _receive(connection: Connection, flight: Sequence[_Listed]) -> None:
    """Take answers until all are there: what FETCH tells belongs to the folder opened last."""
    openings = {one.opening: one for one in flight}
    now: _Listed | None = None
    left = 2 * len(flight)
    while left:
        event = await connection.next_event()
        if isinstance(event, Fetch) and now is not None:
            now.take(event.items)
        elif isinstance(event, Answered):
            left -= 1
            if event.request in openings:
                now = openings[event.request]
                if event.request.is_ok:
                    now.fingerprint = Fingerprint(opened(event.request).uid_validity)
