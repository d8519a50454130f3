"""What each topic shows, as parts: the values of live elements, taken from a snapshot. Pure.

Nothing here depends on who looks. Ids of elements are made here only, and templates ask for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchover.balance.overrides import Target
from switchover.balance.recent import Recent
from switchover.balance.snapshot_lines import sum_rates
from switchover.balance.status_words import Condition, Level
from switchover.edges.console.fragments import Part
from switchover.edges.console.moment import duration_words
from switchover.edges.console.topic import Kind, Topic

if TYPE_CHECKING:
    from switchover.balance.client import Client
    from switchover.balance.drain.start import DrainStart
    from switchover.balance.snapshot import Snapshot
    from switchover.balance.snapshot_lines import GridCell, Rate, ServiceLine
    from switchover.balance.virtual_service import VirtualService


MOST_CLIENTS = 10
"""Shown of those who are still connected to a server that drains; a page of its own lists all."""
MOST_ELSEWHERE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What parts are made of: the snapshot, and what is known beside it."""

    snapshot: Snapshot
    recent: Recent = field(default_factory=Recent)
    drains: Mapping[Target, DrainStart] = field(default_factory=dict)
    events: int = 0
    connected: Sequence[Client] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """A server that drains: connections at first (None where nobody saw it begin) and now.

    ``has_others`` is True while those of before a reload may be connected still, whom nobody counts.
    """

    target: Target
    since: str | None
    first: int | None
    now: int
    has_others: bool
    left: str
    elsewhere: str
    """Where it still serves, a sentence's words."""
    clients: tuple[tuple[str, str | None], ...]
    """Address and port of those who have been connected longest, and since when."""


def parts_of(topic: Topic, view: View) -> dict[str, Part]:
    """Return what a topic shows now, by the id of the element; nothing for a name that is gone."""
    match topic.kind:
        case Kind.TROUBLE:
            return {"trouble": _trouble(view.snapshot)}
        case Kind.OVERVIEW:
            return _overview(view)
        case Kind.EVENTS:
            return {"events-mark": Part("number", (view.events,))}
        case Kind.SERVICE_LINE:
            return _service_line(topic, view.snapshot)
        case Kind.SERVER_LINE:
            return _server_line(topic, view.snapshot)
        case Kind.SERVICE:
            return _service(topic, view)
        case Kind.GRID:
            service, _, server = topic.name.partition("/")
            return _grid(view.snapshot.cells_of(service, server))
        case Kind.SERVER:
            return _server(topic, view)


def rate_words(rate: Rate) -> str:
    """Return a rate as a person reads it, with its unit: ``12 requests/s, 0.3 connections/s``."""
    units = ((rate.requests, "requests/s"), (rate.connections, "connections/s"))
    told = [f"{_per_second(value)} {unit}" for value, unit in units if value is not None]
    return ", ".join(told) or "\N{EN DASH}"


def _per_second(value: float) -> str:
    """Return one digit behind the point where that says something."""
    return f"{value:.1f}" if 0.05 <= value < 9.95 else f"{value:,.0f}".replace(",", "\u202f")


def _together(lines: Sequence[ServiceLine]) -> Rate:
    rates = [line.rate for line in lines]
    return sum_rates((rate.requests for rate in rates), (rate.connections for rate in rates))


def cell_id(service: str, pool: str, server: str) -> str:
    """Return the id of a cell of a grid; its numbers have ``:now`` behind it."""
    return f"{service}.{pool}/{server}"


