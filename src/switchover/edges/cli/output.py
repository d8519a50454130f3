"""Printing: Rich tables for people, JSON for programs, errors with their place and exit code."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from switchover.errors import (
    Conflict,
    Corrupt,
    InvalidInput,
    NotFound,
    Refused,
    SwitchoverError,
    Unavailable,
)
from switchover.model.wording import counted, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from rich.console import Console

EXIT_CODES: dict[type[SwitchoverError], int] = {
    InvalidInput: 2,
    NotFound: 3,
    Conflict: 4,
    Refused: 5,
    Corrupt: 70,
    Unavailable: 75,
}
"""One table, as DESIGN's bars name them; 70 is also what an unknown exception gets."""

_PIPE_WIDTH = 160
"""Columns when nobody looks at a terminal: a pipe or file must not fold at 80."""


class _LateConsole:
    """A console that is loaded with its first use, because commands for programs never print there."""

    def __init__(self, *, is_for_errors: bool) -> None:
        self._is_for_errors = is_for_errors

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console  # noqa: PLC0415 - start-up time

        if self._is_for_errors:
            return Console(stderr=True)
        return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._console, name)

    def __enter__(self) -> Console:
        return self._console.__enter__()

    def __exit__(self, *reason: Any) -> None:
        self._console.__exit__(*reason)


console = cast("Console", _LateConsole(is_for_errors=False))
errors = cast("Console", _LateConsole(is_for_errors=True))


class Format(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"


class ListFormat(StrEnum):
    """How a command prints a list."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


STATE_STYLE = {
    "up": "green",
    "falling": "yellow",
    "rising": "yellow",
    "down": "bold red",
    "drain": "cyan",
    "maintenance": "magenta",
    "unchecked": "dim",
    "absent": "dim",
}
STATE_MARK = {
    "up": "●",
    "falling": "◐",
    "rising": "◑",
    "down": "✖",
    "drain": "▽",
    "maintenance": "■",
    "unchecked": "○",
    "absent": "·",
}


def state_text(state: str) -> str:
    """Return a state as mark and word in its colour (never by colour alone)."""
    style = STATE_STYLE.get(state, "")
    text = f"{STATE_MARK.get(state, '?')} {state}"
    return f"[{style}]{text}[/{style}]" if style else text


def escape(text: str) -> str:
    """Return text from outside so that neither Rich nor the terminal obeys it; line breaks stay."""
    from rich.markup import escape as escape_markup  # noqa: PLC0415 - start-up time

    return escape_markup(plain(text, keep="\n"))


def print_json(value: Any) -> None:
    """Print a value as JSON, times as ISO 8601."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


def print_stream(parts: Iterable[bytes]) -> None:
    """Print a file as it comes."""
    sys.stdout.flush()
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    numbers: Collection[str] = (),
) -> None:
    """Print a table; cells may hold Rich markup, so ``escape`` what comes from outside.

    The columns named in ``numbers`` stand to the right.
    """
    from rich.table import Table  # noqa: PLC0415 - start-up time

    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in numbers else "left")
    count = 0
    for row in rows:
        # A line break in a cell would draw a row that is none.
        table.add_row(*map(plain, row))
        count += 1
    if count:
        console.print(table)
    else:
        console.print(f"[dim]no {escape(title or 'rows').lower()}[/dim]")


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: ``3 d 4 h``, ``12 s``."""
    total = int(seconds)
    for size, unit, smaller_size, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if total >= size:
            rest = total % size // smaller_size
            return f"{total // size} {unit} {rest} {smaller}" if rest else f"{total // size} {unit}"
    return f"{total} s"


def fail(error: SwitchoverError, *, after_faults: str = "") -> int:
    """Print an error for people and return its exit code; ``after_faults`` is what they mean for all."""
    if isinstance(error, InvalidInput) and error.problems:
        for problem in error.problems:
            errors.print(
                f"[red]error[/red] {escape(str(problem))}", highlight=False, soft_wrap=True
            )
        count = counted(len(error.problems), "fault")
        errors.print(f"{count}; {after_faults}" if after_faults else count, highlight=False)
    else:
        errors.print(f"[red]error[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 70)


@contextmanager
def exits(*, after_faults: str = "") -> Iterator[None]:
    """Turn our errors into messages and exit codes."""
    try:
        yield
    except SwitchoverError as error:
        raise SystemExit(fail(error, after_faults=after_faults)) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        raise SystemExit(0) from None
