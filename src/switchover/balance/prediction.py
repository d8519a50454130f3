"""What the engine does with a virtual service while some of its workloads are broken.

The rules are those of the configuration that ``compile_backend`` writes, in HAProxy's terms: a server
is in rotation while the verdict of its pool is good, no operator took it out, and its weight is not 0;
backups wait until no other server is left, and then only the first one is used (no ``allbackups``);
when nothing is left the sorry server (the last backup) or the sorry page answers, and where neither can,
the connection is closed. The state is the settled one, after the checks have noticed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from switchover.balance.compile_backend import EQUAL_WEIGHT, judged_workloads
from switchover.balance.compile_frontend import has_sorry_frontend
from switchover.balance.overrides import AdminState, Override, Overrides
from switchover.model.platform_file.spec import Layout, PersistenceKind, Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchover.balance.virtual_service import CarriedWorkload, Pool, RealServer, VirtualService

Wishes = dict[tuple[str, str], Override]
"""What operators want, by (workload, server): the same wish can be applied to any layout."""

NO_WISH = Override()
_NOTHING: frozenset[str] = frozenset()
_MOST_OF_A_RATIO = 20
"""The largest number in "about 3 requests in 20"; more would pretend to be exact."""


class Outcome(StrEnum):
    """What a user of a workload meets."""

    WORKS = "works"
    REDUCED = "works, less capacity"
    FAILS_SOMETIMES = "fails for some"
    FAILS = "fails"
    SORRY_PAGE = "sorry page"
    SORRY_SERVER = "sorry server"
    CLOSED = "connection closed"


_ENDINGS = {
    Outcome.FAILS: "; every request reaches a server on which it is broken.",
    Outcome.SORRY_PAGE: "; the sorry page answers (status 503).",
    Outcome.SORRY_SERVER: "; the sorry server answers.",
    Outcome.CLOSED: "; the connection is closed.",
}


class Cause(StrEnum):
    """Why a server is not in rotation for a workload."""

    OWN_VERDICT = "own verdict"
    SHARED_VERDICT = "shared verdict"
    MAINTENANCE = "maintenance"
    DRAIN = "drain"
    NO_WEIGHT = "weight 0"


_STRICTEST_FIRST = (
    (AdminState.MAINTENANCE, Cause.MAINTENANCE),
    (AdminState.DRAIN, Cause.DRAIN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOut:
    """A server that gets no new requests for a workload.

    ``because`` names the workloads that decided (broken ones, or those an operator took out).
    ``is_needless`` is True when the workload itself is healthy there and nobody wanted it out.
    """

    server: str
    cause: Cause
    because: tuple[str, ...] = ()
    is_needless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadPrediction:
    """One workload of a virtual service during an outage.

    ``remaining`` get its new requests, ``standby`` are healthy backups that wait, ``answering`` is
    the part of ``remaining`` on which the workload works. ``share`` is the capacity of ``answering``
    (by the weights of the platform file) against normal times, ``failing`` the part of the requests
    that reaches a broken workload; both from 0 to 1.
    """

    workload: str
    title: str
    remaining: tuple[str, ...]
    standby: tuple[str, ...]
    answering: frozenset[str]
    taken_out: tuple[TakenOut, ...]
    share: float
    failing: float
    outcome: Outcome
    sentence: str

    @property
    def lost_healthy(self) -> tuple[str, ...]:
        """Servers on which the workload is healthy, and which were taken out needlessly."""
        return tuple(item.server for item in self.taken_out if item.is_needless)


def predict(
    service: VirtualService,
    down: Iterable[tuple[str, str]],
    overrides: Overrides | None = None,
) -> dict[str, WorkloadPrediction]:
    """Return for every workload of ``service`` what remains of it, in the service's order.

    ``down`` holds (server, workload) pairs, a whole server being all of its pairs; pairs that the
    service does not carry change nothing. ``overrides`` are drains, maintenance and weights.
    """
    wishes = wishes_of(service, overrides) if overrides else {}
    return predict_wished(service, down, wishes)


def wishes_of(service: VirtualService, overrides: Overrides) -> Wishes:
    """Return what ``overrides`` say about ``service``, workload by workload."""
    pools = {pool.label: pool.workloads for pool in service.pools()}
    return {
        (item.name, target.server): override
        for target, override in overrides.by_target.items()
        if target.service == service.name
        for item in pools.get(target.pool, ())
        if not override.is_nothing
    }


def predict_wished(
    service: VirtualService, down: Iterable[tuple[str, str]], wishes: Wishes
) -> dict[str, WorkloadPrediction]:
    """Return the same as ``predict``, with the operators' wishes given workload by workload.

    A pool of several workloads follows the strictest wish for any of them: layout l4 can only take
    out a whole server.
    """
    broken: defaultdict[str, set[str]] = defaultdict(set)
    for server, workload in down:
        broken[server].add(workload)
    line_up = _LineUp(service, dict(broken), wishes)
    found = {
        row.workload: row for pool in service.pools() for row in _Rotation(line_up, pool).rows()
    }
    return {item.name: found[item.name] for item in service.workloads}


def file_weight(service: VirtualService, real: RealServer) -> int:
    """Return the weight the platform file gives a server; round robin knows none."""
    return EQUAL_WEIGHT if service.scheduler is Scheduler.ROUND_ROBIN else real.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A server of the service with the weight of the platform file."""

    name: str
    weight: int
    backup: bool
    limited: bool


