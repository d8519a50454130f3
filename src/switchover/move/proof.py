"""The proof that two mailboxes hold the same, or every difference between them by name. Pure.

A folder is a multiset of (canonical digest, internal date to the second, size, flags); ``proof_root``
makes roots of it, ``proof_compare`` finds what differs. Flags compare by their folded names; those that
the target can not keep are told once for each folder, explained.

| level | reads of each side                    | an entry's digest is          | sizes             |
|-------|---------------------------------------|-------------------------------|-------------------|
| 0     | number of mails                       | not compared                  |                   |
| 1     | UIDs, flags, dates, sizes             | the ledger's pair of UIDs     | unless estimated  |
| 2     | the header too                        | of the header, canonical form | unless estimated  |
| 3     | everything, or all of a sample        | of the mail, canonical form   | are in the digest |

At levels 1 and 2 a size that differs under a form other than ``exact`` decides nothing: both mails are
read, and their digests do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import nsmallest
from typing import TYPE_CHECKING

from switchover.model.wording import counted
from switchover.move.date_loss import NOTHING_LOST, DateLoss
from switchover.move.difference import Difference, DifferenceKind, Level
from switchover.move.proof_compare import Comparison
from switchover.move.proof_root import ProofMail, folder_root, mailbox_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from switchover.move.flags import PermanentFlags


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProof:
    """The outcome for one folder; roots in hex, "" at level 0 or where the side does not have the folder.

    ``folder`` is its name on the source, ``target`` the one on the target. ``faults`` and ``explained``
    count its differences.
    """

    folder: str
    source_mails: int
    target_mails: int
    target: str = ""
    source_root: str = ""
    target_root: str = ""
    faults: int = 0
    explained: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the target can not keep, from its profile: differences of that kind carry the explanation.

    ``refused_keywords`` are folded names of keywords for which the target would refuse a mail, so that no copy
    has them.
    """

    permanent_flags: PermanentFlags | None = None
    refused_keywords: frozenset[bytes] = frozenset()
    dates: DateLoss = NOTHING_LOST


NOTHING_ALLOWED = Allowance()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxProof:
    """The outcome for a mailbox. Folders are named as on the source and sorted."""

    level: Level
    folders: tuple[FolderProof, ...]
    differences: tuple[Difference, ...]
    source_root: str
    target_root: str

    @property
    def is_complete(self) -> bool:
        """True when nothing differs that is not explained."""
        return all(one.explanation for one in self.differences)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderContents:
    """What both sides show of one folder, None for a side without it, and what the ledger knows of it.

    ``pairs`` are target UIDs by source UID. ``skipped`` are reasons by source UID, ``left`` those why the
    copy put a mail off, ``kept`` why a mail is only on the target, by its UID there. Source UIDs from ``known_up_to`` on came after the last copy. At
    level 0 only the numbers count: give ``source_mails`` and ``target_mails`` and empty sequences.
    """

    folder: str
    source: Sequence[ProofMail] | None
    target: Sequence[ProofMail] | None
    target_name: str = ""
    pairs: Mapping[int, int] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)
    left: Mapping[int, str] = field(default_factory=dict)
    kept: Mapping[int, str] = field(default_factory=dict)
    known_up_to: int | None = None
    allowance: Allowance = NOTHING_ALLOWED
    source_mails: int | None = None
    target_mails: int | None = None


def prove_folder(contents: FolderContents, *, level: Level) -> tuple[FolderProof, list[Difference]]:
    """Return the outcome for one folder with every difference."""
    roots = [b"", b""]
    if contents.source is None or contents.target is None:
        found = [_one_sided(contents)]
        if level:
            roots = [_root(contents.source), _root(contents.target)]
    elif level is Level.COUNTS:
        found = _compare_counts(contents)
    else:
        comparison = Comparison(contents, level)
        found = comparison.differences()
        roots = list(comparison.roots)
    explained = sum(bool(one.explanation) for one in found)
    return FolderProof(
        folder=contents.folder,
        target=contents.target_name,
        source_mails=_number(contents.source_mails, contents.source),
        target_mails=_number(contents.target_mails, contents.target),
        source_root=roots[0].hex(),
        target_root=roots[1].hex(),
        faults=len(found) - explained,
        explained=explained,
    ), found


def prove(
    folders: Iterable[FolderProof], differences: Iterable[Difference], *, level: Level
) -> MailboxProof:
    """Return the proof of a mailbox from the outcomes of its folders."""
    ordered = tuple(sorted(folders, key=lambda one: (one.folder, one.target)))
    roots = ["", ""]
    if level:
        roots = list(roots_of(ordered))
    return MailboxProof(
        level=level,
        folders=ordered,
        differences=tuple(sorted(differences, key=lambda one: one.folder)),
        source_root=roots[0],
        target_root=roots[1],
    )


def roots_of(folders: Iterable[FolderProof]) -> tuple[str, str]:
    """Return the roots of both mailboxes in hex, over the folders that each side has."""
    source, target = {}, {}
    for one in folders:
        if one.source_root:
            source[one.folder] = bytes.fromhex(one.source_root)
        if one.target_root:
            target[one.folder] = bytes.fromhex(one.target_root)
    return mailbox_root(source).hex(), mailbox_root(target).hex()


def _root(mails: Sequence[ProofMail] | None) -> bytes:
    return b"" if mails is None else folder_root(mails)


def _number(given: int | None, mails: Sequence[ProofMail] | None) -> int:
    return given if given is not None else len(mails or ())


def _one_sided(contents: FolderContents) -> Difference:
    is_extra = contents.source is None
    return Difference(
        kind=DifferenceKind.FOLDER_EXTRA if is_extra else DifferenceKind.FOLDER_MISSING,
        folder=contents.folder,
        source="" if is_extra else counted(_number(contents.source_mails, contents.source), "mail"),
        target=counted(_number(contents.target_mails, contents.target), "mail") if is_extra else "",
    )


def _compare_counts(contents: FolderContents) -> list[Difference]:
    source = _number(contents.source_mails, contents.source)
    target = _number(contents.target_mails, contents.target)
    if source == target and not (contents.skipped or contents.left or contents.kept):
        return []
    skipped, left, kept = len(contents.skipped), len(contents.left), len(contents.kept)
    is_known = source - skipped - left + kept == target
    return [
        Difference(
            kind=DifferenceKind.COUNT,
            folder=contents.folder,
            source=f"{source:,}",
            target=f"{target:,}",
            explanation=f"{counted(skipped, 'mail')} skipped, {kept:,} kept that the source has no more"
            if is_known and not left
            else "",
            is_left=is_known and left > 0,
        )
    ]


def compare_subscriptions(source: Collection[str], target: Collection[str]) -> list[Difference]:
    """Return differences between subscribed names, both as the source names its folders."""
    wanted, found = set(source), set(target)
    return [
        *(
            Difference(kind=DifferenceKind.SUBSCRIPTION_MISSING, folder=name)
            for name in sorted(wanted - found)
        ),
        *(
            Difference(kind=DifferenceKind.SUBSCRIPTION_EXTRA, folder=name)
            for name in sorted(found - wanted)
        ),
    ]


def sample(uids: Iterable[int], *, size: int, seed: bytes) -> tuple[int, ...]:
    """Return that many of the UIDs, ascending; which ones nobody can foresee who does not know the seed."""

    def rank(uid: int) -> bytes:
        return blake2b(b"%d" % uid, key=seed[:64], digest_size=16).digest()

    return tuple(sorted(nsmallest(size, uids, key=rank)))
