"""The part of an engine configuration that is about one service. Pure.

Read from the text itself, not from what it was made of: what is shown is what the engine reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADS = ("global", "defaults", "frontend", "backend", "listen", "ring", "peers")


def sections_of(text: str, service: str) -> str:
    """Return the defaults, frontends and backends that carry a service; "" when there are none."""
    found = [
        section
        for name, section in _sections(text)
        if name == service or name.startswith(f"{service}.")
    ]
    if not found:
        return ""
    defaults = [section for name, section in _sections(text) if name == "defaults"]
    return "\n\n".join((*defaults, *found)) + "\n"


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each section (for those without one, their kind) with its text."""
    lines: list[str] = []
    name = ""
    for line in text.splitlines():
        words = line.split(None, 2)
        if words and not line[0].isspace() and words[0] in _HEADS:
            yield name, "\n".join(lines).rstrip()
            lines = []
            name = words[1] if len(words) > 1 else words[0]
        lines.append(line)
    yield name, "\n".join(lines).rstrip()
