"""Health, capacity and redundancy: what is noticed, how fast, and what then remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.compile_backend import judged_workloads
from switchover.balance.lint.finding import Hit, Severity, rule
from switchover.balance.lint.seen import at, listed, verb
from switchover.balance.virtual_service import ALL_WORKLOADS
from switchover.model.platform_file.spec import Layout, Scheduler
from switchover.model.platform_file.spec_health import OnDown
from switchover.model.workload import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.lint.seen import Seen
    from switchover.balance.virtual_service import HealthTiming
    from switchover.model.workload import Workload

SLOW_SECONDS = 10.0
_OFF_BY_DEFAULT = frozenset({Protocol.IMAP, Protocol.POP3})


def detection_seconds(timing: HealthTiming) -> tuple[float, float]:
    """Return the longest time until a wrong answer, and until silence, takes a server out.

    After the first failure the engine asks in fast intervals.
    """
    wrong = timing.interval + (timing.fall - 1) * timing.fast_interval
    return wrong, wrong + timing.fall * timing.timeout


@rule(
    code="slow-detection",
    title=f"A failed workload stays in use for more than {SLOW_SECONDS:g} seconds",
    severity=Severity.INFO,
    also=(Severity.WARNING,),
    why="Until the verdict falls, every new connection may meet the broken server. The default finds a "
    "wrong answer within 2.5 s and silence within 6.5 s, at the cost of one small request every 2 s.",
    what_to_do="Remove interval, fall and timeout, or use health: {profile: fast}.",
)
def slow_detection(seen: Seen) -> Iterator[Hit]:
    """Interval, fast interval and fall together, for each pool."""
    for service in seen.balance.services:
        for pool in service.pools():
            item = judged_workloads(service, pool)[0]
            wrong, silent = detection_seconds(item.timing)
            if wrong > SLOW_SECONDS:
                yield Hit(
                    message=f"a wrong answer of {item.name} is noticed within {wrong:g} s, silence within "
                    f"{silent:g} s (interval {item.timing.interval:g} s, fall {item.timing.fall})",
                    path=at(service, "health"),
                    service=service.name,
                    workload=item.name,
                    severity=Severity.WARNING if wrong > 60.0 else Severity.INFO,
                )


@rule(
    code="workloads-not-judged",
    title="Some workloads of the service are not looked at",
    severity=Severity.INFO,
    why="In layout l4 one verdict stands for the whole server. When only one workload is asked, users of "
    "the others meet a broken server that counts as healthy.",
    what_to_do="Use health: {workload: all}, or layout l7 or l4-names for a verdict on each.",
    source="Microsoft: Load balancing in Exchange Server",
)
def not_judged(seen: Seen) -> Iterator[Hit]:
    """Layout l4 with a chosen health workload."""
    for service in seen.balance.services:
        chosen = service.health_workload
        unseen = [item.name for item in service.workloads if item.name != chosen]
        if service.layout is Layout.L4 and chosen != ALL_WORKLOADS and unseen:
            yield Hit(
                message=f"only {chosen} is asked; failures of {listed(unseen)} are not seen",
                path=at(service, "health", "workload"),
                service=service.name,
            )


@rule(
    code="close-hits-healthy-workloads",
    title="A failure of one workload closes the connections of all",
    severity=Severity.INFO,
    why="One verdict covers the server and on_down: close ends every session on it, also those of "
    "workloads that were fine; their users reconnect at once, all together.",
    what_to_do="Use on_down: keep, or a layout with a verdict for each workload.",
)
def close_hits_healthy(seen: Seen) -> Iterator[Hit]:
    """Layout l4 with several workloads that closes connections on a failed check."""
    for service in seen.balance.services:
        shared = service.layout is Layout.L4 and len(service.workloads) > 1
        if shared and service.on_down is OnDown.CLOSE:
            yield Hit(
                message=f"on_down: close ends the sessions of all {len(service.workloads)} workloads",
                path=at(service, "health", "on_down"),
                service=service.name,
            )


@rule(
    code="check-asks-for-another-host",
    title="Health is asked for by a name that clients do not use",
    severity=Severity.INFO,
    why="Servers choose site and certificate by host name. A check that asks for another one may find "
    "them healthy while the clients' name fails, or the other way round.",
    what_to_do="Remove host from the check, or add the name to the service.",
)
def check_host_differs(seen: Seen) -> Iterator[Hit]:
    """Checks with a host of their own that is no name of the service."""
    for service in seen.balance.services:
        for item in service.workloads:
            asked = item.workload.check.host
            used = (item.host,) if item.host else service.names
            if asked and used and asked not in used:
                yield Hit(
                    message=f"{item.name} is checked as {asked}, clients use {listed(used)}",
                    path=at(service, "health", "workloads", item.name, "host"),
                    service=service.name,
                    workload=item.name,
                )


@rule(
    code="single-server",
    title="A service stands on one server",
    severity=Severity.INFO,
    why="When it fails, is drained or restarts, nothing is left.",
    what_to_do="Add a second server, or at least a backup: {name: cas2, backup: true}.",
)
def single_server(seen: Seen) -> Iterator[Hit]:
    """Services with exactly one server."""
    for service in seen.balance.services:
        if len(service.servers) == 1:
            name = service.servers[0].name
            yield Hit(
                message=f"{name} is the only server",
                path=at(service, "servers"),
                service=service.name,
                server=name,
            )


@rule(
    code="first-available-unbounded",
    title="Only the first server is ever used",
    severity=Severity.WARNING,
    why="first-available fills one server up to its max_connections before it uses the next. Without "
    "that bound the first one takes everything and the others stand idle.",
    what_to_do="Give the servers max_connections ({name: cas1, max_connections: 2000}), or use backup: "
    "true if the others are meant as a reserve.",
    source="HAProxy manual 4.2, balance first",
)
def first_available_unbounded(seen: Seen) -> Iterator[Hit]:
    """first-available with a server, other than the last, that has no bound."""
    for service in seen.balance.services:
        if service.scheduler is not Scheduler.FIRST_AVAILABLE:
            continue
        active = [real for real in service.servers if not real.backup]
        for number, real in enumerate(active[:-1], start=1):
            if real.max_connections is None:
                idle = [other.name for other in active[number:]]
                yield Hit(
                    message=f"{real.name} has no max_connections, so {listed(idle)} "
                    f"{verb(idle, 'gets', 'get')} no traffic",
                    path=at(service, "servers"),
                    service=service.name,
                    server=real.name,
                )
                break


@rule(
    code="weights-ignored",
    title="Weights have no effect with this scheduler",
    severity=Severity.INFO,
    why="round-robin gives every server the same share; weights count for the other schedulers.",
    what_to_do="Use scheduler: weighted, or remove the weights.",
)
def weights_ignored(seen: Seen) -> Iterator[Hit]:
    """round-robin with different weights."""
    for service in seen.balance.services:
        weights = {real.weight for real in service.servers}
        if service.scheduler is Scheduler.ROUND_ROBIN and len(weights) > 1:
            told = [f"{real.name} {real.weight}" for real in service.servers]
            yield Hit(
                message=f"the weights ({listed(told)}) are not used by round-robin",
                path=at(service, "scheduler"),
                service=service.name,
            )


@rule(
    code="no-weight-left",
    title="No server may get traffic",
    severity=Severity.ERROR,
    why="A server of weight 0 gets no new connections; if all have it, the service answers nobody.",
    what_to_do="Give at least one server a weight above 0.",
)
def no_weight_left(seen: Seen) -> Iterator[Hit]:
    """All servers, backups included, with weight 0."""
    for service in seen.balance.services:
        uses_weights = service.scheduler is not Scheduler.ROUND_ROBIN
        if uses_weights and not any(real.weight for real in service.servers):
            yield Hit(
                message="every server has weight 0",
                path=at(service, "servers"),
                service=service.name,
            )


@rule(
    code="workload-not-carried",
    title="Servers run workloads that no service carries",
    severity=Severity.INFO,
    why="Clients reach them on one server only, around the balancer, or not at all.",
    what_to_do="Carry them in a service, or ignore this if nobody uses them.",
)
def workload_not_carried(seen: Seen) -> Iterator[Hit]:
    """By template: what no service carries in any form, and on which servers."""
    carried, ports = _carried(seen)
    for template in seen.balance.templates.values():
        servers = [
            server.name for server in seen.balance.servers.values() if template.name in server.runs
        ]
        missing = [
            workload.name
            for workload in template.workloads
            if _kind(workload) not in carried
            and (workload.template, workload.port) not in ports
            and not _is_optional(workload)
        ]
        if servers and missing:
            yield Hit(
                message=f"{template.title}: {listed(missing, most=12)} on {listed(servers)} "
                f"{verb(missing, 'is', 'are')} carried by no service",
                path=("servers", servers[0], "runs"),
                server=servers[0] if len(servers) == 1 else None,
            )


def _carried(seen: Seen) -> tuple[set[tuple[str, str]], set[tuple[str, int]]]:
    """What is carried, and the ports that layout l4 passes whatever is spoken on them."""
    kinds: set[tuple[str, str]] = set()
    ports: set[tuple[str, int]] = set()
    for service in seen.balance.services:
        for item in service.workloads:
            kinds.add(_kind(item.workload))
            if service.layout is Layout.L4:
                ports.add((item.workload.template, item.workload.port))
    return kinds, ports


def _kind(workload: Workload) -> tuple[str, str]:
    """IMAP with STARTTLS and over TLS are one need; web workloads are each their own."""
    http = workload.protocol is Protocol.HTTP
    return workload.template, workload.name if http else workload.protocol.value


def _is_optional(workload: Workload) -> bool:
    """Remote PowerShell is not for clients, and Exchange has IMAP and POP3 switched off at first."""
    return (workload.restricted and workload.name == "powershell") or (
        workload.template == "exchange" and workload.protocol in _OFF_BY_DEFAULT
    )


RULES = (
    no_weight_left,
    first_available_unbounded,
    slow_detection,
    not_judged,
    close_hits_healthy,
    check_host_differs,
    single_server,
    weights_ignored,
    workload_not_carried,
)
