"""A unified difference as lines with what each does. Pure."""

from __future__ import annotations

from collections.abc import Iterator


def diff_lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Return for each line: ``add``, ``cut``, ``place``, ``file`` or ``same``; its sign; its text."""
    for line in text.splitlines():
        if line.startswith(("+++", "---")):
            yield "file", "", line
        elif line.startswith("@@"):
            yield "place", "", line
        elif line.startswith("+"):
            yield "add", "+", line[1:]
        elif line.startswith("-"):
            yield "cut", "-", line[1:]
        else:
            yield "same", "", line.removeprefix(" ")
