"""What was changed behind our back, put right or accepted by somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.audit import accepted_files_entry, repair_entry
from switchover.balance.drift import Drift, DriftKind
from switchover.balance.overrides import AdminState
from switchover.balance.work.cycle import drifted_targets
from switchover.balance.work.revisions import Intent, accept_overrides
from switchover.directory.audit.work import record_alone
from switchover.errors import Conflict, SwitchoverError

if TYPE_CHECKING:
    from switchover.balance.overrides import Target
    from switchover.balance.work.cycle import Cycle
    from switchover.balance.work.parts import BalancerParts


async def repair(
    parts: BalancerParts, cycle: Cycle, *, intent: Intent, stop_engine: bool = False
) -> tuple[Drift, ...]:
    """Put every difference right and return them; see ``Cycle.repair``.

    The entry of the audit log is written before anything is done: the engine can not be part of a
    transaction, and nothing may be done without an entry. A repair that fails has a second one.
    """
    announced: list[Drift] = []

    async def announce(drifts: tuple[Drift, ...]) -> None:
        if drifts:
            entry = repair_entry(drifts, actor=intent.actor, reason=intent.reason)
            await record_alone(parts.database, entry)
            announced.extend(drifts)

    try:
        return await cycle.repair(
            author=intent.actor.name,
            announce=announce,
            reason=intent.reason,
            stop_engine=stop_engine,
        )
    except SwitchoverError as error:
        if announced:
            entry = repair_entry(
                announced, actor=intent.actor, reason=intent.reason, failed_because=str(error)
            )
            await record_alone(parts.database, entry)
        raise


async def accept(parts: BalancerParts, cycle: Cycle, *, intent: Intent) -> tuple[Drift, ...]:
    """Make every difference that can be the wish the wish, and return them.

    States and weights become a revision. Files edited by hand stay as they are until the next change
    needs new ones. Addresses and maps come from the platform file: change them there.
    """
    async with parts.engine.lock:
        # One lock from looking to accepting: what is accepted is what was judged.
        drifts = await cycle.find_drift_under_lock()
        _require_acceptable(drifts)
        await _accept_overrides(parts, drifts, intent)
        files = [drift for drift in drifts if drift.kind is DriftKind.FILE]
        if files:
            entry = accepted_files_entry(files, actor=intent.actor, reason=intent.reason)
            await record_alone(parts.database, entry)
            parts.engine.files.accept()
    await cycle.run()
    return drifts


def _require_acceptable(drifts: tuple[Drift, ...]) -> None:
    stubborn = [
        drift.sentence
        for drift in drifts
        if drift.kind is not DriftKind.FILE
        and (drift.target is None or drift.kind not in {DriftKind.STATE, DriftKind.WEIGHT})
    ]
    if stubborn:
        raise Conflict(
            f"this is written in the platform file and can only be changed there: {stubborn[0]}; "
            "apply a changed file, or run: switchover drift repair"
        )
    if any(drift.kind is DriftKind.FILE for drift in drifts):
        _require_files_kept(drifts)


async def _accept_overrides(
    parts: BalancerParts, drifts: tuple[Drift, ...], intent: Intent
) -> None:
    wanted: dict[Target, tuple[AdminState | None, int | None]] = {}
    for target, items in drifted_targets(drifts).items():
        state = next((AdminState(i.found) for i in items if i.kind is DriftKind.STATE), None)
        weight = next((int(i.found) for i in items if i.kind is DriftKind.WEIGHT), None)
        wanted[target] = (state, weight)
    if wanted:
        await accept_overrides(parts, wanted, intent=intent)


def _require_files_kept(drifts: tuple[Drift, ...]) -> None:
    """Raise Conflict where accepting the rest would write the files anew and lose what was edited."""
    for drift in drifts:
        rewrites = drift.kind is DriftKind.WEIGHT or (
            drift.kind is DriftKind.STATE and AdminState.MAINTENANCE in {drift.wanted, drift.found}
        )
        if rewrites:
            raise Conflict(
                f"this would be written into the file that was edited by hand, and lose what was edited: "
                f"{drift.sentence}; set it back over the engine's socket and accept the file alone, "
                "or run: switchover drift repair"
            )
