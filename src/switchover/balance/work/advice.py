"""The agent port: answers the engine's questions about single servers from the advice board."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from switchover import clock
from switchover.balance.advice import AdviceBoard
from switchover.balance.overrides import Target

if TYPE_CHECKING:
    from asyncio import AbstractServer, Transport

__all__ = ["AdviceBoard", "open_agent_port", "parse_question"]

MAX_QUESTION_BYTES = 256


def parse_question(line: bytes) -> Target | None:
    """Return the target in ``mail.owa/cas1``, None for anything else."""
    text = line.decode("ascii", "replace").strip()
    backend, _, server = text.partition("/")
    service, _, pool = backend.partition(".")
    if not (service and pool and server):
        return None
    return Target(service=service, pool=pool, server=server)


class _Agent(asyncio.Protocol):
    """One question, one answer. A bare protocol: streams would cost five times as much per question."""

    def __init__(self, board: AdviceBoard) -> None:
        self.board = board
        self.seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if b"\n" not in self.seen and len(self.seen) < MAX_QUESTION_BYTES:
            return
        target = parse_question(self.seen.partition(b"\n")[0])
        if target is not None:
            self.transport.write(self.board.answer(target, clock.now()).encode())
        self.transport.close()


async def open_agent_port(board: AdviceBoard, host: str, port: int) -> tuple[AbstractServer, int]:
    """Listen and return the server with its port (``port`` 0 lets the system choose)."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Agent(board), host, port, backlog=1024)
    return server, server.sockets[0].getsockname()[1]
