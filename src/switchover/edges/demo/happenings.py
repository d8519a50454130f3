"""Events of many pools that have one cause, told once. Pure.

A webmail that breaks leaves three services, a drained server eleven pools: each is an event of its own
in the API, and one thing that happened for somebody who watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchover.edges.demo.plan import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TOGETHER = timedelta(seconds=4)
_WORDS = {
    "server-down": "down",
    "server-up": "up",
    "server-stopping": "stopping",
    "drain-entered": "drains",
    "drain-left": "takes clients again",
    "maintenance-entered": "in maintenance",
    "maintenance-left": "out of maintenance",
    "pool-empty": "has no server left",
}
_SPOKEN = {
    "Layer7 wrong status": "answered",
    "Layer7 timeout": "gave no answer in time",
    "Layer7 invalid response": "gave a wrong answer",
    "Layer4 connection problem: Connection refused": "refuses connections",
    "Layer4 connection problem": "no connection",
    "Layer4 timeout": "no connection in time",
    "Layer6 invalid response": "TLS failed",
    "Layer6 timeout": "no TLS in time",
}
_EMPTY_CAUSES = {"drain entered"}
_WHOLE = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What happened to one server (or pool), in one or more services.

    Attributes:
        subject: ``cas1/owa``, ``cas1`` when it is about more than one workload, or a pool.
        word: what happened to it: ``down``, ``up``, ``drains``.
        where: the services it happened in.
        whole: the services where the server went as a whole, though the subject is one workload.
    """

    at: datetime
    severity: str
    subject: str
    word: str
    where: tuple[str, ...]
    cause: str
    whole: tuple[str, ...] = ()


def group_events(events: Sequence[Mapping[str, Any]]) -> tuple[Happening, ...]:
    """Return what happened, newest first; ``events`` are rows of the API in the same order."""
    groups: list[list[Mapping[str, Any]]] = []
    for event in events:
        group = next((group for group in groups if _belongs(event, group[0])), None)
        if group is None:
            groups.append([event])
        else:
            group.append(event)
    return tuple(_happening(group) for group in groups)


def _belongs(event: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two events are one happening: one server, one kind, nearly one moment."""
    near = abs(_moment(event) - _moment(other)) <= _TOGETHER
    return near and event["server"] == other["server"] and event["kind"] == other["kind"]


def _happening(group: Sequence[Mapping[str, Any]]) -> Happening:
    first = group[0]
    subject = _subject(group)
    whole = _services(event for event in group if event["workload"] == _WHOLE)
    where = _services(event for event in group if event["workload"] != _WHOLE)
    is_one_workload = "/" in subject
    return Happening(
        at=min(_moment(event) for event in group),
        severity=first["severity"],
        subject=subject,
        word=_WORDS.get(first["kind"], first["kind"]),
        where=where if is_one_workload else _services(group),
        whole=whole if is_one_workload else (),
        cause="" if first["severity"] == "info" else _cause(group),
    )


def _services(events: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the services of events, in the order in which they are shown."""
    names = {event["service"] for event in events if event["service"]}
    order = {name: place for place, name in enumerate(SERVICES)}
    return tuple(sorted(names, key=lambda name: (order.get(name, len(order)), name)))


def _subject(group: Sequence[Mapping[str, Any]]) -> str:
    server = group[0]["server"]
    pools = dict.fromkeys(event["workload"] or "" for event in group)
    # A pool that judges for all workloads hides which of them it was; others of the group tell.
    single = [name for name in pools if name and name != _WHOLE]
    if not server:
        return "/".join(filter(None, (group[0]["service"], *single)))
    return f"{server}/{single[0]}" if len(single) == 1 else server


def _cause(group: Iterable[Mapping[str, Any]]) -> str:
    causes = [str(event["cause"]) for event in group]
    cause = next((item for item in causes if item not in _EMPTY_CAUSES), "")
    for technical, spoken in _SPOKEN.items():
        cause = cause.replace(technical, spoken)
    return cause.replace(": code ", " ", 1)


def _moment(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])
