"""One port of one practice server: open, refusing like a stopped service, or silent."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING

from switchover.errors import Conflict, InvalidInput
from switchover.practice import proxy_header
from switchover.practice.connection import Connection, cut_off, reset_socket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_BACKLOG = 1024
_PROXY_HEADER_SECONDS = 10.0
_OUT_OF_DESCRIPTORS_PAUSE_SECONDS = 0.1
# Checks of a vanished server come for as long as it is broken; the oldest silent sockets are let go.
_SILENT_SOCKETS = 256

# What ends a session without being anybody's bug: the peer left, talked nonsense or gave up on TLS.
EXPECTED_ENDS = (
    OSError,
    EOFError,
    ssl.SSLError,
    TimeoutError,
    InvalidInput,
    asyncio.LimitOverrunError,
)

_numbers = itertools.count(1)


class Listener:
    """Accepts connections, takes the PROXY header and TLS off, and hands them to a session."""

    _socket: socket.socket

    def __init__(
        self,
        *,
        address: str,
        port: int,
        serve: Callable[[Connection], Awaitable[None]],
        context: Callable[[], ssl.SSLContext] | None = None,
        proxy_protocol: bool = False,
    ) -> None:
        """Describe the port; :meth:`open` binds it.

        Args:
            address: where to listen.
            port: number, 0 to pick a free one.
            serve: runs one session; the connection is closed when it returns.
            context: returns the TLS context for the next handshake; None for clear text.
            proxy_protocol: demand a PROXY header on every connection.
        """
        self.address = address
        self.port = port
        self._serve = serve
        self._context = context
        self._proxy_protocol = proxy_protocol
        self._is_listening = False
        self._is_silent = False
        self._silent: deque[socket.socket] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: set[Connection] = set()

    @property
    def open_connections(self) -> int:
        """How many clients are connected, those of a silent port included."""
        return len(self.connections) + len(self._silent)

    def open(self) -> None:
        """Bind and listen.

        Raises:
            Conflict: the port is taken.
        """
        self._bind()
        self._listen()

    def refuse(self) -> None:
        """Stop like a stopped service: open connections are reset, new ones refused. Idempotent."""
        if not self._is_listening:
            return
        self._stop_listening()
        self._socket.close()
        # Bound but not listening: the kernel refuses, and nobody else can take the port meanwhile.
        self._bind()
        self._drop_silent()
        self.reset()

    def silence(self) -> None:
        """Play a vanished machine: connections are taken, nothing is ever said again. Idempotent."""
        self.resume()
        self._is_silent = True
        for connection in self.connections:
            connection.silence()

    def resume(self) -> None:
        """Work again. Connections that were silent are reset, as by a machine that came back."""
        if not self._is_listening:
            self._listen()
        self._is_silent = False
        self._drop_silent()
        for connection in [c for c in self.connections if c.silenced]:
            connection.abort()

    def reset(self, *, workload: str | None = None) -> None:
        """Reset open connections: all, or those now answering a request for one workload."""
        for connection in list(self.connections):
            if workload is None or (connection.busy and connection.workload == workload):
                connection.abort()

    async def close(self) -> None:
        """Stop an opened port for good: nothing of it is left when it returns."""
        self._stop_listening()
        self._socket.close()
        self._drop_silent()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _bind(self) -> None:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        # Without the explicit protocol asyncio leaves Nagle's algorithm on: 40 ms per TLS answer.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((self.address, self.port))
        except OSError as error:
            sock.close()
            raise Conflict(
                f"cannot listen on {self.address}:{self.port}: {error.strerror}"
            ) from error
        self.port = sock.getsockname()[1]
        self._socket = sock

    def _listen(self) -> None:
        self._socket.listen(_BACKLOG)
        self._is_listening = True
        self._watch()

    def _watch(self) -> None:
        if self._is_listening:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _stop_listening(self) -> None:
        if self._is_listening:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._is_listening = False

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                sock, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except (
                OSError
            ):  # out of descriptors: asking again at once would only burn the processor
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._socket)
                loop.call_later(_OUT_OF_DESCRIPTORS_PAUSE_SECONDS, self._watch)
                return
            sock.settimeout(0)
            if self._is_silent:
                self._hold(sock)
            else:
                self._start(sock, (peer[0], peer[1]))

    def _hold(self, sock: socket.socket) -> None:
        self._silent.append(sock)
        if len(self._silent) > _SILENT_SOCKETS:
            reset_socket(self._silent.popleft())

    def _drop_silent(self) -> None:
        while self._silent:
            reset_socket(self._silent.popleft())

    def _start(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(sock, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        try:
            connection = await self._welcome(sock, peer)
        except EXPECTED_ENDS:
            sock.close()
            return
        except asyncio.CancelledError:
            sock.close()
            raise
        self.connections.add(connection)
        self._catch_up(connection)
        try:
            await self._serve(connection)
            await connection.close()
        except EXPECTED_ENDS:
            await connection.close()
        finally:
            cut_off(connection.writer.transport)
            self.connections.discard(connection)

    def _catch_up(self, connection: Connection) -> None:
        """Apply what happened to the port while the connection was still shaking hands."""
        if not self._is_listening:
            connection.abort()
        elif self._is_silent:
            connection.silence()

    async def _welcome(self, sock: socket.socket, peer: tuple[str, int]) -> Connection:
        proxied = None
        if self._proxy_protocol:
            async with asyncio.timeout(_PROXY_HEADER_SECONDS):
                proxied = await proxy_header.receive(sock)
        connection = Connection(number=next(_numbers), peer=peer, proxied=proxied)
        await connection.open(sock, self._context() if self._context else None)
        return connection
