"""The command line is put together from modules, each loaded for its own commands only."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import typer

from switchover.edges.cli.main import COMMANDS, build, flowing


@pytest.mark.parametrize("module", COMMANDS)
def test_the_table_names_exactly_the_commands_that_a_module_brings(module: str) -> None:
    group = typer.main.get_command(build([module]))
    assert tuple(group.commands) == COMMANDS[module]  # type: ignore[attr-defined]  # a group has them


def test_one_command_does_not_load_what_the_others_need() -> None:
    code = (
        "import sys; sys.argv = ['switchover', 'copy', '--help']\n"
        "from switchover.edges.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "print('alembic' in sys.modules, 'sqlalchemy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr == "False False\n"
    assert "Copy one mailbox" in done.stdout


def test_a_help_text_fills_the_terminal_and_titles_keep_lines_of_their_own() -> None:
    text = """First sentence, which
    ends here.

    Second paragraph,
    two lines of source.

    Example: switchover one
    Late mail: switchover two
    """
    assert flowing(inspect.cleandoc(text)) == (
        "First sentence, which ends here.\n\nSecond paragraph, two lines of source.\n\n"
        "Example: switchover one\nLate mail: switchover two"
    )
