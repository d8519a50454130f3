"""All commands, put together."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from switchover.edges.cli import (
    changes,
    copy,
    demo,
    offline,
    practice,
    probe,
    running,
    seeing,
    servers,
    statistics,
    tokens,
)

app = typer.Typer(
    name="switchover",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Keeps a mail platform reachable while its servers fail.\n\n"
    "Start with [bold]switchover demo[/bold], or: [bold]switchover check farm.yaml[/bold], "
    "[bold]switchover serve[/bold], [bold]switchover apply farm.yaml[/bold].",
)


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"switchover {version('switchover')}\n")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""


running.register(app)
demo.register(app)
offline.register(app)
changes.register(app)
seeing.register(app)
statistics.register(app)
servers.register(app)
tokens.register(app)
copy.register(app)
probe.register(app)
practice.register(app)


def run() -> None:
    """Run the command line."""
    app()
