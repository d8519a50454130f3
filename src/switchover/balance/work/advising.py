"""Advice given by people and programs: recorded, then in force at the engine's next question."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.advice import Advice
from switchover.balance.audit import advice_entry
from switchover.balance.event import Event, Severity
from switchover.balance.work import views
from switchover.directory.audit.work import record_alone

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.balance.overrides import Target
    from switchover.balance.work.cycle import Cycle
    from switchover.balance.work.parts import BalancerParts
    from switchover.balance.work.revisions import Intent


async def give(
    parts: BalancerParts,
    cycle: Cycle,
    server: str,
    *,
    service: str | None,
    workload: str | None,
    percent: int,
    seconds: float,
    intent: Intent,
) -> tuple[tuple[Target, ...], datetime]:
    """Lower a server's share, or take it out with 0 percent, for a while; return where, and until when.

    Advice is kept in this process alone, so the entry of the audit log is written first: if that can not
    be, there is no advice.
    """
    targets = await views.find_targets(parts, server, service=service, workload=workload)
    name = intent.actor.name
    until = clock.now() + timedelta(seconds=seconds)
    advice = Advice(percent=percent, reason=intent.reason or f"advice of {name}", until=until)
    await record_alone(parts.database, advice_entry(server, targets, advice, actor=intent.actor))
    for target in targets:
        cycle.advice.give(target, advice)
    cause = f"{percent} % until {until:%H:%M:%S} UTC by {name}: {advice.reason}"
    cycle.events.add(*(_advised(target, cause) for target in targets))
    return targets, until


async def withdraw(
    parts: BalancerParts,
    cycle: Cycle,
    server: str,
    *,
    service: str | None,
    workload: str | None,
    intent: Intent,
) -> tuple[Target, ...]:
    """Take advice back; the engine restores the full share at its next question. Return where."""
    targets = await views.find_targets(parts, server, service=service, workload=workload)
    await record_alone(parts.database, advice_entry(server, targets, None, actor=intent.actor))
    for target in targets:
        cycle.advice.withdraw(target)
    cause = f"advice withdrawn by {intent.actor.name}"
    cycle.events.add(*(_advised(target, cause) for target in targets))
    return targets


def _advised(target: Target, cause: str) -> Event:
    return Event(kind="advice", severity=Severity.WARNING, cause=cause, target=target)
