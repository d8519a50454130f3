"""All commands, put together: one of them, or all where a person asks what there is.

Each command's module is loaded only for that command, so that none waits for what the others need.
"""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "running": ("serve",),
    "demo": ("demo",),
    "offline": ("check", "what-if", "schema", "explain"),
    "changes": ("apply", "diff", "export", "history", "rollback", "drift"),
    "seeing": ("status", "events", "terminations", "service"),
    "statistics": ("statistics",),
    "servers": ("server",),
    "accounts": ("account",),
    "tokens": ("token",),
    "audit": ("audit",),
    "copy": ("copy",),
    "verify": ("verify",),
    "probe": ("probe-endpoint",),
    "practice": ("practice",),
}
"""Which module brings which commands, in the order of the help."""
_OWN_LINE: Final = re.compile(r"[A-Z][a-z]+( [a-z]+)*: ")
"""How a line begins that stays a line of its own: ``Example: ``, ``Late mail: ``."""


def build(modules: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line with the commands of these modules."""
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
    app.callback()(options)
    for module in modules:
        import_module(f"switchover.edges.cli.{module}").register(app)
    _flow(app)
    return app


def _flow(app: typer.Typer) -> None:
    """Let every help text fill the terminal, not end its lines where our source does."""
    for command in app.registered_commands:
        command.help = flowing(command.help or inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _flow(group.typer_instance)


def flowing(text: str) -> str:
    """Return a text with each paragraph in one line, but for lines that begin with a title and a colon."""
    return re.sub(
        r"(?<!\n)\n(?!\n)",
        lambda end: "\n" if _OWN_LINE.match(text, end.end()) else " ",
        text.strip(),
    )


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - start-up time

        sys.stdout.write(f"switchover {version('switchover')}\n")
        raise typer.Exit


def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""


def run() -> None:
    """Run the command line."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    modules = [module for module, names in COMMANDS.items() if wanted in names]
    build(modules or tuple(COMMANDS))()
