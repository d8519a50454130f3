"""Mails of which a listing says nothing readable: found by their UIDs alone, so that none is taken for gone.

A server leaves a mail out of a listing, or writes its line so that nobody can read it (a keyword with a
parenthesis). Its body may come all the same.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.errors import Corrupt
from switchover.model.wording import counted
from switchover.move.flags import NO_FLAGS
from switchover.move.sync_plan import Listing
from switchover.move.uid_columns import absent, ascending, found_in
from switchover.move.work.looking import joined
from switchover.move.work.mail_columns import ALL_FIELDS, MailGatherer, Mails
from switchover.move.work.mailbox import gather, most_mails, opened
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.message_commands import FetchField
from switchover.wire.imap.responses import ESearch, Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from switchover.move.flags import FlagSet
    from switchover.move.ledger import FolderLedger
    from switchover.move.work.looking import Look
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.shell import Connection

_ALL_UIDS = b"1:*"
_MOST_NAMED = 20


async def complete(connection: Connection, raw: bytes, ledger: FolderLedger, look: Look) -> Look:
    """Return a short look with the mails that it left out, as far as the source names their UIDs.

    ``unlisted`` are those that are left out again when they are asked for by name: they have the flags that
    the ledger knows, else none, and no date. ``untold`` mails are not even named.
    """
    listing = look.seen
    if not isinstance(listing, Listing):
        return look
    present, messages = await _name_all(connection, raw)
    here = ascending({*listing.uids, *present})
    missing = absent(present, ascending(listing.uids))
    if not missing:
        return replace(look, untold=max(0, messages - len(here)))
    found, unlisted = await _ask_again(connection, missing, ledger)
    flags = dict(zip(listing.uids, listing.flags, strict=True))
    flags |= dict(zip(found.uids, found.flags, strict=True))
    return replace(
        look,
        seen=Listing(
            uid_validity=listing.uid_validity, uids=here, flags=[flags[uid] for uid in here]
        ),
        mails=joined(look.mails, found),
        unlisted=tuple(unlisted),
        untold=max(0, messages - len(here)),
        fingerprint=b"",
    )


async def _name_all(connection: Connection, raw: bytes) -> tuple[array[int], int]:
    """Return every UID of a folder by SEARCH and by FETCH, and how many mails it says that it has now."""
    named: set[int] = set()

    def take(items: Sequence[FetchItem]) -> None:
        named.update(one.uid for one in items if one.uid is not None and not one.uid >> 63)

    opening = commands.examine(raw, condstore="CONDSTORE" in connection.conversation.capabilities)
    there = opened((await gather(connection, [opening], take))[0])
    if not there.messages:
        return array("q"), 0
    batch = [
        message_commands.uid_search(message_commands.uid_key(_ALL_UIDS)),
        message_commands.uid_fetch(_ALL_UIDS, (FetchField.UID,)),
    ]
    most = most_mails(there.messages)
    requests = await gather(connection, batch, take, most=most)
    named.update(_searched(requests, most))
    return ascending(named), there.messages


def _searched(requests: Iterable[Request], most: int) -> set[int]:
    """Return the UIDs that SEARCH names; none where those are more than ``most``."""
    found: set[int] = set()
    for request in requests:
        for event in request.responses:
            if isinstance(event, ESearch | Search) and event.numbers is not None:
                if event.numbers.count > most:
                    return set()
                found.update(event.numbers.numbers())
    return found


async def _ask_again(
    connection: Connection, missing: Sequence[int], ledger: FolderLedger
) -> tuple[Mails, list[int]]:
    """Return mails asked for by name, and the UIDs of those of which flags still do not come."""
    gathered = MailGatherer()
    chunks = message_commands.in_chunks(
        lambda text: message_commands.uid_fetch(text, ALL_FIELDS),
        missing,
        line_octets=connection.conversation.profile.line_octets,
    )
    await gather(connection, [one.command for one in chunks], gathered.take)
    uids, flags = gathered.columns()
    told = dict(zip(uids, flags, strict=True))
    unlisted = [uid for uid in missing if uid not in told]
    every = ascending(missing)
    filled = [told[uid] if uid in told else _known_flags(uid, ledger) for uid in every]
    detailed = gathered.details(every, filled)
    sizes, seconds, zones = (array("q", bytes(8 * len(every))) for _ in range(3))
    for at, place in found_in(every, detailed.uids):
        sizes[place] = detailed.sizes[at]
        seconds[place] = detailed.seconds[at]
        zones[place] = detailed.zones[at]
    return Mails(uids=every, flags=filled, sizes=sizes, seconds=seconds, zones=zones), unlisted


def _known_flags(uid: int, ledger: FolderLedger) -> FlagSet:
    at = ledger.position(uid)
    if at is not None:
        return ledger.flags[at]
    origin = ledger.vanished_origin.get(uid)
    return origin[1] if origin else NO_FLAGS


def sentence_of(uids: Sequence[int], folder: str, host: str) -> str:
    """Return what a person should know of mails that came without their flags."""
    named = ", ".join(map(str, uids[:_MOST_NAMED])) + (", ..." if len(uids) > _MOST_NAMED else "")
    return (
        f"{host} lists mails of {folder} in no way that can be read (UID {named}): they are copied "
        "without flags that are not known, and nothing is deleted in that folder on the target"
    )


def kept_there(mails: int, folder: str, host: str) -> str:
    """Return what a person should know of a target that lists fewer mails than it has."""
    return (
        f"{host} lists {counted(mails, 'mail')} of {folder} in no way that can be read: nothing is deleted "
        "in that folder on the target"
    )


def untold_error(mails: int, folder: str, host: str) -> Corrupt:
    """Return the error for a folder of which the source does not name all mails."""
    return Corrupt(
        f"{host} says that {folder} has {counted(mails, 'mail')} more than it names: they are not copied, "
        "and nothing is deleted there"
    )
