"""The loops of one process: prepare the database, cycle, sample, write, forget what is old.

Each loop survives whatever its part throws, says so once in the log, and goes on: one broken part must
not stop the others, least of all the cycle.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from typing import TYPE_CHECKING

from switchover import clock
from switchover.app import look_at_audit, prepare_database, read_machine
from switchover.balance.work.upkeep import drop_old, roll_up
from switchover.directory.access.local_token.work import renew_local_token
from switchover.directory.access.session.work import drop_old as drop_old_sessions
from switchover.errors import SwitchoverError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from switchover.app import Switchover

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
ROLL_UP_SECONDS = 300.0
UPKEEP_SECONDS = 3600.0
PREPARE_SECONDS = 2.0
REFUSALS_SECONDS = 60.0
YOUNG_OBJECTS = 20_000
COLLECTOR_SECONDS = 5.0
SPARE_SECONDS = 300.0
"""The least between two: each walks all there is and holds up pages for a tenth of a second."""
SWITCH_SECONDS = 0.0005
"""How long one thread computes before another may: a page that is made meanwhile waits so long a dozen times."""


async def run_worker(switchover: Switchover) -> None:
    """Run all loops until cancelled."""
    settings = switchover.settings
    sys.setswitchinterval(SWITCH_SECONDS)
    _spare_collector()
    async with asyncio.TaskGroup() as group:
        group.create_task(_repeat("cycle", settings.cycle_seconds, switchover.cycle.run))
        group.create_task(_repeat("sample", settings.sample_seconds, switchover.observation.sample))
        group.create_task(_repeat("machine", UPKEEP_SECONDS, lambda: read_machine(switchover)))
        await _prepare(switchover)
        # At once: until now the wish was not known.
        await _attempt("cycle", switchover.cycle.run, "")
        group.create_task(_repeat("collector", COLLECTOR_SECONDS, _Settled(switchover).look))
        group.create_task(_repeat("flush", FLUSH_SECONDS, switchover.observation.flush))
        group.create_task(_repeat("roll-up", ROLL_UP_SECONDS, lambda: _roll_up(switchover)))
        group.create_task(
            _repeat("upkeep", UPKEEP_SECONDS, lambda: drop_old(switchover.database, settings))
        )
        group.create_task(_repeat("audit", UPKEEP_SECONDS, lambda: look_at_audit(switchover)))
        group.create_task(_repeat("refusals", REFUSALS_SECONDS, switchover.refusals.flush))
        tokens = switchover.database, switchover.tokens, settings.token_file
        group.create_task(_repeat("token", UPKEEP_SECONDS, lambda: renew_local_token(*tokens)))
        group.create_task(
            _repeat("sessions", UPKEEP_SECONDS, lambda: drop_old_sessions(switchover.database))
        )


def _spare_collector() -> None:
    """Let the garbage collector look only at what is made from now on, and less often.

    Half a million objects of imported modules never go away; walking them took a fifth of our processor
    time with 5,000 server lines, whose states are made anew in each cycle.
    """
    # What was spared before and is garbage by now goes too.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


class _Settled:
    """Sees when another platform file is in force, and keeps the collector from walking that too.

    A platform of 2,000 servers is 100,000 objects that stay until the next one; walking them again and again
    held up pages for a tenth of a second. No cycle is among them, so an old one goes without the collector.
    """

    def __init__(self, switchover: Switchover) -> None:
        self._parts = switchover.balance
        self._known: object = None
        self._spared_at = -SPARE_SECONDS

    async def look(self) -> None:
        """Look once; does nothing while the platform file stays, nor sooner than SPARE_SECONDS after the last."""
        balance = self._parts.wish[1].balance if self._parts.wish else None
        now = clock.monotonic()
        if balance is not self._known and now - self._spared_at >= SPARE_SECONDS:
            self._known, self._spared_at = balance, now
            _spare_collector()


async def _prepare(switchover: Switchover) -> None:
    while not switchover.balance.is_prepared:
        try:
            await prepare_database(switchover)
        except Exception as error:
            # Whatever is wrong with the database, the engine and its cycle go on.
            if not isinstance(error, SwitchoverError):
                logger.exception("database=unusable")
            elif str(error) != switchover.balance.unprepared_because:
                logger.warning("database=away reason=%s", error)
            switchover.balance.unprepared_because = str(error)
            await asyncio.sleep(PREPARE_SECONDS)
    switchover.balance.unprepared_because = ""
    logger.info("database=prepared")


async def _roll_up(switchover: Switchover) -> None:
    await roll_up(switchover.database)


async def _repeat(name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Run ``work`` every ``seconds``; a slow run is followed at once by the next, never by two."""
    failing = ""
    while True:
        started = clock.monotonic()
        failing = await _attempt(name, work, failing)
        await asyncio.sleep(max(0.0, seconds - (clock.monotonic() - started)))


async def _attempt(name: str, work: Callable[[], Awaitable[object]], failing: str) -> str:
    """Run ``work`` once and return why it failed, "" when it did not; ``failing`` was told before."""
    try:
        await work()
    except SwitchoverError as error:
        if str(error) != failing:
            logger.warning("loop=%s reason=%s", name, error)
        return str(error)
    except Exception:
        # A fault of ours in one loop must not stop the cycle that keeps traffic in order.
        logger.exception("loop=%s state=broken", name)
        return failing
    if failing:
        logger.info("loop=%s state=recovered", name)
    return ""
