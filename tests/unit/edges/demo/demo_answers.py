"""Small builders of what the demo reads: the API's services and events, and the clients' accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from switchover.practice.traffic import Failure, TrafficSnapshot, TrafficTally

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def service(
    name: str, layout: str, pools: dict[str, tuple[str, ...]], **states: str
) -> dict[str, Any]:
    """A service of the API; ``states`` maps ``cas1_owa`` (or ``cas1_all``) to a state, others are up."""
    workloads = [workload for held in pools.values() for workload in held]
    return {
        "name": name,
        "layout": layout,
        "address": "127.0.0.1",
        "port": 12443,
        "workloads": workloads,
        "pools": [
            {
                "workload": pool,
                "workloads": list(held),
                "servers": [
                    {"server": server, "state": states.get(f"{server}_{pool}", "up")}
                    for server in ("cas1", "cas2")
                ],
            }
            for pool, held in pools.items()
        ],
    }


def event(
    kind: str, target: str, *, at: float = 0.0, cause: str = "", severity: str = "error"
) -> dict[str, Any]:
    """An event of the API; ``target`` is ``mail-l7/owa/cas1``."""
    name, pool, server = target.split("/")
    return {
        "at": moment(at).isoformat(),
        "kind": kind,
        "severity": severity,
        "service": name,
        "workload": pool,
        "server": server or None,
        "cause": cause,
    }


def tally(
    name: str, workload: str, *, failed: int = 0, moved: int = 0, **servers: int
) -> TrafficTally:
    return TrafficTally(
        service=name,
        workload=workload,
        requests=sum(servers.values()) + failed,
        failed=failed,
        moved=moved,
        servers=servers,
        reasons={"status 503": failed} if failed else {},
        answer_seconds=0.0,
        slowest_seconds=0.0,
    )


def account(
    *tallies: TrafficTally, at: float = 0.0, failures: tuple[Failure, ...] = ()
) -> TrafficSnapshot:
    return TrafficSnapshot(at=moment(at), tallies=tallies, failures=failures)


def failure(name: str, workload: str, *, at: float, reason: str = "status 503") -> Failure:
    return Failure(at=moment(at), service=name, workload=workload, client=0, reason=reason)
