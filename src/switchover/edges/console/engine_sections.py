"""The engine's configuration in sections, to read and to search. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_LINES = 1_500
"""Of a page: what is beyond is found by searching."""
_HEAD = re.compile(
    r"(?:global|defaults|frontend|backend|listen|peers|ring|resolvers|userlist|cache|program|"
    r"mailers|http-errors|log-forward|fcgi-app)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with its number in the file."""

    number: int
    text: str
    is_found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the configuration by its first line (``backend mail.owa``)."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The sections to show; ``count`` is how many lines were found, ``hidden`` how many sections are left."""

    sections: tuple[Section, ...]
    count: int
    hidden: int


def read_sections(text: str) -> tuple[Section, ...]:
    """Return the sections in the order of the file; what stands above the first is one too."""
    title, lines = "at the top", list[Line]()
    sections = []
    for number, line in enumerate(text.splitlines(), 1):
        if _HEAD.match(line):
            sections.append(Section(title=title, lines=tuple(lines)))
            title, lines = line.strip(), []
        lines.append(Line(number=number, text=line))
    sections.append(Section(title=title, lines=tuple(lines)))
    return tuple(one for one in sections if any(line.text.strip() for line in one.lines))


def search(sections: Iterable[Section], words: str, *, most: int = MOST_LINES) -> Found:
    """Return the sections in which a line holds every word of ``words``, in any case; all without words.

    Sections whose title fits come whole and first. At most about ``most`` lines are shown.
    """
    wanted = words.casefold().split()
    found = [marked for one in sections if (marked := _marked(one, wanted))]
    found.sort(key=lambda one: not _fits(one.title, wanted))
    shown = list(_until(found, most))
    count = sum(line.is_found for one in found for line in one.lines)
    return Found(sections=tuple(shown), count=count, hidden=len(found) - len(shown))


def _marked(section: Section, wanted: list[str]) -> Section | None:
    if not wanted:
        return section
    lines = tuple(
        Line(number=line.number, text=line.text, is_found=_fits(line.text, wanted))
        for line in section.lines
    )
    if not any(line.is_found for line in lines):
        return None
    return Section(title=section.title, lines=lines)


def _fits(text: str, wanted: list[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in wanted)


def _until(sections: Iterable[Section], most: int) -> Iterator[Section]:
    """Yield sections until their lines are too many; the first one always."""
    shown = 0
    for section in sections:
        shown += len(section.lines)
        if shown > most and shown > len(section.lines):
            return
        yield section
