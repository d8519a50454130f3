"""Commands on the audit log: list, show, export, verify, accept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from switchover.directory.audit.chain import Link, parse_head, read_link
from switchover.directory.audit.inspection import Head, Inspection, describe_span, fault_body
from switchover.edges.cli.client import Client
from switchover.edges.cli.options import Data, ListOutput, Output
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

_audit = typer.Typer(help="Who did what, when, from where and why: list, export, prove.")

BROKEN = 4
"""Exit code where the log is not whole, as for other things whose state is not what it should be."""
PAGE = 1000


class File(StrEnum):
    """How an export is written."""

    JSON = "json"
    CSV = "csv"


class OriginName(StrEnum):
    """The doors, as options show them."""

    CONSOLE = "console"
    API = "api"
    CLI = "cli"
    SYSTEM = "system"


class OutcomeName(StrEnum):
    """How it ended, as options show it."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


Actor = Annotated[str | None, typer.Option(help="Only what this account or token did.")]
Action = Annotated[
    str | None, typer.Option(help="Only this action, or all that begin with it (server).")
]
Subject = Annotated[str | None, typer.Option(help="Only what was done to this.")]
Origin = Annotated[OriginName | None, typer.Option(help="Only what came through this door.")]
Outcome = Annotated[OutcomeName | None, typer.Option(help="Only what ended like this.")]
Since = Annotated[
    datetime | None, typer.Option(help="Only from this moment on (UTC).", show_default=False)
]
Until = Annotated[
    datetime | None, typer.Option(help="Only before this moment (UTC).", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_audit, name="audit", no_args_is_help=True)


def _asked(
    actor: str | None,
    action: str | None,
    subject: str | None,
    origin: OriginName | None,
    outcome: OutcomeName | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, object]:
    return {
        "actor": actor,
        "action": action,
        "subject": subject,
        "origin": origin.value if origin else None,
        "outcome": outcome.value if outcome else None,
        "since": f"{since.isoformat()}Z" if since else None,
        "until": f"{until.isoformat()}Z" if until else None,
    }


@_audit.command("list")
def list_entries(
    actor: Actor = None,
    action: Action = None,
    subject: Subject = None,
    origin: Origin = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option("-n", "--limit", help="At most so many.", min=1, max=1000)
    ] = 30,
    before: Annotated[int | None, typer.Option(help="Continue before this entry.")] = None,
    output: ListOutput = ListFormat.TABLE,
    data: Data = None,
) -> None:
    """List who did what, newest first. Example: switchover audit list --action server --since 2026-01-31"""
    asked = _asked(actor, action, subject, origin, outcome, since, until)
    with exits():
        client = Client.find(data)
        if output is ListFormat.CSV:
            print_stream(client.stream("/audit", format="csv", limit=limit, before=before, **asked))
            return
        body = client.get("/audit", limit=limit, before=before, **asked)
        if output is ListFormat.JSON:
            print_json(body)
            return
        print_table(
            ("entry", "time (UTC)", "who", "from", "what", "to what", "outcome", "reason"),
            (
                (
                    str(row["number"]),
                    str(row["at"])[:19].replace("T", " "),
                    escape(row["actor"]),
                    escape(f"{row['origin']} {row['address']}".strip()),
                    escape(row["action"]),
                    escape(row["subject"]),
                    _OUTCOMES[row["outcome"]],
                    escape(row["reason"]),
                )
                for row in body["audit"]
            ),
            title="Audit log",
        )


_OUTCOMES = {
    "done": "[green]● done[/green]",
    "refused": "[yellow]▽ refused[/yellow]",
    "failed": "[bold red]✖ failed[/bold red]",
}


