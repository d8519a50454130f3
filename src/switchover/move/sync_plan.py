"""What has to be done so that a target folder follows its source: listings and ledger in, actions out. Pure.

``compare`` finds what changed since the ledger was written, ``plan_folder`` turns that into
actions. 100,000 mails of which nothing changed are compared as whole columns, not one by one.

While a target is still only ours (before the switch) it follows the source: flags are set as a
whole, and a mail that is missing there is sent again. Once it is in use, new mails always come; a
flag is changed only where it is still what we wrote, by adding and removing single flags, so that
what the user set stays; nothing is deleted unless asked, and then only what the user did not touch.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.move.append_batches import BatchLimits, batches
from switchover.move.flags import FlagSet, PermanentFlags, comparable, storable
from switchover.move.segment import Skip, SkipReason, too_large
from switchover.move.selection import Selection
from switchover.move.sync_action import (
    Action,
    Delete,
    FlagChange,
    Forget,
    LeaveOut,
    PairAgain,
    Reconcile,
    RecordFlags,
    RecordVanished,
    Side,
    StoreFlags,
    Uids,
)
from switchover.move.uid_columns import absent, ascending, beside, column, found_in, place_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection, Mapping, Sequence

    from switchover.move.ledger import FolderLedger


class Deletions(StrEnum):
    """What is deleted on the target: nothing, copies of ours gone from the source, or all that is surplus."""

    NEVER = "never"
    OURS = "ours"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All mails of a folder: UIDs ascending, flag sets parallel to them."""

    uid_validity: int
    uids: Sequence[int]
    flags: Sequence[FlagSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What a server says changed since the ledger was written (RFC 7162).

    ``changed`` are new mails and mails with new flags. ``vanished`` are UIDs gone (QRESYNC); a
    server with CONDSTORE alone gives ``present`` instead, every UID that is still there.
    """

    uid_validity: int
    changed: Mapping[int, FlagSet]
    vanished: Collection[int] = ()
    present: Collection[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the user asked for and what the target can.

    ``retries_skipped``: mails that were skipped are tried again, whatever the reason.

    ``source_uid_validity`` and ``target_uid_validity`` are those under which the ledger was
    written, 0 when it is new. ``permanent_flags`` None: the target keeps every flag.
    ``largest_bytes`` (APPENDLIMIT) 0: no limit; where the source only guesses sizes (``sizes_hold``
    False) it is held against what comes. ``selection`` is of new mails.
    """

    source_uid_validity: int = 0
    target_uid_validity: int = 0
    is_in_use: bool = False
    deletions: Deletions = Deletions.NEVER
    retries_skipped: bool = False
    permanent_flags: PermanentFlags | None = None
    largest_bytes: int = 0
    sizes_hold: bool = True
    limits: BatchLimits = field(default_factory=BatchLimits)
    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What differs between the source (and the target, where it was listed) and the ledger. UIDs ascend.

    ``new``, ``reflagged``, ``gone``, ``back`` are source UIDs; ``lost`` are source UIDs whose copy
    is missing on the target; ``foreign`` are target UIDs that the ledger does not know.
    """

    new: Uids = ()
    reflagged: Mapping[int, FlagSet] = field(default_factory=dict)
    gone: Uids = ()
    back: Mapping[int, FlagSet] = field(default_factory=dict)
    lost: Uids = ()
    foreign: Uids = ()

    @property
    def are_none(self) -> bool:
        """True when nothing differs."""
        differs = self.new or self.reflagged or self.gone or self.back or self.lost or self.foreign
        return not differs


def obstacles(
    source_uid_validity: int, target_uid_validity: int, ledger: FolderLedger, rules: Rules
) -> tuple[Reconcile | PairAgain, ...]:
    """Return what must be done, in this order, before the folder can be planned.

    The UIDVALIDITYs are those of now. A batch in doubt is looked for on the target as it is now, under
    the UIDs that the source meant; pairing with the target looks for it as well.
    """
    found: list[Reconcile | PairAgain] = []
    if rules.target_uid_validity not in {0, target_uid_validity}:
        found.append(PairAgain(side=Side.TARGET))
    elif ledger.open_rows:
        found.append(Reconcile())
    if rules.source_uid_validity not in {0, source_uid_validity}:
        found.append(PairAgain(side=Side.SOURCE))
    return tuple(found)


def compare(
    source: Listing | Delta, ledger: FolderLedger, target: Listing | None = None
) -> Changes:
    """Return what changed; skipped mails count as known, whatever their flags."""
    if isinstance(source, Delta):
        changes = _compare_delta(source, ledger)
    else:
        changes = _compare_listing(source, ledger)
    if target is None:
        return changes
    lost, foreign = _compare_target(target, ledger)
    gone = set(changes.gone)
    return Changes(
        new=changes.new,
        reflagged=changes.reflagged,
        gone=changes.gone,
        back=changes.back,
        lost=tuple(uid for uid in lost if uid not in gone),
        foreign=foreign,
    )


def _compare_listing(source: Listing, ledger: FolderLedger) -> Changes:
    # Whole columns are compared by C code: 100,000 mails in a few milliseconds.
    uids = column(source.uids)
    is_same = uids == ledger.source_uids and not ledger.skipped
    if is_same and list(source.flags) == ledger.flags:
        return Changes()
    vanished, skipped = ascending(ledger.vanished), ledger.skipped
    back = {vanished[at]: source.flags[place] for at, place in found_in(uids, vanished)}
    gone = [*absent(ledger.source_uids, uids), *absent(ascending(skipped), uids)]
    new = absent(uids, ledger.source_uids)
    return Changes(
        new=tuple(uid for uid in new if uid not in skipped and uid not in back),
        reflagged=_reflagged(uids, source.flags, ledger),
        gone=tuple(sorted(gone)),
        back=back,
    )


def _reflagged(
    uids: array[int], flags: Sequence[FlagSet], ledger: FolderLedger
) -> dict[int, FlagSet]:
    """Return the flags of mails that have others than the ledger says."""
    found: dict[int, FlagSet] = {}
    for part, other in beside(uids, ledger.source_uids):
        now, before = flags[part], ledger.flags[other]
        is_aligned = uids[part] == ledger.source_uids[other]
        if is_aligned and now == before:
            continue
        known = dict(zip(ledger.source_uids[other], before, strict=True))
        told = zip(uids[part], now, strict=True)
        found |= {uid: entry for uid, entry in told if known.get(uid, entry) != entry}
    return found


def _compare_delta(source: Delta, ledger: FolderLedger) -> Changes:
    places = {uid: ledger.position(uid) for uid in source.changed}
    known = {uid: ledger.flags[at] for uid, at in places.items() if at is not None}
    gone = {
        uid for uid in source.vanished if uid in ledger.skipped or ledger.position(uid) is not None
    }
    if source.present is not None:
        there = ascending(source.present)
        gone.update(absent(ledger.source_uids, there))
        gone.update(absent(ascending(ledger.skipped), there))
    # A mail is both changed and gone when it went while the server was answering.
    changed = {uid: flags for uid, flags in source.changed.items() if uid not in gone}
    back = {uid: changed[uid] for uid in sorted(changed.keys() & ledger.vanished)}
    new = changed.keys() - known.keys() - ledger.skipped.keys() - back.keys()
    return Changes(
        new=tuple(sorted(new)),
        reflagged={uid: flags for uid, flags in changed.items() if known.get(uid, flags) != flags},
        gone=tuple(sorted(gone)),
        back=back,
    )


def _compare_target(target: Listing, ledger: FolderLedger) -> tuple[Uids, Uids]:
    """Return the source UIDs whose copy is missing, and the target UIDs that are not ours."""
    there, ours = column(target.uids), ascending(ledger.target_uids)
    missing = set(absent(ours, there))
    kept = set(ledger.vanished.values())
    pairs = zip(ledger.source_uids, ledger.target_uids, strict=True) if missing else ()
    return (
        tuple(source for source, uid in pairs if uid in missing),
        tuple(uid for uid in absent(there, ours) if uid not in kept),
    )


def wanted_mails(changes: Changes, ledger: FolderLedger, rules: Rules) -> Uids:
    """Return the source UIDs of the mails to send: new ones, and those that are to be sent again.

    What somebody deleted on a target in use is not sent again, unless the target is to be a mirror.
    """
    is_mirror = rules.deletions is Deletions.MIRROR
    lost = changes.lost if is_mirror or not rules.is_in_use else ()
    gone = set(changes.gone) if ledger.skipped else set()
    again = [
        uid
        for uid, skip in ledger.skipped.items()
        if uid not in gone and _is_retried(skip.reason, rules)
    ]
    return tuple(sorted({*changes.new, *lost, *again})) if lost or again else changes.new


def _is_retried(reason: SkipReason, rules: Rules) -> bool:
    if reason is SkipReason.DELETED_THERE:
        return rules.deletions is Deletions.MIRROR
    return rules.retries_skipped or reason.may_pass


def plan_folder(
    changes: Changes,
    ledger: FolderLedger,
    rules: Rules,
    *,
    sizes: Mapping[int, int] | None = None,
    target: Listing | None = None,
) -> tuple[Action, ...]:
    """Return the actions for one folder, in order.

    ``sizes`` are RFC822.SIZE of the ``wanted_mails`` by source UID; without them batches are bounded
    by count alone. New UIDs that are moved on the target instead (``moves``) must be taken out of
    ``changes`` before.
    """
    wanted = wanted_mails(changes, ledger, rules)
    if changes.are_none and not wanted and rules.deletions is Deletions.NEVER:
        return ()
    largest = rules.largest_bytes if rules.sizes_hold else 0
    skips = _too_large(wanted, sizes, largest) if sizes is not None else {}
    sent = tuple(uid for uid in wanted if uid not in skips) if skips else wanted
    return (
        *([LeaveOut(skips=skips)] if skips else []),
        *batches(sent, sizes, rules.limits),
        *_mirror_actions(changes, ledger, rules, target),
        *_flag_actions({**changes.reflagged, **changes.back}, ledger, rules),
        *_gone_actions(changes, ledger, rules, target),
    )


def _mirror_actions(
    changes: Changes, ledger: FolderLedger, rules: Rules, target: Listing | None
) -> list[Action]:
    """Return what gives copies their flags back that somebody changed, where the target is a mirror."""
    if target is None or rules.deletions is not Deletions.MIRROR or rules.is_in_use:
        return []
    merged: defaultdict[FlagSet, list[int]] = defaultdict(list)
    for at, place in found_in(column(target.uids), ledger.target_uids):
        flags, seen = ledger.flags[at], target.flags[place]
        # Compared as they are first: that is quick, and nearly always enough.
        if seen != flags and ledger.source_uids[at] not in changes.reflagged:
            wanted = storable(flags, rules.permanent_flags)
            if comparable(seen) != comparable(wanted):
                merged[wanted].append(ledger.target_uids[at])
    return [
        StoreFlags(target_uids=tuple(sorted(uids)), change=FlagChange.SET, flags=flags)
        for flags, uids in sorted(merged.items())
    ]


def _too_large(uids: Uids, sizes: Mapping[int, int], largest: int) -> dict[int, Skip]:
    return {
        uid: too_large(size, largest)
        for uid in (uids if largest else ())
        if (size := sizes.get(uid, 0)) > largest
    }


def _flag_actions(
    changed: Mapping[int, FlagSet], ledger: FolderLedger, rules: Rules
) -> list[Action]:
    """Return the changes of flags, one action for all mails that need the same."""
    if not changed:
        return []
    alike: defaultdict[tuple[FlagSet, FlagSet], list[int]] = defaultdict(list)
    for uid, flags in changed.items():
        target_uid, written = _copy_of(uid, ledger)
        alike[written, flags].append(target_uid)
    merged: defaultdict[tuple[FlagChange, FlagSet], list[int]] = defaultdict(list)
    for (before, after), uids in alike.items():
        for change in flag_changes(before, after, rules):
            merged[change] += uids
    stores = [
        StoreFlags(target_uids=tuple(sorted(uids)), change=change, flags=flags)
        for (change, flags), uids in sorted(merged.items())
    ]
    return [*stores, RecordFlags(changes=changed)]


def _copy_of(source_uid: int, ledger: FolderLedger) -> tuple[int, FlagSet]:
    """Return the target UID of a mail and the flags that we wrote there last."""
    at = ledger.position(source_uid)
    if at is None:
        return ledger.vanished[source_uid], ledger.vanished_origin[source_uid][1]
    return ledger.target_uids[at], ledger.flags[at]


def flag_changes(before: FlagSet, after: FlagSet, rules: Rules) -> list[tuple[FlagChange, FlagSet]]:
    """Return how a copy gets from the flags that were written to those of the source now.

    In use: a flag that changed on the source and is on the target no longer as we wrote it is there
    already as the source has it now. So adding and removing just what changed never undoes what a
    user did.
    """
    before = storable(before, rules.permanent_flags)
    after = storable(after, rules.permanent_flags)
    if not rules.is_in_use:
        return [(FlagChange.SET, after)] if before != after else []
    added = tuple(flag for flag in after if flag not in before)
    taken = tuple(flag for flag in before if flag not in after)
    both = ((FlagChange.ADD, added), (FlagChange.REMOVE, taken))
    return [(change, flags) for change, flags in both if flags]


def _gone_actions(
    changes: Changes, ledger: FolderLedger, rules: Rules, target: Listing | None
) -> list[Action]:
    """Return what becomes of mails that the source has no more, now or since an earlier run."""
    skipped = tuple(uid for uid in changes.gone if uid in ledger.skipped)
    gone = {uid for uid in changes.gone if uid not in ledger.skipped}
    candidates = gone | (ledger.vanished.keys() - changes.back.keys())
    copies = {uid: _copy_of(uid, ledger) for uid in candidates}
    if rules.deletions is Deletions.NEVER:
        doomed = set()
    else:
        doomed = copies.keys() - _touched(copies, target, rules)
    targets = {copies[uid][0] for uid in doomed}
    if rules.deletions is Deletions.MIRROR and not rules.is_in_use:
        targets.update(changes.foreign)
    stay = tuple(sorted(gone - doomed))
    actions: list[Action] = [Forget(source_uids=skipped)] if skipped else []
    if stay:
        actions.append(RecordVanished(source_uids=stay))
    if targets:
        delete = Delete(target_uids=tuple(sorted(targets)), source_uids=tuple(sorted(doomed)))
        actions.append(delete)
    return actions


def _touched(
    copies: Mapping[int, tuple[int, FlagSet]], target: Listing | None, rules: Rules
) -> set[int]:
    """Return the source UIDs of copies that a user of the target changed, or may have changed."""
    if not rules.is_in_use:
        return set()
    if target is None:
        return set(copies)
    return {
        uid
        for uid, (copy, written) in copies.items()
        if (at := place_of(copy, target.uids)) is not None
        and target.flags[at] != storable(written, rules.permanent_flags)
    }
