"""Bounds how many connections strangers hold open, and how slowly they may send.

A connection costs a file descriptor and some memory, and needs no sign-in. So all together are bounded, one
address has half of them at most (but for trusted proxies, who speak for many), and what a client has begun
to send must go on: START_SECONDS, and one second more for each LEAST_BYTES.

With TLS we take the plain connection and begin the handshake ourselves: asyncio tells of a connection only
after it, and who never ends one would hold a descriptor that nobody counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import resource
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

from switchover.directory.access.sign_in.throttle import network_of

if TYPE_CHECKING:
    import ssl

    from switchover.settings import Settings

logger = logging.getLogger(__name__)

START_SECONDS = 20.0
HANDSHAKE_SECONDS = 10.0
LEAST_BYTES = 1000
"""In a second: a telephone at the edge of its network sends more."""
SPARE_FILES = 256
"""Descriptors that are not for connections: database, engine, files."""
_AWAITED = frozenset({"IDLE", "SEND_BODY"})
"""States of a client (names of h11's) in which it is its turn to send."""
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: text/plain\r\n\r\n"
    b"Too many connections are open; try again in a moment.\n"
)


@dataclass(slots=True, kw_only=True)
class Connections:
    """The connections that are open, by what one attacker surely has of addresses."""

    most: int
    exempt: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    open_now: int = 0
    _by_network: dict[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, settings: Settings, *, most_files: int) -> Connections:
        """Return the bounds of the settings, as far as the process may open so many files."""
        return cls(
            most=max(16, min(settings.api_connections, most_files - SPARE_FILES)),
            exempt=tuple(ipaddress.ip_network(one) for one in settings.trusted_proxies),
        )

    def enter(self, address: str) -> bool:
        """Count a connection; False, and nothing is counted, when there are too many."""
        network = network_of(address)
        of_network = self._by_network.get(network, 0)
        is_over = of_network >= self.most // 2 and not self._is_exempt(address)
        if self.open_now >= self.most or is_over:
            return False
        self.open_now += 1
        self._by_network[network] = of_network + 1
        return True

    def leave(self, address: str) -> None:
        """Take a connection off that was counted."""
        network = network_of(address)
        self.open_now -= 1
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]

    def _is_exempt(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(network_of(address).partition("/")[0])
            exact = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network or exact in network for network in self.exempt)


def most_files() -> int:
    """Return how many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


class PatientProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 with bounds; ``bounded`` makes the class for one set of them."""

    known: Connections
    tls: ssl.SSLContext | None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a connection in, or say that there are too many."""
        self._waits_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._has_begun = False
        self._early = b""
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._is_in = self.known.enter(self._address)
        if not self._is_in:
            logger.warning("api=busy connections=%d from=%s", self.known.open_now, self._address)
            if self.tls is None:
                transport.write(BUSY)
            transport.close()
        elif self.tls is None:
            self._begin(transport)
        else:
            transport.pause_reading()
            self._handshake = self.loop.create_task(self._shake_hands(transport, self.tls))

    async def _shake_hands(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        """Begin once the connection is encrypted; what came with the end of the handshake is not lost."""
        encrypted = None
        try:
            with contextlib.suppress(OSError):
                encrypted = await self.loop.start_tls(
                    transport, self, tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
                )
        finally:
            if encrypted is None:
                self._leave()
        if encrypted is not None and self._is_in:
            self._begin(encrypted)
            if self._early:  # nothing at all would mean the end of what the client sends
                self.data_received(self._early)

    def _begin(self, transport: asyncio.Transport) -> None:
        self._has_begun = True
        super().connection_made(transport)
        self._await_more(0)

    def data_received(self, data: bytes) -> None:
        """Take what came, and see whether there is more to come."""
        if not self._is_in:
            return
        if not self._has_begun:
            self._early += data
            return
        super().data_received(data)
        if repr(self.conn.their_state) in _AWAITED:
            self._await_more(len(data))
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the connection off."""
        if self._is_in and self._has_begun:
            self._stop_waiting()
            super().connection_lost(exc)
        if self._handshake is not None:
            self._handshake.cancel()
        self._leave()

    def _leave(self) -> None:
        if self._is_in:
            self._is_in = False
            self.known.leave(self._address)

    def _await_more(self, received: int) -> None:
        now = self.loop.time()
        begun = self._waits_until if self._timer else now + START_SECONDS
        self._waits_until = begun + received / LEAST_BYTES
        if self._timer is None:
            self._timer = self.loop.call_at(self._waits_until, self._look)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """End a connection whose client sends too slowly; not one that we ourselves read slowly."""
        now = self.loop.time()
        if self.flow.read_paused:
            self._waits_until = max(self._waits_until, now + START_SECONDS)
        if self._waits_until > now:
            self._timer = self.loop.call_at(self._waits_until, self._look)
            return
        self._timer = None
        self.transport.abort()


def bounded(known: Connections, tls: ssl.SSLContext | None = None) -> type[asyncio.Protocol]:
    """Return the protocol that counts its connections there, and speaks TLS on what it is given plain."""
    return type("BoundedProtocol", (PatientProtocol,), {"known": known, "tls": tls})
