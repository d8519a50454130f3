"""Ending by a signal as cleanly as by success: what was begun is finished or left for the next run."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Result = TypeVar("Result")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 - it says what happened; nothing failed
    """A signal ended the work."""

    def __init__(self, number: int) -> None:
        """Keep the signal."""
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal ended."""
        return 128 + self.number


def run_interruptible(work: Awaitable[Result]) -> Result:
    """Run ``work``; the first SIGINT or SIGTERM cancels it, a second one ends the process at once.

    Raises Interrupted when the work was cancelled so.
    """
    with asyncio.Runner(loop_factory=_find_loop_factory()) as runner:
        return runner.run(_run(work))


def _find_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the loops of uvloop, which takes a tenth less of a processor; None where it is not installed."""
    try:
        import uvloop  # type: ignore[import-not-found]  # noqa: PLC0415 - an extra of the package
    except ImportError:
        return None
    return cast("Callable[[], asyncio.AbstractEventLoop]", uvloop.new_event_loop)


async def _run(work: Awaitable[Result]) -> Result:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        caught.append(number)
        task.cancel()
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)

    for one in _SIGNALS:
        loop.add_signal_handler(one, stop, one)
    try:
        return await task
    except asyncio.CancelledError:
        if caught:
            raise Interrupted(caught[0]) from None
        raise
    finally:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
