"""Commands of the practice farm: break and mend its servers, see their state, run a farm."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchover.edges.cli.options import Output
from switchover.edges.cli.output import Format, escape, exits, print_json, print_table

if TYPE_CHECKING:
    from switchover.practice.farm import WorkloadState

_practice = typer.Typer(
    help="The practice farm: servers that break on command. switchover demo starts one."
)
Server = Annotated[str, typer.Argument(help="cas1, cas1/owa, or all.")]
Workload = Annotated[str | None, typer.Argument(help="Only this workload of the server.")]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--farm",
        envvar="SWITCHOVER_FARM",
        help="Directory of the running farm.",
        show_default="that of the running demo",
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(_practice, name="practice", no_args_is_help=True)


def _directory(given: Path | None) -> Path:
    from switchover.edges.demo.place import demo_farm_directory  # noqa: PLC0415 - start-up time

    return given or demo_farm_directory()


def _target(server: str, workload: str | None) -> str:
    return f"{server}/{workload}" if workload else server


def _show(states: tuple[WorkloadState, ...], output: Format) -> None:
    if output is Format.JSON:
        print_json(
            [
                {
                    "server": state.server,
                    "workload": state.workload,
                    "fault": state.fault,
                    "requests": state.requests,
                    "checks": state.checks,
                    "connections": state.connections,
                }
                for state in states
            ]
        )
        return
    print_table(
        ("server", "workload", "fault", "requests", "checks", "open"),
        (
            (
                escape(state.server),
                state.workload,
                f"[red]{state.fault}[/red]" if state.fault else "[green]none[/green]",
                f"{state.requests:,}",
                f"{state.checks:,}",
                str(state.connections),
            )
            for state in states
        ),
        title="Practice farm",
    )


@_practice.command("break")
def break_(
    server: Server,
    workload: Workload = None,
    fault: Annotated[
        str,
        typer.Option(
            help="refuse, hang, 503, 401, 421, slow, wrong-certificate, reset or half-open."
        ),
    ] = "503",
    seconds: Annotated[float | None, typer.Option(help="Delay of the fault slow.")] = None,
    farm: Directory = None,
    output: Output = Format.TABLE,
) -> None:
    """Break a server or one workload of it. Example: switchover practice break cas1 owa --fault hang"""
    with exits():
        from switchover.practice.control import PracticeControl  # noqa: PLC0415 - start-up time

        control = PracticeControl.in_directory(_directory(farm))
        _show(asyncio.run(control.break_(_target(server, workload), fault, seconds)), output)


@_practice.command()
def mend(
    server: Server,
    workload: Workload = None,
    farm: Directory = None,
    output: Output = Format.TABLE,
) -> None:
    """Mend a server or one workload of it. Example: switchover practice mend all"""
    with exits():
        from switchover.practice.control import PracticeControl  # noqa: PLC0415 - start-up time

        control = PracticeControl.in_directory(_directory(farm))
        _show(asyncio.run(control.mend(_target(server, workload))), output)


@_practice.command()
def state(farm: Directory = None, output: Output = Format.TABLE) -> None:
    """Show what is broken and what every practice server has answered."""
    with exits():
        from switchover.practice.control import PracticeControl  # noqa: PLC0415 - start-up time

        _show(asyncio.run(PracticeControl.in_directory(_directory(farm)).state()), output)


@_practice.command()
def serve(
    spec: Annotated[Path, typer.Argument(help="JSON file that describes the farm.")],
    directory: Annotated[Path, typer.Argument(help="Where certificates and control.json go.")],
) -> None:
    """Run a practice farm of your own until Ctrl-C; loopback addresses only."""
    with exits():
        from switchover.practice.__main__ import main  # noqa: PLC0415 - start-up time

        sys.exit(main(["--spec", str(spec), "--directory", str(directory)]))
