"""Two mailboxes of a test's own on Dovecots that several tests share, and copies between them."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.integration.imap_servers import PASSWORD, PORT, Dovecot
from tests.integration.move.mailboxes import multiset

from switchover.move.sync_plan import Deletions, Rules
from switchover.move.work.copying import CopyOrder, CopyReport, copy_mailbox
from switchover.move.work.mailbox import Account
from switchover.move.work.sign_in import unchanging
from switchover.store.pool import Database
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

USERS = tuple(f"user{number}@contoso.example" for number in range(400))
_FREE = itertools.count()


def free_user() -> str:
    """Return a user that no other test has."""
    return USERS[next(_FREE)]


@dataclass(kw_only=True)
class Box:
    """The mailbox of one user; ``lines`` is what was said, each with its direction."""

    server: Dovecot
    user: str
    lines: list[str] = field(default_factory=list)
    target: Target | None = None
    hook: Callable[[str], None] = lambda _line: None

    @property
    def account(self) -> Account:
        return Account(
            target=self.target or self.server.plain,
            user=self.user,
            credentials=unchanging(Password(user=self.user, password=PASSWORD)),
            trace=self.trace,
        )

    def trace(self, direction: str, line: str) -> None:
        self.lines.append(f"{direction} {line}")
        self.hook(f"{direction} {line}")

    def sent(self, *words: str) -> list[str]:
        """Return the lines sent with any of these words in it."""
        return [one for one in self.lines if one.startswith(">") and any(w in one for w in words)]

    @contextlib.contextmanager
    def edit(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Open a folder as the user's own client does."""
        connection = imaplib.IMAP4(self.server.address, PORT, timeout=20)
        setattr(connection, "_encoding", "utf-8")  # noqa: B010 - imaplib has no other way to send names beyond ASCII
        connection.authenticate("PLAIN", lambda _: f"\0{self.user}\0{PASSWORD}".encode())
        try:
            if folder:
                assert connection.select(f'"{folder}"')[0] == "OK"
            yield connection
        finally:
            connection.logout()

    def put(self, folder: str, *bodies: str, flags: str = "") -> None:
        """Append small mails."""
        with self.edit("") as connection:
            if folder != "INBOX":
                connection.create(f'"{folder}"')
            for body in bodies:
                text = f"Subject: {body}\r\n\r\n{body}\r\n".encode()
                date = '"17-Jul-2019 02:44:25 +0200"'
                assert connection.append(f'"{folder}"', flags, date, text)[0] == "OK"

    def folders(self) -> list[str]:
        with self.edit("") as connection:
            lines = [one for one in connection.list()[1] if isinstance(one, bytes)]
        return [
            one.decode().partition(' "/" ')[2].strip('"') for one in lines if b"oselect" not in one
        ]

    def mails(self) -> dict[str, Counter[Any]]:
        """Return the mails of every folder: digest, flags and date."""
        found = {}
        for name in self.folders():
            with self.edit(name) as connection:
                _, parts = connection.uid("fetch", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
            found[name] = multiset(parts)
        return found


@dataclass(kw_only=True)
class Pair:
    """A source and a target, and the ledger between them."""

    source: Box
    target: Box
    database: Database

    @classmethod
    def of(cls, source: Dovecot, target: Dovecot, database: Database) -> Pair:
        """Return the mailboxes of a user that no other test has."""
        user = free_user()
        ours, theirs = (Box(server=server, user=user) for server in (source, target))
        return cls(source=ours, target=theirs, database=database)

    async def copy(self, deletions: Deletions = Deletions.NEVER, **wishes: Any) -> CopyReport:
        """Copy, with the lines of this run alone in the boxes."""
        for box in (self.source, self.target):
            box.lines.clear()
        order = CopyOrder(
            source=self.source.account,
            target=self.target.account,
            source_key=f"{self.source.server.address}/{self.source.user}",
            target_key=f"{self.target.server.address}/{self.target.user}",
            rules=Rules(deletions=deletions),
        )
        return await copy_mailbox(self.database, replace(order, **wishes))

    def are_equal(self) -> bool:
        return self.source.mails() == self.target.mails()


@contextlib.asynccontextmanager
async def cutter(
    server: Dovecot, octets: list[int], farewell: bytes = b""
) -> AsyncIterator[Target]:
    """Give a way to a server whose connections are cut after so many octets each; 0 is never.

    ``farewell`` is what the client is told before.
    """
    links: set[asyncio.Task[None]] = set()
    ways: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = octets.pop(0) if octets else 0
        inner, outer = await asyncio.open_connection(server.address, PORT)
        ways.extend((writer, outer))

        async def pump(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
            nonlocal left
            with contextlib.suppress(OSError):
                while data := await one.read(4096):
                    if left:
                        left -= len(data)
                        if left <= 0:
                            writer.write(farewell)
                            await writer.drain()
                            writer.transport.abort()
                            outer.transport.abort()
                            return
                    other.write(data)
                    await other.drain()
            other.close()

        for task in (pump(reader, outer), pump(inner, writer)):
            links.add(asyncio.create_task(task))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = listener.sockets[0].getsockname()[1]
        yield replace(server.plain, host="127.0.0.1", port=port)
    finally:
        listener.close()
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        for way in ways:
            way.transport.abort()
        await asyncio.sleep(0.01)  # transports end in the next turns of the loop
