"""Commands that change the wish: apply, diff, export, history, rollback, drift."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.syntax import Syntax

from switchover.edges.cli.client import Client
from switchover.edges.cli.confirmation import require_yes
from switchover.edges.cli.options import Data, File, ListOutput, Output, Reason, Yes
from switchover.edges.cli.output import (
    Format,
    ListFormat,
    console,
    escape,
    exits,
    print_json,
    print_stream,
    print_table,
)
from switchover.errors import InvalidInput
from switchover.model.wording import counted, plain

if TYPE_CHECKING:
    from switchover.balance.virtual_service import Balance

StopEngine = Annotated[
    bool,
    typer.Option("--stop-engine", help="Stop an engine that runs although nothing was applied."),
]
_drift = typer.Typer(help="What runs and was not ordered: look, put right, accept.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(apply)
    app.command()(diff)
    app.command()(export)
    app.command()(history)
    app.command()(rollback)
    app.add_typer(_drift, name="drift", no_args_is_help=True)


def _body(file: Path, *, reason: str, dry_run: bool) -> dict[str, Any]:
    from switchover.edges.cli.platform_files import (  # noqa: PLC0415 - start-up time
        read_file,
        read_named_files,
    )

    text, parsed = read_file(file)
    balance = _resolve(parsed)
    files = {
        name: base64.b64encode(content).decode()
        for name, content in read_named_files(file, balance).items()
    }
    return {
        "text": text,
        "files": files,
        "reason": reason,
        "source": str(file),
        "dry_run": dry_run,
    }


def _resolve(parsed: Any) -> Balance:
    from switchover.balance.resolve import resolve  # noqa: PLC0415 - start-up time

    return resolve(parsed)


def show_diff(text: str) -> None:
    """Print a difference in colour."""
    if text:
        console.print(
            Syntax(plain(text, keep="\n"), "diff", theme="ansi_dark", background_color="default")
        )


def show_findings(findings: list[dict[str, Any]], *, file: str = "") -> None:
    """Print lint findings, the gravest first, with their places where ``file`` is known."""
    style = {"error": "bold red", "warning": "yellow", "info": "cyan"}
    explained = set()
    for finding in findings:
        severity = finding["severity"]
        has_place = bool(file and finding.get("line"))
        place = f"{file}:{finding['line']}:{finding['column']}: " if has_place else ""
        console.print(
            f"[{style[severity]}]{severity}[/{style[severity]}] {escape(place)}"
            f"{escape(finding['subject'])}: "
            f"{escape(finding['message'])} [dim]({finding['code']})[/dim]",
            highlight=False,
            soft_wrap=True,
        )
        if finding["code"] not in explained:
            explained.add(finding["code"])
            console.print(
                f"  {escape(finding['why'])}", style="dim", highlight=False, soft_wrap=True
            )
        console.print(f"  → {escape(finding['what_to_do'])}", highlight=False, soft_wrap=True)
    if findings:
        console.print(
            f"[dim]more about a rule: switchover explain {findings[0]['code']}[/dim]",
            highlight=False,
        )


def show_outcome(outcome: dict[str, Any]) -> None:
    """Print what a change did, and what it left to be looked at."""
    _show_change(outcome)
    for warning in outcome.get("warnings", ()):
        console.print(f"[yellow]warning[/yellow] {escape(warning)}", highlight=False)
    if left := len(outcome.get("drift", ())):
        console.print(
            f"[yellow]{counted(left, 'difference')} between what runs and the wish[/yellow]: see "
            "switchover drift show; put right with switchover drift repair",
            highlight=False,
            soft_wrap=True,
        )


def _show_change(outcome: dict[str, Any]) -> None:
    engine = outcome.get("engine")
    if outcome["revision"] is None:
        console.print(outcome["summary"], highlight=False)
    elif not outcome["diff"]:
        console.print(f"revision {outcome['revision']} says this already; nothing to change")
    else:
        how = f"{engine['means']} in {engine['seconds'] * 1000:.0f} ms" if engine else "no engine"
        because = f" ({engine['because']})" if engine and engine["because"] else ""
        console.print(
            f"[green]revision {outcome['revision']}[/green] {escape(outcome['summary'])}; "
            f"engine: {how}{escape(because)}",
            highlight=False,
        )
    grave = [finding for finding in outcome["findings"] if finding["severity"] != "info"]
    if outcome["diff"] or outcome["revision"] is None:
        show_findings(grave)
    left = len(outcome["findings"]) - (len(grave) if outcome["diff"] else 0)
    if left:
        console.print(f"[dim]{left} more from lint; see: switchover check FILE[/dim]")


def apply(
    file: File,
    reason: Reason = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Make FILE what runs, with the certificates and pages it names.

    Nothing is changed unless everything in it is right. Example: switchover apply farm.yaml -m "third server"
    """
    with exits(after_faults="" if dry_run else "nothing was applied"):
        outcome = Client.find(data).post("/revisions", _body(file, reason=reason, dry_run=dry_run))
        if output is Format.JSON:
            print_json(outcome)
        else:
            if dry_run:
                show_diff(outcome["diff"])
            show_outcome(outcome)


