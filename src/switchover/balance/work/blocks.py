"""Changes of one server or service: the same revisions as a whole file makes, by the same way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover import clock
from switchover.balance import queries
from switchover.balance.effect import Side, find_effects
from switchover.balance.lint import lint
from switchover.balance.probes.machine import with_current_addresses
from switchover.balance.resolve import resolve
from switchover.balance.work import revisions
from switchover.model.platform_file.edit import (
    PutBlock,
    RemoveBlock,
    Section,
    put_block,
    remove_block,
)
from switchover.model.platform_file.read import read_platform_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.effect import Effect
    from switchover.balance.lint import Finding
    from switchover.balance.overrides import Overrides
    from switchover.balance.work.parts import BalancerParts
    from switchover.balance.work.revisions import Intent, Outcome, Wish
    from switchover.model.platform_file.rewrite import Rewritten

Change = PutBlock | RemoveBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockOutcome:
    """What a change of one block did.

    ``lost_comments`` of the file it could not keep, ``written_out`` are the anchors it no longer shares.
    """

    outcome: Outcome
    lost_comments: tuple[str, ...]
    written_out: tuple[str, ...]
    text: str
    overrides: Overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What a change would mean: what users would feel, and which findings come with it."""

    effects: tuple[Effect, ...]
    fresh: tuple[Finding, ...]


async def foresee(
    parts: BalancerParts,
    basis: Basis,
    text: str,
    overrides: Overrides,
    findings: tuple[Finding, ...],
) -> Foresight:
    """Return what the platform file ``text`` would mean against ``basis``; it must be a good one."""
    return await asyncio.to_thread(_foresee, parts, basis.wish, text, overrides, findings)


def _foresee(
    parts: BalancerParts,
    wish: Wish | None,
    text: str,
    overrides: Overrides,
    findings: tuple[Finding, ...],
) -> Foresight:
    balance = resolve(read_platform_file(text))
    after = Side(balance=balance, overrides=overrides.kept_for(balance))
    if wish is None:
        return Foresight(effects=find_effects(None, after), fresh=findings)
    before = Side(balance=wish.balance, overrides=wish.overrides)
    machine = with_current_addresses(parts.machine, wish.balance)
    known = set(lint(wish.balance, wish.assets, live=None, machine=machine, now=clock.now()))
    fresh = tuple(finding for finding in findings if finding not in known)
    return Foresight(effects=find_effects(before, after), fresh=fresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a change would be made to: the latest revision, 0 and nothing before the first."""

    number: int = 0
    text: str = ""
    wish: Wish | None = None

    @property
    def plain(self) -> Mapping[str, Any]:
        """The plain values of the platform file."""
        return self.wish.file.tree.value if self.wish else {}

    def find_block(self, section: Section, name: str) -> Mapping[str, Any] | None:
        """Return a server's or service's plain values, None when there is none."""
        found: Mapping[str, Any] | None = (self.plain.get(section) or {}).get(name)
        return found


async def load_basis(parts: BalancerParts) -> Basis:
    """Return the latest revision with what it means; an empty one before the first."""
    async with parts.database.transaction() as connection:
        latest = await queries.find_latest(connection)
        if latest is None:
            return Basis()
        wish = await revisions.current_wish(parts, connection, latest)
        return Basis(number=latest.number, text=latest.text, wish=wish)


async def change_block(
    parts: BalancerParts,
    change: Change,
    files: Mapping[str, bytes],
    *,
    intent: Intent,
    parent: int | None = None,
    dry_run: bool = False,
) -> BlockOutcome:
    """Add, change or remove a server or service in the latest platform file and apply that.

    Everything else in the file stays as it is written. ``files``, ``parent`` and ``dry_run`` are those of
    ``revisions.apply``. Raises InvalidInput, NotFound or Conflict where the change can not be made; then
    nothing is changed. Drains and weights follow a block that gets another name.
    """
    made: list[tuple[Rewritten, Overrides]] = []

    def edit(text: str, overrides: Overrides) -> tuple[str, Overrides]:
        written = (
            put_block(text, change) if isinstance(change, PutBlock) else remove_block(text, change)
        )
        made.append((written, _following(overrides, change)))
        return written.text, made[0][1]

    outcome = await revisions.apply_edit(
        parts, edit, files, intent=intent, parent=parent, dry_run=dry_run
    )
    written, overrides = made[0]
    return BlockOutcome(
        outcome=outcome,
        lost_comments=written.lost_comments,
        written_out=written.written_out,
        text=written.text,
        overrides=overrides,
    )


def _following(overrides: Overrides, change: Change) -> Overrides:
    if isinstance(change, RemoveBlock) or change.old_name is None:
        return overrides
    if change.section is Section.SERVICES:
        return overrides.renamed("service", change.old_name, change.name)
    return overrides.renamed("server", change.old_name, change.name)
