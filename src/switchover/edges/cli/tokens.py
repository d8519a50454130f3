"""Commands on API tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from switchover.edges.cli.client import Client, segment
from switchover.edges.cli.listing import rows_for_table
from switchover.edges.cli.options import Data, ListOutput, Output, PartOfName, Reason
from switchover.edges.cli.output import (
    Format,
    ListFormat,
    console,
    escape,
    exits,
    print_json,
    print_table,
)

_token = typer.Typer(help="API tokens: make, list, revoke.")


class RoleName(StrEnum):
    """The roles, as options show them."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_token, name="token", no_args_is_help=True)


@_token.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    role: Annotated[RoleName, typer.Option(help="What it may do.")] = RoleName.VIEWER,
    days: Annotated[float, typer.Option(help="Valid for so many days.", min=0.01, max=3650)] = 90,
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Make a token and show it, this once. Example: switchover token create prometheus --days 365"""
    with exits():
        body = Client.find(data).post(
            "/tokens",
            {"name": name, "role": role.value, "valid_days": days, "reason": reason},
        )
        if output is Format.JSON:
            print_json(body)
            return
        console.print(body["secret"], highlight=False, soft_wrap=True)
        console.print(
            f"[dim]role {body['role']}, until {body['expires_at'][:10]}; "
            "it is shown only now, keep it in a safe place[/dim]"
        )


@_token.command("list")
def list_tokens(
    name: PartOfName = None,
    maker: Annotated[
        str | None, typer.Option(help="Only those that this account or token made.")
    ] = None,
    output: ListOutput = ListFormat.TABLE,
    data: Data = None,
) -> None:
    """List tokens without their secrets. Example: switchover token list --maker ada"""
    with exits():
        client = Client.find(data)
        listed = rows_for_table(client, "tokens", name, output, cursor="before", maker=maker)
        if listed is None:
            return
        print_table(
            ("id", "name", "role", "made", "by", "until", "last used", "state"),
            (
                (
                    row["id"],
                    escape(row["name"]),
                    row["role"],
                    row["created_at"][:10],
                    escape(row["created_by"]),
                    (row["expires_at"] or "no end")[:10],
                    (row["last_used_at"] or "never")[:16].replace("T", " "),
                    "revoked" if row["revoked_at"] else "valid",
                )
                for row in listed
            ),
            title="Tokens",
        )


@_token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Id, from: switchover token list")],
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """End a token now. Example: switchover token revoke 0198c2a4-... --reason unused"""
    with exits():
        body = Client.find(data).delete(f"/tokens/{segment(token_id)}", reason=reason)
        if output is Format.JSON:
            print_json(body)
        else:
            console.print(f"token {escape(token_id)} is revoked")
