"""What a form offers to choose from: the workloads and servers of the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.model.workload import Protocol, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.model.server import Server
    from switchover.model.workload import Template, Workload

MOST_SERVERS = 60
"""More servers than this are not all listed: the chosen ones are, and others are added by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedWorkload:
    """A workload as it is chosen; ``value`` is what the file calls it."""

    value: str
    title: str
    line: str
    is_http: bool
    is_restricted: bool
    is_tls: bool
    names_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedProduct:
    """The workloads of one product."""

    template: str
    title: str
    workloads: tuple[OfferedWorkload, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedServer:
    """A server as it is chosen; ``line`` says where it stands and what it runs."""

    name: str
    line: str


def offered_products(
    servers: Mapping[str, Server], templates: Mapping[str, Template], chosen: Iterable[str]
) -> tuple[OfferedProduct, ...]:
    """Return what the platform's servers run; names that two products of one server share in full.

    ``chosen`` are workloads that a service carries already, as it writes them.
    """
    written = set(chosen)
    runs = {run for server in servers.values() for run in server.runs if run in templates}
    shared = _shared_names(servers, templates)
    return tuple(
        OfferedProduct(
            template=name,
            title=template.title,
            workloads=tuple(
                _offered(name, item, shared=shared, written=written) for item in template.workloads
            ),
        )
        for name, template in templates.items()
        if name in runs
    )


def offered_servers(
    servers: Mapping[str, Server], chosen: Iterable[str]
) -> tuple[tuple[OfferedServer, ...], bool]:
    """Return the servers to show, chosen ones first, and whether that is all of them."""
    first = [name for name in chosen if name in servers]
    rest = [name for name in servers if name not in set(first)]
    is_all = len(servers) <= MOST_SERVERS
    shown = [*first, *(rest if is_all else ())]
    return tuple(OfferedServer(name=name, line=_line(servers[name])) for name in shown), is_all


def _shared_names(
    servers: Mapping[str, Server], templates: Mapping[str, Template]
) -> set[tuple[str, str]]:
    shared: set[tuple[str, str]] = set()
    for runs in {server.runs for server in servers.values()}:
        owners: dict[str, list[str]] = {}
        for run in runs:
            for item in templates[run].workloads if run in templates else ():
                owners.setdefault(item.name, []).append(run)
        shared |= {(run, name) for name, own in owners.items() if len(own) > 1 for run in own}
    return shared


def _offered(
    template: str, item: Workload, *, shared: set[tuple[str, str]], written: set[str]
) -> OfferedWorkload:
    full = f"{template}/{item.name}"
    is_full = full in written or (template, item.name) in shared
    value = full if is_full and item.name not in written else item.name
    return OfferedWorkload(
        value=value,
        title=item.title,
        line=f"port {item.port}, {item.transport}",
        is_http=item.protocol is Protocol.HTTP,
        is_restricted=item.restricted,
        is_tls=item.transport is Transport.TLS,
        names_id=value.replace("/", "-"),
    )


def _line(server: Server) -> str:
    parts = [server.address, *([server.site] if server.site else []), ", ".join(server.runs)]
    return " · ".join(parts)
