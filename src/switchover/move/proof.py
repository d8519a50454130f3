"""The proof that two mailboxes hold the same, or every difference between them by name. Pure.

A folder is a multiset of (canonical digest, internal date to the second, flags); ``proof_root`` makes
roots of it. Flags compare by their folded names, without those that the target can not keep.

| level | reads of each side                          | an entry's digest is            |
|-------|---------------------------------------------|---------------------------------|
| 0     | number of mails                             | not compared                    |
| 1     | UIDs, flags, dates, sizes                   | the ledger's pair of UIDs       |
| 2     | the header too                              | of the header, canonical form   |
| 3     | everything, or everything of a sample       | of the mail, canonical form     |
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from switchover.move.proof_root import ProofMail, entry, folder_root, kept_flags, mailbox_root

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from switchover.move.flags import PermanentFlags

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Level(IntEnum):
    """How deep the proof looks."""

    COUNTS = 0
    PAIRS = 1
    HEADERS = 2
    BODIES = 3


class DifferenceKind(StrEnum):
    """What is not the same."""

    FOLDER_MISSING = "folder missing"
    FOLDER_EXTRA = "folder extra"
    SUBSCRIPTION_MISSING = "subscription missing"
    SUBSCRIPTION_EXTRA = "subscription extra"
    COUNT = "count"
    MISSING = "mail missing"
    EXTRA = "mail extra"
    SIZE = "size"
    DATE = "date"
    FLAGS = "flags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs, with what the source has and the target shows as text.

    UIDs are None where a side has none. ``explanation`` is the reason where it is known (a skipped
    mail, a date that the target can not keep); a difference without one is a fault.
    """

    kind: DifferenceKind
    folder: str
    source_uid: int | None = None
    target_uid: int | None = None
    source: str = ""
    target: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProof:
    """The outcome for one folder; roots in hex, "" at level 0 or where the side does not have the folder."""

    folder: str
    source_mails: int
    target_mails: int
    source_root: str = ""
    target_root: str = ""

    @property
    def is_same(self) -> bool:
        """True when both sides show the same at this level."""
        return (self.source_mails, self.source_root) == (self.target_mails, self.target_root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the target can not keep, from its profile: differences of that kind carry the explanation.

    ``earliest`` and ``latest`` are UTC seconds between which dates survive.
    """

    permanent_flags: PermanentFlags | None = None
    earliest: int | None = None
    latest: int | None = None

    def explains_date(self, seconds: int) -> str:
        """Return why a date could not survive, or ""."""
        too_early = self.earliest is not None and seconds < self.earliest
        too_late = self.latest is not None and seconds > self.latest
        return "the target can not keep this date" if too_early or too_late else ""


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
    """What both sides show of one folder, None for a side without it; ``skipped`` reasons by source UID.

    At level 0 only the numbers count: give ``source_mails`` and ``target_mails`` and empty
    sequences.
    """

    folder: str
    source: Sequence[ProofMail] | None
    target: Sequence[ProofMail] | None
    skipped: Mapping[int, str] = field(default_factory=dict)
    source_mails: int | None = None
    target_mails: int | None = None


def prove(
    contents: Iterable[FolderContents], *, level: Level, allowance: Allowance = NOTHING_ALLOWED
) -> MailboxProof:
    """Return the proof of a mailbox with every difference."""
    folders: list[FolderProof] = []
    differences: list[Difference] = []
    roots: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})
    for one in sorted(contents, key=lambda one: one.folder):
        differences += compare_folder(one, level=level, allowance=allowance)
        shown = []
        for side, mails in zip(roots, (one.source, one.target), strict=True):
            root = b""
            if mails is not None and level > Level.COUNTS:
                root = side[one.folder] = folder_root(mails, allowance.permanent_flags)
            shown.append(root.hex())
        folders.append(
            FolderProof(
                folder=one.folder,
                source_mails=_number(one.source_mails, one.source),
                target_mails=_number(one.target_mails, one.target),
                source_root=shown[0],
                target_root=shown[1],
            )
        )
    return MailboxProof(
        level=level,
        folders=tuple(folders),
        differences=tuple(differences),
        source_root=mailbox_root(roots[0]).hex() if level else "",
        target_root=mailbox_root(roots[1]).hex() if level else "",
    )


def _number(given: int | None, mails: Sequence[ProofMail] | None) -> int:
    return given if given is not None else len(mails or ())


def compare_folder(
    contents: FolderContents, *, level: Level, allowance: Allowance = NOTHING_ALLOWED
) -> list[Difference]:
    """Return every difference of one folder, in the order of source UIDs, extra mails last."""
    folder = contents.folder
    if contents.source is None:
        return [Difference(kind=DifferenceKind.FOLDER_EXTRA, folder=folder)]
    if contents.target is None:
        return [Difference(kind=DifferenceKind.FOLDER_MISSING, folder=folder)]
    if level is Level.COUNTS:
        return _compare_counts(contents)
    return _Comparison(contents, allowance).differences()


def _compare_counts(contents: FolderContents) -> list[Difference]:
    source = _number(contents.source_mails, contents.source)
    target = _number(contents.target_mails, contents.target)
    if source == target:
        return []
    is_explained = source - len(contents.skipped) == target
    return [
        Difference(
            kind=DifferenceKind.COUNT,
            folder=contents.folder,
            source=str(source),
            target=str(target),
            explanation=f"{len(contents.skipped)} mails were skipped" if is_explained else "",
        )
    ]


_Alike: TypeAlias = "Callable[[ProofMail], object]"


class _Comparison:
    """The mails of one folder paired off, the most alike first."""

    def __init__(self, contents: FolderContents, allowance: Allowance) -> None:
        self.contents = contents
        self.allowance = allowance
        self.source = {mail.uid: mail for mail in contents.source or ()}
        self.target = {mail.uid: mail for mail in contents.target or ()}
        self.found: list[Difference] = []

    def differences(self) -> list[Difference]:
        flags = self._flags
        self._pair(lambda mail: entry(mail, self.allowance.permanent_flags))
        self._pair(lambda mail: (mail.digest, mail.epoch_seconds))
        self._pair(lambda mail: (mail.digest, flags(mail)))
        self._pair(lambda mail: mail.digest)
        missing = [self._missing(mail) for mail in self.source.values()]
        ordered = sorted([*self.found, *missing], key=lambda one: one.source_uid or 0)
        extra = [
            Difference(
                kind=DifferenceKind.EXTRA,
                folder=self.contents.folder,
                target_uid=uid,
                target=_moment_and_digest(mail),
            )
            for uid, mail in sorted(self.target.items())
        ]
        return ordered + extra

    def _flags(self, mail: ProofMail) -> bytes:
        return kept_flags(mail.flags, self.allowance.permanent_flags)

    def _pair(self, alike: _Alike) -> None:
        """Take mails that are alike off both sides, one for one, and note what still differs."""
        free: defaultdict[object, list[int]] = defaultdict(list)
        for uid in sorted(self.target, reverse=True):
            free[alike(self.target[uid])].append(uid)
        for uid, mail in sorted(self.source.items()) if free else ():
            same = free.get(alike(mail))
            if same:
                self._note(mail, self.target.pop(same.pop()))
                del self.source[uid]

    def _note(self, source: ProofMail, target: ProofMail) -> None:
        if source.epoch_seconds != target.epoch_seconds:
            why = self.allowance.explains_date(source.epoch_seconds)
            texts = moment(source.epoch_seconds), moment(target.epoch_seconds)
            self._differ(DifferenceKind.DATE, source, target, texts, why)
        if self._flags(source) != self._flags(target):
            texts = " ".join(source.flags), " ".join(target.flags)
            self._differ(DifferenceKind.FLAGS, source, target, texts)
        if None not in {source.size, target.size} and source.size != target.size:
            texts = str(source.size), str(target.size)
            self._differ(DifferenceKind.SIZE, source, target, texts)

    def _differ(
        self,
        kind: DifferenceKind,
        source: ProofMail,
        target: ProofMail,
        texts: tuple[str, str],
        explanation: str = "",
    ) -> None:
        self.found.append(
            Difference(
                kind=kind,
                folder=self.contents.folder,
                source_uid=source.uid,
                target_uid=target.uid,
                source=texts[0],
                target=texts[1],
                explanation=explanation,
            )
        )

    def _missing(self, mail: ProofMail) -> Difference:
        return Difference(
            kind=DifferenceKind.MISSING,
            folder=self.contents.folder,
            source_uid=mail.uid,
            source=_moment_and_digest(mail),
            explanation=self.contents.skipped.get(mail.uid, ""),
        )


def _moment_and_digest(mail: ProofMail) -> str:
    return f"{moment(mail.epoch_seconds)} {mail.digest.hex()}"


def moment(seconds: int) -> str:
    """Return a date as people read it, UTC; of years that a calendar has not, the bare number."""
    try:
        return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat(' ').removesuffix('+00:00')} UTC"
    except OverflowError:
        return f"{seconds} seconds after 1970"


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


def by_pairs(
    source: Iterable[ProofMail], target: Iterable[ProofMail], target_uids: Mapping[int, int]
) -> tuple[list[ProofMail], list[ProofMail]]:
    """Return both sides for level 1: mails that the ledger pairs get one digest, others one of their own."""
    left = [
        mail._replace(digest=_pair_mark(target_uids.get(mail.uid), b"source", mail.uid))
        for mail in source
    ]
    known = set(target_uids.values())
    right = [
        mail._replace(
            digest=_pair_mark(mail.uid if mail.uid in known else None, b"target", mail.uid)
        )
        for mail in target
    ]
    return left, right


def _pair_mark(target_uid: int | None, side: bytes, uid: int) -> bytes:
    return side + str(uid).encode() if target_uid is None else b"pair" + str(target_uid).encode()


def sample(uids: Iterable[int], *, size: int, seed: bytes) -> tuple[int, ...]:
    """Return that many of the UIDs, ascending; which ones nobody can foresee who does not know the seed."""
    ranked = sorted(uids, key=lambda uid: blake2b(str(uid).encode(), key=seed[:64]).digest())
    return tuple(sorted(ranked[:size]))
