"""The options with which one side of a copy is opened, shared by every command that opens mailboxes."""

from __future__ import annotations

import getpass
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from switchover.move.endpoint import ImapEndpoint
    from switchover.move.work.early_link import EarlyLink
    from switchover.move.work.order import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How to sign in on one side, and whose certificate to trust."""

    password_file: Annotated[
        Path | None,
        typer.Option(help="File whose first line is the password.", show_default=False),
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File whose first line is an OAuth 2 access token; read for each connection.",
            show_default=False,
        ),
    ] = None
    token_command: Annotated[
        str,
        typer.Option(
            help="Command that prints an access token; run for each connection, by no shell.",
            show_default=False,
        ),
    ] = ""
    authuser: Annotated[
        str,
        typer.Option(
            help="Who signs in, with their own password, to open the mailbox of the URL's user "
            "(PLAIN with an authorisation id).",
            show_default=False,
        ),
    ] = ""
    mechanism: Annotated[
        str,
        typer.Option(
            help="The only way to sign in: scram-sha-256, scram-sha-1, plain, login, login-command, "
            "oauthbearer or xoauth2.",
            show_default="the strongest that both sides know",
        ),
    ] = ""
    ca: Annotated[
        Path | None,
        typer.Option(
            help="File with the certificates (PEM) to trust.",
            show_default="those of this machine",
        ),
    ] = None
    fingerprint: Annotated[
        str,
        typer.Option(
            help="SHA-256 of the only certificate to trust, whoever signed it.", show_default=False
        ),
    ] = ""
    compress: Annotated[
        bool,
        typer.Option(
            help="Compress this side's connections (COMPRESS=DEFLATE) where the server offers it: worth it on "
            "a line slower than some 100 Mbit/s; on a faster one packing costs more time than it saves, "
            "for mails are mostly base64.",
        ),
    ] = False


def side_of(
    name: str,
    url: str,
    options: SignIn,
    *,
    allow_plaintext: bool,
    trace: Any = None,
    begins: bool = False,
) -> Side:
    """Return one side (``source``, ``target``, or "" for a command that has but one).

    With ``begins`` its server is being connected to from now on, unless a person has to answer first.
    Nothing is read or asked before ``account_of``.
    Raises InvalidInput for what the options can not mean together.
    """
    # These load the protocol, which other commands need not wait for.
    from switchover.move.endpoint import ImapEndpoint, absolute, parse_endpoint  # noqa: PLC0415
    from switchover.move.work.sign_in_secret import split_command  # noqa: PLC0415

    given = {
        "password-file": options.password_file,
        "token-file": options.token_file,
        "token-command": options.token_command,
    }
    ways = [f"--{_before(name)}{option}" for option, value in given.items() if value]
    if len(ways) > 1:
        raise InvalidInput(f"{' and '.join(ways)}: give one of them")
    endpoint = absolute(parse_endpoint(url, allow_plaintext=allow_plaintext), Path.cwd())
    if endpoint.needs_no_password:
        from switchover.move.work.order import Side  # noqa: PLC0415

        return Side(endpoint=endpoint, name=name, may_create=name == "target", trace=trace)
    token: Any = options.token_file
    if options.token_command:
        token = split_command(options.token_command)
    password = None if token else _password(name, str(endpoint), options.password_file)
    link = None
    if begins and isinstance(endpoint, ImapEndpoint):
        link = _link(endpoint, password)
    from switchover.move.work.order import Side  # noqa: PLC0415 - the link is made meanwhile

    return Side(
        endpoint=endpoint,
        name=name,
        password=password,
        token=token,
        sign_in_as=options.authuser,
        mechanism=options.mechanism,
        authorities=options.ca,
        fingerprint=options.fingerprint,
        trace=trace,
        compress=options.compress,
        link=link,
    )


@contextmanager
def links_closed(sides: Iterable[Side]) -> Iterator[None]:
    """Close in the end what was begun for these sides and used by nobody."""
    try:
        yield
    finally:
        for side in sides:
            if side.link is not None:
                side.link.close()


def _link(endpoint: ImapEndpoint, password: Callable[[], str] | None) -> EarlyLink | None:
    """Begin to connect, unless a person is asked for the password first: no server waits for that for long."""
    from switchover.move.work.early_link import EarlyLink  # noqa: PLC0415 - start-up time

    if getattr(password, "func", None) is getpass.getpass:
        return None
    return EarlyLink(endpoint.host, endpoint.port)


def _password(side: str, where: str, file: Path | None) -> Callable[[], str]:
    """Return how to get a password; nothing is asked before everything else is known to be right."""
    from switchover.move.work.sign_in_secret import read_secret  # noqa: PLC0415 - as above

    variable = f"SWITCHOVER_{side.upper()}_PASSWORD" if side else "SWITCHOVER_PASSWORD"
    who = f"the {side} {where}" if side else where
    option = f"--{_before(side)}"
    if file is not None:
        return partial(read_secret, file, "password")
    if variable in os.environ:
        return partial(os.environ.__getitem__, variable)
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"no password for {who}: give {option}password-file FILE or {variable}, or a "
            f"token with {option}token-file or {option}token-command"
        )
    return partial(getpass.getpass, f"Password of {who}: ")


def _before(side: str) -> str:
    return f"{side}-" if side else ""
