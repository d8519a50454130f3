"""What the engine shows at one moment beside what is wished, for everybody who looks. Pure.

A ``Snapshot`` is made once and read by many: pages, the live parts of pages, exports. It keeps the
engine's rows as they are; what a page shows of them (a line for a service, a line for a server, a grid) is
made when somebody asks, so that a farm of thousands costs only what is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from switchover.balance.overrides import AdminState, Override, Overrides
from switchover.balance.roster import Place, Roster
from switchover.balance.snapshot_lines import (
    WORD_LEVELS,
    GridCell,
    PoolLine,
    Rate,
    ServerLine,
    ServiceLine,
    Word,
    rate_of,
    server_level,
    sum_rates,
)
from switchover.balance.status_words import (
    LEVELS,
    RANKS,
    TAKES_TRAFFIC,
    Condition,
    Level,
    row_condition,
    server_view,
)
from switchover.balance.unserved import closed_frontends, is_closed
from switchover.wire.haproxy.statistics import Row, RowKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchover.balance.between_looks import Key
    from switchover.balance.virtual_service import Balance, Pool, VirtualService
    from switchover.model.server import Server

NO_ORDER = Override()


class Standing(IntEnum):
    """How a server stands in a pool, as far as counting goes; the value is its place in a list of counts."""

    ABSENT = 0
    UP = 1
    FALLING = 2
    OUT = 3
    RISING = 4
    DOWN = 5


_NOT_SERVING = frozenset({Standing.RISING, Standing.DOWN})
_WORRIES = (
    Standing.DOWN,
    Standing.RISING,
    Standing.FALLING,
    Standing.ABSENT,
    Standing.OUT,
    Standing.UP,
)
"""The worst first."""


class Tally(NamedTuple):
    """How many servers of some pools there are, are not in the engine, serve, were taken out, waver."""

    total: int
    absent: int
    up: int
    out: int
    uneasy: int

    @property
    def word(self) -> Word:
        """The state of them together."""
        if self.absent == self.total:
            return Word.UNKNOWN
        if self.up == 0:
            return Word.TAKEN_OUT if self.out == self.total else Word.DOWN
        if self.up + self.out < self.total or self.uneasy:
            return Word.DEGRADED
        return Word.REDUCED if self.out else Word.UP


@dataclass(frozen=True, kw_only=True)  # no slots: what is made on demand is kept
class Snapshot:
    """The farm at one moment. ``balance`` is None before the first platform file.

    ``number`` grows with each snapshot. ``rows``, ``rates``, ``errors`` (of the last hour), ``since`` and
    ``drained`` (when drains began: to HAProxy one is no change of state) are by proxy and name;
    ``sentence`` is that of the last reconcile cycle, which ended at ``cycle_at``. Where the engine did not
    answer, the rows are the last it told, at ``told_at``, and ``engine_answers`` is False. ``is_blank``
    before anything was applied: no engine runs then, and none should. While it ``has_old_workers`` there are
    clients of before a reload, whom no row counts.
    """

    number: int
    at: datetime
    balance: Balance | None = None
    overrides: Overrides = field(default_factory=Overrides)
    rows: Mapping[Key, Row] = field(default_factory=dict)
    rates: Mapping[Key, float] = field(default_factory=dict)
    errors: Mapping[Key, int] = field(default_factory=dict)
    since: Mapping[Key, int] = field(default_factory=dict)
    drained: Mapping[Key, int] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    sentence: str = "no cycle yet"
    cycle_at: datetime | None = None
    is_cycle_late: bool = False
    revision: int | None = None
    warnings: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    is_blank: bool = False
    engine_answers: bool = True
    told_at: datetime | None = None
    has_old_workers: bool = False
    database_answers: bool = True

    @property
    def is_old(self) -> bool:
        """True when states and numbers are not those of now: there is an engine, and it does not answer."""
        return not self.engine_answers and not self.is_blank

    @property
    def services(self) -> tuple[VirtualService, ...]:
        """Every virtual service, in the order of the platform file."""
        return self.balance.services if self.balance else ()

    @property
    def servers(self) -> Mapping[str, Server]:
        """Every real server by name, in the order of the platform file."""
        return self.balance.servers if self.balance else {}

    @cached_property
    def connections(self) -> int:
        """How many connections all servers have."""
        return sum(row.sessions_now for row in self.rows.values() if row.kind is RowKind.SERVER)

    @cached_property
    def draining(self) -> tuple[str, ...]:
        """The servers that drain somewhere while somebody is still connected to them."""
        found = (
            row.name
            for row in self.rows.values()
            if row.kind is RowKind.SERVER and row.sessions_now and row.status.startswith("DRAIN")
        )
        return tuple(sorted({name for name in found if name in self.servers}))

    def find_service(self, name: str) -> VirtualService | None:
        """Return the service of that name, None when there is none."""
        return self.balance.find_service(name) if self.balance else None

    @cached_property
    def _orders(self) -> dict[Key, Override]:
        """What operators changed, by the key of the row."""
        return {
            (f"{target.service}.{target.pool}", target.server): override
            for target, override in self.overrides.by_target.items()
        }

    def cell(self, place: Place) -> GridCell:
        """Return a server in a pool as it is now."""
        row = self.rows.get(place.key)
        is_drain = row is not None and row_condition(row) is Condition.DRAIN
        return GridCell(
            view=server_view(
                place.service.name,
                place.pool.label,
                place.server,
                row,
                self._orders.get(place.key, NO_ORDER),
                errors=self.errors.get(place.key, 0),
            ),
            since=(self.drained if is_drain else self.since).get(place.key, 0),
            rate=rate_of(place.service, self.rates.get(place.key)),
        )

    def pool_cells(self, service: str) -> tuple[tuple[Pool, tuple[GridCell, ...]], ...]:
        """Return the pools of a service with every server, in the order of the platform file."""
        return tuple(
            (pool, tuple(map(self.cell, places)))
            for pool, places in self.roster.by_service.get(service, ())
        )

    def draining_cells(self, service: str) -> tuple[GridCell, ...]:
        """Return the servers of a service that drain in some pool of it."""
        return tuple(
            self.cell(place)
            for _, places in self.roster.by_service.get(service, ())
            for place in places
            if (row := self.rows.get(place.key)) and row_condition(row) is Condition.DRAIN
        )

    def cells_of(self, service: str, server: str) -> tuple[GridCell, ...]:
        """Return one server in the pools of one service."""
        return tuple(
            self.cell(place)
            for place in self.roster.by_server.get(server, ())
            if place.service.name == service
        )

    def rank_of(self, service: str, server: str) -> int:
        """Return how much a server of a service should worry, 0 the most."""
        standings = [
            self._standings.get(place.key, Standing.ABSENT)
            for place in self.roster.by_server.get(server, ())
            if place.service.name == service
        ]
        return min((_WORRIES.index(one) for one in standings), default=len(_WORRIES))

    def server_cells(self, server: str) -> tuple[GridCell, ...]:
        """Return a server in each pool it is in, in the order of the platform file."""
        return tuple(map(self.cell, self.roster.by_server.get(server, ())))

    @cached_property
    def _standings(self) -> dict[Key, Standing]:
        """How each server of each pool stands; thousands of rows have a handful of different states."""
        found: dict[Key, Standing] = {}
        known: dict[tuple[str, str, bool], Standing] = {}
        for key, row in self.rows.items():
            if row.kind is RowKind.SERVER:
                state = (row.status, row.check, row.weight > 0)
                standing = known.get(state)
                if standing is None:
                    standing = known[state] = _standing(row)
                found[key] = standing
        for key, order in self._orders.items():
            if order.state is not AdminState.READY and found.get(key) in _NOT_SERVING:
                found[key] = Standing.OUT
        return found

    def _tally(self, places: Iterable[Place]) -> Tally:
        """Count how servers are; thousands of them in each look, so no cells are made for it."""
        standings = self._standings
        counts = [0] * len(Standing)
        for place in places:
            counts[standings.get(place.key, Standing.ABSENT)] += 1
        return Tally(
            total=sum(counts),
            absent=counts[Standing.ABSENT],
            up=counts[Standing.UP] + counts[Standing.FALLING],
            out=counts[Standing.OUT],
            uneasy=counts[Standing.FALLING] + counts[Standing.RISING],
        )

    @cached_property
    def server_counts(self) -> tuple[int, int]:
        """How many servers serve in all their pools, or are out on purpose, and how many there are in pools."""
        tallies = self._server_tallies.values()
        return sum(tally.up + tally.out == tally.total for tally in tallies), len(tallies)

    @cached_property
    def _server_tallies(self) -> dict[str, Tally]:
        return {name: self._tally(places) for name, places in self.roster.by_server.items()}

    def server_word(self, server: Server) -> Word:
        """Return the state of a server as a whole."""
        tally = self._server_tallies.get(server.name)
        return tally.word if tally else Word.UNUSED

    def server_rank(self, server: Server) -> int:
        """Return how much a server should worry, 0 the most."""
        return RANKS[server_level(self.server_word(server))]

    def server_connections(self, server: Server) -> int:
        """Return how many connections a server has in all its pools."""
        places = self.roster.by_server.get(server.name, ())
        return sum(row.sessions_now for place in places if (row := self.rows.get(place.key)))

    def server_rate(self, server: Server) -> Rate:
        """Return what is new on a server in all its pools; thousands in each look are asked for it."""
        rates, inside = self.rates, self.roster.seen_inside
        requests: list[float | None] = []
        connections: list[float | None] = []
        for place in self.roster.by_server.get(server.name, ()):
            chosen = requests if place.service.name in inside else connections
            chosen.append(rates.get(place.key))
        return sum_rates(requests, connections)

    def service_line(self, service: VirtualService) -> ServiceLine:
        """Return a service in one line."""
        pools = []
        for pool, places in self.roster.by_service.get(service.name, ()):
            tally = self._tally(places)
            pools.append(
                PoolLine(
                    label=pool.label,
                    word=tally.word,
                    up=tally.up,
                    total=tally.total,
                    ordered_out=tally.out,
                )
            )
        front = self.rows.get((service.name, "FRONTEND"))
        return ServiceLine(
            name=service.name,
            title=service.title,
            address=service.address,
            port=service.port,
            layout=service.layout.value,
            word=self._service_word(service, pools),
            pools=tuple(pools),
            connections=front.sessions_now if front else 0,
            rate=rate_of(service, self.rates.get((service.name, "FRONTEND"))),
        )

    def _service_word(self, service: VirtualService, pools: Iterable[PoolLine]) -> Word:
        if is_closed(service, closed_frontends(self._fronts(service))):
            return Word.CLOSED
        return min((pool.word for pool in pools), key=lambda word: RANKS[WORD_LEVELS[word]])

    def _fronts(self, service: VirtualService) -> list[Row]:
        names = [service.name, *(f"{service.name}.{item.name}" for item in service.workloads)]
        return [row for name in names if (row := self.rows.get((name, "FRONTEND")))]

    @cached_property
    def service_lines(self) -> tuple[ServiceLine, ...]:
        """Return every service in one line each, in the order of the platform file."""
        return tuple(self.service_line(service) for service in self.services)

    def server_line(self, server: Server) -> ServerLine:
        """Return a server in one line."""
        tally = self._server_tallies.get(server.name) or self._tally(())
        is_well = tally.up + tally.out == tally.total and not tally.uneasy
        return ServerLine(
            name=server.name,
            address=server.address,
            site=server.site or "",
            runs=server.runs,
            word=self.server_word(server),
            up=tally.up,
            total=tally.total,
            ordered_out=tally.out,
            connections=self.server_connections(server),
            rate=self.server_rate(server),
            reason="" if is_well else _first_reason(self.server_cells(server.name)),
        )


def _standing(row: Row) -> Standing:
    """Return how a row stands, whatever an operator ordered."""
    condition = row_condition(row)
    if condition in TAKES_TRAFFIC:
        if row.weight == 0:
            return Standing.OUT
        return Standing.FALLING if LEVELS[condition] is Level.WARNING else Standing.UP
    return Standing.RISING if LEVELS[condition] is Level.WARNING else Standing.DOWN


def _first_reason(cells: Iterable[GridCell]) -> str:
    """Return why the first pool that should serve and does not is out, with its name."""
    for cell in cells:
        if cell.level in {Level.BAD, Level.WARNING} and cell.view.reason:
            return f"{cell.view.service} {cell.view.pool}: {cell.view.reason}"
    return ""