def diff(file: File, output: Output = Format.TABLE, data: Data = None) -> None:
    """Show what apply would change, after the same checks."""
    with exits():
        outcome = Client.find(data).post("/revisions", _body(file, reason="", dry_run=True))
        if output is Format.JSON:
            print_json(outcome)
        elif not outcome["diff"]:
            console.print("no difference")
        else:
            show_diff(outcome["diff"])


def export(
    revision: Annotated[int, typer.Argument(help="Revision; 0 is the latest.", min=0)] = 0,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Print the platform file of a revision. Example: switchover export > farm.yaml

    With -o json it comes with the digests of the files it names and with drains and weights.
    """
    with exits():
        client = Client.find(data)
        if output is Format.JSON:
            whole = client.get(f"/revisions/{revision}")
            print_json({key: whole[key] for key in ("number", "text", "files", "overrides")})
        else:
            sys.stdout.write(client.get(f"/revisions/{revision}/text"))


def history(
    limit: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--limit",
            help="At most so many.",
            min=1,
            max=500,
            show_default="20; all with -o csv",
        ),
    ] = None,
    before: Annotated[int | None, typer.Option(help="Only revisions before this one.")] = None,
    show: Annotated[int | None, typer.Option(help="Show one revision with its difference.")] = None,
    output: ListOutput = ListFormat.TABLE,
    data: Data = None,
) -> None:
    """List changes: number, time, author, what and why. Example: switchover history -o csv > changes.csv"""
    with exits():
        client = Client.find(data)
        if show is not None:
            _show_revision(client.get(f"/revisions/{show}"), output)
            return
        if output is ListFormat.CSV:
            asked = {"limit": limit, "before": before}
            print_stream(client.stream("/revisions", format="csv", **asked))
            return
        page = client.get("/revisions", limit=limit or 20, before=before)
        if output is ListFormat.JSON:
            print_json(page)
            return
        print_table(
            ("revision", "time (UTC)", "author", "what", "summary", "reason"),
            (
                (
                    str(row["number"]),
                    str(row["created_at"])[:19].replace("T", " "),
                    escape(row["author"]),
                    row["verb"],
                    escape(row["summary"]),
                    escape(row["reason"]),
                )
                for row in page["revisions"]
            ),
            title="Revisions",
        )


def _show_revision(revision: dict[str, Any], output: ListFormat) -> None:
    if output is ListFormat.CSV:
        raise InvalidInput("one revision is no list: -o csv goes without --show")
    if output is ListFormat.JSON:
        print_json(revision)
        return
    console.print(
        f"revision {revision['number']} by {escape(revision['author'])} at "
        f"{revision['created_at']}: {escape(revision['reason'] or revision['summary'])}"
    )
    show_diff(revision["diff"])


def rollback(
    revision: Annotated[int, typer.Argument(help="The revision to go back to.", min=1)],
    reason: Reason = "",
    yes: Yes = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Make an earlier revision what runs, as a new revision; certificates and drains come back too."""
    with exits():
        client = Client.find(data)
        preview = client.post(f"/revisions/{revision}/rollback", {"dry_run": True})
        if not yes and output is Format.TABLE:
            show_diff(preview["diff"])
            require_yes("Roll back?", purpose="roll back")
        outcome = client.post(f"/revisions/{revision}/rollback", {"reason": reason})
        if output is Format.JSON:
            print_json(outcome)
        else:
            show_outcome(outcome)


def _show_drift(items: list[dict[str, Any]], title: str) -> None:
    print_table(
        ("what", "where", "should be", "is"),
        (
            (item["kind"], escape(item["subject"]), escape(item["wanted"]), escape(item["found"]))
            for item in items
        ),
        title=title,
    )


@_drift.command("show")
def drift_show(
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="End with 4 when there is a difference, for scripts."),
    ] = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Look now: files edited by hand, states and weights set over the engine's socket.

    The exit code is 0 with differences too, unless --exit-code asks for it, as in git diff.
    """
    with exits():
        found = Client.find(data).get("/drift")
        if output is Format.JSON:
            print_json(found)
        else:
            _show_drift(found["drift"], "Drift")
        if exit_code and found["drift"]:
            raise SystemExit(4)


@_drift.command("repair")
def drift_repair(
    reason: Reason = "",
    stop_engine: StopEngine = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Put every difference right."""
    with exits():
        body = {"reason": reason, "stop_engine": stop_engine}
        found = Client.find(data).post("/drift/repair", body)
        if output is Format.JSON:
            print_json(found)
        else:
            _show_drift(found["repaired"], "Put right")


@_drift.command("accept")
def drift_accept(reason: Reason = "", output: Output = Format.TABLE, data: Data = None) -> None:
    """Make every difference what is wanted; states and weights become a revision."""
    with exits():
        found = Client.find(data).post("/drift/accept", {"reason": reason})
        if output is Format.JSON:
            print_json(found)
        else:
            _show_drift(found["accepted"], "Accepted")
