"""One server of one pool as people read it: a word for its state, the reason, since when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from switchover.wire.haproxy.log import ENDED_BY, ENDED_IN

if TYPE_CHECKING:
    from switchover.balance.overrides import Override
    from switchover.wire.haproxy.statistics import Row


class Condition(StrEnum):
    """The state of a server in a pool, in one word."""

    UP = "up"
    FALLING = "falling"
    DOWN = "down"
    RISING = "rising"
    DRAIN = "drain"
    MAINTENANCE = "maintenance"
    UNCHECKED = "unchecked"
    ABSENT = "absent"


TAKES_TRAFFIC = frozenset({Condition.UP, Condition.FALLING, Condition.UNCHECKED})


class Level(StrEnum):
    """How much a state should worry, the worst first; every state that is shown has one."""

    BAD = "bad"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OFF = "off"
    OK = "ok"


LEVELS = {
    Condition.UP: Level.OK,
    Condition.FALLING: Level.WARNING,
    Condition.DOWN: Level.BAD,
    Condition.RISING: Level.WARNING,
    Condition.DRAIN: Level.OFF,
    Condition.MAINTENANCE: Level.OFF,
    Condition.UNCHECKED: Level.UNKNOWN,
    Condition.ABSENT: Level.UNKNOWN,
}
RANKS = {level: rank for rank, level in enumerate(Level)}
"""The worst is 0, for sorting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """A server in a pool; ``since_seconds`` is how long the state lasts, 0 where that is not known.

    ``errors`` are connections and answers that failed, and answers with status 5xx, in the last hour.
    """

    service: str
    pool: str
    server: str
    condition: Condition
    reason: str
    since_seconds: int
    connections: int
    requests: int
    weight: int
    response_milliseconds: int
    errors: int
    wanted: str

    @property
    def takes_traffic(self) -> bool:
        """True when new clients are sent here."""
        return self.condition in TAKES_TRAFFIC

    def body(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "service": self.service,
            "workload": self.pool,
            "server": self.server,
            "state": self.condition.value,
            "reason": self.reason,
            "since_seconds": self.since_seconds,
            "connections": self.connections,
            "requests": self.requests,
            "weight": self.weight,
            "response_milliseconds": self.response_milliseconds,
            "errors": self.errors,
            "wanted": self.wanted,
        }


@lru_cache(maxsize=256)  # there are few, and thousands of servers are in one of them
def condition_of(status: str) -> Condition:
    """Return the word for HAProxy's status (``UP``, ``UP 1/2``, ``DOWN 1/2``, ``MAINT (via ...)``)."""
    first, _, rest = status.partition(" ")
    match first:
        case "UP":
            return Condition.FALLING if "/" in rest else Condition.UP
        case "DOWN":
            return Condition.RISING if "/" in rest else Condition.DOWN
        case "MAINT":
            return Condition.MAINTENANCE
        case "DRAIN" | "NOLB":
            return Condition.DRAIN
        case "no":
            return Condition.UNCHECKED
        case _:
            return Condition.ABSENT


_NOT_YET = "INI"
_CHECK_WORDS = {
    _NOT_YET: "not checked yet",
    "L4CON": "connection refused",
    "L4TOUT": "no connection in time",
    "L6RSP": "TLS failed",
    "L6TOUT": "no TLS in time",
    "L7STS": "wrong status",
    "L7RSP": "wrong answer",
    "L7TOUT": "no answer in time",
    "SOCKERR": "socket error",
    "L4OK": "",
    "L6OK": "",
    "L7OK": "",
    "L7OKC": "stopping",
}


def _check_code(row: Row) -> str:
    # A star says that the next check is under way.
    return row.check.removeprefix("* ")


def row_condition(row: Row) -> Condition:
    """Return the word for the state of a server's row."""
    condition = condition_of(row.status)
    # A new server is in rotation with half its marks, which would read as if a check had failed.
    if condition is Condition.FALLING and _check_code(row) == _NOT_YET:
        return Condition.UNCHECKED
    return condition


def reason_of(row: Row) -> str:
    """Return why the last check failed, "" when it passed."""
    code = _check_code(row)
    words = _CHECK_WORDS.get(code, code)
    if not words:
        return ""
    if row.check_code and code == "L7STS":
        words += f" {row.check_code}"
    return f"{words}: {row.check_text}" if row.check_text and row.check_text not in words else words


def server_view(
    service: str, pool: str, server: str, row: Row | None, override: Override, *, errors: int = 0
) -> ServerView:
    """Return the view of a server; without a row the engine does not have it (yet).

    ``errors`` are those of the last hour.
    """
    # To HAProxy a drain is no change of state: it tells since when the server was up or down.
    is_timed = row is not None and row_condition(row) is not Condition.DRAIN
    return ServerView(
        service=service,
        pool=pool,
        server=server,
        condition=row_condition(row) if row else Condition.ABSENT,
        reason=reason_of(row) if row else "the engine does not have it",
        since_seconds=row.changed_seconds_ago if row and is_timed else 0,
        connections=row.sessions_now if row else 0,
        requests=(row.counters.requests or row.counters.sessions) if row else 0,
        weight=row.weight if row else 0,
        response_milliseconds=row.response_milliseconds if row else 0,
        errors=errors,
        wanted=override.state.value,
    )


def termination_words(state: str) -> str:
    """Return HAProxy's two letters (manual 8.5) as a sentence: who ended it, and when."""
    who = ENDED_BY.get(state[:1], "unknown")
    when = ENDED_IN.get(state[1:2], "")
    return f"{who} {when}".strip()
