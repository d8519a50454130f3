"""Commands that change one server or service: set and remove, for the groups of both."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchover.edges.cli.changes import show_diff, show_outcome
from switchover.edges.cli.client import Client, segment
from switchover.edges.cli.confirmation import require_yes
from switchover.edges.cli.options import Data, Output, Reason, Yes
from switchover.edges.cli.output import Format, console, escape, exits, print_json
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from switchover.model.platform_file.edit import Section

Name = Annotated[str, typer.Argument(help="Its name in the platform file.")]
KeysFile = Annotated[
    Path,
    typer.Argument(help="Its keys (YAML), as below its name in the platform file; - reads them."),
]
OldName = Annotated[
    str | None, typer.Option("--old-name", help="Its name until now, where NAME is a new one.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Everywhere = Annotated[
    bool, typer.Option("--everywhere", help="Where it is mentioned it goes as well.")
]


def add_block_commands(group: typer.Typer, one: str) -> None:
    """Add ``set`` and ``remove`` to the commands of servers or services (``one``)."""
    listed = f"{one}s"

    def set_block(
        name: Name,
        file: KeysFile,
        old_name: OldName = None,
        reason: Reason = "",
        dry_run: DryRun = False,
        output: Output = Format.TABLE,
        data: Data = None,
    ) -> None:
        with exits(after_faults="" if dry_run else "nothing was applied"):
            value, files = _read_keys(file, listed, name)
            body = {
                "value": value, "files": files, "old_name": old_name, "reason": reason,
                "dry_run": dry_run,
            }  # fmt: skip
            outcome = Client.find(data).put(f"/{listed}/{segment(name)}", body)
            _show(outcome, output, with_diff=dry_run)

    def remove_block(
        name: Name,
        everywhere: Everywhere = False,
        reason: Reason = "",
        yes: Yes = False,
        output: Output = Format.TABLE,
        data: Data = None,
    ) -> None:
        with exits():
            client, path = Client.find(data), f"/{listed}/{segment(name)}"
            asked = {"everywhere": str(everywhere).lower(), "reason": reason}
            preview = client.delete(path, **asked, dry_run="true")
            if not yes and output is Format.TABLE:
                show_diff(preview["diff"])
                require_yes(f"Remove {one} {name}?")
            _show(client.delete(path, **asked), output)

    group.command("set", help=_SET.format(one=one))(set_block)
    group.command("remove", help=_REMOVE.format(one=one))(remove_block)


_SET = """Add or change one {one}; the rest of the platform file stays as it is written.

Files that it names stand beside FILE. Example: switchover {one} set NAME keys.yaml -m "as agreed"
"""
_REMOVE = """Take one {one} out of the platform file. Example: switchover {one} remove NAME -m "not needed" """


def _read_keys(file: Path, listed: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the keys in a file, and what the files they name hold, in base64."""
    from switchover.edges.cli.platform_files import (  # noqa: PLC0415 - start-up time
        read_files_beside,
        read_text,
    )
    from switchover.model.platform_file.edit import Section, read_block  # noqa: PLC0415 - as above
    from switchover.model.platform_file.tree import read_tree  # noqa: PLC0415 - as above

    source = "-" if str(file) == "-" else str(file)
    text = sys.stdin.read() if source == "-" else read_text(file)
    value = read_tree(text, source=source).value
    if not isinstance(value, dict):
        raise InvalidInput(f"{source} must hold keys and values, such as port: 443")
    section: Section = Section(listed)
    names = [] if source == "-" else read_block(section, name, value).files()
    files = read_files_beside(file, names)
    return _as_json(value), {
        key: base64.b64encode(content).decode() for key, content in files.items()
    }


def _as_json(value: Any) -> Any:
    """Return plain values as JSON can carry them: a number that remembers its spelling is that text."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return getattr(value, "text", value)


def _show(outcome: dict[str, Any], output: Format, *, with_diff: bool = False) -> None:
    if output is Format.JSON:
        print_json(outcome)
        return
    if with_diff:
        show_diff(outcome["diff"])
    show_outcome(outcome)
    for comment in outcome["lost_comments"]:
        console.print(f"[yellow]lost[/yellow] {escape(comment)}", highlight=False)
