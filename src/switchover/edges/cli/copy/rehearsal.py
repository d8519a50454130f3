"""What ``--dry-run`` shows: which folder goes where, and what would be done with their mails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.edges.cli.copy.summary import (
    COMPLETE,
    STAYS_BEHIND,
    TRY_AGAIN,
    plan_json,
    print_full_columns,
    show_problems,
)
from switchover.edges.cli.output import console, escape
from switchover.model.wording import counted

if TYPE_CHECKING:
    from switchover.move.work.copying import CopyReport
    from switchover.move.work.forecast import Forecast


def code_of(report: CopyReport) -> int:
    """Return the exit code: 75 where it can not be told, 5 where the run would leave something behind."""
    if report.failures or any(one.problem for one in report.forecasts):
        return TRY_AGAIN
    return STAYS_BEHIND if report.plan.problems else COMPLETE


def show(report: CopyReport) -> None:
    """Print what a run would do, for people."""
    forecasts = {one.name: one for one in report.forecasts}
    rows = [
        (
            escape(one.source),
            escape(one.target) if one.target != one.source else "",
            "yes" if one.is_new else "",
            *_cells(forecasts.get(one.source)),
            escape("; ".join(one.reasons)),
        )
        for one in report.plan.mappings
    ]
    print_full_columns(
        ("folder", "on the target", "new", "to copy", "MB", "flags", "skip", "delete", "because"),
        rows,
        words={"folder", "on the target", "new", "because"},
    )
    for name, why in report.plan.left_out.items():
        _say(f"[dim]left out[/dim] {escape(name)}: {why}")
    for one in report.forecasts:
        for reason, count in one.skips.items():
            _say(f"[yellow]would skip[/yellow] {escape(one.name)}: {count:,} {escape(reason)}")
        if one.problem:
            _say(f"[red]can not be told[/red] {escape(one.name)}: {escape(one.problem)}")
    show_problems(report.plan)
    for name, sentence in sorted(report.failures.items()):
        _say(f"[red]would fail[/red] {escape(name)}: {escape(sentence)}")
    for note in report.notes:
        _say(f"[yellow]note[/yellow] {escape(note)}")
    mails = sum(one.mails for one in report.forecasts)
    octets = sum(one.octets for one in report.forecasts)
    deleted = sum(one.deleted for one in report.forecasts)
    more = f", {deleted:,} deleted on the target" if deleted else ""
    _say(
        f"[bold]{counted(mails, 'mail')}[/bold], {octets / 1e6:,.1f} MB would be copied{more}; "
        "nothing was written on either side"
    )


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=not console.is_terminal)


def _cells(one: Forecast | None) -> tuple[str, ...]:
    if one is None:
        return ("", "", "", "", "")
    counts = (one.reflagged, sum(one.skips.values()), one.deleted)
    return (
        f"{one.mails:,}",
        f"{one.octets / 1e6:,.1f}",
        *(f"{count:,}" if count else "" for count in counts),
    )


def as_json(report: CopyReport) -> dict[str, Any]:
    """Return what a run would do as an object."""
    return {
        "dry_run": True,
        "exit_code": code_of(report),
        "to_copy": sum(one.mails for one in report.forecasts),
        "to_copy_bytes": sum(one.octets for one in report.forecasts),
        "folders": [
            {
                "name": one.name,
                "to_copy": one.mails,
                "to_copy_bytes": one.octets,
                "to_reflag": one.reflagged,
                "to_skip": one.skips,
                "to_delete": one.deleted,
                "problem": one.problem or None,
            }
            for one in report.forecasts
        ],
        "failures": dict(sorted(report.failures.items())),
        "notes": report.notes,
        **plan_json(report.plan),
    }
