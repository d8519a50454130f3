"""What the story claims, judged by what was seen: verdicts over time, and failures with their moment. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from switchover.practice.traffic import Failure, TrafficSnapshot

SERVING = frozenset({"up", "falling"})
WHOLE_POOL = "all"


class Verdict(NamedTuple):
    """One server in one pool; ``pool`` is a workload, or ``all`` for a whole server."""

    service: str
    pool: str
    server: str

    @property
    def short(self) -> str:
        """``cas1/owa``, or ``cas1 as a whole``."""
        return (
            f"{self.server} as a whole" if self.pool == WHOLE_POOL else f"{self.server}/{self.pool}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence with its figures, and whether it held."""

    holds: bool
    text: str


def read_verdicts(services: Iterable[Mapping[str, Any]]) -> dict[Verdict, str]:
    """Return the state of every verdict in an answer of ``/services``."""
    return {
        Verdict(service["name"], pool["workload"], server["server"]): server["state"]
        for service in services
        for pool in service["pools"]
        for server in pool["servers"]
    }


@dataclass(slots=True, kw_only=True)
class Record:
    """When each verdict left and when all were back, in seconds since the record began."""

    left: dict[Verdict, float] = field(default_factory=dict)
    now: dict[Verdict, str] = field(default_factory=dict)

    def see(self, seconds: float, verdicts: Mapping[Verdict, str]) -> None:
        """Take the verdicts at one moment."""
        self.now = dict(verdicts)
        for verdict, state in verdicts.items():
            if state not in SERVING:
                self.left.setdefault(verdict, seconds)

    @property
    def all_up(self) -> bool:
        """True when every verdict is up now."""
        return bool(self.now) and set(self.now.values()) == {"up"}


def judge_leaving(
    record: Record, expected: Sequence[Verdict], *, within_seconds: float
) -> list[Claim]:
    """Return a claim for each service something must leave, and one that nothing else left."""
    by_service: dict[str, list[Verdict]] = {}
    for verdict in expected:
        by_service.setdefault(verdict.service, []).append(verdict)
    claims = [_left(record, verdicts, within_seconds) for verdicts in by_service.values()]
    others = sorted(set(record.left) - set(expected))
    text = f"the other {len(record.now) - len(expected)} verdicts stayed up"
    if others:
        text = "left without reason: " + ", ".join(f"{v.short} in {v.service}" for v in others)
    return [*claims, Claim(holds=not others, text=text)]


def _left(record: Record, verdicts: Sequence[Verdict], within_seconds: float) -> Claim:
    first = verdicts[0]
    what = first.short if len(verdicts) == 1 else f"{first.server} in {len(verdicts)} workloads"
    stayed = [verdict.short for verdict in verdicts if verdict not in record.left]
    if stayed:
        return Claim(holds=False, text=f"{first.service}: did not leave: {', '.join(stayed)}")
    moments = [record.left[verdict] for verdict in verdicts]
    after = f"{min(moments):.1f} to " if len(moments) > 1 else ""
    return Claim(
        holds=max(moments) <= within_seconds,
        text=f"{first.service}: {what} left after {after}{max(moments):.1f} s"
        f" (promised {within_seconds:g} s)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What clients met between two accounts.

    Attributes:
        requests: requests by service and workload, failed ones included.
        failures: those that failed.
    """

    requests: Counter[tuple[str, str]]
    failures: tuple[Failure, ...]

    @classmethod
    def between(cls, before: TrafficSnapshot, after: TrafficSnapshot) -> Harm:
        """Return what happened after ``before`` was written, up to ``after``."""
        requests: Counter[tuple[str, str]] = Counter()
        for tally in after.tallies:
            earlier = before.find(tally.service, tally.workload)
            key = (tally.service, tally.workload)
            requests[key] = tally.requests - (earlier.requests if earlier else 0)
        failures = tuple(item for item in after.failures if item.at > before.at)
        return cls(requests=requests, failures=failures)

    @property
    def total(self) -> int:
        """All requests."""
        return self.requests.total()

    def of(self, service: str) -> Harm:
        """Return only what happened in one service."""
        return Harm(
            requests=Counter({k: n for k, n in self.requests.items() if k[0] == service}),
            failures=tuple(item for item in self.failures if item.service == service),
        )

    def reasons(self) -> str:
        """Return the reasons of the failures: ``4 status 503, 1 reset``."""
        counted = Counter(item.reason for item in self.failures)
        return ", ".join(f"{count} {reason}" for reason, count in counted.most_common())


def judge_no_failure(harm: Harm, when: str) -> Claim:
    """Return the claim that nothing failed."""
    failed = len(harm.failures)
    detail = f" ({harm.reasons()})" if failed else ""
    return Claim(
        holds=failed == 0 and harm.total > 0,
        text=f"{failed} of {harm.total:,} requests failed {when}{detail}",
    )


def judge_window(
    harm: Harm,
    service: str,
    workloads: frozenset[str],
    *,
    began: datetime,
    until_seconds: float,
) -> Claim:
    """Return the claim that in one service only these workloads failed, and only until then.

    Args:
        harm: what clients met.
        service: the service that is judged.
        workloads: those whose requests may fail.
        began: when the fault began.
        until_seconds: the last moment, in seconds after ``began``, at which a request may fail.
    """
    mine = harm.of(service)
    affected = sum(count for key, count in mine.requests.items() if key[1] in workloads)
    moments = [(item.at - began).total_seconds() for item in mine.failures]
    wrong = [item for item in mine.failures if item.workload not in workloads]
    late = [moment for moment in moments if moment > until_seconds]
    name = f"{next(iter(workloads))} " if len(workloads) == 1 else ""
    text = f"{service}: {len(mine.failures) - len(wrong)} of {affected:,} {name}requests failed"
    if not workloads:
        text = f"{service}: {len(wrong)} of {mine.total:,} requests failed"
    elif affected < mine.total:
        text += f", {len(wrong)} of {mine.total - affected:,} others"
    if mine.failures:
        text += f"; the last {max(moments):.1f} s after the fault ({mine.reasons()})"
    if late:
        text += f"; {len(late)} later than {until_seconds:.1f} s"
    return Claim(holds=not wrong and not late, text=text)
