"""What is assumed to be broken: ``cas1``, ``cas1/owa``, ``site:brussels``, ``site:brussels/owa``.

A name that the platform file does not know is an error with the nearest known one, because an outage
with a spelling mistake in it would look like good news.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file.wording import nearest
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.virtual_service import Balance, VirtualService
    from switchover.model.server import Server
    from switchover.model.workload import Workload

SITE_PREFIX = "site:"

BrokenWorkload = tuple[str, str, str]
"""Server, template and workload name: two products on one server may share a workload name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageItem:
    """One thing that is assumed down, as it was written, and the workloads that go with it."""

    text: str
    broken: frozenset[BrokenWorkload]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Everything that is assumed down at once."""

    items: tuple[OutageItem, ...] = ()

    @property
    def broken(self) -> frozenset[BrokenWorkload]:
        """The workloads of all items."""
        return frozenset().union(*(item.broken for item in self.items))

    def without_effect(self, balance: Balance) -> tuple[str, ...]:
        """Return the items, as written, that no virtual service carries."""
        carried = {
            (real.name, item.workload.template, item.name)
            for service in balance.services
            for item in service.workloads
            for real in service.servers
        }
        return tuple(item.text for item in self.items if not item.broken & carried)


def broken_in(
    service: VirtualService, broken: frozenset[BrokenWorkload]
) -> frozenset[tuple[str, str]]:
    """Return the (server, workload) pairs of ``service`` that are among ``broken``."""
    if not broken:
        return frozenset()
    servers = [real.name for real in service.servers]
    workloads = [(item.workload.template, item.name) for item in service.workloads]
    return frozenset(
        (server, name)
        for server in servers
        for template, name in workloads
        if (server, template, name) in broken
    )


def item_text(balance: Balance, server: str, template: str, name: str) -> str:
    """Return ``cas1/owa``, or ``cas1/exchange/owa`` where another product there has an ``owa`` too."""
    owners = sum(
        any(item.name == name for item in balance.templates[run].workloads)
        for run in balance.servers[server].runs
    )
    return f"{server}/{template}/{name}" if owners > 1 else f"{server}/{name}"


def parse_outage(balance: Balance, texts: Iterable[str]) -> Outage:
    """Return the outage that ``texts`` describe; raises InvalidInput with every unknown name."""
    problems: list[Problem] = []
    items = []
    for text in texts:
        item = _parse_item(balance, text.strip())
        if isinstance(item, Problem):
            problems.append(item)
        else:
            items.append(item)
    if problems:
        count = counted(len(problems), "fault")
        raise InvalidInput(f"{count} in what should be down. First: {problems[0]}", tuple(problems))
    return Outage(items=tuple(items))


def _parse_item(balance: Balance, text: str) -> OutageItem | Problem:
    place, slash, wish = text.partition("/")
    servers = _servers(balance, place)
    if isinstance(servers, Problem):
        return servers
    offered = [(server, item) for server in servers for item in _workloads(balance, server)]
    if not slash:
        return _item(text, offered)
    template, _, name = wish.rpartition("/")
    found = [
        (server, item)
        for server, item in offered
        if item.name == name and template in {"", item.template}
    ]
    if not found:
        known = {item.name for _, item in offered}
        hint = f"{nearest(name, known)} known there: {', '.join(sorted(known))}".strip()
        return Problem(message=f"{place!r} does not have the workload {wish!r}", hint=hint)
    templates = sorted({item.template for _, item in found})
    if len(templates) > 1:
        choices = " or ".join(f"{place}/{template}/{name}" for template in templates)
        return Problem(message=f"{wish!r} is ambiguous on {place!r}", hint=f"write {choices}")
    return _item(text, found)


def _item(text: str, found: list[tuple[Server, Workload]]) -> OutageItem:
    broken = frozenset((server.name, item.template, item.name) for server, item in found)
    return OutageItem(text=text, broken=broken)


def _servers(balance: Balance, place: str) -> list[Server] | Problem:
    if place.startswith(SITE_PREFIX):
        return _site(balance, place.removeprefix(SITE_PREFIX))
    server = balance.servers.get(place)
    if server is not None:
        return [server]
    sites = {real.site for real in balance.servers.values()}
    workloads = {
        item.name for real in balance.servers.values() for item in _workloads(balance, real)
    }
    if place in sites:
        hint = f"for the site write {SITE_PREFIX}{place}"
    elif place in workloads:
        hint = f"for a workload write SERVER/{place}"
    else:
        hint = nearest(place, balance.servers) or f"known: {', '.join(sorted(balance.servers))}"
    return Problem(message=f"there is no server {place!r}", hint=hint)


def _site(balance: Balance, site: str) -> list[Server] | Problem:
    servers = [server for server in balance.servers.values() if server.site == site]
    if site and servers:
        return servers
    known = sorted({server.site for server in balance.servers.values() if server.site})
    hint = nearest(site, known) or f"known: {', '.join(known) or 'none'}"
    return Problem(message=f"there is no server at a site {site!r}", hint=hint)


def _workloads(balance: Balance, server: Server) -> list[Workload]:
    return [item for name in server.runs for item in balance.templates[name].workloads]
