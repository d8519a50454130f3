"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from switchover.edges.cli.output import Format, ListFormat

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="SWITCHOVER_DATA",
        help="Data directory of the local switchover.",
        show_default="/var/lib/switchover for root, else ~/.local/state/switchover",
    ),
]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to print the result.")]
ListOutput = Annotated[
    ListFormat,
    typer.Option("-o", "--output", help="How to print the list; csv for spreadsheets, to its end."),
]
PartOfName = Annotated[
    str | None, typer.Option("--name", help="Only those with this in their name.")
]
Reason = Annotated[
    str, typer.Option("-m", "--reason", help="Why, for the history.", show_default=False)
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
File = Annotated[
    Path,
    typer.Argument(help="The platform file (YAML).", exists=False, dir_okay=False, metavar="FILE"),
]
