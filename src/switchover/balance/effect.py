"""What users would feel of a change: two states of the platform compared, service by service. Pure.

Both are looked at as if every server were well: what a change does by itself, whatever breaks later.
``what_if`` tells that other half.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.balance.prediction import Outcome, percent, predict
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.overrides import Overrides
    from switchover.balance.prediction import WorkloadPrediction
    from switchover.balance.virtual_service import Balance, VirtualService


class Feeling(StrEnum):
    """How much of a change users notice."""

    GONE = "gone"
    WORSE = "worse"
    OTHER = "other"
    BETTER = "better"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What users of one service feel; ``workloads`` are those it is about, none for all of them."""

    service: str
    workloads: tuple[str, ...]
    feeling: Feeling
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two states that are compared."""

    balance: Balance
    overrides: Overrides


def find_effects(before: Side | None, after: Side) -> tuple[Effect, ...]:
    """Return what users feel when ``after`` takes the place of ``before``, the worst first."""
    old = {service.name: service for service in before.balance.services} if before else {}
    new = {service.name: service for service in after.balance.services}
    found: list[Effect] = [_gone(service) for name, service in old.items() if name not in new]
    for name, service in new.items():
        if before is None or name not in old:
            found.append(_added(service))
        else:
            found += _changed(old[name], before.overrides, service, after.overrides)
    order = list(Feeling)
    return tuple(sorted(found, key=lambda effect: order.index(effect.feeling)))


def _gone(service: VirtualService) -> Effect:
    return Effect(
        service=service.name,
        workloads=(),
        feeling=Feeling.GONE,
        sentence=f"The service goes: nobody answers at {_places(service)} any more.",
    )


def _added(service: VirtualService) -> Effect:
    listed = ", ".join(item.name for item in service.workloads)
    return Effect(
        service=service.name,
        workloads=(),
        feeling=Feeling.BETTER,
        sentence=f"A new service answers at {_places(service)}: {listed}.",
    )


def _places(service: VirtualService) -> str:
    return ", ".join(f"{address} port {service.port}" for address in service.listening_addresses)


def _changed(
    old: VirtualService, old_wishes: Overrides, new: VirtualService, new_wishes: Overrides
) -> Iterator[Effect]:
    if old == new and _mine(old_wishes, old.name) == _mine(new_wishes, new.name):
        return
    yield from _moved(old, new)
    yield from _carried(old, new)
    was, becomes = predict(old, (), old_wishes), predict(new, (), new_wishes)
    alike: dict[tuple[Feeling, str], list[str]] = {}
    for name, row in becomes.items():
        if name in was and (felt := _compared(was[name], row)):
            alike.setdefault(felt, []).append(name)
    for (feeling, sentence), names in alike.items():
        yield Effect(service=new.name, workloads=tuple(names), feeling=feeling, sentence=sentence)


def _mine(overrides: Overrides, service: str) -> dict[object, object]:
    return {key: wish for key, wish in overrides.by_target.items() if key.service == service}


def _moved(old: VirtualService, new: VirtualService) -> Iterator[Effect]:
    """Yield what changes about where and how clients connect."""
    if _places(old) != _places(new):
        sentence = (
            f"It moves from {_places(old)} to {_places(new)}: who goes on asking there is refused."
        )
        yield Effect(service=new.name, workloads=(), feeling=Feeling.WORSE, sentence=sentence)
    if lost := [name for name in _names(old) if name not in _names(new)]:
        sentence = f"It no longer knows the name {', '.join(lost)}."
        yield Effect(service=new.name, workloads=(), feeling=Feeling.WORSE, sentence=sentence)
    if old.is_decrypted != new.is_decrypted:
        who = "switchover's own certificate" if new.is_decrypted else "the servers' certificate"
        sentence = f"Clients see {who} from now on; connections that are open end."
        yield Effect(service=new.name, workloads=(), feeling=Feeling.OTHER, sentence=sentence)


def _names(service: VirtualService) -> tuple[str, ...]:
    return (*service.names, *(item.host for item in service.workloads if item.host))


def _carried(old: VirtualService, new: VirtualService) -> Iterator[Effect]:
    """Yield workloads that go and that come."""
    before = [item.name for item in old.workloads]
    after = [item.name for item in new.workloads]
    if lost := tuple(name for name in before if name not in after):
        yield Effect(
            service=new.name,
            workloads=lost,
            feeling=Feeling.GONE,
            sentence="Not carried any more: its users are refused.",
        )
    if fresh := tuple(name for name in after if name not in before):
        yield Effect(
            service=new.name,
            workloads=fresh,
            feeling=Feeling.BETTER,
            sentence="Carried from now on.",
        )


def _compared(was: WorkloadPrediction, becomes: WorkloadPrediction) -> tuple[Feeling, str] | None:
    """Return how a workload fares after against before; None where its users notice nothing."""
    if _rank(was) != _rank(becomes):
        feeling = Feeling.WORSE if _rank(becomes) < _rank(was) else Feeling.BETTER
        return feeling, _told(was, becomes)
    lost = [name for name in was.remaining if name not in becomes.remaining]
    fresh = [name for name in becomes.remaining if name not in was.remaining]
    if not lost and not fresh:
        return None
    parts = [f"{_and(lost)} no new clients"] if lost else []
    parts += [f"{_and(fresh)} clients"] if fresh else []
    now = counted(len(becomes.remaining), "server")
    feeling = Feeling.OTHER if len(becomes.remaining) < len(was.remaining) else Feeling.NONE
    return feeling, f"{now} instead of {len(was.remaining)}: {' and '.join(parts)}."


def _and(names: list[str]) -> str:
    return f"{', '.join(names)} {'gets' if len(names) == 1 else 'get'}"


def _rank(row: WorkloadPrediction) -> tuple[bool, float, float]:
    return (row.outcome in _ANSWERED, round(row.share, 9), -round(row.failing, 9))


_ANSWERED = frozenset({Outcome.WORKS, Outcome.REDUCED, Outcome.FAILS_SOMETIMES})


def _told(was: WorkloadPrediction, becomes: WorkloadPrediction) -> str:
    if becomes.outcome not in _ANSWERED:
        return becomes.sentence
    servers = counted(len(becomes.answering), "server")
    return (
        f"{servers} with {percent(becomes.share)} of the capacity instead of {percent(was.share)}. "
        f"{becomes.sentence}"
    )