class _LineUp:
    """What all pools of a service share; made once, because a service has up to ten pools."""

    def __init__(
        self, service: VirtualService, broken: Mapping[str, set[str]], wishes: Wishes
    ) -> None:
        """Look at every server once."""
        self.service = service
        self.broken = broken
        self.wishes = wishes
        self.candidates = [
            _Candidate(
                name=real.name,
                weight=file_weight(service, real),
                backup=real.backup,
                limited=real.max_connections is not None,
            )
            for real in service.servers
        ]
        self.touched = {*broken, *(server for _, server in wishes)}
        self.is_first_available = service.scheduler is Scheduler.FIRST_AVAILABLE
        usual = self.used([one for one in self.candidates if one.weight])
        self.normal_capacity = sum(one.weight for one in usual)

    def used(self, ready: list[_Candidate]) -> list[_Candidate]:
        """Return which of the servers in rotation get requests.

        Without ``option allbackups`` only the first backup is used. ``balance first`` goes on to the
        next server only when one has a connection limit and has reached it.
        """
        used = [one for one in ready if not one.backup] or ready[:1]
        if self.is_first_available:
            for position, one in enumerate(used):
                if not one.limited:
                    return used[: position + 1]
        return used


class _Rotation:
    """The servers of one pool: who is in rotation, who is not and why."""

    def __init__(self, line_up: _LineUp, pool: Pool) -> None:
        """Decide for every server; what it means for each workload is left to ``rows``."""
        self.line_up = line_up
        self.pool = pool
        self.judged = tuple(item.name for item in judged_workloads(line_up.service, pool))
        self.weights: dict[str, int] = {}
        self.out: list[tuple[str, Cause, tuple[str, ...]]] = []
        ready: list[_Candidate] = []
        for one in line_up.candidates:
            decided = None
            if not one.weight or one.name in line_up.touched:
                decided = self._decide(one)
            if decided is None:
                ready.append(one)
            else:
                self.out.append((one.name, *decided))
        self.used = line_up.used(ready)
        self.remaining = tuple(one.name for one in self.used)
        used = set(self.remaining)
        self.standby = tuple(one.name for one in ready if one.name not in used)
        self.suspects = [one for one in self.used if one.name in line_up.broken]
        self.capacity = sum(map(self._capacity, self.used))

    def rows(self) -> Iterator[WorkloadPrediction]:
        """Yield what happens to each workload of the pool."""
        return map(self._row, self.pool.workloads)

    def _decide(self, one: _Candidate) -> tuple[Cause, tuple[str, ...]] | None:
        """Return why a server is out and on whose account, None while it is in rotation."""
        if self.line_up.wishes or not one.weight:
            unwanted = self._unwanted(one)
            if unwanted is not None:
                return unwanted
        broken = self.line_up.broken.get(one.name, _NOTHING)
        failed = tuple(name for name in self.judged if name in broken)
        return (Cause.SHARED_VERDICT, failed) if failed else None

    def _unwanted(self, one: _Candidate) -> tuple[Cause, tuple[str, ...]] | None:
        """Return what operators or a weight of 0 say against a server; notes its weight in force."""
        wishes = self.line_up.wishes
        asked = [
            (item.name, wishes.get((item.name, one.name), NO_WISH)) for item in self.pool.workloads
        ]
        weights = [one.weight if wish.weight is None else wish.weight for _, wish in asked]
        self.weights[one.name] = min(weights)
        for state, cause in _STRICTEST_FIRST:
            names = tuple(name for name, wish in asked if wish.state is state)
            if names:
                return cause, names
        if self.weights[one.name] == 0:
            silent = zip(asked, weights, strict=True)
            return Cause.NO_WEIGHT, tuple(name for (name, _), weight in silent if not weight)
        return None

    def _row(self, item: CarriedWorkload) -> WorkloadPrediction:
        bad = [one for one in self.suspects if self._is_broken(item, one.name)]
        answering = [one for one in self.used if one not in bad] if bad else self.used
        capacity = sum(map(self._capacity, answering)) if bad else self.capacity
        share = (
            min(1.0, capacity / (self.line_up.normal_capacity or capacity)) if answering else 0.0
        )
        failing = self._failing(bad) if bad else 0.0
        outcome = self._outcome(share=share, failing=failing)
        service = self.line_up.service
        return WorkloadPrediction(
            workload=item.name,
            title=item.workload.title,
            remaining=self.remaining,
            standby=self.standby,
            answering=frozenset(one.name for one in answering),
            taken_out=tuple(self._taken_out(item, *entry) for entry in self.out),
            share=share,
            failing=failing,
            outcome=outcome,
            sentence=_sentence(service, item, outcome, share=share, failing=failing),
        )

    def _taken_out(
        self, item: CarriedWorkload, server: str, cause: Cause, because: tuple[str, ...]
    ) -> TakenOut:
        own = item.name in because
        if own and cause is Cause.SHARED_VERDICT:
            cause = Cause.OWN_VERDICT
        return TakenOut(
            server=server,
            cause=cause,
            because=because,
            is_needless=not own and not self._is_broken(item, server),
        )

    def _is_broken(self, item: CarriedWorkload, server: str) -> bool:
        return item.name in self.line_up.broken.get(server, _NOTHING)

    def _weight(self, one: _Candidate) -> int:
        """The weight in force, which shares out the requests."""
        return self.weights.get(one.name, one.weight)

    def _capacity(self, one: _Candidate) -> int:
        """The weight of the file: an operator who lowers a weight does not make a server smaller."""
        return one.weight or self._weight(one)

    def _failing(self, bad: list[_Candidate]) -> float:
        if self.line_up.is_first_available:
            # Everything goes to the first server until that is full.
            return 1.0 if bad[0] is self.used[0] else 0.0
        return sum(map(self._weight, bad)) / sum(map(self._weight, self.used))

    def _outcome(self, *, share: float, failing: float) -> Outcome:
        if not self.used:
            return outcome_without_servers(self.line_up.service)
        if failing > 0.0:
            return Outcome.FAILS if failing >= 1.0 else Outcome.FAILS_SOMETIMES
        return Outcome.WORKS if share >= 1.0 else Outcome.REDUCED


