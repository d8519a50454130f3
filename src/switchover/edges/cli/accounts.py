"""Commands on accounts of people. Passwords come from a prompt or a file, never from an argument."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from switchover.edges.cli.client import Client, segment
from switchover.edges.cli.listing import rows_for_table
from switchover.edges.cli.options import Data, ListOutput, Output, PartOfName, Reason, Yes
from switchover.edges.cli.output import (
    Format,
    ListFormat,
    console,
    escape,
    exits,
    print_json,
    print_table,
)
from switchover.edges.cli.tokens import RoleName
from switchover.errors import InvalidInput, Refused
from switchover.model.wording import plain

_account = typer.Typer(help="Accounts of people who sign in to the console.")

Name = Annotated[str, typer.Argument(help="Name of the account.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="File with the password in its only line; - reads it from standard input.",
        show_default="a question",
    ),
]
KeepTokens = Annotated[
    bool,
    typer.Option("--keep-tokens", help="Leave the valid tokens that the account made as they are."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_account, name="account", no_args_is_help=True)


@_account.command()
def create(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What it may do.")] = RoleName.VIEWER,
    password_file: PasswordFile = None,
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Make a local account. Example: switchover account create ada --role admin"""
    with exits():
        client = Client.find(data)
        body = {
            "name": name,
            "role": role.value,
            "password": _password(password_file),
            "reason": reason,
        }
        _show(client.post("/accounts", body), output, "made")


@_account.command("list")
def list_accounts(
    name: PartOfName = None, output: ListOutput = ListFormat.TABLE, data: Data = None
) -> None:
    """List accounts. Example: switchover account list -o csv"""
    with exits():
        listed = rows_for_table(Client.find(data), "accounts", name, output)
        if listed is None:
            return
        print_table(
            ("name", "role", "state", "known", "second factor", "last sign-in"),
            (
                (
                    escape(row["name"]),
                    row["role"],
                    row["state"],
                    "here" if row["kind"] == "local" else "identity provider",
                    "yes" if row["second_factor"] else "no",
                    (row["signed_in_at"] or "never")[:16].replace("T", " "),
                )
                for row in listed
            ),
            title="Accounts",
        )


@_account.command()
def show(name: Name, output: Output = Format.TABLE, data: Data = None) -> None:
    """Show one account. Example: switchover account show ada"""
    with exits():
        body = Client.find(data).get(_path(name))
        if output is Format.JSON:
            print_json(body)
            return
        print_table(
            ("what", "value"),
            ((key.replace("_", " "), escape(_words(value))) for key, value in body.items()),
            title=f"Account {escape(body['name'])}",
        )


@_account.command()
def role(
    name: Name,
    new: Annotated[RoleName, typer.Argument(help="What it may do from now on.", metavar="ROLE")],
    reason: Reason = "",
    keep_tokens: KeepTokens = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Give a local account another role; its sessions end, and the tokens it made above a smaller role.

    Example: switchover account role ada operator -m "moved to the night desk"
    """
    with exits():
        asked = {"role": new.value, "reason": reason, "keep_tokens": keep_tokens}
        body = Client.find(data).put(_path(name, "role"), asked)
        _show(body, output, f"has the role {new.value}")


@_account.command()
def password(
    name: Name,
    password_file: PasswordFile = None,
    reason: Reason = "",
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Give a local account another password, end its sessions and lift pauses of its sign-in.

    Example: switchover account password ada
    """
    with exits():
        client = Client.find(data)
        asked = {"password": _password(password_file), "reason": reason}
        body = client.put(_path(name, "password"), asked)
        _show(body, output, "has another password")


@_account.command()
def disable(
    name: Name,
    reason: Reason = "",
    keep_tokens: KeepTokens = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Keep an account from signing in; its sessions and the tokens it made end.

    Example: switchover account disable ada -m "on leave until May"
    """
    with exits():
        asked = {"reason": reason, "keep_tokens": keep_tokens}
        _show(Client.find(data).post(_path(name, "disable"), asked), output, "is disabled")


@_account.command()
def enable(
    name: Name, reason: Reason = "", output: Output = Format.TABLE, data: Data = None
) -> None:
    """Let an account sign in again. Example: switchover account enable ada"""
    with exits():
        body = Client.find(data).post(_path(name, "enable"), {"reason": reason})
        _show(body, output, "may sign in")


@_account.command("totp-reset")
def totp_reset(
    name: Name, reason: Reason = "", output: Output = Format.TABLE, data: Data = None
) -> None:
    """Take the second factor from somebody who lost it; their sessions end.

    Example: switchover account totp-reset ada
    """
    with exits():
        body = Client.find(data).delete(_path(name, "second-factor"), reason=reason)
        _show(body, output, "has no second factor")


@_account.command("sign-out")
def sign_out(
    name: Name, reason: Reason = "", output: Output = Format.TABLE, data: Data = None
) -> None:
    """End all sessions of an account. Example: switchover account sign-out ada"""
    with exits():
        body = Client.find(data).delete(_path(name, "sessions"), reason=reason)
        if output is Format.JSON:
            print_json(body)
        else:
            console.print(f"{body['ended']} sessions of {escape(name)} ended", highlight=False)


@_account.command()
def remove(
    name: Name,
    reason: Reason = "",
    keep_tokens: KeepTokens = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
    data: Data = None,
) -> None:
    """Remove an account and end the tokens it made; its name stays in the history.

    Example: switchover account remove ada -m "left the company"
    """
    with exits():
        client = Client.find(data)
        if not yes:
            _ask(client, name, keep_tokens=keep_tokens)
        body = client.delete(_path(name), reason=reason, keep_tokens=str(keep_tokens).lower())
        if output is Format.JSON:
            print_json(body)
            return
        console.print(f"account {escape(body['removed'])} is removed", highlight=False)
        _tell_ended(body)


def _path(name: str, *more: str) -> str:
    return "/".join(("/accounts", segment(name), *more))


def _password(file: Path | None) -> str:
    """Return the password from a file, standard input or two questions that agree."""
    if file is None:
        return _ask_password()
    if str(file) == "-":
        return _only_line(sys.stdin.readline(), "standard input")
    try:
        return _only_line(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InvalidInput(f"--password-file {file}: {words}") from None


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("nobody is there to type a password; give it with --password-file FILE")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise InvalidInput("the two passwords are not the same")
    return first


def _only_line(text: str, where: str) -> str:
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0]:
        raise InvalidInput(f"{where} does not hold one line with a password")
    return lines[0]


def _ask(client: Client, name: str, *, keep_tokens: bool) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("nobody is there to ask; give --yes")
    made = client.rows("/tokens", "tokens", {"account": name, "valid": "true"}, cursor="before")
    names = ", ".join(plain(token["name"]) for token in made)
    fate = "stay valid" if keep_tokens else "end too"
    about = f" The tokens it made {fate}: {names}." if names else ""
    if not typer.confirm(f"Remove the account {name}?{about}"):
        raise Refused("nothing was removed")


def _show(body: dict[str, Any], output: Format, what: str) -> None:
    if output is Format.JSON:
        print_json(body)
        return
    console.print(f"account {escape(body['name'])}: {what}", highlight=False)
    _tell_ended(body)


def _tell_ended(body: dict[str, Any]) -> None:
    for token in body.get("ended_tokens", ()):
        console.print(f"token {escape(token['name'])} ({token['role']}) ended", highlight=False)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
