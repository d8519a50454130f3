"""Clients in one thread: many connections, plain or TLS, kept or new for each exchange, timed.

Run as a program of its own, so that it can be bound to a core::

    python bench/clients.py '{"address": ..., "port": ..., "seconds": 5, ...}'

The only line it prints is a JSON object: exchanges done and failed, handshakes resumed, and the
latency of each exchange in microseconds.

With ``rate`` the clients are an open loop: exchanges begin at random moments (exponential gaps, seeded,
so both sides of a comparison get the same ones) whether or not earlier ones have ended. A kept
connection is free or busy; an exchange that finds none free waits, and that wait counts. Without
``rate`` they are a closed loop: each connection begins anew as soon as it has its answer. With ``hold``
each connection asks once; "held" is printed when all have been asked, and they stay until standard
input ends.
"""

from __future__ import annotations

import gc
import json
import random
import select
import socket
import ssl
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

WAIT_SECONDS = 5.0
HTTP_ANSWER_END = b"\n.\n"
"""The last bytes of the answer that our practice servers give; see backends.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to do; see the module's text. ``names`` are host names asked for in turn (TLS and Host)."""

    address: str
    port: int
    seconds: float
    connections: int = 32
    rate: float | None = None
    new: bool = False
    tls: bool = False
    resume: bool = False
    line: bool = False
    names: tuple[str, ...] = ("mail.contoso.example",)
    paths: tuple[str, ...] = ("/owa/",)
    warm_seconds: float = 0.5
    hold: bool = False


class Step(Enum):
    """Where a connection stands."""

    CONNECTING = auto()
    SHAKING = auto()
    GREETING = auto()
    FREE = auto()
    ASKING = auto()


@dataclass(slots=True, eq=False)
class Client:
    """One connection and its exchange."""

    socket: socket.socket
    name: str
    step: Step
    began: float = 0.0
    seen: bytes = b""


@dataclass(slots=True)
class Account:
    """What happened after the warm-up."""

    latencies: list[float] = field(default_factory=list)
    failed: int = 0
    resumed: int = 0
    late: int = 0


