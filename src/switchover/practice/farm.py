"""The practice farm: all servers of a specification in one event loop, breakable by name."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from switchover.practice.certificates import (
    CertificateFiles,
    PracticeAuthority,
    issue_wrong,
)
from switchover.practice.exchange import WebFrontEnd
from switchover.practice.faults import (
    EVERYTHING,
    Breakage,
    Fault,
    FaultBook,
    Target,
    shows_wrong_certificate,
)
from switchover.practice.listener import Listener
from switchover.practice.mail import MailSession
from switchover.practice.running import RunningServer
from switchover.practice.spec import FREE, FarmSpec, PortChoice, PracticeServer
from switchover.practice.tls import ServerTls
from switchover.practice.workloads import PORT_KINDS, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from switchover.practice.connection import Connection

__all__ = ["FREE", "Farm", "FarmSpec", "PracticeServer", "ServerAddress", "WorkloadState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where a running server is found: port number by port name, and its certificate."""

    name: str
    address: str
    ports: Mapping[str, int]
    certificate: CertificateFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """One workload of one server, now and since the start.

    Attributes:
        fault: what is wrong with it, its own or its server's.
        seconds: the delay of ``slow``, None for other faults.
        requests: answered as by a healthy server, health checks left out.
        checks: health checks answered so.
        spoiled: requests and checks that met a fault.
        connections: open now; on a web port a connection counts for what it asked for last.
    """

    server: str
    workload: str
    fault: Fault | None
    seconds: float | None
    requests: int
    checks: int
    spoiled: int
    connections: int


@dataclass(slots=True, kw_only=True)
class _Port:
    name: str
    workloads: tuple[str, ...]
    listener: Listener
    tls: ServerTls


