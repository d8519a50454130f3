"""The users whom traffic plays: each can ask once and say how it went, and can be dropped."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from switchover.errors import InvalidInput
from switchover.practice.connection import cut_off
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.stories import HttpStory, ImapStory, SmtpStory, Story

if TYPE_CHECKING:
    from switchover.practice.stories import Door

_SERVER = re.compile(r"server=([\w.-]+)")
_GOODBYE_SECONDS = 0.5
_SMTP_COMMANDS = (
    "EHLO client.contoso.example",
    "MAIL FROM:<user@contoso.example>",
    "RSET",
    "QUIT",
)
FAILS = (OSError, EOFError, ssl.SSLError, InvalidInput, asyncio.LimitOverrunError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one request ended: who answered, as far as it is known, and why it failed, if it did."""

    server: str | None = None
    reason: str | None = None


class User(Protocol):
    """Somebody who uses a service."""

    async def ask(self) -> Outcome:
        """Make one request, connecting first where that is due.

        Raises:
            OSError, EOFError, InvalidInput, LimitOverrunError: it failed on the way.
        """
        ...

    async def drop(self) -> None:
        """Let go of the connection, if there is one."""
        ...


def make_user(story: Story, number: int) -> User:
    """Return the story's user of this number."""
    match story:
        case HttpStory():
            return HttpUser(story)
        case ImapStory():
            return ImapUser(story, number)
        case SmtpStory():
            return SmtpUser(story)


def reason_of(error: Exception) -> str:
    """Return why a request failed, in one word."""
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionError():
            return "reset"
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLError():
            return "tls"
        case EOFError():
            return "closed"
        case OSError():
            return "unreachable"
        case _:
            return "malformed"


class HttpUser:
    """Asks for one path, over a kept connection or a new one each time."""

    def __init__(self, story: HttpStory) -> None:
        """Take the story; the first request connects."""
        self._story = story
        self._connection: HttpConnection | None = None
        keep_alive = () if story.keep_alive else (("Connection", "close"),)
        self._fields = (("User-Agent", "switchover-practice"), *keep_alive)

    async def ask(self) -> Outcome:
        """Ask for the path."""
        connection = await self._connected()
        response = await connection.request("GET", self._story.path, fields=self._fields)
        if not self._story.keep_alive:
            await self.drop()
        is_good = response.status == self._story.expected_status
        return Outcome(
            server=response.fields.get("x-practice-server"),
            reason=None if is_good else f"status {response.status}",
        )

    async def drop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
        self._connection = None

    async def _connected(self) -> HttpConnection:
        """Return a usable connection. One that was closed between requests has lost nothing."""
        if self._connection is None or not self._connection.is_usable:
            await self.drop()
            door = self._story.door
            tls = client_tls(door.ca) if door.tls else None
            self._connection = await HttpConnection.open(
                door.address, door.port, host=door.host, tls=tls
            )
        return self._connection


class ImapUser:
    """Signs in, stays and sends NOOP; the sign-in after a loss is a request too."""

    def __init__(self, story: ImapStory, number: int) -> None:
        """Take the story; the first request signs in."""
        self._story = story
        self._login = f'LOGIN "user{number}@contoso.example" "{story.password}"'
        self._lines: LineConnection | None = None

    async def ask(self) -> Outcome:
        """Send NOOP, or sign in where there is no session."""
        if self._lines is not None:
            return await self._order(self._lines, "NOOP")
        self._lines = await LineConnection.open(self._story.door)
        greeting = await self._lines.read_line()
        if not greeting.startswith("* OK"):
            return Outcome(reason=f"answer {greeting[:5]}")
        return await self._order(self._lines, self._login)

    async def drop(self) -> None:
        """Close the session."""
        if self._lines is not None:
            await self._lines.close()
        self._lines = None

    async def _order(self, lines: LineConnection, command: str) -> Outcome:
        answer = await lines.ask_tagged(command)
        is_good = answer.startswith("OK")
        return Outcome(
            server=server_in(answer), reason=None if is_good else f"answer {answer.split()[0]}"
        )


class SmtpUser:
    """Says hello, begins a message, takes it back, leaves; one conversation is one request."""

    def __init__(self, story: SmtpStory) -> None:
        """Take the story."""
        self._door = story.door
        self._lines: LineConnection | None = None

    async def ask(self) -> Outcome:
        """Hold one conversation."""
        self._lines = await LineConnection.open(self._door)
        greeting = answer = await self._lines.read_reply()
        for command in _SMTP_COMMANDS:
            if not answer.startswith("2"):
                return Outcome(reason=f"answer {answer[:3]}")
            answer = await self._lines.ask(command)
        await self.drop()
        return Outcome(server=server_in(greeting))

    async def drop(self) -> None:
        """Close the connection."""
        if self._lines is not None:
            await self._lines.close()
        self._lines = None


def server_in(text: str) -> str | None:
    """Return the server that a greeting or an answer of the farm names."""
    found = _SERVER.search(text)
    return found[1] if found else None


class LineConnection:
    """A client connection that speaks lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take open streams."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, door: Door) -> LineConnection:
        """Connect.

        Raises:
            OSError: refused, reset, or the handshake failed (``ssl.SSLError``).
        """
        reader, writer = await asyncio.open_connection(
            door.address,
            door.port,
            ssl=client_tls(door.ca) if door.tls else None,
            server_hostname=(door.host or door.address) if door.tls else None,
            ssl_shutdown_timeout=_GOODBYE_SECONDS if door.tls else None,
        )
        return cls(reader, writer)

    async def read_line(self) -> str:
        """Return the next line without its end.

        Raises:
            EOFError: closed first.
        """
        return (await self._reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip("\r\n")

    async def read_reply(self) -> str:
        """Return the last line of an SMTP reply (RFC 5321 section 4.2.1)."""
        while (line := await self.read_line())[3:4] == "-":
            pass
        return line

    async def ask(self, command: str) -> str:
        """Send an SMTP command and return the last line of the reply."""
        await self.send(command)
        return await self.read_reply()

    async def ask_tagged(self, command: str) -> str:
        """Send an IMAP command and return the tagged answer without its tag, or a BYE."""
        await self.send(f"a1 {command}")
        while True:
            tag, _, rest = (await self.read_line()).partition(" ")
            if tag == "a1" or rest.startswith("BYE"):
                return rest

    async def send(self, line: str) -> None:
        """Send one line."""
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()

    async def close(self) -> None:
        """Close; never raises."""
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            cut_off(self._writer.transport)
