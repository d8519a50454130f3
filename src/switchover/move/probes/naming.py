"""What became of the folder names that a probe tried: a finding for each, and the limits a plan needs. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.move.probes.finding import Finding, Verdict
from switchover.move.probes.profile import NameLimits
from switchover.move.probes.torture import NameTorture
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class NameOutcome:
    """What became of one name: ``found`` is what LIST shows instead, None where it shows nothing new."""

    kind: NameTorture
    level: str
    refusal: str | None = None
    found: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What is to be said of this name."""
        if self.refusal is not None:
            return Verdict.REFUSED
        if self.found is None:
            return Verdict.LOST
        return Verdict.KEPT if self.found == self.level else Verdict.CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long and how deep names were taken; None where what was tried last was taken too.

    ``level`` is the longest name of one level in bytes, ``whole`` the same counted from the root;
    ``is_whole`` says that the whole name is what counts.
    """

    level: int | None = None
    whole: int | None = None
    is_whole: bool = False
    deepest: int | None = None


def name_limits(outcomes: Sequence[NameOutcome], forbidden: str, lengths: Lengths) -> NameLimits:
    """Return the limits that a folder plan keeps to; ``forbidden`` are the characters not taken."""
    decomposed = next((one for one in outcomes if one.kind is NameTorture.DECOMPOSED), None)
    is_tilde_bad = any(
        one.kind is NameTorture.TILDE and one.verdict is not Verdict.KEPT for one in outcomes
    )
    return NameLimits(
        longest_name=lengths.whole if lengths.is_whole else None,
        longest_level=None if lengths.is_whole else lengths.level,
        deepest=lengths.deepest,
        forbidden=forbidden,
        forbidden_first="~" if is_tilde_bad else "",
        composes_unicode=decomposed is not None
        and decomposed.found == unicodedata.normalize("NFC", decomposed.level) != decomposed.level,
    )


def name_quirks(outcomes: Sequence[NameOutcome]) -> frozenset[Quirk]:
    """Return the named oddities that these outcomes show."""
    shown = set()
    for one in outcomes:
        if one.kind is NameTorture.OTHER_SEPARATOR and "." not in one.level:
            shown.add(Quirk.DOTS_MAKE_LEVELS)  # the dot is the separator
        if one.verdict is Verdict.KEPT:
            continue
        if one.kind is NameTorture.CASE:
            shown.add(Quirk.NAMES_WITHOUT_CASE)
        elif one.kind in {NameTorture.OUTER_BLANK, NameTorture.TWO_BLANKS}:
            shown.add(Quirk.NAMES_WITHOUT_OUTER_BLANKS)
        elif one.kind is NameTorture.OTHER_SEPARATOR and one.verdict is not Verdict.REFUSED:
            shown.add(Quirk.DOTS_MAKE_LEVELS)
    return frozenset(shown)


def name_findings(
    outcomes: Sequence[NameOutcome], forbidden: str, lengths: Lengths
) -> list[Finding]:
    """Return what is to be said of each name, of the characters not taken, and of long and deep names."""
    found = [
        Finding(subject=f"{one.kind}: {one.level!r}", verdict=one.verdict, sentence=_sentence(one))
        for one in outcomes
    ]
    if forbidden:
        found.append(
            Finding(
                subject="single characters",
                verdict=Verdict.REFUSED,
                sentence=f"not taken: {' '.join(forbidden)}; another stands in their place, "
                "shown before anything is written",
            )
        )
    return [*found, _length_finding(lengths), _depth_finding(lengths)]


def _sentence(one: NameOutcome) -> str:
    match one.verdict:
        case Verdict.KEPT:
            return "such folders keep their names"
        case Verdict.CHANGED:
            return f"becomes {one.found!r}: the folder plan shows the new name before anything is written"
        case Verdict.REFUSED if one.kind is NameTorture.CASE:
            return (
                f"folders that differ only in case collide: one of them is renamed ({one.refusal})"
            )
        case Verdict.REFUSED:
            return (
                f"such folders get another name, shown before anything is written ({one.refusal})"
            )
        case _:
            return "the server says OK and lists no such folder: such folders get another name"


def _length_finding(lengths: Lengths) -> Finding:
    if lengths.level is None:
        return Finding(
            subject="long names", verdict=Verdict.KEPT, sentence="levels of 255 bytes are taken"
        )
    most = (
        f"names of at most {lengths.whole} bytes in all"
        if lengths.is_whole
        else f"levels of at most {lengths.level} bytes"
    )
    return Finding(
        subject="long names",
        verdict=Verdict.REFUSED,
        sentence=f"{most} are taken: longer ones are shown by the plan before anything is written",
    )


def _depth_finding(lengths: Lengths) -> Finding:
    if lengths.deepest is None:
        return Finding(
            subject="deep folders",
            verdict=Verdict.KEPT,
            sentence="20 levels below each other are taken",
        )
    return Finding(
        subject="deep folders",
        verdict=Verdict.REFUSED,
        sentence=f"at most {lengths.deepest} levels are taken: deeper ones are shown by the plan",
    )
