"""The result of a copy: what came over, what stays behind and where to find it, what is left to do."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchover.edges.cli.output import console, duration, escape, print_table
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from switchover.move.folder_plan import FolderPlan
    from switchover.move.mail_name import MailName
    from switchover.move.work.copying import CopyReport
    from switchover.move.work.redated import RedatedMail
    from switchover.move.work.report import FolderResult
    from switchover.move.work.skipped import SkippedMail

COMPLETE, STAYS_BEHIND, TRY_AGAIN = 0, 5, 75
_MOST_SHOWN = 200
_TIMING = re.compile(r" \([0-9. +]+ secs\)\.?$")  # Dovecot tells how long each command took


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended: its exit code and the sentence to it."""

    code: int
    sentence: str


def ending_of(report: CopyReport) -> Ending:
    """Return how a run ended: complete, complete but for what is not taken, or to be run again."""
    again = _counts(
        sum(one.skip.reason.may_pass for one in report.skipped),
        len(report.failures.keys() - report.refused),
    )
    if again:
        return Ending(
            code=TRY_AGAIN,
            sentence=f"left: {again}, named above; run the same command again, it goes on from here",
        )
    behind = _counts(len(report.behind), len(report.refused) + len(report.plan.problems))
    if behind:
        return Ending(
            code=STAYS_BEHIND,
            sentence=f"refused: {behind}, named above; {_rest(report)}",
        )
    return Ending(
        code=COMPLETE, sentence="complete: everything that was asked for is on the target"
    )


def _rest(report: CopyReport) -> str:
    whole = {one.source for one in report.plan.mappings} - report.failures.keys()
    if (report.failures or report.plan.problems) and not whole:
        return "no folder of those asked for is whole on the target"
    return "everything else is on the target"


def _counts(mails: int, folders: int) -> str:
    parts = [counted(mails, "mail")] if mails else []
    return " and ".join([*parts, counted(folders, "folder")] if folders else parts)


def show(report: CopyReport, seconds: float) -> None:
    """Print what was done, for people."""
    rows = [_row(one) for one in sorted(report.folders, key=lambda one: one.name) if _is_news(one)]
    if rows:
        print_full_columns(
            (
                "folder",
                "copied",
                "MB",
                "found",
                "adopted",
                "there before",
                "moved",
                "flags",
                "deleted",
                "not wanted",
            ),
            rows,
            words={"folder"},
        )
    _show_skipped(report.behind)
    _show_redated(report.redated)
    show_problems(report.plan)
    for name, sentence in sorted(report.failures.items()):
        word = "refused" if name in report.refused else "left"
        _say(f"[red]{word}[/red] {escape(name)}: {escape(sentence)}")
    for note in _notes(report):
        _say(f"[yellow]note[/yellow] {escape(note)}")
    _say(_totals(report, seconds, quiet_folders=len(report.folders) - len(rows)))
    ending = ending_of(report)
    style = {COMPLETE: "green", STAYS_BEHIND: "yellow"}.get(ending.code, "red")
    _say(f"[{style}]{escape(ending.sentence)}[/{style}]")


def print_full_columns(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: Collection[str]
) -> None:
    """Print a table without the columns in which nothing stands; all but ``words`` are numbers."""
    full = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    print_table(
        [columns[at] for at in full],
        [[row[at] for at in full] for row in rows],
        numbers=set(columns) - set(words),
    )


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=not console.is_terminal)


def _is_news(one: FolderResult) -> bool:
    return any(
        (
            one.copied, one.found, one.adopted, one.paired, one.moved, one.reflagged, one.deleted,
            one.marked, one.unread, one.not_wanted,
        )
    )  # fmt: skip


def _row(one: FolderResult) -> tuple[str, ...]:
    counts = (
        one.found, one.adopted, one.known, one.moved, one.reflagged, one.deleted, len(one.not_wanted),
    )  # fmt: skip
    return (
        escape(one.name),
        f"{one.copied:,}",
        f"{one.copied_bytes / 1e6:,.1f}",
        *(f"{count:,}" if count else "" for count in counts),
    )


