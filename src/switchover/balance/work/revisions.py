"""Changes of the wish: apply, drain, maintain, resume, weight, roll back; each a numbered revision.

A change is acknowledged when the engine has it: the revision is written in a transaction that commits
after the engine took the configuration. If we die in between, the revision does not exist and the next
cycle brings the engine back to the last one that does.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance import queries
from switchover.balance.assets import Assets, check_assets, file_names
from switchover.balance.audit import put_right_entry, revision_entry
from switchover.balance.compile import Compiled, compile_engine
from switchover.balance.lint import lint
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.balance.probes.machine import with_current_addresses
from switchover.balance.resolve import resolve
from switchover.balance.revision import (
    Draft,
    Origin,
    Revision,
    Verb,
    difference,
    summary_of,
)
from switchover.balance.targets import expand_target
from switchover.balance.work.engine_room import Means
from switchover.balance.work.footing import find_footing, go_back
from switchover.balance.work.keeping import load_files, write_revision
from switchover.directory.audit.work import record
from switchover.errors import Conflict, NotFound
from switchover.model.platform_file.read import raise_problems, read_platform_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from psycopg import AsyncConnection

    from switchover.balance.lint import Finding
    from switchover.balance.virtual_service import Balance
    from switchover.balance.work.engine_room import Brought
    from switchover.balance.work.parts import BalancerParts
    from switchover.directory.access.role import Actor
    from switchover.model.platform_file.read import PlatformFile
    from switchover.store.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Who changes something, through which door and why."""

    actor: Actor
    origin: Origin
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a revision asks for, ready to be compiled."""

    text: str
    file: PlatformFile
    balance: Balance
    files: Mapping[str, bytes]
    assets: Assets
    overrides: Overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a change did. ``number`` is None where nothing differed and nothing was written."""

    number: int | None
    diff: str
    summary: str
    findings: tuple[Finding, ...]
    brought: Brought | None = None


