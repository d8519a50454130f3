"""The command that tells what was counted."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from switchover.edges.cli.client import Client
from switchover.edges.cli.options import Data, ListOutput
from switchover.edges.cli.output import (
    ListFormat,
    console,
    duration,
    escape,
    exits,
    print_json,
    print_stream,
    print_table,
)

PAGE_ROWS = 5000


class Per(StrEnum):
    """How fine to read, as options show it."""

    MINUTE = "minute"
    HOUR = "hour"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(statistics)


def statistics(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    workload: Annotated[str | None, typer.Option(help="Only of this workload.")] = None,
    server: Annotated[str | None, typer.Option(help="Only of this server.")] = None,
    hours: Annotated[float, typer.Option(help="How far back.", min=0.01, max=17520)] = 1,
    per: Annotated[
        Per | None,
        typer.Option(
            help="Read minutes or hours.", show_default="minute up to 48 hours, hour beyond"
        ),
    ] = None,
    output: ListOutput = ListFormat.TABLE,
    data: Data = None,
) -> None:
    """Add up what was counted for every server of every workload: traffic, errors, time down.

    With -o json also what was counted minute by minute or hour by hour, with -o csv only that.
    Examples: switchover statistics --service mail --hours 24, and for a spreadsheet: switchover
    statistics --server cas1 --hours 720 --per hour -o csv > cas1.csv
    """
    asked: dict[str, object] = {
        "service": service,
        "workload": workload,
        "server": server,
        "hours": hours,
        "per": per.value if per else None,
    }
    with exits():
        client = Client.find(data)
        match output:
            case ListFormat.CSV:
                print_stream(client.stream("/statistics", format="csv", **asked))
            case ListFormat.JSON:
                print_json({**_totals(client, asked), **_counts(client, asked)})
            case ListFormat.TABLE:
                _show(_totals(client, asked))


def _totals(client: Client, asked: dict[str, object]) -> dict[str, Any]:
    pages = list(client.pages("/statistics/totals", asked))
    return {
        "per": pages[0]["per"],
        "since": pages[0]["since"],
        "totals": [row for page in pages for row in page["totals"]],
    }


def _counts(client: Client, asked: dict[str, object]) -> dict[str, Any]:
    pages = list(client.pages("/statistics", {**asked, "limit": PAGE_ROWS}))
    key = f"{pages[0]['per']}s"
    return {key: [row for page in pages for row in page[key]]}


def _show(found: dict[str, Any]) -> None:
    print_table(
        (
            "service",
            "workload",
            "server",
            "sessions",
            "requests",
            "bytes in",
            "bytes out",
            "errors",
            "4xx",
            "5xx",
            "failed checks",
            "down",
        ),
        (
            (
                escape(row["service"]),
                escape(row["workload"]),
                escape(row["server"]),
                f"{row['sessions']:,}",
                f"{row['requests']:,}",
                f"{row['bytes_in']:,}",
                f"{row['bytes_out']:,}",
                f"{row['connect_errors'] + row['response_errors'] + row['http_5xx']:,}",
                f"{row['http_4xx']:,}",
                f"{row['http_5xx']:,}",
                f"{row['failed_checks']:,}",
                duration(row["down_seconds"]) if row["down_seconds"] else "",
            )
            for row in found["totals"]
        ),
        title="Statistics",
    )
    since = found["since"][:16].replace("T", " ")
    console.print(f"[dim]since {since} UTC, from counts per {found['per']}[/dim]")
