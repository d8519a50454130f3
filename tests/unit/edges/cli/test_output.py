"""What is printed: nothing from outside acts on the terminal, and faults say what they mean for all."""

from __future__ import annotations

import pytest

from switchover.edges.cli.output import escape, exits, print_table
from switchover.errors import InvalidInput, Problem

HOSTILE = "503 \x1b[2J[bold]gone[/bold]\nOK \x9b1A\u202e"


def test_text_from_outside_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("cause",), [(escape(HOSTILE),), (HOSTILE,)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "\u202e" not in shown
    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) == 3
    assert "\\x1b[2J[bold]gone[/bold]\\nOK" in lines[1]


@pytest.mark.parametrize(
    ("after", "count", "said"),
    [("", 1, "1 fault\n"), ("nothing was applied", 2, "2 faults; nothing was applied\n")],
)
def test_faults_are_counted_and_say_what_follows_where_something_does(
    capsys: pytest.CaptureFixture[str], after: str, count: int, said: str
) -> None:
    problems = tuple(Problem(message="wrong") for _ in range(count))
    with pytest.raises(SystemExit), exits(after_faults=after):
        raise InvalidInput("faults", problems)
    assert capsys.readouterr().err.endswith(said)