def _overview(view: View) -> dict[str, Part]:
    snapshot = view.snapshot
    lines = snapshot.service_lines
    levels = [line.level for line in lines]
    return {
        "overview-sentence": Part("sentence", (_sentence(snapshot), _sentence_level(snapshot))),
        "overview-cycle": Part("cycle", (_moment(snapshot.cycle_at), snapshot.is_cycle_late)),
        "overview-counts": Part(
            "service_counts",
            tuple(levels.count(level) for level in (Level.BAD, Level.WARNING, Level.OK)),
        ),
        "overview-now": Part(
            "overview_now",
            (sum(line.connections for line in lines), rate_words(_together(lines))),
        ),
        "overview-servers": Part("server_counts", snapshot.server_counts),
        "overview-warnings": Part(
            "warnings", ((*_lateness(snapshot), *snapshot.warnings), snapshot.drift)
        ),
        "overview-recent": Part("recent", (view.recent,)),
        "overview-shape": _shape(*(service.name for service in snapshot.services)),
    }


def _sentence(snapshot: Snapshot) -> str:
    """Return what the last cycle says, in words that promise no more than that: services may be down."""
    if snapshot.is_blank:
        return "nothing was applied yet: the engine starts with the first service"
    number = snapshot.revision
    ordered = f"the engine runs revision {number} as ordered"
    return snapshot.sentence.replace(f"revision {number}: in order", ordered, 1)


def _sentence_level(snapshot: Snapshot) -> str:
    if snapshot.is_old or not snapshot.database_answers:
        return Level.BAD
    if snapshot.is_blank:
        return Level.OFF
    is_calm = "in order" in snapshot.sentence and not snapshot.is_cycle_late and not snapshot.drift
    return Level.OK if is_calm else Level.WARNING