def _show_skipped(skipped: list[SkippedMail]) -> None:
    for one in skipped[:_MOST_SHOWN]:
        said = _TIMING.sub("", one.skip.detail)
        detail = f": {escape(said)}" if said else ""
        _say(
            f"[yellow]skipped[/yellow] {escape(one.folder)} UID {one.uid}, "
            f"{escape(one.skip.reason)}{detail}"
        )
        _say(f"        {escape(_identity(one))}")
    _show_more(len(skipped))


def _show_redated(redated: list[RedatedMail]) -> None:
    for one in redated[:_MOST_SHOWN]:
        _say(
            f"[yellow]date changed[/yellow] {escape(one.folder)} UID {one.uid}: {_reason(one)}, so it was "
            f"copied with {_day(one.target_seconds)}"
        )
        _say(f"        {escape(', '.join(_names(one.name)))}")
    _show_more(len(redated))


def _reason(one: RedatedMail) -> str:
    if one.source_seconds is None:
        return "the source names no date that can be read"
    return f"the target refuses {_day(one.source_seconds)}"


def _show_more(mails: int) -> None:
    if mails > _MOST_SHOWN:
        _say(f"and {mails - _MOST_SHOWN:,} more; -o json tells all of them")


def _day(epoch_seconds: int) -> str:
    return _moment(epoch_seconds).strftime("%Y-%m-%d %H:%M UTC")


def _identity(one: SkippedMail) -> str:
    """Return what a person finds a mail by."""
    parts = []
    if one.epoch_seconds is not None:
        parts.append(_day(one.epoch_seconds))
    if one.size is not None:
        parts.append(f"{one.size:,} bytes")
    return ", ".join([*parts, *_names(one.name)])


def _names(name: MailName) -> list[str]:
    parts = []
    if name.sender:
        parts.append(f"from {name.sender}")
    parts.append(f'"{name.subject}"' if name.subject else "without a subject")
    parts.append(name.message_id or "without a Message-ID")
    return parts


