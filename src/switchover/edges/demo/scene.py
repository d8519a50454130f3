"""Everything that one picture of the demo shows, gathered from the API, the clients and the farm. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.edges.demo.happenings import Happening, group_events
from switchover.edges.demo.plan import IMAP, SERVERS, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from switchover.practice.farm import WorkloadState
    from switchover.practice.traffic import TrafficSnapshot, TrafficTally

WHOLE = "whole server"
CHOICES = (*WORKLOADS, IMAP, WHOLE)
"""What can be chosen on a server to be broken."""

MEANING = {
    "l7": "decrypted, routed by path: a verdict for each workload",
    "l4-names": "not decrypted, a name for each workload: a verdict for each",
    "l4": "not decrypted, one name: one verdict for the whole server",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One server in one service.

    Attributes:
        states: the word for the state, by workload; one verdict for all stands at each of them.
        served: answers that clients got from this server.
        per_second: the same over the last seconds.
    """

    server: str
    states: Mapping[str, str]
    served: int
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One virtual service: its grid of servers and workloads, and what its clients met.

    Attributes:
        verdicts: how many verdicts there are for a server, 1 in layout ``l4``.
    """

    name: str
    layout: str
    address: str
    workloads: tuple[str, ...]
    verdicts: int
    rows: tuple[Row, ...]
    requests: int
    failed: int
    moved: int
    per_second: float

    @property
    def is_whole(self) -> bool:
        """True while every server is up for everything."""
        return all(state == "up" for row in self.rows for state in row.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the next key acts on: a server, one of CHOICES, and a kind of fault."""

    server: str = next(iter(SERVERS))
    what: str = WORKLOADS[0]
    fault: str = "503"

    @property
    def target(self) -> str:
        """The choice as the farm writes it: ``cas1`` or ``cas1/owa``."""
        return self.server if self.what == WHOLE else f"{self.server}/{self.what}"

    def covers(self, server: str, workload: str) -> bool:
        """Return whether the choice is this cell or its whole row."""
        return self.server == server and self.what in {workload, WHOLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One moment of the demo.

    Attributes:
        broken: what is broken on the farm, each as ``cas1/owa 503``.
        program: how this command line is called here, for a second terminal.
        choice: None where nobody can press keys.
        note: what the last key did.
    """

    boards: tuple[Board, ...]
    happenings: tuple[Happening, ...]
    broken: tuple[str, ...]
    cycle: str
    engine: str
    url: str
    data: str
    seconds: float
    program: str = "switchover"
    choice: Choice | None = None
    note: str = ""

    @property
    def requests(self) -> int:
        """Requests of all clients."""
        return sum(board.requests for board in self.boards)

    @property
    def failed(self) -> int:
        """Failed requests of all clients."""
        return sum(board.failed for board in self.boards)

    @property
    def per_second(self) -> float:
        """Requests a second of all clients, failed ones included."""
        return sum(board.per_second for board in self.boards)


def build_boards(
    services: Sequence[Mapping[str, Any]], now: TrafficSnapshot, earlier: TrafficSnapshot
) -> tuple[Board, ...]:
    """Return a board for each service of the API, with the clients' own counts."""
    return tuple(_board(service, now, earlier) for service in services)


def _board(service: Mapping[str, Any], now: TrafficSnapshot, earlier: TrafficSnapshot) -> Board:
    name = service["name"]
    mine, before = _of(now, name), _of(earlier, name)
    seconds = max((now.at - earlier.at).total_seconds(), 1.0)
    requests = sum(tally.requests for tally in mine)
    states = _states(service)
    served, served_before = _by_server(mine), _by_server(before)
    return Board(
        name=name,
        layout=service["layout"],
        address=f"{service['address']}:{service['port']}",
        workloads=tuple(service["workloads"]),
        verdicts=len(service["pools"]),
        rows=tuple(
            Row(
                server=server,
                states=by_workload,
                served=served.get(server, 0),
                per_second=(served.get(server, 0) - served_before.get(server, 0)) / seconds,
            )
            for server, by_workload in states.items()
        ),
        requests=requests,
        failed=sum(tally.failed for tally in mine),
        moved=sum(tally.moved for tally in mine),
        per_second=(requests - sum(tally.requests for tally in before)) / seconds,
    )


def _of(snapshot: TrafficSnapshot, service: str) -> list[TrafficTally]:
    return [tally for tally in snapshot.tallies if tally.service == service]


def _by_server(tallies: Iterable[TrafficTally]) -> dict[str, int]:
    total: dict[str, int] = {}
    for tally in tallies:
        for server, count in tally.servers.items():
            total[server] = total.get(server, 0) + count
    return total


def _states(service: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return state by workload by server."""
    states: dict[str, dict[str, str]] = {}
    for pool in service["pools"]:
        for server in pool["servers"]:
            row = states.setdefault(server["server"], {})
            row.update(dict.fromkeys(pool["workloads"], server["state"]))
    return states


def list_broken(farm: Iterable[WorkloadState]) -> tuple[str, ...]:
    """Return what is broken on the farm in few words: a server whose all is broken counts once."""
    by_server: dict[str, dict[str, str | None]] = {}
    for state in farm:
        fault = str(state.fault) if state.fault else None
        by_server.setdefault(state.server, {})[state.workload] = fault
    broken: list[str] = []
    for server, faults in by_server.items():
        kinds = set(faults.values())
        if len(kinds) == 1:
            broken += [f"{server} {kind}" for kind in kinds if kind]
        else:
            broken += [f"{server}/{workload} {kind}" for workload, kind in faults.items() if kind]
    return tuple(broken)


def build_scene(
    *,
    services: Sequence[Mapping[str, Any]],
    events: Sequence[Mapping[str, Any]],
    status: Mapping[str, Any],
    farm: Iterable[WorkloadState],
    traffic: TrafficSnapshot,
    earlier: TrafficSnapshot,
    url: str,
    seconds: float,
) -> Scene:
    """Return the scene that these answers show."""
    engine = status["engine"]
    return Scene(
        boards=build_boards(services, traffic, earlier),
        happenings=group_events(events),
        broken=list_broken(farm),
        cycle=status["cycle"],
        engine=f"HAProxy {engine['version'].partition('-')[0]}",
        url=url,
        data=status["data"],
        seconds=seconds,
    )
