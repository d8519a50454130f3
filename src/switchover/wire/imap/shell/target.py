"""Where to connect, and how."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from switchover.wire.imap.conversation import KEPT_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from switchover.wire.imap.reader import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, and how.

    ``tls`` is whether TLS begins with the connection; else STARTTLS is demanded, unless
    ``allow_plaintext``. ``context`` None verifies against the machine's authorities.

    ``connect_seconds`` bounds all up to the sign-in. ``answer_seconds`` bounds every single wait for bytes
    in either direction, ``stall_seconds`` the time in which only words come ("* OK Still here") and nothing
    that was asked for. ``kept_bytes`` bounds what the answers to one command, or to commands sent together,
    may take in memory; ``limits`` what a single response may.

    ``dial`` returns a connected socket to use instead of the network, for a server within this process; ``host``
    is then only what messages call it.
    """

    host: str
    port: int
    tls: bool = True
    allow_plaintext: bool = False
    context: ssl.SSLContext | None = None
    connect_seconds: float = 20.0
    answer_seconds: float = 120.0
    stall_seconds: float = 1800.0
    kept_bytes: int = KEPT_BYTES
    limits: Limits | None = None
    dial: Callable[[], socket.socket] | None = None

    @property
    def trust(self) -> ssl.SSLContext:
        """The context to use for TLS."""
        return self.context or _default_trust()


@lru_cache(maxsize=1)  # the authorities of the machine take some 20 ms to read
def _default_trust() -> ssl.SSLContext:
    return ssl.create_default_context()