class Clients:
    """The event loop; ``run`` returns the account."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.context = _context()
        self.sessions: dict[str, ssl.SSLSession] = {}
        self.by_file: dict[int, Client] = {}
        self.free: deque[Client] = deque()
        self.waiting: deque[float] = deque()
        self.poll = select.epoll()
        self.account = Account()
        self.counting = False
        self.running = False
        self.turn = 0
        self.requests = [
            _request(order, name, path) for name in order.names for path in order.paths
        ]

    def run(self) -> Account:
        """Warm up, count for the ordered seconds, and return what happened."""
        order = self.order
        if not order.new or order.rate is None:
            for _ in range(order.connections):
                self._open(time.perf_counter())
        if not order.new:
            self._settle()
        self.running = True
        while order.rate is None and self.free:
            self._ask(self.free.popleft(), time.perf_counter())
        start = time.perf_counter() + order.warm_seconds
        self._until(start)
        self.counting = True
        self._until(start + order.seconds)
        return self.account

    def _settle(self) -> None:
        """Wait until every kept connection stands."""
        end = time.perf_counter() + WAIT_SECONDS
        while len(self.free) < self.order.connections and time.perf_counter() < end:
            self._turn(0.1)
        if len(self.free) < self.order.connections:
            raise SystemExit(f"only {len(self.free)} of {self.order.connections} connections stand")

    def _until(self, end: float) -> None:
        if self.order.rate is None:
            while time.perf_counter() < end:
                self._turn(0.05)
            return
        gaps = random.Random(7)  # the same moments for both sides of a comparison
        following = time.perf_counter()
        while (now := time.perf_counter()) < end:
            while following <= now:
                self._begin(now)
                following += gaps.expovariate(self.order.rate)
            self._turn(max(0.0, following - time.perf_counter()))

    def _begin(self, now: float) -> None:
        if self.order.new:
            self._open(now)
        elif self.free:
            self._ask(self.free.popleft(), now)
        else:
            self.waiting.append(now)
            self.account.late += 1

    def _open(self, now: float) -> None:
        order = self.order
        name = order.names[self.turn % len(order.names)]
        plain = socket.socket()
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.connect_ex((order.address, order.port))
        client = Client(plain, name, Step.CONNECTING, began=now)
        self.by_file[plain.fileno()] = client
        self.poll.register(plain.fileno(), select.EPOLLOUT)

    def _turn(self, seconds: float) -> None:
        # epoll rounds up to milliseconds; select on its descriptor does not.
        if not select.select([self.poll.fileno()], [], [], seconds)[0]:
            return
        for number, _ in self.poll.poll(0):
            client = self.by_file.get(number)
            if client is not None:
                self._go_on(client)

    def _go_on(self, client: Client) -> None:
        try:
            if client.step is Step.CONNECTING:
                self._connected(client)
            elif client.step is Step.SHAKING:
                self._shake(client)
            else:
                self._read(client)
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except ssl.SSLWantWriteError:
            self.poll.modify(client.socket.fileno(), select.EPOLLOUT)
        except OSError:
            self._fail(client)

    def _connected(self, client: Client) -> None:
        error = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")
        number = client.socket.fileno()
        self.poll.modify(number, select.EPOLLIN)
        if self.order.tls:
            session = self.sessions.get(client.name) if self.order.resume else None
            client.socket = self.context.wrap_socket(
                client.socket,
                server_hostname=client.name,
                do_handshake_on_connect=False,
                session=session,
            )
            client.step = Step.SHAKING
            self._shake(client)
        else:
            self._ready(client)

    def _shake(self, client: Client) -> None:
        assert isinstance(client.socket, ssl.SSLSocket)
        client.socket.do_handshake()
        if self.counting and client.socket.session_reused:
            self.account.resumed += 1
        self._ready(client)

    def _ready(self, client: Client) -> None:
        if self.order.line and client.step is not Step.GREETING:
            client.step = Step.GREETING  # an IMAP server speaks first
        elif self.order.new:
            self._ask(client, client.began)
        else:
            self._free(client)

    def _free(self, client: Client) -> None:
        client.step = Step.FREE
        if self.waiting:
            self._ask(client, self.waiting.popleft())
        elif self.running and self.order.rate is None:
            self._ask(client, time.perf_counter())
        else:
            self.free.append(client)

    def _ask(self, client: Client, began: float) -> None:
        client.step = Step.ASKING
        client.began = began
        client.seen = b""
        self.turn += 1
        client.socket.send(self.requests[self.turn % len(self.requests)])

    def _read(self, client: Client) -> None:
        data = client.socket.recv(65536)
        if not data:
            raise OSError("closed")
        client.seen += data
        if client.step is Step.GREETING and client.seen.endswith(b"\r\n"):
            self._ready(client)
        elif client.step is Step.ASKING and self._is_whole(client.seen):
            self._done(client)

    def _is_whole(self, seen: bytes) -> bool:
        return seen.endswith(b" done\r\n" if self.order.line else HTTP_ANSWER_END)

    def _done(self, client: Client) -> None:
        now = time.perf_counter()
        if self.counting:
            self.account.latencies.append(now - client.began)
            if not (self.order.line or client.seen.startswith(b"HTTP/1.1 200")):
                self.account.failed += 1
        if self.order.new:
            self._leave(client)
        else:
            self._free(client)

    def _leave(self, client: Client) -> None:
        if self.order.resume and isinstance(client.socket, ssl.SSLSocket):
            session = client.socket.session
            if session is not None:
                self.sessions[client.name] = session
        self._close(client)
        if self.order.rate is None:
            self._open(time.perf_counter())

    def _close(self, client: Client) -> None:
        number = client.socket.fileno()
        self.poll.unregister(number)
        self.by_file.pop(number, None)
        client.socket.close()

    def _fail(self, client: Client) -> None:
        self.account.failed += 1
        self._close(client)
        if self.account.failed > 1000:
            raise SystemExit("more than 1,000 exchanges failed")
        if self.order.rate is None or not self.order.new:
            self._open(time.perf_counter())

    def hold(self) -> None:
        """Open every connection, ask once on each, say so, and stay until told to go."""
        for number in range(self.order.connections):
            self._open(time.perf_counter())
            if number % 20 == 19:
                self._settle_at(number + 1)
        self._settle()
        while self.free:
            self._ask(self.free.popleft(), time.perf_counter())
        end = time.perf_counter() + 1.0
        while time.perf_counter() < end:
            self._turn(0.1)
        print("held", flush=True)
        sys.stdin.read()

    def _settle_at(self, count: int) -> None:
        end = time.perf_counter() + WAIT_SECONDS
        while len(self.free) < count and time.perf_counter() < end:
            self._turn(0.1)


def _context() -> ssl.SSLContext:
    # Nobody is deceived here: what the engine verifies is measured, not what this client does.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _request(order: Order, name: str, path: str) -> bytes:
    if order.line:
        return b"a1 NOOP\r\n"
    return (
        f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
    ).encode()


def main() -> None:
    """Obey the order in the first argument."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    order: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
    }
    gc.disable()
    clients = Clients(Order(**order))
    if clients.order.hold:
        clients.hold()
        return
    account = clients.run()
    print(
        json.dumps(
            {
                "done": len(account.latencies),
                "failed": account.failed,
                "resumed": account.resumed,
                "late": account.late,
                "microseconds": [round(one * 1e6) for one in account.latencies],
            }
        )
    )


if __name__ == "__main__":
    main()