def _moment(epoch_seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(epoch_seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _notes(report: CopyReport) -> list[str]:
    """Return sentences about what is not as on the source although every mail is."""
    unlisted = [one.unlisted for one in report.folders if one.unlisted]
    return [*report.notes, *unlisted, *_other_dates(report), *_deleted_there(report)]


def _deleted_there(report: CopyReport) -> list[str]:
    """Return what is said of mails that nobody refuses: they were copied once, and deleted there since."""
    deleted = Counter(one.folder for one in report.skipped if not one.is_behind)
    return [
        f"not sent again to {name}, because deleted on the target since it came there: "
        f"{counted(mails, 'mail')}"
        for name, mails in sorted(deleted.items())
    ]


def _other_dates(report: CopyReport) -> list[str]:
    return [
        f"{counted(one.adopted_redated, 'adopted mail')} of {one.name} came to the target under another date "
        "than on the source, and IMAP changes none: delete them there to have them copied anew"
        for one in report.folders
        if one.adopted_redated
    ]


def _totals(report: CopyReport, seconds: float, *, quiet_folders: int) -> str:
    copied = sum(one.copied for one in report.folders)
    found = sum(one.found for one in report.folders)
    octets = sum(one.copied_bytes for one in report.folders)
    rate = f", {copied / seconds:,.0f} mails/s" if copied and seconds > 0 else ""
    parts = [
        f"[bold]{counted(copied, 'mail')}[/bold], {octets / 1e6:,.1f} MB copied "
        f"in {duration(seconds) if seconds >= 1 else f'{seconds:.1f} s'}{rate}"
    ]
    if found:
        parts.append(f"{counted(found, 'mail')} of an interrupted run found on the target")
    adopted = sum(one.adopted for one in report.folders)
    if adopted:
        parts.append(f"{counted(adopted, 'mail')} adopted that the target had already")
    moved = sum(one.moved for one in report.folders)
    if moved:
        parts.append(
            f"{counted(moved, 'mail')} moved on the target to where the source has them now"
        )
    unread = sum(one.unread for one in report.folders)
    if unread:
        parts.append(f"{counted(unread, 'mail')} gone from the source before they could be read")
    if report.created:
        parts.append(f"{counted(len(report.created), 'folder')} created")
    same = report.unchanged + quiet_folders - len(report.failures)
    if same > 0:
        parts.append(f"{counted(same, 'folder')} had nothing new")
    return "; ".join(parts)


def show_problems(plan: FolderPlan) -> None:
    """Print the folders that can not be carried over, each with what to do."""
    for problem in plan.problems:
        _say(f"[red]problem[/red] {escape(problem.message)}; {escape(problem.hint)}")


def as_json(report: CopyReport, seconds: float) -> dict[str, Any]:
    """Return the result as an object; sizes in bytes, times in seconds."""
    ending = ending_of(report)
    return {
        "complete": report.is_complete,
        "exit_code": ending.code,
        "message": ending.sentence,
        "seconds": round(seconds, 3),
        "work_seconds": round(report.seconds, 3),  # from the first connection to the last answer
        "copied": sum(one.copied for one in report.folders),
        "copied_bytes": sum(one.copied_bytes for one in report.folders),
        "unchanged_folders": report.unchanged,
        "created": report.created,
        "renamed": report.renamed,
        "notes": _notes(report),
        "connections": report.connections,
        "retries": report.retries,
        "waited_seconds": round(report.waited_seconds, 1),
        "folders": [_folder_json(one, report) for one in report.folders],
        # Those that could not even be begun are among no "folders".
        "left": dict(sorted(report.failures.items())),
        "skipped": [_skipped_json(one) for one in report.skipped],
        "dates_changed": [_redated_json(one) for one in report.redated],
        **plan_json(report.plan),
    }


def _folder_json(one: FolderResult, report: CopyReport) -> dict[str, Any]:
    return {
        "name": one.name,
        "copied": one.copied,
        "copied_bytes": one.copied_bytes,
        "found": one.found,
        "adopted": one.adopted,
        "adopted_redated": one.adopted_redated,
        "known_before": one.known,
        "reflagged": one.reflagged,
        "deleted": one.deleted,
        "vanished": one.vanished,
        "moved": one.moved,
        "unread": one.unread,
        "paired": one.paired,
        "marked": one.marked,
        "not_wanted": len(one.not_wanted),
        "left": report.failures.get(one.name),
    }


def _skipped_json(one: SkippedMail) -> dict[str, Any]:
    return {
        "folder": one.folder,
        "uid": one.uid,
        "reason": one.skip.reason.value,
        "detail": one.skip.detail,
        "subject": one.name.subject,
        "message_id": one.name.message_id,
        "from": one.name.sender,
        "size": one.size,
        "date": None if one.epoch_seconds is None else _moment(one.epoch_seconds).isoformat(),
    }


def _redated_json(one: RedatedMail) -> dict[str, Any]:
    return {
        "folder": one.folder,
        "uid": one.uid,
        "subject": one.name.subject,
        "message_id": one.name.message_id,
        "from": one.name.sender,
        "date": None if one.source_seconds is None else _moment(one.source_seconds).isoformat(),
        "copied_with": _moment(one.target_seconds).isoformat(),
    }


def plan_json(plan: FolderPlan) -> dict[str, Any]:
    """Return the mapping of folders as an object."""
    return {
        "mapping": [
            {
                "source": one.source,
                "target": one.target,
                "new": one.is_new,
                "because": list(one.reasons),
            }
            for one in plan.mappings
        ],
        "left_out": {name: why.value for name, why in plan.left_out.items()},
        "problems": [
            {"message": problem.message, "hint": problem.hint} for problem in plan.problems
        ],
    }
