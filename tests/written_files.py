"""Platform files as people write them: the same values with any indentation, braces, comments and line ends.

``written`` returns the text with the owner of each line, so that a test knows which lines may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from switchover.model.platform_file.writing import flow, key_text

Owner = tuple[str, str] | None
SECTIONS = ("servers", "services")


@dataclass(frozen=True)
class Written:
    """A text, and for each of its lines (ends kept) the section and name of the block it belongs to."""

    lines: list[tuple[Owner, str]]

    @property
    def text(self) -> str:
        return "".join(line for _, line in self.lines)

    def before(self, owner: Owner) -> str:
        """The text before the first line of a block."""
        return "".join(line for _, line in self.lines[: self._first(owner)])

    def after(self, owner: Owner) -> str:
        """The text behind the last line of a block."""
        last = max(number for number, (who, _) in enumerate(self.lines) if who == owner)
        return "".join(line for _, line in self.lines[last + 1 :])

    def _first(self, owner: Owner) -> int:
        return next(number for number, (who, _) in enumerate(self.lines) if who == owner)


def as_read(value: Any) -> Any:
    """Return a value as the reader gives it: keys are text."""
    if isinstance(value, dict):
        return {str(key): as_read(item) for key, item in value.items()}
    return [as_read(item) for item in value] if isinstance(value, list) else value


@st.composite
def written(draw: st.DrawFn, platform: dict[str, Any]) -> Written:
    """Draw a way to write a platform file."""
    step, end = draw(st.integers(1, 4)), draw(st.sampled_from(["\n", "\r\n"]))
    lines: list[tuple[Owner, str]] = []

    def add(owner: Owner, text: str) -> None:
        lines.append((owner, text + end))

    def around(owner: Owner, column: int) -> None:
        if draw(st.integers(0, 9)) == 0:
            add(
                owner,
                draw(st.sampled_from(["", f"{' ' * column}# a note: {{x}}", "# at the margin"])),
            )

    for key, value in platform.items():
        around(None, 0)
        if key in SECTIONS and value:
            add(None, f"{key}:{draw(st.sampled_from(['', '  # all of them']))}")
            for name, block in value.items():
                owner = (key, name)
                around(None, step)
                for line in draw(entry(name, block, column=step, step=step)):
                    add(owner, line)
        else:
            for line in draw(entry(key, value, column=0, step=step)):
                add(None, line)
    if draw(st.booleans()):
        around(None, 0)
    else:
        owner, last = lines[-1]
        lines[-1] = (owner, last.rstrip("\r\n"))
    return Written(lines)


@st.composite
def entry(draw: st.DrawFn, key: str, value: Any, *, column: int, step: int) -> list[str]:
    """Draw the lines of one entry."""
    head = f"{' ' * column}{key_text(key)}:"
    note = draw(st.sampled_from(["", "", "", "  # why"]))
    in_lines = draw(st.booleans())
    if not isinstance(value, dict | list) or not value or not in_lines:
        space = draw(st.sampled_from([" ", "  "]))
        return [f"{head}{space}{draw(short(value))}{note}"]
    lines = [head + note]
    if isinstance(value, dict):
        for name, item in value.items():
            if draw(st.integers(0, 14)) == 0:
                lines.append(f"{' ' * (column + step)}# inside")
            lines += draw(entry(name, item, column=column + step, step=step))
        return lines
    indent = " " * (column + draw(st.sampled_from([0, step])))
    for item in value:
        if isinstance(item, dict) and item and draw(st.booleans()):
            inner = [
                line
                for name, part in item.items()
                for line in draw(entry(name, part, column=len(indent) + 2, step=step))
            ]
            lines += [f"{indent}- {inner[0].lstrip()}", *inner[1:]]
        else:
            lines.append(f"{indent}- {draw(short(item))}")
    return lines


@st.composite
def short(draw: st.DrawFn, value: Any) -> str:
    """Draw a value on one line."""
    if isinstance(value, str) and draw(st.booleans()) and "'" not in value and value.isprintable():
        return f"'{value}'"
    if isinstance(value, list) and value and draw(st.booleans()):
        return "[ " + " ,  ".join([draw(short(item)) for item in value]) + " ]"
    return flow(value)
