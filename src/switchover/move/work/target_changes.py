"""What is changed on mails that the target has already: flags, and deletions that can hit no other mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.move import sync_action
from switchover.move.flags import spelled
from switchover.move.work.reading import commands_for
from switchover.wire.imap import message_commands
from switchover.wire.imap.command import Command
from switchover.wire.imap.message_commands import FlagChange
from switchover.wire.imap.responses import ESearch, Search

if TYPE_CHECKING:
    from collections.abc import Collection, Set

    from switchover.move.sync_action import StoreFlags
    from switchover.wire.imap.shell import Connection

_CHANGES = {
    sync_action.FlagChange.SET: FlagChange.REPLACE,
    sync_action.FlagChange.ADD: FlagChange.ADD,
    sync_action.FlagChange.REMOVE: FlagChange.REMOVE,
}
_DELETED = (b"\\Deleted",)
# Removes every mail of the folder that is marked (RFC 9051 section 6.4.3); see ``expunge``.
_EXPUNGE = Command(name="EXPUNGE", parts=(b"EXPUNGE",))


async def store_flags(connection: Connection, action: StoreFlags) -> None:
    """Change the flags of mails of the selected folder."""
    flags = tuple(map(spelled, action.flags))
    change = _CHANGES[action.change]
    await _run_all(
        connection,
        commands_for(
            connection,
            lambda text: message_commands.uid_store(text, change, flags),
            action.target_uids,
        ),
    )


async def delete_mails(connection: Connection, uids: Collection[int], *, is_alone: bool) -> bool:
    """Delete mails of the selected folder and no others; False when they are only marked as deleted.

    Without UIDPLUS a server removes what is marked all at once, whoever marked it. So that is only
    asked where nobody else works on the folder (``is_alone``) and nothing but these is marked; else
    they stay, marked, until their owner's own program removes what is marked.
    """
    await _run_all(
        connection,
        commands_for(
            connection,
            lambda text: message_commands.uid_store(text, FlagChange.ADD, _DELETED),
            uids,
        ),
    )
    if "UIDPLUS" in connection.conversation.capabilities:
        await _run_all(connection, commands_for(connection, message_commands.uid_expunge, uids))
        return True
    if not is_alone or not await _are_alone_marked(connection, set(uids)):
        return False
    await connection.run(_EXPUNGE)
    return True


async def _are_alone_marked(connection: Connection, uids: Set[int]) -> bool:
    """Return whether no mail but ``uids`` is marked as deleted."""
    request = await connection.run(message_commands.uid_search(message_commands.DELETED))
    listed = [
        event.numbers
        for event in request.responses
        if isinstance(event, Search | ESearch) and event.numbers is not None
    ]
    # Counted before they are spelled out: "1:4294967295" would fill the memory.
    return all(
        numbers.count <= len(uids) and all(one in uids for one in numbers.numbers())
        for numbers in listed
    )


async def _run_all(connection: Connection, batch: list[Command]) -> None:
    for request in await connection.run_all(batch):
        connection.require(request)
