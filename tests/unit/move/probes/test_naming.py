"""What is made of the folder names that a probe tried."""

from __future__ import annotations

import unicodedata

from switchover.move.probes.finding import Verdict
from switchover.move.probes.naming import (
    Lengths,
    NameOutcome,
    name_findings,
    name_limits,
    name_quirks,
)
from switchover.move.probes.profile import NameLimits
from switchover.move.probes.torture import NameTorture, torture_names
from switchover.wire.imap.quirks import Quirk


def outcomes(separator: str = "/", **found: str | None) -> list[NameOutcome]:
    """Names as a server lists them that keeps all but those named; None is refused."""
    return [
        NameOutcome(
            kind=kind,
            level=level,
            found=found.get(kind.name, level),
            refusal="no" if kind.name in found and found[kind.name] is None else None,
        )
        for kind, level in torture_names(separator).items()
    ]


def test_a_server_that_keeps_every_name_has_no_limits() -> None:
    kept = outcomes()
    assert name_limits(kept, "", Lengths()) == NameLimits()
    assert name_quirks(kept) == set()
    assert {one.verdict for one in name_findings(kept, "", Lengths())} == {Verdict.KEPT}


def test_what_is_refused_is_forbidden_in_a_plan() -> None:
    found = outcomes(OTHER_SEPARATOR=None, PERCENT_AND_STAR=None, TILDE=None, CASE=None)
    limits = name_limits(found, "%*.", Lengths(level=254, whole=284, is_whole=True, deepest=10))
    assert (limits.forbidden, limits.forbidden_first) == ("%*.", "~")
    assert (limits.longest_name, limits.longest_level, limits.deepest) == (284, None, 10)
    assert name_quirks(found) == {Quirk.NAMES_WITHOUT_CASE}


def test_levels_may_be_what_counts() -> None:
    lengths = Lengths(level=100, whole=130)
    assert name_limits([], "", lengths).longest_level == 100
    told = [one.sentence for one in name_findings([], "", lengths)]
    assert "levels of at most 100 bytes" in told[0]
    deep = name_findings([], "", Lengths(level=1, whole=284, is_whole=True, deepest=9))
    assert "284 bytes in all" in deep[0].sentence
    assert "at most 9 levels" in deep[1].sentence


def test_names_that_become_others_are_shown() -> None:
    decomposed = torture_names("/")[NameTorture.DECOMPOSED]
    found = outcomes(
        DECOMPOSED=unicodedata.normalize("NFC", decomposed),
        OUTER_BLANK="blank",
        OTHER_SEPARATOR="x/y",
    )
    assert name_limits(found, "", Lengths()).composes_unicode
    assert name_quirks(found) == {Quirk.NAMES_WITHOUT_OUTER_BLANKS, Quirk.DOTS_MAKE_LEVELS}
    told = {one.subject: one for one in name_findings(found, ".*", Lengths())}
    assert "not taken: . *" in told["single characters"].sentence
    assert any("becomes 'blank'" in one.sentence for one in told.values())


def test_where_the_dot_is_the_separator_dots_make_levels() -> None:
    assert name_quirks(outcomes(".")) == {Quirk.DOTS_MAKE_LEVELS}


def test_a_folder_that_is_not_listed_is_lost() -> None:
    lost = NameOutcome(kind=NameTorture.QUOTE, level='a"b')
    assert lost.verdict is Verdict.LOST
    assert "lists no such folder" in name_findings([lost], "", Lengths())[0].sentence
    case = NameOutcome(kind=NameTorture.CASE, level="AA", refusal="exists")
    assert "collide" in name_findings([case], "", Lengths())[0].sentence
