"""``switchover copy``: one mailbox from one server to another, resumable, with a ledger."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Annotated

import typer

from switchover import clock
from switchover.edges.cli.copy.dsync import DsyncWay, dsync_lane
from switchover.edges.cli.copy.options import Lane, Limits, Showing, Wishes, order_of
from switchover.edges.cli.copy.trace import open_trace
from switchover.edges.cli.groups import grouped
from switchover.edges.cli.options import Data, Output
from switchover.edges.cli.output import Format, errors, escape, exits, print_json
from switchover.edges.cli.sides import SignIn, links_closed, side_of
from switchover.model.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.edges.cli.copy.interruption import Interrupted
    from switchover.move.tally import Tally
    from switchover.move.work.copying import CopyOrder, CopyReport
    from switchover.move.work.early import EarlyDatabase


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(copy)


@grouped(source="Source", target="Target")
def copy(
    source: Annotated[
        str,
        typer.Argument(
            help="imaps://USER@HOST[:PORT], imap://USER@HOST (STARTTLS), maildir:PATH, mbox:PATH or eml:PATH."
        ),
    ],
    target: Annotated[str, typer.Argument(help="The same for where the mails go.")],
    source_sign_in: SignIn,
    target_sign_in: SignIn,
    wishes: Wishes,
    limits: Limits,
    showing: Showing,
    way: DsyncWay,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show which folder goes where and what would be done; write nothing."
        ),
    ] = False,
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="imap:// without STARTTLS is good enough.")
    ] = False,
    data: Data = None,
    output: Output = Format.TABLE,
) -> None:
    """Copy one mailbox to another; run it again to go on, or to bring over what is new.

    No mail, flag or folder of the source is ever changed; beside the mails of an archive an
    index is kept where that can be written. On the target nothing is deleted without --delete.

    After the switch: --target-in-use brings late mail over and leaves alone what the target's
    user did. A flag is changed only where it is still as we wrote it, a mail that they deleted
    stays deleted, and --delete takes away only copies of ours that they did not touch.

    Passwords: asked for, or --source-password-file and --target-password-file, or the
    environment: SWITCHOVER_SOURCE_PASSWORD and SWITCHOVER_TARGET_PASSWORD.

    Users: user, user@domain, user*master (Dovecot's master user), domain/admin/user
    (Exchange); a colon in it is written %3A, a percent sign %25.

    Archives: maildir:PATH (Maildir++; maildir:PATH?layout=fs for directories within each
    other), mbox:PATH (a file, or a tree of files), eml:PATH (a directory for each folder).

    Exit codes: 0 everything is on the target; 5 all but what is named as refused;
    75 something is left, run it again; 130, 143 interrupted, run it again;
    2 bad input, 3 no such archive, 4 conflict, 70 our fault: nothing was copied.
    With --dry-run: 0, 5 where something can not be carried over, 75 where it can not be told.

    Example: switchover copy imaps://ann@old.contoso.example imaps://ann@new.contoso.example
    Late mail: switchover copy imaps://ann@old.contoso.example imaps://ann@new.contoso.example --target-in-use
    """
    with exits(), open_trace(showing.trace) as trace, _database_started(data) as early:
        sides = (
            side_of(
                "source",
                source,
                source_sign_in,
                allow_plaintext=allow_plaintext,
                trace=trace("source"),
                begins=wishes.lane is Lane.IMAP,
            ),
            side_of(
                "target",
                target,
                target_sign_in,
                allow_plaintext=allow_plaintext,
                trace=trace("target"),
                begins=wishes.lane is Lane.IMAP,
            ),
        )
        with links_closed(sides):
            order = order_of(sides, wishes, limits, dsync_lane(wishes.lane, way, *sides))
            code = _run(order, showing, early, dry_run=dry_run, output=output)
        if code:
            raise SystemExit(code)


def _database_started(data: Path | None) -> EarlyDatabase:
    """Return what starts the database while the rest is loaded; raises InvalidInput for bad settings."""
    from switchover.move.work.early import EarlyDatabase  # noqa: PLC0415 - start-up time
    from switchover.settings import read_settings  # noqa: PLC0415 - start-up time

    return EarlyDatabase(read_settings(os.environ, data=data))


def _run(
    order: CopyOrder, showing: Showing, early: EarlyDatabase, *, dry_run: bool, output: Format
) -> int:
    """Copy, or say what would be copied, and return the exit code."""
    from switchover.edges.cli.copy.interruption import (  # noqa: PLC0415 - start-up time
        Interrupted,
        run_interruptible,
    )
    from switchover.move.tally import Tally  # noqa: PLC0415 - start-up time

    tally, begun = Tally(), clock.monotonic()
    try:
        report = run_interruptible(_copy(order, tally, showing, early, dry_run=dry_run))
    except Interrupted as interruption:
        _tell_interruption(interruption, tally, output)
        return interruption.exit_code
    seconds = clock.monotonic() - begun
    code = _tell_plan(report, output) if dry_run else _tell_ending(report, seconds, output)
    return code or _tell_notices(order)


def _tell_plan(report: CopyReport, output: Format) -> int:
    from switchover.edges.cli.copy import rehearsal  # noqa: PLC0415 - start-up time

    if output is Format.JSON:
        print_json(rehearsal.as_json(report))
    else:
        rehearsal.show(report)
    return rehearsal.code_of(report)


def _tell_ending(report: CopyReport, seconds: float, output: Format) -> int:
    from switchover.edges.cli.copy import summary  # noqa: PLC0415 - start-up time

    if output is Format.JSON:
        print_json(summary.as_json(report, seconds))
    else:
        summary.show(report, seconds)
    return summary.ending_of(report).code


def _tell_notices(order: CopyOrder) -> int:
    """Tell what an archive could not keep of mails that it took, and return the exit code for that."""
    from switchover.edges.cli.copy.summary import COMPLETE, STAYS_BEHIND  # noqa: PLC0415 - start-up

    notices = [*order.source.notices(), *order.target.notices()]
    for notice in notices:
        errors.print(f"[yellow]not kept[/yellow] {escape(notice)}", highlight=False)
    return STAYS_BEHIND if notices else COMPLETE


async def _copy(
    order: CopyOrder, tally: Tally, showing: Showing, early: EarlyDatabase, *, dry_run: bool
) -> CopyReport:
    from switchover.edges.cli.copy.progress import progress_shown  # noqa: PLC0415 - start-up time
    from switchover.move.work.copying import copy_alone  # noqa: PLC0415 - start-up time

    # What the database's keeper logs is for servers; here the progress would be torn by it.
    logging.getLogger("switchover").addHandler(logging.NullHandler())
    async with progress_shown(tally, showing.form):
        return await copy_alone(early.settings, order, tally=tally, dry_run=dry_run, early=early)


def _tell_interruption(interruption: Interrupted, tally: Tally, output: Format) -> None:
    sent, stored = tally.sum().done_mails, tally.stored
    message = (
        f"interrupted ({interruption}); the target has acknowledged {counted(stored, 'mail')} of this run; nothing "
        "is lost and nothing will be there twice: run the same command again, it goes on from here"
    )
    errors.print(f"[yellow]{message}[/yellow]", highlight=False, soft_wrap=True)
    if output is Format.JSON:
        print_json(
            {
                "complete": False,
                "exit_code": interruption.exit_code,
                "message": message,
                "sent": sent,
                "copied": stored,
            }
        )
