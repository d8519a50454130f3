"""Real servers: where a mail platform's workloads run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.model.workload import Protocol, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One real server.

    ``address`` is an IP address. ``runs`` are template names. ``proxy_protocol`` holds workload or
    protocol names whose ports take the PROXY protocol. ``ports`` maps a template's port to the port
    this server really uses. ``product`` is the exact version where a rule depends on it
    (``exchange-2019-cu14``). ``weight`` is the share of load relative to others (0 to 256).
    """

    name: str
    address: str
    site: str | None = None
    runs: tuple[str, ...] = ()
    proxy_protocol: frozenset[str] = frozenset()
    ports: Mapping[int, int] = field(default_factory=dict)
    product: str | None = None
    certificate: str | None = None
    weight: int = 100

    def port_of(self, port: int) -> int:
        """Return the port this server really uses where its template says ``port``."""
        return self.ports.get(port, port)

    def takes_proxy_protocol(self, workload: str, protocol: Protocol) -> bool:
        """True when the server's port of that workload expects a PROXY protocol header."""
        return workload in self.proxy_protocol or protocol.value in self.proxy_protocol

    def has(self, workload: Workload) -> bool:
        """True when the server runs the product that the workload belongs to."""
        return workload.template in self.runs
