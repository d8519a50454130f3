"""``switchover copy``: one mailbox from one server to another, resumable, with a ledger."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from switchover.edges.cli.options import Data, Output
from switchover.edges.cli.output import Format, console, errors, exits, print_json, print_table
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchover.move.endpoint import Endpoint
    from switchover.move.folder_plan import FolderPlan
    from switchover.move.work.copying import CopyReport

PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File whose first line is the password.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(copy)


def copy(
    source: Annotated[
        str, typer.Argument(help="imaps://USER@HOST or imap://USER@HOST (STARTTLS).")
    ],
    target: Annotated[str, typer.Argument(help="The same for where the mails go.")],
    source_password_file: PasswordFile = None,
    target_password_file: PasswordFile = None,
    folder: Annotated[list[str], typer.Option("--folder", help="Only these folders (globs).")] = [],  # noqa: B006 - Typer copies it
    exclude: Annotated[
        list[str], typer.Option("--exclude", help="All but these folders (globs).")
    ] = [],  # noqa: B006 - Typer copies it
    delete: Annotated[
        bool, typer.Option("--delete", help="Mirror: delete on the target what the source has not.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which folder goes where; write nothing.")
    ] = False,
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="imap:// without STARTTLS is good enough.")
    ] = False,
    connections: Annotated[
        int,
        typer.Option(
            min=1, max=16, help="Folders copied at a time at most, a connection each side."
        ),
    ] = 8,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    data: Data = None,
    output: Output = Format.TABLE,
) -> None:
    """Copy one mailbox to another; run it again to go on, or to bring over what is new.

    Passwords: prompt, the two password files, or SWITCHOVER_SOURCE_PASSWORD and
    SWITCHOVER_TARGET_PASSWORD. Exit code 0: everything is copied; 75: something is left, try again.

    Example: switchover copy imaps://ann@old.contoso.example imaps://ann@new.contoso.example
    """
    with exits():
        from switchover.move.endpoint import (  # noqa: PLC0415 - start-up time
            absolute,
            parse_endpoint,
            same_mailbox,
        )

        ends = [
            absolute(parse_endpoint(text, allow_plaintext=allow_plaintext), Path.cwd())
            for text in (source, target)
        ]
        if same_mailbox(*ends):
            raise InvalidInput(f"source and target are the same mailbox: {ends[0]}")
        passwords = (
            _password("source", ends[0], source_password_file),
            _password("target", ends[1], target_password_file),
        )
        report = asyncio.run(
            _copy(
                ends, passwords, data=data, folders=tuple(folder), excluded=tuple(exclude),
                delete=delete, dry_run=dry_run, lanes=connections,
                quiet=quiet or output is Format.JSON,
            )
        )  # fmt: skip
        if output is Format.JSON:
            print_json(_json(report))
        else:
            _show(report, dry_run=dry_run)
        if not dry_run and not report.is_complete:
            raise SystemExit(75)


async def _copy(
    ends: list[Any],
    passwords: tuple[Callable[[], str], Callable[[], str]],
    *,
    data: Path | None,
    folders: tuple[str, ...],
    excluded: tuple[str, ...],
    delete: bool,
    dry_run: bool,
    lanes: int,
    quiet: bool,
) -> CopyReport:
    from switchover.move.folder_plan import Choice  # noqa: PLC0415 - start-up time
    from switchover.move.sync_plan import Deletions, Rules  # noqa: PLC0415 - start-up time
    from switchover.move.work.copying import CopyOrder, copy_alone  # noqa: PLC0415 - start-up
    from switchover.move.work.order import Side, account_of  # noqa: PLC0415 - start-up time
    from switchover.settings import read_settings  # noqa: PLC0415 - start-up time

    accounts = [
        account_of(Side(endpoint=end, password=password, may_create=is_target))
        for end, password, is_target in zip(ends, passwords, (False, True), strict=True)
    ]
    order = CopyOrder(
        source=accounts[0],
        target=accounts[1],
        source_key=ends[0].key,
        target_key=ends[1].key,
        choice=Choice(folders=folders, excluded=excluded),
        rules=Rules(deletions=Deletions.MIRROR if delete else Deletions.NEVER),
        lanes=lanes,
    )
    settings = read_settings(os.environ, data=data)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(), console=errors, disable=quiet, transient=True,
    ) as shown:  # fmt: skip
        task = shown.add_task("copying", total=None, said="")
        counts = [0, 0]

        def tell(folder: str, mails: int, octets: int) -> None:
            counts[0] += mails
            counts[1] += octets
            said = f"{counts[0]:,} mails, {counts[1] / 1e6:,.1f} MB"
            shown.update(task, description=escape(folder), said=said)

        report = await copy_alone(settings, order, progress=tell, dry_run=dry_run)
    for notice in dict.fromkeys(one for account in accounts for one in account.notices()):
        errors.print(f"[yellow]not kept[/yellow] {escape(notice)}", highlight=False)
    return report


def _password(side: str, where: Endpoint, file: Path | None) -> Callable[[], str]:
    """Return how to get a password; nothing is asked before everything else is known to be right."""
    if where.needs_no_password:
        return str
    variable = f"SWITCHOVER_{side.upper()}_PASSWORD"
    if file is not None:
        return partial(_read_password, file)
    if variable in os.environ:
        return partial(os.environ.__getitem__, variable)
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"no password for the {side} {where}: give --{side}-password-file FILE or {variable}"
        )
    return partial(getpass.getpass, f"Password of the {side} {where}: ")


def _read_password(file: Path) -> str:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the password file {file} can not be read: {error}") from error
    password = text.partition("\n")[0].rstrip("\r")
    if not password:
        raise InvalidInput(f"the first line of the password file {file} is empty")
    return password


def _show(report: CopyReport, *, dry_run: bool) -> None:
    if dry_run:
        _show_plan(report.plan)
        return
    rows = [
        (
            escape(one.name), f"{one.copied:,}", f"{one.copied_bytes / 1e6:,.1f}", f"{one.known:,}",
            str(one.reflagged), str(one.deleted), str(len(one.skips)),
            escape(report.failures.get(one.name, "")),
        )
        for one in sorted(report.folders, key=lambda one: one.name)
    ]  # fmt: skip
    if rows:
        print_table(
            ["folder", "copied", "MB", "known before", "flags", "deleted", "skipped", "left"], rows
        )
    for one in report.folders:
        for uid, skip in sorted(one.skips.items()):
            console.print(
                f"[yellow]skipped[/yellow] {escape(one.name)} UID {uid}: {escape(skip.reason)}"
                f"{': ' + escape(skip.detail) if skip.detail else ''}",
                highlight=False,
            )
    _show_problems(report.plan)
    copied = sum(one.copied for one in report.folders)
    octets = sum(one.copied_bytes for one in report.folders)
    console.print(
        f"[green]{copied:,} mails[/green], {octets / 1e6:,.1f} MB copied; "
        f"{report.unchanged} folders had not changed; {len(report.failures)} could not be finished",
        highlight=False,
    )


def _show_plan(plan: FolderPlan) -> None:
    rows = [
        (
            escape(one.source), escape(one.target), "new" if one.is_new else "there",
            escape("; ".join(one.reasons)),
        )
        for one in plan.mappings
    ]  # fmt: skip
    print_table(["source", "target", "", "because"], rows)
    for name, why in plan.left_out.items():
        console.print(f"[dim]left out[/dim] {escape(name)}: {why}", highlight=False)
    _show_problems(plan)


def _show_problems(plan: FolderPlan) -> None:
    for problem in plan.problems:
        console.print(
            f"[red]problem[/red] {escape(problem.message)} ({escape(problem.hint)})",
            highlight=False,
        )


def _json(report: CopyReport) -> dict[str, Any]:
    return {
        "complete": report.is_complete,
        "unchanged_folders": report.unchanged,
        "created": report.created,
        "folders": [
            {
                "name": one.name,
                "copied": one.copied,
                "copied_bytes": one.copied_bytes,
                "found": one.found,
                "known_before": one.known,
                "reflagged": one.reflagged,
                "deleted": one.deleted,
                "vanished": one.vanished,
                "skipped": [
                    {"uid": uid, "reason": skip.reason.value, "detail": skip.detail}
                    for uid, skip in sorted(one.skips.items())
                ],
                "left": report.failures.get(one.name),
            }
            for one in report.folders
        ],
        "mapping": [
            {
                "source": one.source,
                "target": one.target,
                "new": one.is_new,
                "because": list(one.reasons),
            }
            for one in report.plan.mappings
        ],
        "left_out": {name: why.value for name, why in report.plan.left_out.items()},
        "problems": [problem.message for problem in report.plan.problems],
    }
