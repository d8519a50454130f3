"""A connection to a server begun while the rest of a command is still being loaded: two round trips less."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_SECONDS = 10.0


class EarlyLink:
    """Connects in a thread, at once; ``take`` it, and ``close`` it in the end.

    What goes wrong is not told here: whoever takes nothing connects as ever.
    """

    def __init__(self, host: str, port: int) -> None:
        """Begin to connect."""
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_over = False
        threading.Thread(
            target=self._connect, args=(host, port), name="early-link", daemon=True
        ).start()

    def take(self) -> socket.socket | None:
        """Return the socket if it is connected by now, the first time alone; it belongs to the caller."""
        with self._lock:
            found, self._socket, self._is_over = self._socket, None, True
        return found

    def close(self) -> None:
        """Close what nobody took."""
        found = self.take()
        if found is not None:
            found.close()

    def _connect(self, host: str, port: int) -> None:
        with suppress(OSError, UnicodeError):
            made = socket.create_connection((host, port), timeout=_SECONDS)
            with self._lock:
                if not self._is_over:
                    self._socket = made
                    return
            made.close()
