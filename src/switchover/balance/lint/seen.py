"""All that rules look at, with the questions several of them ask."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance.compile_backend import server_port
from switchover.balance.lint.facts import hosts_asked
from switchover.balance.lint.product import Protection, parse_exchange
from switchover.model.platform_file.spec import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from switchover.balance.assets import Assets
    from switchover.balance.certificate import CertificateFacts, CertificateFile
    from switchover.balance.lint.facts import EndpointAnswer, LiveFacts, MachineFacts
    from switchover.balance.virtual_service import (
        Balance,
        CarriedWorkload,
        RealServer,
        VirtualService,
    )
    from switchover.model.platform_file.tree import Path
    from switchover.model.server import Server

EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The platform as lint sees it; ``live`` and ``machine`` are None where nobody looked."""

    balance: Balance
    assets: Assets
    live: LiveFacts | None
    machine: MachineFacts | None
    now: datetime

    def http_services(self) -> Iterator[VirtualService]:
        """Yield the services that carry web workloads."""
        return (service for service in self.balance.services if service.is_http)

    def decrypting(self) -> Iterator[VirtualService]:
        """Yield the services in which the clients' TLS ends."""
        return (item for item in self.balance.services if item.layout is Layout.L7)

    def shown(self, service: VirtualService) -> dict[str, CertificateFile]:
        """Return the certificates clients are shown, by file name; faulty files are left out."""
        return {
            name: self.assets.shown[name]
            for name in service.tls.certificate
            if name in self.assets.shown
        }

    def answer(
        self, service: VirtualService, item: CarriedWorkload, real: RealServer, host: str
    ) -> EndpointAnswer | None:
        """Return what the server's port answered with ``--live``, None when it was not asked."""
        if self.live is None:
            return None
        return self.live.endpoints.get((real.name, server_port(service, item, real), host))

    def recorded(self, server: Server) -> CertificateFacts | None:
        """Return the certificate that the file says this server presents."""
        file = self.assets.recorded.get(server.certificate or "")
        return file.leaf if file else None

    def presented(
        self, service: VirtualService, item: CarriedWorkload, real: RealServer, host: str
    ) -> CertificateFacts | None:
        """Return the server's certificate: as seen live, else as recorded, else None."""
        answer = self.answer(service, item, real, host)
        if answer and answer.certificate:
            return answer.certificate
        return self.recorded(real.server)

    def presented_to(
        self, service: VirtualService, items: Iterable[CarriedWorkload]
    ) -> Iterator[tuple[RealServer, CertificateFacts | None]]:
        """Yield each server with each certificate it presents for these workloads, once."""
        wanted = [(item, host) for item in items for host in hosts_asked(service, item)]
        for real in service.servers:
            seen: dict[str, CertificateFacts | None] = {}
            for item, host in wanted:
                facts = self.presented(service, item, real, host)
                seen.setdefault(facts.sha256 if facts else "", facts)
            for facts in seen.values():
                yield real, facts


def at(service: VirtualService, *keys: str | int) -> Path:
    """Return the path of a key of the service."""
    return ("services", service.name, *keys)


def is_loopback(address: str) -> bool:
    """True for addresses that only this machine reaches."""
    return ipaddress.ip_address(address).is_loopback


def is_any(address: str) -> bool:
    """True for ``0.0.0.0`` and ``::``."""
    return ipaddress.ip_address(address).is_unspecified


def faces_others(service: VirtualService) -> bool:
    """True when somebody beyond this machine can connect."""
    return not all(map(is_loopback, service.listening_addresses))


def runs_exchange(item: CarriedWorkload) -> bool:
    """True for the workloads of Microsoft Exchange."""
    return item.workload.template == EXCHANGE


def protection_at(server: Server, item: CarriedWorkload) -> Protection:
    """Return whether Extended Protection is on for the workload at this server.

    An own template that requires it is believed; of Exchange the version decides.
    """
    if not runs_exchange(item):
        return Protection.ON
    version = parse_exchange(server.product)
    return version.protection if version else Protection.UNKNOWN


def listed(words: Iterable[str], *, most: int = 6) -> str:
    """Return ``a, b and c``; beyond ``most`` the rest as a number."""
    items = list(dict.fromkeys(words))
    if len(items) > most:
        return f"{', '.join(items[: most - 1])} and {len(items) - most + 1} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def verb(words: Iterable[str], one: str, many: str) -> str:
    """Return ``one`` or ``many`` after the number of distinct words."""
    return one if len(set(words)) == 1 else many
