"""What the machine allows: addresses, open files, the engine it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.descriptors import connections_that_fit, listeners_and_checks
from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.seen import at, faces_others, is_any, is_loopback, listed
from switchover.wire.haproxy.binary import descriptors_needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.lint.seen import Seen

FEW_CONNECTIONS = 2000
"""An Outlook user holds five to ten connections: below this, a few hundred users fill the engine."""


@rule(
    code="address-not-on-machine",
    title="A service's address is not on this machine",
    severity=Severity.ERROR,
    why="The engine can not listen on an address that the machine does not have, and refuses to start.",
    what_to_do="Add it to an interface (ip address add ADDRESS/PREFIX dev eth0, and in the network's "
    "configuration), or with VRRP set net.ipv4.ip_nonlocal_bind = 1.",
)
def address_not_here(seen: Seen) -> Iterator[Hit]:
    """Listening addresses against those of the machine."""
    machine = seen.machine
    if machine is None or machine.binds_any_address:
        return
    for service in seen.balance.services:
        for address in service.listening_addresses:
            if address in machine.addresses or is_any(address) or is_loopback(address):
                continue
            here = [item for item in sorted(machine.addresses) if not is_loopback(item)]
            yield Hit(
                message=f"{address} is not an address of this machine "
                f"(it has {listed(here) or 'loopback only'})",
                path=at(service, "address" if address == service.address else "names"),
                service=service.name,
            )


@rule(
    code="file-descriptors",
    title="The limit on open files is too low for the connections",
    severity=Severity.ERROR,
    also=(Severity.WARNING,),
    why="Every connection through the engine needs two open files, every listening address and health "
    "check one more. Above the hard limit the engine refuses to start.",
    what_to_do="Raise the limit (systemd: LimitNOFILE=524288; else ulimit -Hn or "
    "/etc/security/limits.conf), or lower engine: {max_connections: ...}.",
    source="HAProxy manual 3.2, maxconn; compute_ideal_maxsock in its source",
)
def file_descriptors(seen: Seen) -> Iterator[Hit]:
    """The engine's need, counted as it does itself, against the hard limit."""
    machine = seen.machine
    if machine is None or machine.descriptor_limit is None or not seen.balance.services:
        return
    threads = seen.balance.engine.threads or machine.threads
    limit = machine.descriptor_limit
    wanted = seen.balance.engine.max_connections
    if wanted:
        listeners, checks = listeners_and_checks(seen.balance)
        needed = descriptors_needed(
            max_connections=wanted, listeners=listeners, checks=checks, threads=threads
        )
        if needed > limit:
            yield Hit(
                message=f"{wanted:,} connections need {needed:,} open files, the limit is {limit:,}",
                path=("engine", "max_connections"),
            )
        return
    room = connections_that_fit(seen.balance, open_files=limit, threads=threads)
    if room < FEW_CONNECTIONS:
        yield Hit(
            message=f"the limit of {limit:,} open files leaves room for {max(room, 0):,} connections",
            path=("engine",),
            severity=Severity.ERROR if room < 1 else Severity.WARNING,
        )


@rule(
    code="engine-tls-library-old",
    title="The engine in use is older than one at hand, and faces the network",
    severity=Severity.WARNING,
    why="The bundled engine carries its own TLS library, which the distribution's security updates do "
    "not reach. On loopback that is fine; towards clients the patched one is better.",
    what_to_do="Install the distribution's haproxy and point to it: SWITCHOVER_HAPROXY=/usr/sbin/haproxy.",
)
def engine_old(seen: Seen) -> Iterator[Hit]:
    """Services beyond loopback while a newer engine is on the machine or in its distribution."""
    machine = seen.machine
    exposed = [service.name for service in seen.balance.services if faces_others(service)]
    if machine and machine.newer_engines and exposed:
        ours = f"HAProxy {machine.engine} with {machine.tls_library or 'no TLS library'}"
        yield Hit(
            message=f"{listed(exposed)} would be served by {ours}; newer: {listed(machine.newer_engines)}",
            path=("engine",),
        )


RULES = (address_not_here, file_descriptors, engine_old)
