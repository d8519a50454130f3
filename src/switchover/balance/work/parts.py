"""What the balancer's verbs work with, put together once by ``app``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.probes.machine import check_ports

if TYPE_CHECKING:
    from switchover.balance.compile import Compiled, EngineFacts
    from switchover.balance.lint import MachineFacts
    from switchover.balance.work.engine_room import EngineRoom
    from switchover.balance.work.revisions import Wish
    from switchover.store.pool import Database
    from switchover.store.seal import Sealer


@dataclass(slots=True, kw_only=True)
class BalancerParts:
    """Collaborators of the balancer's verbs, and the two things worth remembering between calls."""

    database: Database
    engine: EngineRoom
    sealer: Sealer
    facts: EngineFacts
    machine: MachineFacts
    is_prepared: bool = False
    """True once the tables are those of this version."""
    unprepared_because: str = ""
    """Why the database can not be used yet."""
    wish: tuple[tuple[int, str], Wish] | None = None
    """The last wish read, with its revision's number and text."""
    wanted: tuple[int, Compiled] | None = None
    """What the engine should run, so that cycles go on while the database is away."""

    async def preflight(self, wish: Wish) -> None:
        """Raise InvalidInput for an address that is not here or a port that another program has."""
        process = self.engine.process
        master = process.master_pid
        await check_ports(
            wish.balance,
            self.engine.loaded,
            file=wish.file,
            own_pids=() if master is None else (master,),
            binary=process.binary,
        )
