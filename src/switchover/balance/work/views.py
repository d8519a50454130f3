"""Wish and observation side by side, for people: services, servers, who is connected, status."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from switchover import clock
from switchover.balance import queries
from switchover.balance.lint import lint
from switchover.balance.lint.rules_machine import RULES as MACHINE_RULES
from switchover.balance.name_page import page_of_names
from switchover.balance.outage import parse_outage
from switchover.balance.probes.machine import with_current_addresses
from switchover.balance.service_sections import sections_of
from switchover.balance.status_words import ServerView, server_view
from switchover.balance.targets import expand_target
from switchover.balance.unserved import (
    closed_frontends,
    closed_sentences,
    empty_pools,
    is_closed,
    left_empty,
)
from switchover.balance.what_if import what_if as predict_outage
from switchover.balance.what_if_view import to_json
from switchover.balance.work.revisions import current_wish
from switchover.errors import NotFound, SwitchoverError, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.statistics import Row, parse_statistics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.overrides import Target
    from switchover.balance.virtual_service import VirtualService
    from switchover.balance.work.cycle import Cycle, CycleReport
    from switchover.balance.work.observation import Observation
    from switchover.balance.work.parts import BalancerParts
    from switchover.balance.work.revisions import Wish
    from switchover.wire.haproxy.binary import EngineVersion

LOOK_SECONDS = 1.0
"""How long status waits for the engine before it takes the last sample."""
Rows = dict[tuple[str, str], Row]


async def load_wish(parts: BalancerParts) -> Wish:
    """Return the wish of the latest revision, the last one read while the database does not answer.

    Raises NotFound before the first revision, Unavailable where none was read yet.
    """
    if parts.wish is not None and not parts.database.is_answering:
        return parts.wish[1]  # who asks was looked up in vain a moment ago: once is enough
    try:
        return await _read_wish(parts)
    except Unavailable:
        if parts.wish is None:
            raise
        return parts.wish[1]


async def _read_wish(parts: BalancerParts) -> Wish:
    async with parts.database.transaction() as connection:
        latest = await queries.find_latest(connection)
        if latest is None:
            raise NotFound("nothing was applied yet; see: switchover apply --help")
        return await current_wish(parts, connection, latest)


async def list_services(
    parts: BalancerParts,
    observation: Observation,
    *,
    containing: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return services with the verdict of each workload, in the order of the platform file."""
    wish = await load_wish(parts)
    services = {service.name: service for service in wish.balance.services}
    names = page_of_names(services, containing=containing, after=after, limit=limit)
    rows = await _look(parts, observation)
    errors = observation.errors.counts
    return [_service(services[name], wish, rows, errors) for name in names]


async def get_service(parts: BalancerParts, observation: Observation, name: str) -> dict[str, Any]:
    """Return one service with its grid of servers and workloads."""
    wish = await load_wish(parts)
    service = wish.balance.find_service(name)
    if service is None:
        raise NotFound(f"there is no service {name!r}; see: switchover service list")
    rows = await _look(parts, observation)
    return _service(service, wish, rows, observation.errors.counts)


async def require_service(parts: BalancerParts, name: str) -> None:
    """Raise NotFound unless there is a service of that name."""
    if (await load_wish(parts)).balance.find_service(name) is None:
        raise NotFound(f"there is no service {name!r}; see: switchover service list")


