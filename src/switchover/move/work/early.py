"""The database started while the rest of a command is still being loaded: a third of a short copy's time."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Self

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
        """Begin, and return at once; from now on SIGTERM ends the block, so that nothing is left running."""
        with suppress(ValueError):  # a thread beside the main one handles no signals
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, _leave)
        self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        """Let the server go, which stops it unless others use it."""
        self._is_over.set()
        self._thread.join()
        if signal.getsignal(signal.SIGTERM) is _leave:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

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


def _leave(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