class Farm:
    """Runs the servers between ``async with``; everything stops when the block ends."""

    def __init__(self, spec: FarmSpec, directory: Path) -> None:
        """Take the specification, and the directory for certificates (made if missing, 0700)."""
        self._spec = spec
        self._directory = directory
        self._book = FaultBook({server.name: server.workloads for server in spec.servers})
        self._running: dict[str, RunningServer] = {}
        self._ports: dict[str, list[_Port]] = {}
        self.servers: dict[str, ServerAddress] = {}
        self.ca_path = directory / "ca.pem"
        self.front: CertificateFiles | None = None

    async def __aenter__(self) -> Self:
        """Make certificates and open every port.

        Raises:
            Conflict: a port is taken; nothing stays open.
        """
        certificates = await asyncio.to_thread(self._make_certificates)
        try:
            for server in self._spec.servers:
                self._open_server(server, *certificates[server.name])
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_ending: object) -> None:
        """Close every port and reset every connection."""
        await self._close()

    def break_(self, target: str, fault: str, seconds: float | None = None) -> None:
        """Break ``cas1``, ``cas1/owa`` or ``all`` from now on; replaces an earlier fault there.

        Args:
            target: what to break.
            fault: a word of :class:`~switchover.practice.faults.Fault`.
            seconds: delay for ``slow``, 5 by default.

        Raises:
            InvalidInput: no target, no fault or a bad delay.
            NotFound: no such server or workload.
        """
        breakage = Breakage.parse(fault, seconds)
        for one in self._targets(target):
            self._book.break_(one, breakage)
            self._apply(one.server)
            if breakage.fault is Fault.RESET:
                self._reset(one)

    def mend(self, target: str) -> None:
        """Mend ``cas1`` with all its workloads, ``cas1/owa`` alone, or ``all``. Idempotent.

        Raises:
            InvalidInput, NotFound: as :meth:`break_`.
            Conflict: the workload fails only because its whole server is broken.
        """
        for one in self._targets(target):
            self._book.mend(one)
            self._apply(one.server)

    def state(self) -> tuple[WorkloadState, ...]:
        """Return every workload of every server, in the order of the specification."""
        return tuple(
            self._workload_state(running, workload)
            for running in self._running.values()
            for workload in running.tallies
        )

    def _targets(self, target: str) -> list[Target]:
        if target.strip() == EVERYTHING:
            return [Target(server=name) for name in self._running]
        return [Target.parse(target)]

    def _make_certificates(self) -> dict[str, tuple[CertificateFiles, CertificateFiles]]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = PracticeAuthority(self._directory)
        key_type = self._spec.key_type
        if self._spec.names:
            self.front = authority.issue("front", self._spec.names, key_type)
        made = {}
        for server in self._spec.servers:
            hosts = dict.fromkeys(
                (server.name, *self._spec.names, *server.names.values(), server.address)
            )
            right = authority.issue(server.name, tuple(hosts), key_type)
            made[server.name] = (
                right,
                issue_wrong(self._directory, f"{server.name}-wrong", key_type),
            )
        return made

    def _open_server(
        self, server: PracticeServer, right: CertificateFiles, wrong: CertificateFiles
    ) -> None:
        running = RunningServer(server, self._book, self._spec.password)
        ports: list[_Port] = []
        self._running[server.name], self._ports[server.name] = running, ports
        for name, choice in server.offered_ports.items():
            port = self._make_port(running, name, choice, right, wrong)
            port.listener.open()
            ports.append(port)
        numbers = {port.name: port.listener.port for port in ports}
        self.servers[server.name] = ServerAddress(
            name=server.name, address=server.address, ports=numbers, certificate=right
        )

    def _make_port(
        self,
        running: RunningServer,
        name: str,
        choice: PortChoice,
        right: CertificateFiles,
        wrong: CertificateFiles,
    ) -> _Port:
        kind, workloads = PORT_KINDS[name], running.spec.workloads_on(name)
        is_wrong_for = functools.partial(self._is_wrong_for, running.spec, workloads)
        tls = ServerTls(right=right, wrong=wrong, is_wrong_for=is_wrong_for)
        web = WebFrontEnd(running)

        async def serve(connection: Connection) -> None:
            if kind.protocol is Protocol.HTTP:
                await web.serve(connection)
            else:
                await MailSession(
                    connection,
                    running,
                    workload=name,
                    protocol=kind.protocol,
                    context=tls.context,
                ).run()

        listener = Listener(
            address=running.spec.address,
            port=choice if isinstance(choice, int) else 0,
            serve=serve,
            context=tls.context if kind.tls else None,
            proxy_protocol=name in running.spec.proxy_protocol,
        )
        return _Port(name=name, workloads=workloads, listener=listener, tls=tls)

    def _is_wrong_for(
        self, server: PracticeServer, workloads: tuple[str, ...], name: str | None
    ) -> bool:
        wrong = self._book.wrongly_certified(server.name) & set(workloads)
        return shows_wrong_certificate(server_name=name, wrong=wrong, names=server.names)

    def _apply(self, server: str) -> None:
        """Bring the server's ports into line with the book and wake the sessions that wait."""
        for port in self._ports[server]:
            port.tls.renew()
            breakage = self._book.on_port(server, port.workloads)
            match breakage.fault if breakage else None:
                case Fault.REFUSE:
                    port.listener.refuse()
                case Fault.HALF_OPEN:
                    port.listener.silence()
                case _:
                    port.listener.resume()
        self._running[server].changed.beat()

    def _reset(self, target: Target) -> None:
        for port in self._ports[target.server]:
            if target.workload is None or port.workloads == (target.workload,):
                port.listener.reset()
            elif target.workload in port.workloads:
                port.listener.reset(workload=target.workload)

    def _workload_state(self, running: RunningServer, workload: str) -> WorkloadState:
        breakage = self._book.on(running.name, workload)
        tally = running.tallies[workload]
        return WorkloadState(
            server=running.name,
            workload=workload,
            fault=breakage.fault if breakage else None,
            seconds=breakage.seconds if breakage and breakage.fault is Fault.SLOW else None,
            requests=tally.requests,
            checks=tally.checks,
            spoiled=tally.spoiled,
            connections=self._connections(running.name, workload),
        )

    def _connections(self, server: str, workload: str) -> int:
        total = 0
        for port in self._ports[server]:
            if port.workloads == (workload,):
                total += port.listener.open_connections
            else:
                total += sum(c.workload == workload for c in port.listener.connections)
        return total

    async def _close(self) -> None:
        listeners = [port.listener for ports in self._ports.values() for port in ports]
        await asyncio.gather(*(listener.close() for listener in listeners))
