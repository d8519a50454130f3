"""What only asking can tell: where names lead, and what could not be asked."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.seen import at, is_any, is_loopback, listed, verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.lint.facts import NameAnswer
    from switchover.balance.lint.seen import Seen
    from switchover.balance.virtual_service import VirtualService
    from switchover.model.platform_file.tree import Path

_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
"""Networks that the Internet does not route (RFC 1918, 6598, 4193)."""


@rule(
    code="namespace-resolution",
    title="A name does not lead to its virtual service",
    severity=Severity.WARNING,
    also=(Severity.INFO,),
    why="Clients that resolve a name to a server's own address go around the balancer: they stay with "
    "that server when it fails. The internal Outlook Anywhere host name is the one most often forgotten. "
    "Inside and outside may answer differently; this is the answer of this machine.",
    what_to_do="Point the name to the address of the virtual service in every zone that clients ask "
    "(internal and external), and lower its time to live before a change.",
    needs_live=True,
)
def namespace_resolution(seen: Seen) -> Iterator[Hit]:
    """Names of services and internal names, against the addresses that serve them."""
    missing: dict[tuple[str, Path], tuple[set[str], list[str]]] = {}
    for service, name, path in _names(seen):
        answer = seen.live.names.get(name) if seen.live else None
        expected = _expected(seen, service, name)
        if answer is None or not expected or all(map(is_loopback, expected)):
            continue
        if answer.is_absent:
            missing.setdefault((service.name, path), (expected, []))[1].append(name)
        elif told := _verdict(name, answer, expected, _accepted(seen, service, name)):
            yield Hit(
                message=told,
                path=path,
                service=service.name,
                severity=Severity.INFO if _may_be_translated(answer, expected) else None,
            )
    for (owner, path), (expected, names) in missing.items():
        yield Hit(
            message=f"{listed(names)} {verb(names, 'does', 'do')} not resolve here; the service is at "
            f"{listed(sorted(expected))}",
            path=path,
            service=owner,
        )


def _names(seen: Seen) -> Iterator[tuple[VirtualService, str, Path]]:
    for service in seen.balance.services:
        for name in dict.fromkeys(service.names):
            yield service, name, at(service, "names")
    owners = {service.name: service for service in seen.balance.services}
    for position, (name, owner) in enumerate(seen.balance.internal_names):
        yield owners[owner], name, ("internal_names", position, "name")


def _expected(seen: Seen, service: VirtualService, name: str) -> set[str]:
    """The addresses at which this service serves this name."""
    own = {item.address for item in service.workloads if item.host == name and item.address}
    if own:
        return own
    if not is_any(service.address):
        return {service.address}
    return set(seen.machine.addresses) if seen.machine else set()


def _accepted(seen: Seen, service: VirtualService, name: str) -> set[str]:
    """Addresses of any service that serves the name on the same port (a site each, IPv4 and IPv6)."""
    others = [
        other
        for other in seen.balance.services
        if other.port == service.port and (other is service or name in other.names)
    ]
    return {address for other in others for address in _expected(seen, other, name)}


def _verdict(name: str, answer: NameAnswer, expected: set[str], accepted: set[str]) -> str | None:
    """Say what is wrong with the addresses; nothing when they are right or nobody answered."""
    found = set(answer.addresses)
    stray = sorted(found - accepted)
    target = listed(sorted(expected), most=3)
    if found and not found & expected:
        return f"{name} resolves to {listed(sorted(found))}, not to {target}"
    if stray:
        return f"{name} resolves partly elsewhere: to {listed(stray)} besides {target}"
    return None


def _may_be_translated(answer: NameAnswer, expected: set[str]) -> bool:
    """Inside service address, outside answer: usually an address translation in between."""
    return all(map(_is_inside, expected)) and not any(map(_is_inside, answer.addresses))


def _is_inside(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in _INSIDE)


@rule(
    code="live-check-incomplete",
    title="Some live questions got no answer",
    severity=Severity.INFO,
    why="What could not be asked is unknown, not fine.",
    what_to_do="Run it from the balancer's own place in the network, and look at the servers named.",
    needs_live=True,
)
def live_incomplete(seen: Seen) -> Iterator[Hit]:
    """Names and servers that could not be asked, one finding for each reason."""
    if seen.live is None:
        return
    names: dict[str, list[str]] = {}
    for name, answer in seen.live.names.items():
        if answer.error and not answer.is_absent:
            names.setdefault(answer.error, []).append(name)
    for error, asked in names.items():
        yield Hit(message=f"{listed(asked)} could not be resolved: {error}", path=("services",))
    servers: dict[str, list[str]] = {}
    for (server, port, _), reply in sorted(seen.live.endpoints.items()):
        if reply.error:
            servers.setdefault(reply.error, []).append(f"{server} port {port}")
    for error, asked in servers.items():
        yield Hit(
            message=f"{listed(asked)} {verb(asked, 'shows', 'show')} no certificate: {error}",
            path=("servers", asked[0].split(" ", 1)[0]),
        )


RULES = (namespace_resolution, live_incomplete)
