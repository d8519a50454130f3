"""The command that shows everything at once: demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.edges.cli.output import console, exits
from switchover.errors import InvalidInput


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)


def demo(
    once: Annotated[
        bool,
        typer.Option("--once", help="Tell a story with claims; exit 0 only if every claim held."),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep its files (logs, platform file) until the next demo."),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(help="Write the live view to this SVG file while webmail is broken, and end."),
    ] = None,
) -> None:
    """Break mail servers and watch: a practice farm behind three layouts, with clients.

    Needs no root. Break things by key, or in a second terminal: switchover practice break cas1 owa.
    Ends with q or Ctrl-C, and takes everything that it started with it.
    """
    with exits():
        if picture and once:
            raise InvalidInput("give --once or --picture, not both")
        if picture and not picture.parent.is_dir():
            raise InvalidInput(f"--picture: there is no directory {picture.parent}")
        console.print("[dim]loading ...[/dim]")
        from switchover.edges.demo.run import DemoOptions, run_demo  # noqa: PLC0415 - start-up time

        code = run_demo(DemoOptions(once=once, keep=keep, picture=picture))
        raise SystemExit(code)
