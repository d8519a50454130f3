"""Several folders that nobody copied yet, copied in one flight of commands over one pair of connections.

All are opened and listed together, then all bodies are asked for together, and what goes out to one folder is
not waited for before the next one's begins: three round trips, however many folders there are. Intents are
durable before that as ever. Whatever does not go smoothly is left to be copied folder by folder, where the
ledger settles what is in doubt.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import SwitchoverError, Unavailable
from switchover.move.work.both import both
from switchover.move.work.looking import look_at_many
from switchover.move.work.mailbox import open_commands, opened, read_openings
from switchover.wire.imap import commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
    from typing import Any

    from switchover.move.work.append import Batch, Pump
    from switchover.move.work.inventory import Folder
    from switchover.move.work.lanes import Ends
    from switchover.move.work.looking import Look
    from switchover.move.work.mailbox import Opened
    from switchover.move.work.outbox import Outbox
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection


@dataclass(slots=True, kw_only=True)
class Scouted:
    """What folders show on both sides, by their raw names on the source and on the target.

    ``asked`` are so many folders; what could not be opened is missing.
    """

    asked: int

    there: dict[bytes, Look] = field(default_factory=dict)
    here: Mapping[bytes, Opened] = field(default_factory=dict)

    def leg(self, source_raw: bytes, target_raw: bytes) -> Leg | None:
        """Give the leg of a folder into one that holds nothing yet, None where it is not that simple."""
        there, here = self.there.pop(source_raw, None), self.here.get(target_raw)
        if there is None or here is None or here.messages or here.is_read_only:
            return None
        return Leg(
            source_raw=source_raw, target_raw=target_raw, here=here, look=there,
            source_uid_validity=there.opened.uid_validity,
        )  # fmt: skip


class Cargo(NamedTuple):
    """What one leg carries, all of it intended."""

    pump: Pump
    batches: list[Batch]


@dataclass(slots=True, kw_only=True, eq=False)
class Leg:
    """One folder of a flight: what both sides show of it, and how its mails are carried."""

    source_raw: bytes
    target_raw: bytes
    here: Opened
    source_uid_validity: int
    look: Look | None
    is_alone: bool = False
    is_cause: bool = False
    """The flight ended before its time while this leg was carried."""
    cargo: Cargo | None = None
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    """The cargo is there, or there will be none."""
    _is_over: asyncio.Event = field(default_factory=asyncio.Event)
    _error: SwitchoverError | None = None

    def take(self) -> tuple[Look | None, Opened]:
        """Return what both sides show, once: a large folder is not held for longer than its copy needs it."""
        look, self.look = self.look, None
        return look, self.here

    async def carry(self, pump: Pump, batches: AsyncIterator[Batch]) -> None:
        """Have batches carried with those of the other legs; raises what ended the flight."""
        if self.is_alone:  # both sides have it open
            await pump.run(batches)
            return
        self.cargo = Cargo(pump, [one async for one in batches])
        self.is_ready.set()
        await self._is_over.wait()
        if self._error is not None:
            raise self._error

    def note_end(self, _run: object) -> None:
        """Note that the folder's copy has ended: nothing more comes of it."""
        self.is_ready.set()

    def end(self, error: SwitchoverError | None) -> None:
        """Let the folder's copy go on, or fail."""
        self._error = error
        self._is_over.set()


async def scout(ends: Ends, folders: Sequence[Folder], targets: Sequence[bytes]) -> Scouted:
    """Open and list folders on the source, and open folders on the target, in one flight each."""
    there, requests = await both(
        scout_source(ends.source, folders),
        ends.target.run_all(open_commands(ends.target, targets)),
    )
    return Scouted(asked=len(folders), there=there, here=read_openings(targets, requests))


async def scout_source(source: Connection, folders: Sequence[Folder]) -> dict[bytes, Look]:
    """Return what folders show; none where the connection breaks, which whoever uses it next is told."""
    with suppress(SwitchoverError):
        return await look_at_many(source, folders)
    return {}


async def fly(
    ends: Ends,
    legs: Sequence[Leg],
    copies: Sequence[Coroutine[Any, Any, object]],
    *,
    is_open: bool = False,
) -> list[SwitchoverError | None]:
    """Run the copies of folders, each with its leg, and return what went wrong with each.

    ``is_open``: there is but one, and both sides have it open. Nothing else may use the connections
    meanwhile. Raises what is no error of ours.
    """
    for leg in legs:
        leg.is_alone = is_open
    runs = [asyncio.ensure_future(copy) for copy in copies]
    for leg, run in zip(legs, runs, strict=True):
        run.add_done_callback(leg.note_end)
    try:
        await _end_each(legs, runs, None if is_open else await _carry(ends, legs))
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
    for one in outcomes:
        if isinstance(one, BaseException) and not isinstance(one, SwitchoverError):
            raise one
    return [one if isinstance(one, SwitchoverError) else None for one in outcomes]


async def _end_each(
    legs: Sequence[Leg], runs: Sequence[asyncio.Future[Any]], error: SwitchoverError | None
) -> None:
    """Let the copies go on one after the other: what they have to ask yet, they ask over one connection."""
    for leg, run in zip(legs, runs, strict=True):
        leg.end(error)
        await asyncio.wait([run])


async def _carry(ends: Ends, legs: Sequence[Leg]) -> SwitchoverError | None:
    """Carry the mails of all legs; return what ended that before its time."""
    for leg in legs:
        await leg.is_ready.wait()
    loaded = [(leg, leg.cargo) for leg in legs if leg.cargo is not None and leg.cargo.batches]
    conversation = ends.source.conversation
    conversation.whole_bodies = True
    carried: Leg | None = None
    try:
        asked = [await _ask(ends.source, leg, cargo) for leg, cargo in loaded]
        sent: list[Outbox] = []
        for (carried, cargo), opening in zip(loaded, asked, strict=True):
            sent.append(await _pass_on(ends, carried, cargo, opening))
        for (carried, cargo), outbox in zip(loaded, sent, strict=True):
            await _finish(ends, carried, cargo, outbox)
    except SwitchoverError as error:
        if carried is not None:
            carried.is_cause = True
        return error
    finally:
        conversation.whole_bodies = False
    return None


async def _ask(source: Connection, leg: Leg, cargo: Cargo) -> Request:
    """Ask for all mails of a leg and return what opens its folder."""
    opening = await source.send(commands.examine(leg.source_raw))
    await cargo.pump.ask(cargo.batches)
    return opening


async def _pass_on(ends: Ends, leg: Leg, cargo: Cargo, opening: Request) -> Outbox:
    """Take the mails of a leg and send them on; their answers are still to come."""
    await ends.target.send(commands.select(leg.target_raw))
    there = opened(ends.source.require(await ends.source.wait(opening)))
    if there.uid_validity != leg.source_uid_validity:
        raise Unavailable(f"{ends.source.target.host} has made a folder anew while it was copied")
    outbox = cargo.pump.open_outbox()
    await cargo.pump.read(outbox)
    await outbox.part()
    return outbox


async def _finish(ends: Ends, leg: Leg, cargo: Cargo, outbox: Outbox) -> None:
    """Wait for all answers to a leg, and send again what needs to be sent alone."""
    await outbox.finish()
    if cargo.pump.has_left(outbox):
        await ends.source.run(commands.examine(leg.source_raw))
        await ends.target.run(commands.select(leg.target_raw))
        await cargo.pump.complete(outbox)