def _lateness(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.is_cycle_late:
        return ()
    return (
        "Three cycles in a row did not end: what differs from what was ordered is neither seen nor put "
        "right. If this stays, look at the database and at the log of switchover, or start it again.",
    )


def _trouble(snapshot: Snapshot) -> Part:
    """Return what keeps the page itself from being right, and from when it is if it is old."""
    told_at = _moment(snapshot.told_at) if snapshot.is_old else None
    return Part("trouble", (snapshot.is_old, told_at, not snapshot.database_answers))


def _shape(*words: object) -> Part:
    """Return what tells a page that it no longer has the right elements: the platform file changed."""
    return Part("shape", (hash_of(words),))


def hash_of(words: tuple[object, ...]) -> str:
    """Return a short digest that is the same in every process."""
    found = 0
    for letter in repr(words):
        found = (found * 131 + ord(letter)) & 0xFFFFFFFFFFFF
    return f"{found:x}"


def _service_line(topic: Topic, snapshot: Snapshot) -> dict[str, Part]:
    line = next((line for line in snapshot.service_lines if line.name == topic.name), None)
    if line is None:
        return {}
    return {
        f"{topic}": Part("service_word", (line.word, line.level)),
        f"{topic}:pools": Part("pools", (line.name, line.pools)),
        f"{topic}:brief": Part("pools_brief", _brief(line)),
        f"{topic}:sessions": Part("number", (line.connections,)),
        f"{topic}:rate": Part("text", (rate_words(line.rate),)),
    }


def _brief(line: ServiceLine) -> tuple[int, int, tuple[str, ...]]:
    """Return how many workloads are up, of how many, and the names of the others."""
    poor = tuple(pool.label for pool in line.pools if pool.level is not Level.OK)
    return len(line.pools) - len(poor), len(line.pools), poor


def _server_line(topic: Topic, snapshot: Snapshot) -> dict[str, Part]:
    server = snapshot.servers.get(topic.name)
    if server is None:
        return {}
    line = snapshot.server_line(server)
    return {
        f"{topic}": Part("server_word", (line.word, line.level, line.up, line.total, line.reason)),
        f"{topic}:sessions": Part("number", (line.connections,)),
        f"{topic}:rate": Part("text", (rate_words(line.rate),)),
    }


def _service(topic: Topic, view: View) -> dict[str, Part]:
    snapshot = view.snapshot
    service = snapshot.find_service(topic.name)
    if service is None:
        return {}
    line = snapshot.service_line(service)
    drains = _drains(snapshot.draining_cells(service.name), view)
    return {
        **_head(topic, line),
        f"{topic}:drains": Part("drains", (drains,)),
        f"{topic}:shape": _shape(
            service.layout, *(pool.label for pool in service.pools()), *_names(service)
        ),
    }


def _names(service: VirtualService) -> list[str]:
    return [real.name for real in service.servers]


def _head(topic: Topic, line: ServiceLine) -> dict[str, Part]:
    return {
        f"{topic}": Part("service_word", (line.word, line.level)),
        f"{topic}:pools": Part("pools", (line.name, line.pools)),
        f"{topic}:sessions": Part("number", (line.connections,)),
        f"{topic}:rate": Part("text", (rate_words(line.rate),)),
    }


def _server(topic: Topic, view: View) -> dict[str, Part]:
    snapshot = view.snapshot
    server = snapshot.servers.get(topic.name)
    if server is None:
        return {}
    line = snapshot.server_line(server)
    cells = snapshot.server_cells(server.name)
    return {
        f"{topic}": Part("server_word", (line.word, line.level, line.up, line.total, "")),
        f"{topic}:sessions": Part("number", (line.connections,)),
        f"{topic}:rate": Part("text", (rate_words(line.rate),)),
        **_grid(cells),
        f"{topic}:drains": Part("drains", (_drains(cells, view),)),
        f"{topic}:shape": _shape(*((cell.view.service, cell.view.pool) for cell in cells)),
    }


def _grid(cells: Iterable[GridCell]) -> dict[str, Part]:
    found = {}
    for cell in cells:
        view = cell.view
        name = cell_id(view.service, view.pool, view.server)
        found[name] = Part(
            "cell", (view.condition, cell.level, view.reason, _moment(cell.since), view.wanted)
        )
        found[f"{name}:now"] = Part(
            "cell_now", (view.connections, rate_words(cell.rate), view.errors, view.weight)
        )
    return found


def _drains(cells: Iterable[GridCell], view: View) -> tuple[Draining, ...]:
    return tuple(_draining(cell, view) for cell in cells if cell.view.condition is Condition.DRAIN)


def _draining(cell: GridCell, view: View) -> Draining:
    shown = cell.view
    target = Target(service=shown.service, pool=shown.pool, server=shown.server)
    start = view.drains.get(target)
    now = view.snapshot.at.timestamp()
    seconds = start.seconds_left(shown.connections, now=now) if start else None
    return Draining(
        target=target,
        since=_moment(cell.since),
        first=max(start.connections, shown.connections) if start else None,
        now=shown.connections,
        has_others=view.snapshot.has_old_workers,
        left="" if seconds is None else duration_words(_rounded(seconds)),
        elsewhere=_elsewhere(shown.server, view.snapshot),
        clients=_clients(target, view),
    )


def _elsewhere(server: str, snapshot: Snapshot) -> str:
    """Return which workloads a server still serves, or still has clients of."""
    busy = [
        f"{cell.view.pool} of {cell.view.service}"
        for cell in snapshot.server_cells(server)
        if cell.serves or cell.view.connections
    ]
    more = f" and {len(busy) - MOST_ELSEWHERE} more" if len(busy) > MOST_ELSEWHERE else ""
    return ", ".join(busy[:MOST_ELSEWHERE]) + more


def _clients(target: Target, view: View) -> tuple[tuple[str, str | None], ...]:
    place = (target.service, target.pool, target.server)
    found = [item for item in view.connected if (item.service, item.workload, item.server) == place]
    return tuple(
        (item.address, None if item.opened_at is None else _moment(int(item.opened_at)))
        for item in found[:MOST_CLIENTS]
    )


def _rounded(seconds: float) -> float:
    """Return a guess as coarse as it is: so the words change when they mean something."""
    step = 5 if seconds < 60 else 60
    return max(step, round(seconds / step) * step) if seconds else 0


def _moment(at: datetime | int | None) -> str | None:
    """Return a moment to the second, None for one that nobody knows."""
    if not at:
        return None
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else at
    return moment.replace(microsecond=0).isoformat()
