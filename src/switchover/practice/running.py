"""A practice server at work: what its sessions share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover import clock
from switchover.practice.faults import Breakage, Fault

if TYPE_CHECKING:
    from switchover.practice.connection import Connection
    from switchover.practice.faults import FaultBook
    from switchover.practice.spec import PracticeServer


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one workload of one server has done since the start.

    Attributes:
        requests: answered as a healthy server would.
        checks: health checks answered so; not among ``requests``.
        spoiled: requests and checks that met a fault, as far as they arrived.
    """

    requests: int = 0
    checks: int = 0
    spoiled: int = 0


class Pulse:
    """Wakes everybody who waits for the next time something happens."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._event = asyncio.Event()

    def beat(self) -> None:
        """Wake those who wait now; later comers wait for the next beat."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next beat."""
        await self._event.wait()


class RunningServer:
    """The faults, counters and occasions that all sessions of one server share.

    Attributes:
        changed: beats when a fault of this server came or went.
        mail_arrived: beats when somebody sent mail here, which ends ActiveSync's long polls.
    """

    def __init__(self, spec: PracticeServer, book: FaultBook, password: str) -> None:
        """Start counting for each workload the server offers."""
        self.spec = spec
        self.name = spec.name
        self.password = password
        self.tallies = {workload: Tally() for workload in spec.workloads}
        self.changed = Pulse()
        self.mail_arrived = Pulse()
        self._book = book

    def fault(self, workload: str | None) -> Fault | None:
        """Return the fault a client of this workload meets now."""
        breakage = self._book.on(self.name, workload)
        return breakage.fault if breakage else None

    async def admit(
        self, connection: Connection, workload: str | None, *, slow: bool = True
    ) -> Breakage | None:
        """Wait out what keeps a client waiting; return the fault that spoils the answer, if any.

        Args:
            connection: whose client waits.
            workload: what the client asked for, None when no workload claims it.
            slow: whether ``slow`` delays this answer.

        Raises:
            ConnectionError: the connection ends here, by the fault or by the client.
        """
        started = clock.monotonic()
        while True:
            breakage = self._book.on(self.name, workload)
            match breakage:
                case Breakage(fault=Fault.HANG):
                    await self._wait(connection, seconds=None)
                case Breakage(fault=Fault.SLOW, seconds=seconds) if slow:
                    left = started + seconds - clock.monotonic()
                    if left <= 0:
                        return None
                    await self._wait(connection, seconds=left)
                case Breakage(fault=Fault.HALF_OPEN):
                    await self._vanish(connection)
                case Breakage(fault=Fault.REFUSE):
                    connection.abort()
                    raise ConnectionAbortedError(f"{self.name} refuses {workload}")
                case Breakage(fault=Fault.SLOW | Fault.WRONG_CERTIFICATE) | None:
                    return None
                case _:
                    return breakage

    async def hold(self, connection: Connection, seconds: float) -> bool:
        """Hold a long poll; return True when mail arrived, False when the time is over.

        A change of faults ends it early, so that the caller looks at them again.

        Raises:
            ConnectionResetError: the client has gone.
        """
        mail = asyncio.ensure_future(self.mail_arrived.wait())
        try:
            await self._wait(connection, seconds=seconds, also=mail)
            return mail.done()
        finally:
            mail.cancel()

    async def _vanish(self, connection: Connection) -> None:
        connection.silence()
        await self.changed.wait()
        connection.abort()
        raise ConnectionAbortedError(f"{self.name} came back and knows the connection no more")

    async def _wait(
        self,
        connection: Connection,
        *,
        seconds: float | None,
        also: asyncio.Future[None] | None = None,
    ) -> None:
        """Return when the faults changed, ``also`` is done or the time is over."""
        gone = asyncio.ensure_future(_until(connection.gone))
        changed = asyncio.ensure_future(self.changed.wait())
        waits = [gone, changed, also] if also else [gone, changed]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            changed.cancel()
        if connection.gone.is_set():
            raise ConnectionResetError("the client has gone")


async def _until(event: asyncio.Event) -> None:
    await event.wait()