async def apply(
    parts: BalancerParts,
    text: str,
    files: Mapping[str, bytes],
    *,
    intent: Intent,
    source: str = "",
    parent: int | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Make ``text`` the wish and bring the engine to it; with ``dry_run`` only say what would be done.

    ``files`` are the files that the text names, by name; those left out are taken from the latest
    revision. ``parent`` is the revision the author saw: another latest one is a Conflict. Raises
    InvalidInput with every fault; then nothing is changed.
    """
    return await apply_edit(
        parts, lambda _, overrides: (text, overrides), files,
        intent=intent, source=source, parent=parent, dry_run=dry_run,
    )  # fmt: skip


async def apply_edit(
    parts: BalancerParts,
    edit: Callable[[str, Overrides], tuple[str, Overrides]],
    files: Mapping[str, bytes],
    *,
    intent: Intent,
    source: str = "",
    parent: int | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Do as ``apply`` with what ``edit`` makes of the latest text ("" before the first revision).

    ``edit`` is pure and runs in a thread; it may raise what an author can mend, and nothing is changed.
    """
    async with parts.engine.lock, parts.database.transaction() as connection:
        await queries.lock_revisions(connection)
        latest = await queries.find_latest(connection)
        _require_parent(latest, parent)
        kept = await load_files(parts, connection, latest)
        before = (latest.text, latest.overrides) if latest else ("", Overrides())
        text, overrides = await asyncio.to_thread(edit, *before)
        wish = await asyncio.to_thread(read_wish, text, {**kept, **files}, overrides, source=source)
        await parts.preflight(wish)
        draft = _draft(wish, intent, Verb.APPLY)
        return await _commit(parts, connection, latest, draft, wish, intent, dry_run=dry_run)


async def roll_back(
    parts: BalancerParts,
    number: int,
    *,
    intent: Intent,
    parent: int | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Make an earlier revision the wish again, as a new revision.

    ``parent`` is the revision the author saw as the latest: another one is a Conflict.
    """
    async with parts.engine.lock, parts.database.transaction() as connection:
        await queries.lock_revisions(connection)
        latest = await queries.find_latest(connection)
        _require_parent(latest, parent)
        old = await queries.find_revision(connection, number)
        if old is None:
            raise NotFound(f"there is no revision {number}; see: switchover history")
        files = await load_files(parts, connection, old)
        wish = await asyncio.to_thread(read_wish, old.text, files, old.overrides)
        await parts.preflight(wish)
        intent = replace(intent, reason=intent.reason or f"back to revision {number}")
        draft = _draft(wish, intent, Verb.ROLLBACK)
        return await _commit(parts, connection, latest, draft, wish, intent, dry_run=dry_run)


async def change_servers(
    parts: BalancerParts,
    server: str,
    *,
    service: str | None,
    workload: str | None,
    intent: Intent,
    state: AdminState | None = None,
    weight: int | None = None,
    reset_weight: bool = False,
) -> Outcome:
    """Drain, maintain, resume or weigh a server, everywhere or in one service or workload."""
    async with parts.engine.lock, parts.database.transaction() as connection:
        await queries.lock_revisions(connection)
        latest = await queries.find_latest(connection)
        if latest is None:
            raise NotFound("nothing was applied yet; see: switchover apply")
        wish = await current_wish(parts, connection, latest)
        targets = expand_target(wish.balance, server, service=service, workload=workload)
        overrides = wish.overrides.changed(
            targets, state=state, weight=weight, reset_weight=reset_weight
        )
        wish = replace(wish, overrides=overrides)
        draft = _draft(wish, intent, _verb_of(state))
        outcome = await _commit(parts, connection, latest, draft, wish, intent)
        if outcome.diff or outcome.brought is None:
            return outcome
        commands = await parts.engine.enforce(targets, states=state is not None)
        if not commands:
            return outcome
        await record(
            connection,
            put_right_entry(
                draft.verb,
                server,
                targets,
                actor=intent.actor,
                reason=draft.reason,
                commands=commands,
            ),
        )
        brought = replace(outcome.brought, means=Means.RUNTIME, commands=commands)
        return replace(outcome, brought=brought, summary="put right")


async def accept_overrides(
    parts: BalancerParts,
    accepted: Mapping[Target, tuple[AdminState | None, int | None]],
    *,
    intent: Intent,
) -> Outcome:
    """Make states and weights that were set behind our back the wish; the caller holds the lock."""
    async with parts.database.transaction() as connection:
        await queries.lock_revisions(connection)
        latest = await queries.find_latest(connection)
        if latest is None:
            raise NotFound("nothing was applied yet; see: switchover apply")
        wish = await current_wish(parts, connection, latest)
        overrides = wish.overrides
        for target, (state, weight) in accepted.items():
            overrides = overrides.changed([target], state=state, weight=weight)
        wish = replace(wish, overrides=overrides)
        draft = _draft(wish, intent, Verb.ACCEPT)
        return await _commit(parts, connection, latest, draft, wish, intent)


def read_wish(
    text: str, files: Mapping[str, bytes], overrides: Overrides, *, source: str = ""
) -> Wish:
    """Return the wish that text and files describe; raises InvalidInput with every fault. Pure."""
    file = read_platform_file(text, source=source)
    balance = resolve(file)
    checked = check_assets(file, balance, files)
    raise_problems(list(checked.problems))
    return Wish(
        text=text,
        file=file,
        balance=balance,
        files={name: files[name] for name in file_names(balance)},
        assets=checked.assets,
        overrides=overrides.kept_for(balance),
    )


def compile_wish(parts: BalancerParts, wish: Wish) -> Compiled:
    """Return the engine configuration of a wish; services of the last one are not compiled again."""
    last = parts.wanted[1] if parts.wanted else None
    return compile_engine(wish.balance, wish.overrides, wish.files, parts.facts, last=last)


async def current_wish(
    parts: BalancerParts, connection: AsyncConnection[Any], latest: Revision
) -> Wish:
    """Return the wish of a revision; the last one read is kept, reading it costs most of a change."""
    key = (latest.number, latest.text)
    if parts.wish is not None and parts.wish[0] == key:
        return parts.wish[1]
    files = await load_files(parts, connection, latest)
    wish = await asyncio.to_thread(read_wish, latest.text, files, latest.overrides)
    parts.wish = (key, wish)
    return wish


async def _commit(
    parts: BalancerParts,
    connection: Connection,
    latest: Revision | None,
    draft: Draft,
    wish: Wish,
    intent: Intent,
    *,
    dry_run: bool = False,
) -> Outcome:
    diff = await asyncio.to_thread(difference, latest, draft)
    summary = summary_of(latest, draft, diff)
    compiled = await asyncio.to_thread(compile_wish, parts, wish)
    if dry_run:
        await parts.engine.check(compiled)
        findings = await _find_findings(parts, wish)
        return Outcome(number=None, diff=diff, summary=summary, findings=findings)
    if latest is not None and not diff:
        brought = await parts.engine.bring(compiled)
        return Outcome(
            number=latest.number, diff="", summary="nothing to change",
            findings=await _find_findings(parts, wish), brought=brought,
        )  # fmt: skip
    number = (latest.number if latest else 0) + 1
    before = await find_footing(parts.engine, await _undo_target(parts, connection, latest))
    await write_revision(
        parts, connection, latest, draft, wish.files, number=number, diff=diff, summary=summary
    )
    found: list[tuple[Finding, ...]] = []

    async def find() -> None:
        found.append(await _find_findings(parts, wish))

    brought = await parts.engine.bring(compiled, meanwhile=find)
    try:
        # Only now, because nobody else can add an entry until the commit.
        await record(
            connection,
            revision_entry(
                latest, draft, actor=intent.actor, number=number, diff=diff, summary=summary
            ),
        )
        await connection.commit()
    except Exception:
        # The revision is not known to exist, so the engine must not run it.
        await go_back(parts.engine, before)
        raise
    parts.wish = ((number, wish.text), wish)
    parts.wanted = (number, compiled)
    if not found:  # a change at run time is in force before lint has begun
        await find()
    return Outcome(number=number, diff=diff, summary=summary, findings=found[0], brought=brought)


async def _undo_target(
    parts: BalancerParts, connection: AsyncConnection[Any], latest: Revision | None
) -> Compiled | None:
    """Return what the engine goes back to when the revision can not be kept, None if none says so."""
    if latest is None or parts.engine.loaded is not None:
        return parts.engine.loaded
    return await asyncio.to_thread(
        compile_wish, parts, await current_wish(parts, connection, latest)
    )


async def _find_findings(parts: BalancerParts, wish: Wish) -> tuple[Finding, ...]:
    """Lint. It forbids nothing and takes longer than most run-time changes, so those come first."""
    machine = with_current_addresses(parts.machine, wish.balance)
    return await asyncio.to_thread(
        lint, wish.balance, wish.assets, live=None, machine=machine, now=clock.now()
    )


def _draft(wish: Wish, intent: Intent, verb: Verb) -> Draft:
    return Draft(
        author=intent.actor.name,
        origin=intent.origin,
        verb=verb,
        reason=intent.reason.strip(),
        text=wish.text,
        overrides=wish.overrides,
        files={name: hashlib.sha256(content).hexdigest() for name, content in wish.files.items()},
    )


def _verb_of(state: AdminState | None) -> Verb:
    match state:
        case AdminState.DRAIN:
            return Verb.DRAIN
        case AdminState.MAINTENANCE:
            return Verb.MAINTAIN
        case AdminState.READY:
            return Verb.RESUME
        case None:
            return Verb.WEIGHT


def _require_parent(latest: Revision | None, parent: int | None) -> None:
    number = latest.number if latest else 0
    if parent is not None and parent != number:
        raise Conflict(
            f"revision {number} was made meanwhile, this change was written against {parent}; "
            "look at: switchover history, then apply again"
        )
