"""Looking before doing: what a rollback would change, find and do to users; what an outage would."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.balance import queries
from switchover.balance.effect import Effect, Side, find_effects
from switchover.balance.outage import Outage, broken_in, parse_outage
from switchover.balance.overrides import Overrides
from switchover.balance.resolve import resolve
from switchover.balance.single_failures import MILDEST_FIRST
from switchover.balance.what_if import Glimpse, ServiceReport, glimpse_service, report_service
from switchover.balance.work.revisions import Intent, Outcome, current_wish, roll_back
from switchover.balance.work.views import load_wish
from switchover.errors import Conflict, InvalidInput
from switchover.model.platform_file.read import read_platform_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.outage import OutageItem
    from switchover.balance.revision import Revision
    from switchover.balance.virtual_service import Balance
    from switchover.balance.work.parts import BalancerParts

MOST_REPORTS = 12
"""Services told in every layout: each is worked out several times for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPreview:
    """What going back would do; ``latest`` is the revision it was compared with."""

    latest: int
    outcome: Outcome
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutagePreview:
    """What an outage would do; ``reports`` are of the services that it touches, the worst first.

    Where it touches many, ``brief`` has the others in short. ``already`` is down anyway and counted; with nothing
    else assumed the reports are of what that touches. ``calm`` names services that it does not touch, ``unknown``
    are sentences about what should be down and is not in the platform file.
    """

    balance: Balance
    overrides: Overrides
    outage: Outage
    reports: tuple[ServiceReport, ...]
    brief: tuple[Glimpse, ...]
    calm: tuple[str, ...]
    unknown: tuple[str, ...]
    already: tuple[OutageItem, ...] = ()


async def preview_rollback(parts: BalancerParts, number: int, *, intent: Intent) -> RollbackPreview:
    """Return what ``roll_back`` would do; changes nothing, raises what it would raise."""
    async with parts.database.transaction() as connection:
        latest = await queries.find_latest(connection)
        old = await queries.find_revision(connection, number)
        before = await current_wish(parts, connection, latest) if latest else None
    outcome = await roll_back(
        parts, number, intent=intent, parent=latest.number if latest else 0, dry_run=True
    )
    if latest is None or before is None or old is None:
        raise Conflict("the history changed while it was read; try again")
    was = Side(balance=before.balance, overrides=before.overrides)
    becomes = await asyncio.to_thread(_side_of, old)
    return RollbackPreview(
        latest=latest.number, outcome=outcome, effects=find_effects(was, becomes)
    )


def _side_of(revision: Revision) -> Side:
    balance = resolve(read_platform_file(revision.text))
    return Side(balance=balance, overrides=revision.overrides.kept_for(balance))


async def preview_outage(
    parts: BalancerParts,
    down: Iterable[str],
    *,
    already: tuple[OutageItem, ...] = (),
    first: str = "",
    most: int = MOST_REPORTS,
) -> OutagePreview:
    """Return what users would feel if these servers, workloads or sites were gone.

    ``already`` is what is down at present and stays so. At most ``most`` services are told in every layout, the
    one named ``first`` before all others. What the platform file does not know is told and left out:
    bookmarks outlive servers.
    """
    wish = await load_wish(parts)
    balance = wish.balance
    items: list[OutageItem] = []
    unknown: list[str] = []
    for text in dict.fromkeys(down):
        try:
            items += parse_outage(balance, (text,)).items
        except InvalidInput as error:
            unknown += [str(problem) for problem in error.problems]
    outage = Outage(items=tuple(items))
    # Of a whole site that is gone this takes a while, during which others must not wait.
    whole = Outage(items=(*outage.items, *already))
    touched = await asyncio.to_thread(_touched, balance, outage, whole, wish.overrides)
    touched.sort(key=lambda one: (one.service.name != first, -MILDEST_FIRST.index(one.outcome)))
    reports = await asyncio.to_thread(_reports, touched[:most], whole, wish.overrides)
    present = Outage(items=already).broken
    names = {one.service.name for one in touched} | {
        service.name for service in balance.services if broken_in(service, present)
    }
    return OutagePreview(
        balance=balance,
        overrides=wish.overrides,
        outage=outage,
        reports=reports,
        brief=tuple(touched[most:]),
        calm=tuple(item.name for item in balance.services if item.name not in names),
        unknown=tuple(unknown),
        already=already,
    )


def _touched(
    balance: Balance, outage: Outage, whole: Outage, overrides: Overrides
) -> list[Glimpse]:
    """Return the services in which something is broken: the others would all say the same."""
    broken = whole.broken
    touching = outage.broken if outage.items else broken
    return [
        glimpse_service(service, broken_in(service, broken), _of(overrides, service.name))
        for service in balance.services
        if broken_in(service, touching)
    ]


def _reports(
    glimpses: Iterable[Glimpse], whole: Outage, overrides: Overrides
) -> tuple[ServiceReport, ...]:
    broken = whole.broken
    return tuple(
        report_service(
            one.service, broken_in(one.service, broken), _of(overrides, one.service.name)
        )
        for one in glimpses
    )


def _of(overrides: Overrides, service: str) -> Overrides:
    return Overrides(
        by_target={
            target: wish
            for target, wish in overrides.by_target.items()
            if target.service == service
        }
    )