async def list_servers(
    parts: BalancerParts,
    observation: Observation,
    *,
    containing: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return servers with their state in each pool, in the order of the platform file."""
    wish = await load_wish(parts)
    servers = wish.balance.servers
    names = page_of_names(servers, containing=containing, after=after, limit=limit)
    rows = await _look(parts, observation)
    pools: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for service in wish.balance.services:
        for view in _views(service, wish, rows, observation.errors.counts):
            if view.server in pools:
                pools[view.server].append(view.body())
    return [
        {
            "name": name,
            "address": servers[name].address,
            "site": servers[name].site,
            "runs": list(servers[name].runs),
            "pools": pools[name],
        }
        for name in names
    ]


async def find_targets(
    parts: BalancerParts, server: str, *, service: str | None, workload: str | None
) -> tuple[Target, ...]:
    """Return the pools that a server's name stands for."""
    wish = await load_wish(parts)
    return expand_target(wish.balance, server, service=service, workload=workload)


async def what_if(parts: BalancerParts, down: tuple[str, ...]) -> dict[str, Any]:
    """Return what users would feel if these servers or workloads were gone."""
    wish = await load_wish(parts)
    outage = parse_outage(wish.balance, down)
    return to_json(predict_outage(wish.balance, outage, wish.overrides))


async def status(
    parts: BalancerParts, cycle: Cycle, observation: Observation, version: EngineVersion
) -> dict[str, Any]:
    """Return the state of the engine and of the last cycle, and what stands out now."""
    report = cycle.report
    state = cycle.state
    rows = await _look_if_possible(parts, observation)
    return {
        "engine": {
            "version": version.text,
            "tls_library": version.tls_library,
            "runs": parts.engine.process.master_pid is not None,
            "process": parts.engine.process.master_pid,
            "connections": state.info.connections if state else None,
            "max_connections": state.info.max_connections if state else None,
        },
        "revision": report.revision if report else None,
        "cycle": report.sentence if report else "no cycle yet",
        "cycle_at": report.at.isoformat() if report else None,
        "warnings": [
            *unordered(report),
            *closed_sentences(rows),
            *empty_pools(rows),
            *machine_warnings(parts),
        ],
        "drift": [drift.sentence for drift in report.drifts] if report else [],
        # The cycle's sentence tells of the database too, and both must say the same.
        "database_answers": parts.database.is_answering
        and (report is None or report.database_answers),
    }


def unordered(report: CycleReport | None) -> list[str]:
    """Say that the engine runs what is no revision, if it does: the wish is not known then."""
    return [report.sentence] if report and report.revision is None and report.drifts else []


def machine_warnings(parts: BalancerParts) -> list[str]:
    """Return what lint says about this machine and its engine, for the wish last read."""
    if parts.wish is None:
        return []
    wish = parts.wish[1]
    machine = with_current_addresses(parts.machine, wish.balance)
    findings = lint(
        wish.balance, wish.assets, machine=machine, now=clock.now(), rules=MACHINE_RULES
    )
    return [finding.message for finding in findings]


def warnings_after(
    parts: BalancerParts, server: str, *, service: str | None, workload: str | None
) -> list[str]:
    """Return what to say after servers were taken out: pools for which none is left."""
    if parts.wish is None:
        return []
    wish = parts.wish[1]
    try:
        targets = expand_target(wish.balance, server, service=service, workload=workload)
    except NotFound:  # another change has removed it meanwhile
        return []
    return left_empty(wish.balance, wish.overrides, targets)


def engine_configuration(parts: BalancerParts) -> str:
    """Return the main configuration file as it is on disk; raises NotFound before the first."""
    try:
        return parts.engine.files.main_file.read_text("utf-8", "replace")
    except FileNotFoundError:
        raise NotFound("there is no engine configuration yet; see: switchover apply") from None


async def service_configuration(parts: BalancerParts, service: str) -> str:
    """Return what the engine reads about a service, from the files on disk; raises NotFound."""
    text = await asyncio.to_thread(engine_configuration, parts)
    found = await asyncio.to_thread(sections_of, text, service)
    if not found:
        raise NotFound(f"there is no service {service!r} in the engine's configuration")
    return found


async def _look(parts: BalancerParts, observation: Observation) -> Rows:
    """Return statistics as they are now: a page must not show a server up that just went down."""
    rows = await _read_rows(parts, observation, timeout=5.0)
    return {row.key: row for row in rows}


async def _look_if_possible(parts: BalancerParts, observation: Observation) -> tuple[Row, ...]:
    """Return statistics as they are now, the last ones where the engine does not answer soon."""
    try:
        return await _read_rows(parts, observation, timeout=LOOK_SECONDS)
    except SwitchoverError:
        return observation.rows


async def _read_rows(
    parts: BalancerParts, observation: Observation, *, timeout: float
) -> tuple[Row, ...]:
    answer = await parts.engine.control.ask_one(runtime.show_statistics(), timeout=timeout)
    observation.rows = parse_statistics(answer)
    return observation.rows


def _service(
    service: VirtualService,
    wish: Wish,
    rows: Mapping[tuple[str, str], Row],
    errors: Mapping[tuple[str, str], int],
) -> dict[str, Any]:
    views = _views(service, wish, rows, errors)
    front = rows.get((service.name, "FRONTEND"))
    return {
        "name": service.name,
        "title": service.title,
        "address": service.address,
        "port": service.port,
        "layout": service.layout.value,
        "tls": service.tls_mode.value,
        "names": list(service.names),
        "workloads": [item.name for item in service.workloads],
        "scheduler": service.scheduler.value,
        "state": "closed" if is_closed(service, closed_frontends(rows.values())) else "open",
        "connections": front.sessions_now if front else 0,
        "pools": [
            {
                "workload": pool.label,
                "workloads": [item.name for item in pool.workloads],
                "up": sum(view.takes_traffic for view in views if view.pool == pool.label),
                "servers": [view.body() for view in views if view.pool == pool.label],
            }
            for pool in service.pools()
        ],
    }


def _views(
    service: VirtualService,
    wish: Wish,
    rows: Mapping[tuple[str, str], Row],
    errors: Mapping[tuple[str, str], int],
) -> list[ServerView]:
    return [
        server_view(
            service.name,
            pool.label,
            real.name,
            rows.get((pool.backend, real.name)),
            wish.overrides.get(service.name, pool.label, real.name),
            errors=errors.get((pool.backend, real.name), 0),
        )
        for pool in service.pools()
        for real in service.servers
    ]
