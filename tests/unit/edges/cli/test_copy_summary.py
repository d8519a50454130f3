"""The result of a copy tells everything that was done, and calls refused only what was refused."""

from __future__ import annotations

import pytest

from switchover.edges.cli.copy.rehearsal import code_of
from switchover.edges.cli.copy.summary import as_json, ending_of, show
from switchover.errors import InvalidInput
from switchover.move.folder_plan import (
    Choice,
    FolderMapping,
    FolderPlan,
    FolderProblem,
    ProblemKind,
)
from switchover.move.segment import Skip, SkipReason
from switchover.move.work.planning import require_chosen
from switchover.move.work.report import CopyReport, FolderResult
from switchover.move.work.skipped import SkippedMail

PLAN = FolderPlan(mappings=(), left_out={}, problems=())


def said(report: CopyReport, capsys: pytest.CaptureFixture[str]) -> str:
    show(report, 2.0)
    return " ".join("".join(capsys.readouterr()).split())


def test_a_run_that_only_moved_mails_is_no_run_with_nothing_new(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = CopyReport(plan=PLAN, folders=[FolderResult(name="Done", moved=500)])
    text = said(report, capsys)
    assert "500 mails moved on the target" in text
    assert "nothing new" not in text


def test_mails_that_went_before_they_were_read_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    report = CopyReport(plan=PLAN, folders=[FolderResult(name="INBOX", unread=1)])
    assert "1 mail gone from the source" in said(report, capsys)
    assert as_json(report, 1.0)["folders"][0]["unread"] == 1


def test_what_was_deleted_on_the_target_is_not_refused(capsys: pytest.CaptureFixture[str]) -> None:
    gone = [
        SkippedMail(folder="INBOX", uid=uid, skip=Skip(SkipReason.DELETED_THERE)) for uid in (3, 4)
    ]
    report = CopyReport(plan=PLAN, skipped=gone)
    assert (ending_of(report).code, report.is_complete) == (0, True)
    text = said(report, capsys)
    assert "2 mails" in text
    assert "skipped" not in text
    report.skipped.append(SkippedMail(folder="INBOX", uid=5, skip=Skip(SkipReason.REFUSED)))
    assert (ending_of(report).code, report.is_complete) == (5, False)
    assert "refused: 1 mail," in ending_of(report).sentence


def test_what_a_listing_did_not_tell_is_a_note_in_both_forms(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = CopyReport(plan=PLAN, folders=[FolderResult(name="INBOX", unlisted="odd lines")])
    assert "note odd lines" in said(report, capsys)
    assert as_json(report, 1.0)["notes"] == ["odd lines"]


def test_where_every_folder_failed_nothing_else_is_on_the_target() -> None:
    mappings = tuple(FolderMapping(source=name, target=name) for name in ("a", "b"))
    plan = FolderPlan(mappings=mappings, left_out={}, problems=())
    report = CopyReport(plan=plan, failures={"a": "no", "b": "no"}, refused={"a", "b"})
    assert "everything else" not in ending_of(report).sentence
    report.failures.pop("b")
    report.refused.discard("b")
    assert "everything else is on the target" in ending_of(report).sentence


def unmatched(*patterns: str, found: tuple[str, ...] = ()) -> FolderPlan:
    problems = [
        FolderProblem(kind=ProblemKind.UNMATCHED, sources=(one,), message="none", hint="look")
        for one in patterns
    ]
    mappings = tuple(FolderMapping(source=one, target=one) for one in found)
    return FolderPlan(mappings=mappings, left_out={}, problems=tuple(problems))


def test_a_folder_that_the_source_has_not_is_wrong_input() -> None:
    names = [f"box {number:02d}" for number in range(25)]
    with pytest.raises(InvalidInput, match=r"called Nosuch on the source; .* box 19 and 5 more"):
        require_chosen(unmatched("Nosuch", found=("b",)), Choice(folders=("Nosuch", "b")), names)
    with pytest.raises(InvalidInput, match=r"called X\* on"):
        require_chosen(unmatched("X*"), Choice(folders=("X*",)), names)
    require_chosen(unmatched("X*", found=("b",)), Choice(folders=("X*", "b")), names)
    require_chosen(unmatched("Map", found=("b",)), Choice(), names)


def test_a_dry_run_ends_as_the_run_would() -> None:
    assert code_of(CopyReport(plan=PLAN)) == 0
    assert code_of(CopyReport(plan=unmatched("Map", found=("b",)))) == 5
    assert code_of(CopyReport(plan=PLAN, failures={"a": "two of one name"})) == 75


def test_a_row_after_an_interruption_adds_up_to_the_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = FolderResult(name="INBOX", found=600)
    result.note_known(1000)  # 400 that the ledger had and the 600 found
    result.copied = 1500
    result.note_known(2500)  # a second try of the same run, after the connection was lost
    result.copied += 1500
    assert result.copied + result.found + result.known == 4000
    text = said(CopyReport(plan=PLAN, folders=[result]), capsys)
    assert "folder copied MB found there before INBOX 3,000 0.0 600 400" in text
