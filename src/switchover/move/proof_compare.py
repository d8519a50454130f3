"""The mails of one folder on both sides, paired off: equal ones as a multiset, the rest by what is known. Pure.

Most folders are equal, and that shows in their roots. Only what is left over on both sides is paired one
by one: first by the ledger, then the most alike first; what finds no partner is missing or extra.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from switchover.model.wording import counted
from switchover.move.difference import Difference, DifferenceKind, Level, moment
from switchover.move.flags import KEEPS_ALL, comparable, folded, storable
from switchover.move.folder_mails import is_not_delivered
from switchover.move.left_over import left_over
from switchover.move.proof_root import ProofMail, folder_root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.move.flags import FlagSet, PermanentFlags
    from switchover.move.proof import FolderContents

    _Alike: TypeAlias = Callable[[ProofMail], object]

NOT_KEPT = "the target's folder can not keep it"
LEFT_OUT = "the target would refuse the mails because of it, so it was left out"


class Comparison:
    """One folder that both sides have."""

    def __init__(self, contents: FolderContents, level: Level) -> None:
        """Work out the roots; ``differences`` takes longer where they differ."""
        self.contents = contents
        self.level = level
        self.permanent = _without(
            contents.allowance.permanent_flags, contents.allowance.refused_keywords
        )
        self.mails: tuple[Sequence[ProofMail], Sequence[ProofMail]] = (
            contents.source or (),
            contents.target or (),
        )
        self.roots = tuple(folder_root(one, self.permanent) for one in self.mails)
        self.found: list[Difference] = []
        self.source: dict[int, ProofMail] = {}
        self.target: dict[int, ProofMail] = {}

    def differences(self) -> list[Difference]:
        """Return every difference in the order of source UIDs, extra mails last."""
        dropped = self._dropped() if self.permanent is not None else []
        if self.roots[0] == self.roots[1]:
            return dropped
        # Pairs of the ledger first, then any that are equal.
        self.source, self.target = left_over(*self.mails, self.contents.pairs, self.permanent)
        self._pair_by_ledger()
        for alike in self._likenesses():
            self._pair(alike)
        missing = [self._missing(mail) for mail in self.source.values()]
        ordered = sorted([*self.found, *missing], key=lambda one: one.source_uid or 0)
        return ordered + [self._extra(mail) for _, mail in sorted(self.target.items())] + dropped

    def _pair_by_ledger(self) -> None:
        for uid in sorted(self.source):
            partner = self.target.pop(self.contents.pairs.get(uid, 0), None)
            if partner is not None:
                self._note(self.source.pop(uid), partner)

    def _likenesses(self) -> list[_Alike]:
        flags = self._flags
        return [
            lambda mail: (mail.digest, mail.size, mail.epoch_seconds),
            lambda mail: (mail.digest, mail.epoch_seconds, flags(mail)),
            lambda mail: (mail.digest, mail.size, flags(mail)),
            lambda mail: (mail.digest, mail.epoch_seconds),
            # Without a digest nothing is left by which two mails could be one.
            lambda mail: mail.digest if any(mail.digest) else None,
        ]

    def _pair(self, alike: _Alike) -> None:
        """Take mails that are alike off both sides, one for one, and note what still differs."""
        free: defaultdict[object, list[int]] = defaultdict(list)
        for uid in sorted(self.target, reverse=True):
            free[alike(self.target[uid])].append(uid)
        free.pop(None, None)
        for uid, mail in sorted(self.source.items()) if free else ():
            same = free.get(alike(mail))
            if same:
                self._note(mail, self.target.pop(same.pop()))
                del self.source[uid]

    def _flags(self, mail: ProofMail) -> bytes:
        return comparable(storable(mail.flags, self.permanent))

    def _note(self, source: ProofMail, target: ProofMail) -> None:
        self._note_content(source, target)
        if source.epoch_seconds != target.epoch_seconds:
            dates = self.contents.allowance.dates
            why = dates.explains(source.epoch_seconds, target.epoch_seconds)
            texts = moment(source.epoch_seconds), moment(target.epoch_seconds)
            self._differ(DifferenceKind.DATE, source, target, texts, why)
        for kind, is_system in ((DifferenceKind.FLAGS, True), (DifferenceKind.KEYWORDS, False)):
            left, right = (
                tuple(name for name in storable(mail.flags, self.permanent) if _is_system(name) is is_system)
                for mail in (source, target)
            )  # fmt: skip
            if comparable(left) != comparable(right):
                self._differ(kind, source, target, (" ".join(left), " ".join(right)))

    def _note_content(self, source: ProofMail, target: ProofMail) -> None:
        if source.digest != target.digest:
            kind = DifferenceKind.HEADER if self.level is Level.HEADERS else DifferenceKind.BYTES
            self._differ(kind, source, target, (_content(source), _content(target)))
        elif source.size != target.size:
            self._differ(DifferenceKind.SIZE, source, target, (_size(source), _size(target)))

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
        explanation = self.contents.skipped.get(mail.uid, "")
        left = self.contents.left.get(mail.uid, "")
        return Difference(
            kind=DifferenceKind.MISSING,
            folder=self.contents.folder,
            source_uid=mail.uid,
            source=_described(mail),
            explanation=explanation,
            hint="" if explanation else left or self._why_missing(mail),
            is_left=bool(left),
        )

    def _why_missing(self, mail: ProofMail) -> str:
        if mail.uid in self.contents.pairs:
            return f"it was copied as UID {self.contents.pairs[mail.uid]}, which is gone"
        known_up_to = self.contents.known_up_to
        if known_up_to is not None and mail.uid >= known_up_to:
            return "it came after the last copy; copy again"
        return ""

    def _extra(self, mail: ProofMail) -> Difference:
        return Difference(
            kind=DifferenceKind.EXTRA,
            folder=self.contents.folder,
            target_uid=mail.uid,
            target=_described(mail),
            explanation=self.contents.kept.get(mail.uid, ""),
        )

    def _dropped(self) -> list[Difference]:
        """Return the flags that the target can not keep, each once, with the number of its mails."""
        counts: Counter[str] = Counter()
        for flags, mails in Counter(mail.flags for mail in self.mails[0]).items():
            for name in self._lost(flags):
                counts[name] += mails
        return [
            Difference(
                kind=DifferenceKind.FLAGS if _is_system(name) else DifferenceKind.KEYWORDS,
                folder=self.contents.folder,
                source=f"{name} on {counted(mails, 'mail')}",
                explanation=self._why_dropped(name),
            )
            for name, mails in sorted(counts.items())
        ]

    def _why_dropped(self, name: str) -> str:
        return LEFT_OUT if folded(name) in self.contents.allowance.refused_keywords else NOT_KEPT

    def _lost(self, flags: FlagSet) -> list[str]:
        kept = set(storable(flags, self.permanent))
        return [name for name in flags if name not in kept]


def _without(permanent: PermanentFlags | None, refused: frozenset[bytes]) -> PermanentFlags | None:
    if not refused:
        return permanent
    return replace(permanent or KEEPS_ALL, refused=refused)


def _is_system(name: str) -> bool:
    return name.startswith("\\")


def _content(mail: ProofMail) -> str:
    if is_not_delivered(mail.digest):
        return "not delivered by the server"
    return mail.digest.hex() if mail.size is None else f"{mail.digest.hex()}, {mail.size:,} bytes"


def _size(mail: ProofMail) -> str:
    return "" if mail.size is None else f"{mail.size:,} bytes"


def _described(mail: ProofMail) -> str:
    size = "" if mail.size is None else f", {mail.size:,} bytes"
    return f"{moment(mail.epoch_seconds)}{size}"
