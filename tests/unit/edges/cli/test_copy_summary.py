"""The result of a copy tells everything that was done, and calls refused only what was refused."""

from __future__ import annotations

import pytest

from switchover.edges.cli.copy.summary import as_json, ending_of, show
from switchover.move.folder_plan import FolderPlan
from switchover.move.segment import Skip, SkipReason
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
