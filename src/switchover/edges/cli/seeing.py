"""Commands that only look: status, services, events, terminations."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from switchover.edges.cli.blocks import add_block_commands
from switchover.edges.cli.client import Client, segment
from switchover.edges.cli.listing import rows_for_table
from switchover.edges.cli.options import Data, ListOutput, Output, PartOfName
from switchover.edges.cli.output import (
    STATE_MARK,
    Format,
    ListFormat,
    console,
    duration,
    escape,
    exits,
    print_json,
    print_stream,
    print_table,
    state_text,
)
from switchover.model.wording import counted

_service = typer.Typer(help="Virtual services and the health of their workloads.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(status)
    app.command()(events)
    app.command()(terminations)
    app.add_typer(_service, name="service", no_args_is_help=True)


def status(output: Output = Format.TABLE, data: Data = None) -> None:
    """Show the engine, the last cycle's sentence and what stands out."""
    with exits():
        body = Client.find(data).get("/status")
        if output is Format.JSON:
            print_json(body)
            return
        engine = body["engine"]
        state = "runs" if engine["runs"] else "[red]does not run[/red]"
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row(
            "engine", f"HAProxy {engine['version']} with {engine['tls_library']}, {state}"
        )
        if engine["connections"] is not None:
            table.add_row("connections", f"{engine['connections']} of {engine['max_connections']}")
        table.add_row("database", "answers" if body["database_answers"] else "[red]away[/red]")
        table.add_row("cycle", escape(body["cycle"]))
        table.add_row("data", escape(body["data"]))
        for warning in body["warnings"]:
            table.add_row("[yellow]warning[/yellow]", escape(warning))
        console.print(table)


@_service.command("list")
def list_services(
    name: PartOfName = None, output: ListOutput = ListFormat.TABLE, data: Data = None
) -> None:
    """List virtual services with the health of every workload. Example: switchover service list --name imap"""
    with exits():
        listed = rows_for_table(Client.find(data), "services", name, output)
        if listed is None:
            return
        print_table(
            ("service", "address", "layout", "workload", "servers", "open"),
            (
                (
                    escape(service["name"]) + _closed_mark(service),
                    f"{service['address']}:{service['port']}",
                    service["layout"],
                    pool["workload"],
                    " ".join(_mark(server) for server in pool["servers"]),
                    str(sum(server["connections"] for server in pool["servers"])),
                )
                for service in listed
                for pool in service["pools"]
            ),
            title="Services",
        )


def _closed_mark(service: dict[str, Any]) -> str:
    return " [bold red](takes no connections)[/bold red]" if service["state"] == "closed" else ""


def _mark(server: dict[str, Any]) -> str:
    style = {"up": "green", "down": "bold red"}.get(server["state"], "yellow")
    return f"[{style}]{STATE_MARK[server['state']]} {escape(server['server'])}[/{style}]"


@_service.command("show")
def show_service(
    service: Annotated[str, typer.Argument(help="Service, as in the platform file.")],
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Show one service: every server with state, reason, connections and errors per workload."""
    with exits():
        body = Client.find(data).get(f"/services/{segment(service)}")
        if output is Format.JSON:
            print_json(body)
            return
        console.print(
            f"[bold]{escape(body['title'])}[/bold]{_closed_mark(body)}  {body['address']}:{body['port']}  "
            f"layout {body['layout']}, TLS {body['tls']}, {body['scheduler']}, "
            f"{counted(body['connections'], 'connection')}",
            highlight=False,
        )
        print_table(
            ("workload", "server", "state", "since", "open", "requests", "errors (1 h)", "reason"),
            (
                (
                    pool["workload"],
                    escape(server["server"]),
                    state_text(server["state"]),
                    duration(server["since_seconds"]) if server["since_seconds"] else "",
                    str(server["connections"]),
                    f"{server['requests']:,}",
                    str(server["errors"]),
                    escape(server["reason"]),
                )
                for pool in body["pools"]
                for server in pool["servers"]
            ),
        )


def events(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    workload: Annotated[str | None, typer.Option(help="Only of this workload.")] = None,
    server: Annotated[str | None, typer.Option(help="Only of this server, its whole name.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind (server-down).")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--limit",
            help="At most so many.",
            min=1,
            max=1000,
            show_default="30; all with -o csv",
        ),
    ] = None,
    before: Annotated[int | None, typer.Option(help="Continue before this event.")] = None,
    output: ListOutput = ListFormat.TABLE,
    data: Data = None,
) -> None:
    """List what happened, newest first, each with its cause. Example: switchover events --kind server-down"""
    asked = {
        "service": service,
        "workload": workload,
        "server": server,
        "kind": kind,
        "before": before,
    }
    with exits():
        client = Client.find(data)
        if output is ListFormat.CSV:
            print_stream(client.stream("/events", format="csv", limit=limit, **asked))
            return
        body = client.get("/events", limit=limit or 30, **asked)
        if output is ListFormat.JSON:
            print_json(body)
            return
        style = {"error": "red", "warning": "yellow", "info": "cyan"}
        print_table(
            ("time (UTC)", "what", "service", "workload", "server", "cause"),
            (
                (
                    str(row["at"])[:19].replace("T", " "),
                    f"[{style[row['severity']]}]{row['kind']}[/{style[row['severity']]}]",
                    escape(row["service"] or ""),
                    escape(row["workload"] or ""),
                    escape(row["server"] or ""),
                    escape(row["cause"]),
                )
                for row in body["events"]
            ),
            title="Events",
        )


def terminations(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    workload: Annotated[str | None, typer.Option(help="Only of this workload.")] = None,
    server: Annotated[str | None, typer.Option(help="Only of this server.")] = None,
    hours: Annotated[float, typer.Option(help="How far back.", min=0.1, max=17520)] = 24,
    output: ListOutput = ListFormat.TABLE,
    data: Data = None,
) -> None:
    """Count connections and requests that did not end normally, by HAProxy's termination state.

    Example: switchover terminations --server cas1 --hours 72
    """
    asked = {"service": service, "workload": workload, "server": server, "hours": hours}
    with exits():
        client = Client.find(data)
        if output is ListFormat.CSV:
            print_stream(client.stream("/terminations", format="csv", **asked))
            return
        listed = client.rows("/terminations", "terminations", asked)
        # The API orders by name, because counts change while they are paged.
        listed.sort(key=lambda row: -int(row["count"]))
        if output is ListFormat.JSON:
            print_json({"terminations": listed})
            return
        print_table(
            ("service", "workload", "server", "state", "count", "meaning"),
            (
                (
                    escape(row["service"]),
                    escape(row["workload"]),
                    escape(row["server"]),
                    row["state"],
                    f"{row['count']:,}",
                    row["meaning"],
                )
                for row in listed
            ),
            title="Terminations",
        )


add_block_commands(_service, "service")
