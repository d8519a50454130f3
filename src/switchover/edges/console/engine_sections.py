"""The engine's configuration in sections, to read and to search. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Where a section stands: from line ``begin`` to before line ``end``, counted from 0."""

    title: str
    begin: int
    end: int
    found: frozenset[int] = frozenset()


def search(text: str, words: str, *, most: int = MOST_LINES) -> Found:
    """Return the sections in which a line holds every word of ``words``, in any case; all without words.

    They come in the order of the file, those whose title fits first, and at most about ``most`` lines of
    them. What stands above the first section is one too.
    """
    lines = text.splitlines()
    spans = list(_spans(lines))
    wanted = words.casefold().split()
    if wanted:
        spans = list(_with_hits(spans, lines, wanted))
        spans.sort(key=lambda span: span.begin not in span.found)
    shown = list(_until(spans, most))
    return Found(
        sections=tuple(_section(span, lines) for span in shown),
        count=sum(len(span.found) for span in spans),
        hidden=len(spans) - len(shown),
    )


def _spans(lines: list[str]) -> Iterator[_Span]:
    title, begin = "at the top", 0
    heads = [number for number, line in enumerate(lines) if _HEAD.match(line)]
    for end in (*heads, len(lines)):
        if any(line.strip() for line in lines[begin:end]):
            yield _Span(title=title, begin=begin, end=end)
        if end < len(lines):
            title, begin = lines[end].strip(), end


def _with_hits(spans: Iterable[_Span], lines: list[str], wanted: list[str]) -> Iterator[_Span]:
    # All at once: a line is looked at some thousand times more often than it is shown.
    folded = "\n".join(lines).casefold().split("\n")
    hits = {number for number, line in enumerate(folded) if all(word in line for word in wanted)}
    for span in spans:
        if found := hits.intersection(range(span.begin, span.end)):
            yield replace(span, found=frozenset(found))


def _until(spans: Iterable[_Span], most: int) -> Iterator[_Span]:
    """Yield sections until their lines are too many; the first one always."""
    shown = 0
    for span in spans:
        size = span.end - span.begin
        shown += size
        if shown > most and shown > size:
            return
        yield span


def _section(span: _Span, lines: list[str]) -> Section:
    return Section(
        title=span.title,
        lines=tuple(
            Line(number=number + 1, text=lines[number], is_found=number in span.found)
            for number in range(span.begin, span.end)
        ),
    )
