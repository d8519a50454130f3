"""Writes the dialogues in this folder anew, as a real Dovecot answers today.

Run from the project's root, as root, with ``python -m tests.conversation.imap.record``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.conversation.imap.dialogue import SCRIPT, write
from tests.integration.imap_servers import Options, dovecot

from switchover.wire.imap.conversation import Phase
from switchover.wire.imap.shell import Connection
from switchover.wire.imap.shell.stream import ByteStream, connect

if TYPE_CHECKING:
    from switchover.wire.imap.shell import Target

DIALOGUES = {
    "dovecot": Options(),
    "dovecot-without-literal-plus": Options(
        capabilities="IMAP4rev1 SASL-IR UIDPLUS MULTIAPPEND ENABLE CONDSTORE QRESYNC ESEARCH"
    ),
}


class Tape:
    """A stream that keeps what is said."""

    def __init__(self, stream: ByteStream) -> None:
        self.said: list[tuple[str, bytes]] = []
        self._stream = stream

    async def read(self, seconds: float) -> bytes:
        data = await self._stream.read(seconds)
        self.said.append(("S", data))
        return data

    def write(self, data: bytes | memoryview) -> None:
        self.said.append(("C", bytes(data)))
        self._stream.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


async def talk(target: Target) -> list[tuple[str, bytes]]:
    """Follow the script and return what was said."""
    tape = Tape(await connect(target.host, target.port, None, 5.0))
    connection = Connection(target, tape)  # type: ignore[arg-type] # it does all that a stream does
    while connection.conversation.phase is Phase.GREETING:
        await connection.next_event()
    for batch in SCRIPT:
        requests = [await connection._put(command, ()) for command in batch]
        await connection.flush()
        for request in requests:
            await connection.wait(request)
    said = list(tape.said)
    await connection.close(politely=False)
    return said


def main() -> None:
    for name, options in DIALOGUES.items():
        with dovecot(options) as server:
            write(name, asyncio.run(talk(server.plain)))


if __name__ == "__main__":
    main()
