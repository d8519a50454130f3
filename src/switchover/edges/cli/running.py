"""Commands that run something: serve, worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.edges.cli.options import Data
from switchover.edges.cli.output import exits


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(serve)


def serve(
    data: Data = None,
    api: Annotated[
        str | None,
        typer.Option(help="Address and port of the API.", show_default="127.0.0.1:8440"),
    ] = None,
    haproxy: Annotated[
        Path | None, typer.Option(help="HAProxy 2.8 or newer.", show_default="the bundled one")
    ] = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(
            help="Certificate of API and console (PEM).",
            show_default="a generated one, unless only this machine can connect",
        ),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Key of that certificate (PEM).")] = None,
    keep_engine: Annotated[
        bool,
        typer.Option(
            "--keep-engine", help="Leave HAProxy serving when this process stops (for upgrades)."
        ),
    ] = False,
) -> None:
    """Run everything on this machine: database, engine, API and the balancer's cycle.

    Ends cleanly on Ctrl-C or SIGTERM; SIGHUP reads the certificate again. If it is killed, HAProxy goes on serving and the next start finds it.
    """
    with exits():
        from switchover.edges.serve import serve_forever  # noqa: PLC0415 - start-up time

        serve_forever(
            data=data,
            api=api,
            haproxy=haproxy,
            keep_engine=keep_engine or None,
            tls_certificate=tls_certificate,
            tls_key=tls_key,
        )
