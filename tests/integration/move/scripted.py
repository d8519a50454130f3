"""An IMAP server that behaves, so far as a copy needs, except where a test makes it lie."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.integration.imap_servers import PASSWORD


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that ended: its exit code, what it said, seconds, and the most memory it had (bytes)."""

    code: int
    said: str
    error: str
    seconds: float
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the command waits, in seconds; as ``Target`` has it."""

    answer_seconds: float = 120.0
    stall_seconds: float = 1800.0


async def run(
    *arguments: str, most_seconds: float = 60.0, patience: Patience | None = None
) -> Ended:
    """Run a command of ours as a process of its own and measure it; killed when it takes too long."""
    return await asyncio.to_thread(_run, arguments, most_seconds, patience or Patience())


def _run(arguments: tuple[str, ...], most_seconds: float, patience: Patience) -> Ended:
    environment = {
        **os.environ,
        "SWITCHOVER_PASSWORD": PASSWORD,
        "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
        "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
    }
    program = (
        "import sys, time\n"
        "from switchover.__main__ import main\n"
        # As many tries as ever, only sooner.
        "from switchover.move.work import lanes\n"
        "pause = lanes.pause_seconds\n"
        "lanes.pause_seconds = lambda *given: None if pause(*given) is None else 0.05\n"
        "from switchover.wire.imap.shell import Target\n"
        f"Target.__init__.__kwdefaults__.update({asdict(patience)!r})\n"
        "began = time.monotonic()\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    peak = int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024\n"
        "    sys.stderr.write(f'\\nMEASURED {peak} {time.monotonic() - began}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=most_seconds,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    error, _, measured = done.stderr.rpartition("\nMEASURED ")
    peak, seconds = measured.split()
    return Ended(
        code=done.returncode, said=done.stdout, error=error, seconds=float(seconds),
        peak_bytes=int(peak),
    )  # fmt: skip


async def list_a_million(out: asyncio.StreamWriter) -> None:
    """Tell of a million folders."""
    for first in range(0, 1_000_000, 1000):
        names = range(first, first + 1000)
        out.write(b"".join(b'* LIST () "/" folder%d\r\n' % number for number in names))
        await out.drain()


@dataclass(kw_only=True)
class Scripted:
    """One mailbox with one folder, INBOX, and mails by their UIDs; a method for each thing to lie about."""

    mails: dict[int, bytes]
    capabilities: bytes = b"IMAP4rev1 LITERAL+ UIDPLUS AUTH=PLAIN SASL-IR"
    host: str = ""
    port: int = 0
    uid_validity: int = 7
    asked: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"imap://ann@{self.host}:{self.port}"

    async def greet(self, out: asyncio.StreamWriter) -> None:
        out.write(b"* OK [CAPABILITY %b] hello\r\n" % self.capabilities)

    async def list_folders(self, out: asyncio.StreamWriter) -> None:
        out.write(b'* LIST () "/" INBOX\r\n')

    async def open_folder(self, out: asyncio.StreamWriter) -> None:
        out.write(b"* %d EXISTS\r\n" % len(self.mails))
        out.write(b"* OK [UIDVALIDITY %d] x\r\n" % self.uid_validity)
        out.write(b"* OK [UIDNEXT %d] x\r\n" % (max(self.mails, default=0) + 1))

    async def list_mails(self, out: asyncio.StreamWriter, uids: list[int]) -> None:
        self.say_mails(out, uids)

    def say_mails(self, out: asyncio.StreamWriter, uids: Iterable[int]) -> None:
        date = b'INTERNALDATE "01-May-2020 00:00:00 +0000"'
        lines = (
            b"* %d FETCH (UID %d FLAGS () %b RFC822.SIZE %d)\r\n"
            % (uid, uid, date, len(self.mails.get(uid, b"")))
            for uid in uids
        )
        out.write(b"".join(lines))

    async def send_mail(self, out: asyncio.StreamWriter, uid: int) -> None:
        mail = self.mails[uid]
        out.write(self.head(uid, len(mail)) + mail + b")\r\n")

    def head(self, uid: int, size: int) -> bytes:
        date = b'INTERNALDATE "01-May-2020 00:00:00 +0000"'
        return b"* %d FETCH (UID %d FLAGS () %b BODY[] {%d}\r\n" % (uid, uid, date, size)

    async def append(self, tag: bytes, mail: bytes, out: asyncio.StreamWriter) -> None:
        """Answer an APPEND of which the mail has come."""
        out.write(tag + b" NO this server is for reading\r\n")

    async def serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        await self.greet(out)
        while line := await reader.readline():
            tag, _, text = line.rstrip(b"\r\n").partition(b" ")
            self.asked.append(text)
            if found := re.search(rb"\{(\d+)\+?\}$", text):
                mail = await reader.readexactly(int(found[1]) + len(b"\r\n"))
                await self.append(tag, mail[:-2], out)
                continue
            await self._answer(text, out)
            out.write(tag + b" OK done\r\n")
            await out.drain()

    async def _answer(self, text: bytes, out: asyncio.StreamWriter) -> None:
        words = text.upper()
        if words.startswith((b"CAPABILITY", b"AUTHENTICATE")):
            out.write(b"* CAPABILITY %b\r\n" % self.capabilities)
        elif words.startswith(b"LIST"):
            await self.list_folders(out)
        elif words.startswith(b"STATUS"):
            last = max(self.mails, default=0) + 1
            out.write(
                b"* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)\r\n"
                % (len(self.mails), last, self.uid_validity)
            )
        elif words.startswith((b"SELECT", b"EXAMINE")):
            await self.open_folder(out)
        elif words.startswith(b"UID FETCH"):
            uids = self._chosen(words.split()[2])
            if b"BODY" not in words:
                await self.list_mails(out, uids)
            for uid in uids if b"BODY" in words else ():
                await self.send_mail(out, uid)
                await out.drain()

    def _chosen(self, text: bytes) -> list[int]:
        chosen = set()
        for part in text.split(b","):
            found = re.fullmatch(rb"(\d+)(?::(\d+|\*))?", part)
            assert found, text
            first = int(found[1])
            end = first if found[2] is None else 2**32 if found[2] == b"*" else int(found[2])
            chosen |= {uid for uid in self.mails if first <= uid <= end}
        return sorted(chosen)


@asynccontextmanager
async def running(server: Scripted) -> AsyncIterator[Scripted]:
    """Let a scripted server serve on loopback until the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await server.serve(reader, out)
        finally:
            out.transport.abort()
            tasks.discard(task)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.host, server.port = listening.sockets[0].getsockname()
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def data(place: Path) -> tuple[str, ...]:
    return ("--allow-plaintext", "--data", str(place / "data"))
