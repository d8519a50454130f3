"""A folder with a random name in which things are tried, and which goes whatever happens.

Only folders with our own name are ever deleted: ``switchover-probe-`` and twelve hexadecimal digits, and
what lies below them. A probe that was killed leaves its folder; the next one removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from switchover import clock
from switchover.errors import Refused, SwitchoverError, Unavailable
from switchover.move.work.mailbox import open_mailbox
from switchover.wire.imap import commands
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.mailbox_name import NameEncoding, encode
from switchover.wire.imap.responses import ListEntry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from switchover.move.work.mailbox import Account, Inventory
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.shell import Connection

_OURS: Final = re.compile(rb"switchover-probe-[0-9a-f]{12}")
_TIMINGS: Final = re.compile(r" \([0-9.]+ \+ [0-9. +]+ secs\)\.?$")
"""Which Dovecot adds to its words."""
_CLEANING_SECONDS = 300.0
_CLEANERS = 4
_FEW = 8
_MOST_RECONNECTIONS = 8


@dataclass(slots=True, kw_only=True)
class Scratch:
    """A folder of our own. ``connection`` may be another one after ``reopen``."""

    account: Account
    connection: Connection
    raw: bytes
    separator: bytes
    reconnections: int = 0

    async def try_out(
        self, command: Command, content: bytes | None = None
    ) -> tuple[Request | None, str | None]:
        """Return the answered request, and the server's words where it refuses.

        ``content`` is the literal that the command streams: there it may hold anything.

        The request is None where the connection did not survive; then there is a new one.
        """
        try:
            contents = () if content is None else (_whole(content),)
            request = await self.connection.wait(await self.connection.send(command, contents))
        except ConnectionLost as error:
            await self.reopen(error)
            return None, str(error)
        if request.is_ok or request.answer is None:
            return request, None
        return request, _TIMINGS.sub("", self.connection.words(request.answer))

    async def reopen(self, why: ConnectionLost) -> None:
        """Connect anew; raises Unavailable when that happens too often."""
        self.reconnections += 1
        await self.connection.close(politely=False)
        if self.reconnections > _MOST_RECONNECTIONS:
            raise Unavailable(f"the server ends one connection after the other: {why}") from why
        self.connection = await open_mailbox(self.account)

    def child(self, level: bytes) -> bytes:
        """Return the raw name of a folder below."""
        return self.raw + self.separator + level

    async def list_below(self) -> set[bytes]:
        """Return the raw names of all folders below."""
        found = await _list(self.connection, self.raw)
        return {name for name in found if name.startswith(self.raw + self.separator)}


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


@dataclass(slots=True, kw_only=True)
class Cleaning:
    """What was removed before and after, and what could not be: raw names."""

    swept: list[bytes] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def scratch_folder(
    account: Account, inventory: Inventory, cleaning: Cleaning, *, keeps: bool
) -> AsyncIterator[Scratch]:
    """Give a new folder and remove it with all that is in it, also after an error or a cancellation.

    What earlier probes left is removed first. ``keeps`` leaves the folder for a person to look at, until
    the next probe.
    """
    separator = (inventory.separator or "").encode("utf-8")
    places = _places(inventory, separator)
    scratch = Scratch(
        account=account, connection=await open_mailbox(account), raw=b"", separator=separator
    )
    tried: list[bytes] = []
    try:
        await _sweep(scratch.connection, places, separator, cleaning)
        scratch.raw = await _create(scratch.connection, places, tried)
        yield scratch
    finally:
        if keeps:
            await scratch.connection.close()
        else:
            await _clean_up(scratch, tried, cleaning)


async def _clean_up(scratch: Scratch, tried: list[bytes], cleaning: Cleaning) -> None:
    """Remove the folder over a connection of its own: the other may be in the middle of a command."""
    cleaning.left = list(tried)
    with contextlib.suppress(SwitchoverError, TimeoutError):
        async with asyncio.timeout(_CLEANING_SECONDS):
            connection = scratch.connection
            await connection.close(politely=connection.conversation.is_idle)
            if not tried:
                return
            cleaning.left = sorted(await _remove_all(scratch, tried))


async def _remove_all(scratch: Scratch, roots: Sequence[bytes]) -> set[bytes]:
    """Delete what was made, over some connections at once: Courier takes two seconds for each folder."""
    fresh = await open_mailbox(scratch.account)
    try:
        found = {name for root in roots for name in await _ours(fresh, root, scratch.separator)}
        branches: dict[bytes, list[bytes]] = {}
        for name in found - set(roots):
            levels = name.split(scratch.separator)
            # All that stands below one level of the scratch folder, deepest first.
            depth = next(root for root in roots if name.startswith(root)).count(scratch.separator)
            branches.setdefault(levels[depth + 1], []).append(name)
        if len(branches) > _FEW:
            waiting = list(branches.values())
            async with asyncio.TaskGroup() as group:
                for _ in range(_CLEANERS):
                    group.create_task(_remove_branches(scratch.account, waiting))
        rests = [await _remove(fresh, root, scratch.separator) for root in roots]
        return set().union(*rests)
    finally:
        await fresh.close()


async def _remove_branches(account: Account, waiting: list[list[bytes]]) -> None:
    with contextlib.suppress(SwitchoverError):  # with fewer connections it only takes longer
        connection = await open_mailbox(account)
        try:
            while waiting:
                await _delete(connection, waiting.pop())
        finally:
            await connection.close()


async def _delete(connection: Connection, names: Iterable[bytes]) -> None:
    for name in sorted(names, key=len, reverse=True):
        for command in (commands.unsubscribe(name), commands.delete(name)):
            await connection.wait(await connection.send(command))


def _places(inventory: Inventory, separator: bytes) -> list[bytes]:
    """Return what may stand before our name: the personal root, or INBOX where nothing stands beside it."""
    prefix = inventory.prefix
    root = encode(prefix, NameEncoding.MODIFIED_UTF7) if prefix else b""
    return [root, b"INBOX" + separator] if separator and not root else [root]


async def _create(connection: Connection, places: Sequence[bytes], tried: list[bytes]) -> bytes:
    """Create the folder and return its raw name; ``tried`` gets names that may be there from now on."""
    name = b"switchover-probe-" + clock.new_id()[-12:].encode("ascii")
    words = ""
    for place in places:
        # Noted first: broken off now, the server may have done it already.
        tried.append(place + name)
        request = await connection.wait(await connection.send(commands.create(place + name)))
        if request.is_ok:
            return place + name
        tried.pop()
        words = connection.words(request.answer) if request.answer else ""
    raise Refused(
        f"{connection.target.host} lets us create no folder to try things in: {words}; "
        "--reading-only looks without writing"
    )


async def _sweep(
    connection: Connection, places: Sequence[bytes], separator: bytes, cleaning: Cleaning
) -> None:
    """Remove what probes before left behind."""
    roots = {
        name
        for place in places
        for name in await _list(connection, place + b"switchover-probe-")
        if name.startswith(place) and _OURS.fullmatch(name[len(place) :])
    }
    for root in sorted(roots):
        if not await _remove(connection, root, separator):
            cleaning.swept.append(root)


async def _remove(connection: Connection, root: bytes, separator: bytes) -> set[bytes]:
    """Delete a folder of ours with all below it and return what is left."""
    left: set[bytes] = set()
    for _ in range(3):  # a parent goes only once its children are gone
        left = await _ours(connection, root, separator)
        if not left:
            break
        await _delete(connection, left)
    return left


async def _ours(connection: Connection, root: bytes, separator: bytes) -> set[bytes]:
    """Return the names of a folder of ours and of all below it."""
    return {
        name
        for name in await _list(connection, root)
        if name == root or (separator and name.startswith(root + separator))
    }


async def _list(connection: Connection, root: bytes) -> set[bytes]:
    """Return the names of folders that begin with ``root``, those aside that only once were."""
    request = await connection.run(commands.list_mailboxes(root + b"*"))
    return {
        one.name
        for one in request.responses
        if isinstance(one, ListEntry)
        and one.name.startswith(root)
        and b"\\nonexistent" not in {attribute.lower() for attribute in one.attributes}
    }
