"""The database started while the rest of a command is still being loaded: a third of a short copy's time."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from switchover.errors import SwitchoverError

if TYPE_CHECKING:
    from switchover.settings import Settings


class EarlyDatabase:
    """Starts the embedded server in a thread and holds it until the end; use as a context.

    What goes wrong is not told here: whoever borrows the database meets it again. A server that has never
    been started is left to them too, because making one is told on its own.
    """

    def __init__(self, settings: Settings) -> None:
        """Name the data directory; nothing happens yet."""
        self.settings = settings
        self._is_over = threading.Event()
        self._is_tried = threading.Event()
        self._thread = threading.Thread(target=self._hold, name="early-database", daemon=True)

    def __enter__(self) -> Self:
        """Begin, and return at once."""
        self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        """Let the server go, which stops it unless others use it."""
        self._is_over.set()
        self._thread.join()

    async def tried(self) -> None:
        """Wait until the server is launched or has been left to others."""
        await asyncio.to_thread(self._is_tried.wait)

    def _hold(self) -> None:
        try:
            with suppress(SwitchoverError):
                asyncio.run(self._hold_server())
        finally:
            self._is_tried.set()

    async def _hold_server(self) -> None:
        # Loaded here, beside what the command itself needs.
        from switchover.store.held import held_server  # noqa: PLC0415

        async with held_server(self.settings):
            self._is_tried.set()
            await asyncio.to_thread(self._is_over.wait)