def outcome_without_servers(service: VirtualService) -> Outcome:
    """Return what clients meet when no real server is in rotation."""
    if service.sorry and service.sorry.address:
        return Outcome.SORRY_SERVER
    if has_sorry_frontend(service) or (service.is_http and service.layout is Layout.L7):
        return Outcome.SORRY_PAGE
    return Outcome.CLOSED


def percent(share: float) -> str:
    """Return ``50 %``; never 100 for less than all, never 0 for more than nothing."""
    whole = int(share * 100 + 1e-9)
    if 0 < share < 1:
        whole = min(99, max(1, whole))
    return f"{whole} %"


def ratio(part: float, unit: str) -> str:
    """Return ``about 1 request in 3`` for a part above 0 and below 1 of all units."""
    about = Fraction(part).limit_denominator(_MOST_OF_A_RATIO)
    if about == 0:
        return f"about 1 {unit} in {round(1 / part)}"
    if about == 1:
        return f"nearly every {unit}"
    plural = "" if about.numerator == 1 else "s"
    return f"about {about.numerator} {unit}{plural} in {about.denominator}"


def _sentence(
    service: VirtualService,
    item: CarriedWorkload,
    outcome: Outcome,
    *,
    share: float,
    failing: float,
) -> str:
    if outcome is Outcome.WORKS:
        return "A user notices nothing."
    if outcome is Outcome.REDUCED:
        return f"A user notices nothing while {percent(share)} of the capacity is enough."
    without = f"A user {item.workload.without_it}"
    if outcome is not Outcome.FAILS_SOMETIMES:
        return without + _ENDINGS[outcome]
    if _is_sticky(service):
        return f"{without}; it fails for {ratio(failing, 'user')}, always the same ones."
    return f"{without}; it fails for {ratio(failing, 'request')}."


def _is_sticky(service: VirtualService) -> bool:
    return (
        service.scheduler is Scheduler.SOURCE_HASH
        or service.persistence.kind is not PersistenceKind.NONE
    )