@_audit.command()
def show(
    number: Annotated[int, typer.Argument(help="Entry, from: switchover audit list", min=1)],
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Show one entry with what was before and after. Example: switchover audit show 57"""
    with exits():
        row = Client.find(data).get(f"/audit/entries/{number}")
        if output is Format.JSON:
            print_json(row)
            return
        print_table(
            ("what", "value"),
            ((name, escape(_text(row[name]))) for name in row),
            title=f"Audit entry {number}",
        )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@_audit.command()
def export(
    actor: Actor = None,
    action: Action = None,
    subject: Subject = None,
    origin: Origin = None,
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    output: Annotated[
        File, typer.Option("-o", "--output", help="How to write it; csv for spreadsheets.")
    ] = File.JSON,
    data: Data = None,
) -> None:
    """Print all entries, newest first, one a line. Example: switchover audit export > audit.json

    A whole export in JSON can be proved elsewhere: switchover audit verify audit.json
    """
    asked = _asked(actor, action, subject, origin, outcome, since, until)
    with exits():
        client = Client.find(data)
        if output is File.CSV:
            print_stream(client.stream("/audit", format="csv", **asked))
        else:
            print_stream(_as_json(client, asked))


def _as_json(client: Client, asked: dict[str, object]) -> Iterator[bytes]:
    """Yield an array with one entry a line, page by page."""
    mark = "["
    for page in client.pages("/audit", {**asked, "limit": PAGE}, cursor="before"):
        for row in page["audit"]:
            yield f"{mark}\n{json.dumps(row, ensure_ascii=False)}".encode()
            mark = ","
    yield b"\n]\n" if mark == "," else b"[]\n"


@_audit.command()
def verify(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="An export in JSON to prove instead of the log itself.", dir_okay=False
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="NUMBER:HASH noted earlier, which the log must still have."),
    ] = None,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Prove that no entry was changed, removed, moved or put in; ends with 4 where one was.

    Note the number and hash it ends with somewhere else, and give them next time with --head.

    Example: switchover audit verify
    """
    with exits():
        body = (
            _verify_file(file, head) if file else Client.find(data).get("/audit/verify", head=head)
        )
        if output is Format.JSON:
            print_json(body)
        else:
            _show_verdict(body)
        if not body["is_whole"]:
            raise SystemExit(BROKEN)


def _verify_file(file: Path, head: str | None) -> dict[str, Any]:
    """Prove an export by itself: whoever has it needs neither a running switchover nor its keys."""
    noted = parse_head(head) if head else None
    inspection = Inspection(heads=(Head(number=noted[0], hash=noted[1]),) if noted else ())
    for link in sorted(_read_export(file), key=lambda link: link.number):
        inspection.take(link)
    faults = inspection.finish()
    return {
        "is_whole": not faults,
        "entries": inspection.count,
        "span": describe_span(inspection),
        "end": {"number": inspection.last, "hash": inspection.previous},
        "faults": [fault_body(fault) for fault in faults],
        "more_faults": inspection.left_out,
        "accepted": [],
        "accepted_by": "",
        "remarks": [
            "an export shows neither entries that were cut off at its end nor a log that was written anew: "
            "give --head with a number and hash that were noted elsewhere"
        ],
    }


def _read_export(file: Path) -> list[Link]:
    try:
        rows = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"{file} can not be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput(f"{file} is no JSON ({error})") from error
    if not isinstance(rows, list):
        raise InvalidInput(f"{file} is no list of entries; write it with: switchover audit export")
    return [read_link(row) for row in rows]


def _show_verdict(body: dict[str, Any]) -> None:
    if body["is_whole"]:
        console.print(f"[green]● whole[/green] {escape(body['span'])}", highlight=False)
    else:
        console.print(f"[bold red]✖ not whole[/bold red] {escape(body['span'])}", highlight=False)
    for fault in body["faults"]:
        console.print(f"  [red]{fault['kind']}[/red] {escape(fault['sentence'])}", highlight=False)
    if body["more_faults"]:
        console.print(f"  and {body['more_faults']:,} more")
    for fault in body["accepted"]:
        console.print(
            f"  [dim]accepted by {escape(body['accepted_by'])}: {escape(fault['sentence'])}[/dim]",
            highlight=False,
        )
    end = body["end"]
    console.print(f"ends with {end['number']}:{end['hash']}", highlight=False, soft_wrap=True)
    for remark in body["remarks"]:
        console.print(f"[dim]{escape(remark)}[/dim]", highlight=False)


@_audit.command()
def accept(
    reason: Annotated[
        str, typer.Option("-m", "--reason", help="Why the log is as it is.", show_default=False)
    ],
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Say that what verify finds has an innocent reason; it is shown as accepted from then on.

    Example: switchover audit accept -m "database restored from the backup of 3 May"
    """
    with exits():
        body = Client.find(data).post("/audit/accept", {"reason": reason})
        if output is Format.JSON:
            print_json(body)
        else:
            _show_verdict(body)
