"""What a server shows without being written to: who it is, what it can, what the mailbox holds, its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import SwitchoverError
from switchover.move.work.inventory import IDENTITY, list_folders
from switchover.move.work.sign_in import advice
from switchover.wire.imap import commands
from switchover.wire.imap.mailbox_name import NameEncoding, decode
from switchover.wire.imap.responses import MailboxStatus, Namespace, Quota
from switchover.wire.imap.shell import open_connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.move.work.mailbox import Account, Inventory
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.responses import Prefix, Resource
    from switchover.wire.imap.shell import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """What the server said up to the sign-in; seconds are those until it was ready for it."""

    greeting: str
    connect_seconds: float
    sign_in_seconds: float
    is_encrypted: bool
    mechanism: str
    before: frozenset[str]
    after: frozenset[str]
    identity: Mapping[str, str]
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A namespace: whose mailboxes, and how their names begin and part."""

    kind: str
    prefix: str
    separator: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the mailbox holds; ``octets`` is None where the server does not tell."""

    inventory: Inventory
    folders: int
    mails: int
    octets: int | None
    largest: bytes
    roots: tuple[Root, ...] = ()
    quota: tuple[Resource, ...] = field(default=())
    append_limit: int | None = None


async def greet(account: Account) -> tuple[Connection, Greeted]:
    """Return a connection that is signed in, and everything the server said until then."""
    with advice(account):
        return await _greet(account)


async def _greet(account: Account) -> tuple[Connection, Greeted]:
    credentials = await account.credentials()
    started = clock.monotonic()
    connection = await open_connection(account.target, trace=account.trace)
    conversation = connection.conversation
    try:
        if not conversation.knows_capabilities:
            await connection.run(commands.CAPABILITY)
        before = conversation.announced
        ready = clock.monotonic()
        mechanism = await connection.sign_in(credentials, nonce=clock.new_secret())
        signed_in = clock.monotonic()
        if "ID" in conversation.capabilities:
            await connection.run_all([commands.identify(IDENTITY)])
    except BaseException:
        await connection.close(politely=False)
        raise
    greeting = conversation.greeting
    return connection, Greeted(
        greeting=greeting.text if greeting else "",
        connect_seconds=ready - started,
        sign_in_seconds=signed_in - ready,
        is_encrypted=connection.is_encrypted,
        mechanism=mechanism.value,
        before=before,
        after=conversation.announced,
        identity=conversation.identity,
        profile=conversation.profile,
    )


async def take_stock(connection: Connection) -> Contents:
    """Return what the mailbox holds and what limits the server tells."""
    inventory = await list_folders(connection)
    told = [folder for folder in inventory.folders if folder.is_selectable]
    statuses = [folder.status for folder in told if folder.status]
    sizes = [status.size for status in statuses]
    fullest = max(
        told, key=lambda one: (one.status.messages or 0) if one.status else 0, default=None
    )
    roots, quota, append_limit = await _limits(connection)
    return Contents(
        inventory=inventory,
        folders=len(inventory.folders),
        mails=sum(status.messages or 0 for status in statuses),
        octets=None if None in sizes else sum(size or 0 for size in sizes),
        largest=fullest.raw if fullest else b"INBOX",
        roots=roots,
        quota=quota,
        append_limit=append_limit,
    )


async def _limits(
    connection: Connection,
) -> tuple[tuple[Root, ...], tuple[Resource, ...], int | None]:
    usable = connection.conversation.capabilities
    batch = []
    if "NAMESPACE" in usable:
        batch.append(commands.NAMESPACE)
    if any(name.split("=")[0] == "QUOTA" for name in usable):
        batch.append(commands.get_quota_root(b"INBOX"))
    if "APPENDLIMIT" in usable:
        batch.append(commands.status(b"INBOX", (commands.StatusItem.APPEND_LIMIT,)))
    found = [one for done in await connection.run_all(batch) for one in done.responses]
    said = [
        int(name[12:]) for name in usable if name.startswith("APPENDLIMIT=") and name[12:].isdigit()
    ]
    said += [
        one.append_limit for one in found if isinstance(one, MailboxStatus) and one.append_limit
    ]
    roots = [root for one in found if isinstance(one, Namespace) for root in _roots(one)]
    resources = [one for quota in found if isinstance(quota, Quota) for one in quota.resources]
    return tuple(roots), tuple(resources), min(said, default=None)


def _roots(namespace: Namespace) -> Iterable[Root]:
    kinds = (
        ("own", namespace.personal),
        ("other people's", namespace.other),
        ("shared", namespace.shared),
    )
    return (_root(kind, prefix) for kind, prefixes in kinds for prefix in prefixes)


def _root(kind: str, prefix: Prefix) -> Root:
    return Root(
        kind=kind,
        prefix=decode(prefix.prefix, NameEncoding.MODIFIED_UTF7),
        separator=prefix.delimiter.decode("ascii", "replace") if prefix.delimiter else None,
    )


async def count_connections(account: Account, most: int) -> tuple[int, str | None]:
    """Return how many connections are let in at once, and the words with which one more was refused.

    The words are None where ``most`` were let in. One connection is held elsewhere and counts.
    """
    held: list[Connection] = []
    try:
        while len(held) + 1 < most:
            try:
                connection, _ = await greet(account)
            except SwitchoverError as error:
                return len(held) + 1, str(error)
            held.append(connection)
        return most, None
    finally:
        for connection in held:
            await connection.close()
