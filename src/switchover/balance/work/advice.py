"""The agent port: answers the engine's questions about single servers from the advice board."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.advice import AdviceBoard
from switchover.balance.overrides import Target

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AdviceBoard", "open_agent_port", "open_kept_agent_port", "parse_question"]

MAX_QUESTION_BYTES = 256
MAX_WAITING = 256
MAX_QUESTIONS_PER_TURN = 64


def parse_question(line: bytes) -> Target | None:
    """Return the target in ``mail.owa/cas1``, None for anything else."""
    text = line.decode("ascii", "replace").strip()
    backend, _, server = text.partition("/")
    service, _, pool = backend.partition(".")
    if not (service and pool and server):
        return None
    return Target(service=service, pool=pool, server=server)


class AgentPort:
    """One question, one answer, on plain sockets.

    The engine sends its question with its connection, so nearly always one turn of the loop does it all.
    asyncio's own server and transport would cost four times as much, and questions come by the hundred.
    """

    def __init__(self, board: AdviceBoard, listening: socket.socket) -> None:
        """Start to answer what comes to a listening socket, which is ours from now on."""
        self._board = board
        self._listening = listening
        self._waiting: dict[socket.socket, bytes] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listening, self._accept)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._listening.getsockname()[1])

    def close(self) -> None:
        """Stop; questions that are half asked get no answer."""
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for asking in list(self._waiting):
            self._end(asking)

    def _accept(self) -> None:
        for _ in range(MAX_QUESTIONS_PER_TURN):
            try:
                asking, _ = self._listening.accept()
            except OSError:  # no more for now
                return
            asking.settimeout(0)
            if len(self._waiting) >= MAX_WAITING:
                # Somebody connects and says nothing; the engine never takes that long.
                self._end(next(iter(self._waiting)))
            self._waiting[asking] = b""
            self._read(asking)

    def _read(self, asking: socket.socket) -> None:
        try:
            data = asking.recv(MAX_QUESTION_BYTES)
        except BlockingIOError:
            self._loop.add_reader(asking, self._read, asking)
            return
        except OSError:
            data = b""
        seen = self._waiting[asking] + data
        if data and b"\n" not in seen and len(seen) < MAX_QUESTION_BYTES:
            self._waiting[asking] = seen
            self._loop.add_reader(asking, self._read, asking)
            return
        target = parse_question(seen.partition(b"\n")[0])
        if target is not None:
            with contextlib.suppress(OSError):  # the engine has gone away
                asking.send(self._board.answer(target, clock.now()).encode())
        self._end(asking)

    def _end(self, asking: socket.socket) -> None:
        self._loop.remove_reader(asking)
        del self._waiting[asking]
        asking.close()


async def open_kept_agent_port(
    board: AdviceBoard, host: str, wanted: int, kept: Path
) -> tuple[AgentPort, int]:
    """Listen where we listened the last time, as far as that is free, and write down where in ``kept``.

    The port stands in the engine's configuration; another one would cost a reload.
    """
    try:
        agent, port = await open_agent_port(board, host, wanted or _last_port(kept))
    except OSError:
        agent, port = await open_agent_port(board, host, 0)
    _note_port(kept, port)
    return agent, port


def _last_port(kept: Path) -> int:
    """Return the port of the last time, 0 where nobody wrote one down that can be read."""
    with contextlib.suppress(ValueError, FileNotFoundError):
        return int(kept.read_text("ascii"))
    return 0


def _note_port(kept: Path, port: int) -> None:
    kept.write_text(str(port), "ascii")


async def open_agent_port(board: AdviceBoard, host: str, port: int) -> tuple[AgentPort, int]:
    """Listen and return the agent with its port (``port`` 0 lets the system choose)."""
    listening = socket.create_server((host, port), backlog=1024)
    listening.settimeout(0)
    agent = AgentPort(board, listening)
    return agent, agent.port
