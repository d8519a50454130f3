"""Commands on real servers: list, drain, maintain, resume, weight, connections."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from switchover.edges.cli.blocks import add_block_commands
from switchover.edges.cli.changes import show_outcome
from switchover.edges.cli.client import Client, segment
from switchover.edges.cli.listing import rows_for_table
from switchover.edges.cli.options import Data, ListOutput, Output, PartOfName, Reason
from switchover.edges.cli.output import (
    Format,
    ListFormat,
    console,
    duration,
    escape,
    exits,
    print_json,
    print_table,
    state_text,
)
from switchover.model.wording import counted

_server = typer.Typer(help="Real servers: see them, take them out, bring them back.")
Name = Annotated[str, typer.Argument(help="Server, as in the platform file.")]
Service = Annotated[str | None, typer.Option(help="Only in this service.")]
Workload = Annotated[str | None, typer.Option(help="Only this workload.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_server, name="server", no_args_is_help=True)


def _scope(service: str | None, workload: str | None, reason: str) -> dict[str, Any]:
    return {"service": service, "workload": workload, "reason": reason}


@_server.command("list")
def list_servers(
    name: PartOfName = None, output: ListOutput = ListFormat.TABLE, data: Data = None
) -> None:
    """List servers with their state in every pool. Example: switchover server list --name cas"""
    with exits():
        listed = rows_for_table(Client.find(data), "servers", name, output)
        if listed is None:
            return
        print_table(
            (
                "server",
                "address",
                "service",
                "workload",
                "state",
                "since",
                "open",
                "weight",
                "reason",
            ),
            (
                (
                    escape(server["name"]),
                    server["address"],
                    pool["service"],
                    pool["workload"],
                    state_text(pool["state"]),
                    duration(pool["since_seconds"]) if pool["since_seconds"] else "",
                    str(pool["connections"]),
                    str(pool["weight"]),
                    escape(pool["reason"]),
                )
                for server in listed
                for pool in server["pools"]
            ),
            title="Servers",
        )


def _change(
    server: str, action: str, scope: dict[str, Any], output: Format, client: Client
) -> None:
    outcome = client.post(f"/servers/{segment(server)}/{action}", scope)
    if output is Format.JSON:
        print_json(outcome)
    else:
        show_outcome({**outcome, "findings": []})


@_server.command()
def drain(
    server: Name,
    service: Service = None,
    workload: Workload = None,
    reason: Reason = "",
    wait: Annotated[
        float, typer.Option(help="Seconds to wait until nobody is connected any more.", min=0)
    ] = 0,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Send no new clients to a server; those connected finish. Example: server drain cas1 --wait 600"""
    with exits():
        client = Client.find(data)
        _change(server, "drain", _scope(service, workload, reason), output, client)
        if wait and not _wait_until_empty(client, server, wait):
            console.print(f"[yellow]{escape(server)} still has connections[/yellow]")
            raise SystemExit(75)


def _wait_until_empty(client: Client, server: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds  # noqa: TID251 - the command line's own countdown
    with console.status("draining") as status:
        while True:
            open_now = client.get(f"/servers/{segment(server)}/connections")["connections"]
            left = deadline - time.monotonic()  # noqa: TID251 - the command line's own countdown
            if not open_now or left <= 0:
                return not open_now
            clients = ", ".join(
                sorted({item["client"].rpartition(":")[0] for item in open_now})[:4]
            )
            status.update(
                f"{counted(len(open_now), 'connection')} left ({escape(clients)}), "
                f"{duration(left)} to go"
            )
            time.sleep(1)


@_server.command()
def maintain(
    server: Name,
    service: Service = None,
    workload: Workload = None,
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Take a server out at once: no clients, no checks. Drain it first to be polite."""
    with exits():
        _change(server, "maintain", _scope(service, workload, reason), output, Client.find(data))


@_server.command()
def resume(
    server: Name,
    service: Service = None,
    workload: Workload = None,
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """End a drain or maintenance; the health checks decide from now on."""
    with exits():
        _change(server, "resume", _scope(service, workload, reason), output, Client.find(data))


@_server.command()
def weight(
    server: Name,
    value: Annotated[
        int | None,
        typer.Argument(help="0 to 256; leave it out to take the file's again.", min=0, max=256),
    ] = None,
    service: Service = None,
    workload: Workload = None,
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Give a server a larger or smaller share. Example: switchover server weight cas2 50"""
    with exits():
        scope = {**_scope(service, workload, reason), "weight": value}
        outcome = Client.find(data).put(f"/servers/{segment(server)}/weight", scope)
        if output is Format.JSON:
            print_json(outcome)
        else:
            show_outcome({**outcome, "findings": []})


@_server.command()
def connections(server: Name, output: Output = Format.TABLE, data: Data = None) -> None:
    """List who is connected to a server now."""
    with exits():
        body = Client.find(data).get(f"/servers/{segment(server)}/connections")
        if output is Format.JSON:
            print_json(body)
            return
        print_table(
            ("client", "service", "workload", "age"),
            (
                (escape(item["client"]), item["service"], item["workload"], item["age"])
                for item in body["connections"]
            ),
            title="Connections",
        )


add_block_commands(_server, "server")
