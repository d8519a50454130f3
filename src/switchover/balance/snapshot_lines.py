"""What pages show of a snapshot: a cell of a grid, a pool, a service or a server in one line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from switchover.balance.overrides import AdminState
from switchover.balance.status_words import LEVELS, RANKS, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.status_words import ServerView
    from switchover.balance.virtual_service import VirtualService


class Word(StrEnum):
    """The state of a workload, a service or a server as a whole."""

    UP = "up"
    REDUCED = "reduced"
    DEGRADED = "degraded"
    DOWN = "down"
    TAKEN_OUT = "taken out"
    CLOSED = "closed"
    UNUSED = "unused"
    UNKNOWN = "unknown"


WORD_LEVELS = {
    Word.UP: Level.OK,
    Word.REDUCED: Level.OK,
    Word.DEGRADED: Level.WARNING,
    Word.DOWN: Level.BAD,
    Word.TAKEN_OUT: Level.BAD,
    Word.CLOSED: Level.BAD,
    Word.UNUSED: Level.OFF,
    Word.UNKNOWN: Level.UNKNOWN,
}


class Rate(NamedTuple):
    """What is new per second: requests where the engine sees any, connections elsewhere.

    None for what is not there, or before it could be measured.
    """

    requests: float | None = None
    connections: float | None = None

    @property
    def total(self) -> float | None:
        """Both together, to sort by; None where neither is known."""
        return _sum(self)


def rate_of(service: VirtualService, value: float | None) -> Rate:
    """Return a rate of a service in its own unit."""
    return Rate(requests=value) if service.sees_requests else Rate(connections=value)


def sum_rates(requests: Iterable[float | None], connections: Iterable[float | None]) -> Rate:
    """Return what several have together."""
    return Rate(requests=_sum(requests), connections=_sum(connections))


def _sum(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """One server in one pool; ``since`` in seconds of the epoch, 0 where nobody knows."""

    view: ServerView
    since: int
    rate: Rate

    @property
    def level(self) -> Level:
        """How much its state should worry."""
        return LEVELS[self.view.condition]

    @property
    def serves(self) -> bool:
        """True when new clients are sent here."""
        return self.view.takes_traffic and self.view.weight > 0

    @property
    def is_ordered_out(self) -> bool:
        """True when an operator took it out: drained, in maintenance, or of no weight."""
        if self.view.takes_traffic:
            return self.view.weight == 0
        return self.view.wanted != AdminState.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLine:
    """A workload (or in layout l4 all of them) of a service: how many of its servers serve."""

    label: str
    word: Word
    up: int
    total: int
    ordered_out: int

    @property
    def level(self) -> Level:
        """How much its state should worry."""
        return WORD_LEVELS[self.word]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """A service in one line: the worst state of its workloads, and what passes through it now."""

    name: str
    title: str
    address: str
    port: int
    layout: str
    word: Word
    pools: tuple[PoolLine, ...]
    connections: int
    rate: Rate

    @property
    def level(self) -> Level:
        """How much its state should worry."""
        return WORD_LEVELS[self.word]

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return RANKS[self.level]


def server_level(word: Word) -> Level:
    """Return how much the state of a server should worry; what somebody took out on purpose does not."""
    return Level.OFF if word is Word.TAKEN_OUT else WORD_LEVELS[word]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """A server in one line: in how many pools it serves, and what passes through it now."""

    name: str
    address: str
    site: str
    runs: tuple[str, ...]
    word: Word
    up: int
    total: int
    ordered_out: int
    connections: int
    rate: Rate
    reason: str

    @property
    def level(self) -> Level:
        """How much its state should worry."""
        return server_level(self.word)
