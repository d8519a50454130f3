"""An archive served to the engine: a thread for each connection, over a pair of sockets within the process.

No port is opened. Files have no asynchronous form, and a thread that waits for the disk lets the loop and the other
threads work: so a connection is a thread for its whole life, and not a hop into one for each call.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.archive.fetching import Broken
from switchover.move.archive.session import Session

if TYPE_CHECKING:
    from switchover.move.archive.store import Store

RECEIVE_BYTES = 256 << 10
SETTLE_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class ArchiveServer:
    """Serves ``store``; ``dial`` is a connection."""

    store: Store
    _served: list[tuple[socket.socket, threading.Thread]] = field(default_factory=list)

    def dial(self) -> socket.socket:
        """Return our end of a new connection.

        Waits until whoever hung up is done: what he sent may still be stored, and the one who asks now
        wants to see it.
        """
        for ours, thread in self._served:
            if ours.fileno() < 0:
                thread.join(SETTLE_SECONDS)
        self._served = [one for one in self._served if one[1].is_alive()]
        ours, theirs = socket.socketpair()
        thread = threading.Thread(
            target=_serve, args=(self.store, theirs), name="archive", daemon=True
        )
        thread.start()
        self._served.append((ours, thread))
        return ours

    def notices(self) -> list[str]:
        """Return what could not be kept so far."""
        return self.store.notices


def _serve(store: Store, connection: socket.socket) -> None:
    """Talk until the client goes, or until only the end of the connection can tell what happened."""
    with connection:
        session = Session(store, connection.sendall, lambda: int(clock.now().timestamp()))
        with contextlib.suppress(OSError, Broken), contextlib.closing(session):
            session.greet()
            while not session.is_over and (data := connection.recv(RECEIVE_BYTES)):
                session.receive(data)
