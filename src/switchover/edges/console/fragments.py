"""The live parts of pages: what each shows, when that changed, and the bytes that tell it to all. Pure.

A topic holds parts by the id of their element. A part is a macro of ``cells.html`` with its values; it is
rendered when it has changed and somebody is told, once for everybody, and never because a page is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Part(NamedTuple):
    """What an element shows: a macro of ``cells.html`` with its values, which compare cheaply."""

    macro: str
    values: tuple[object, ...]


Parts = Mapping[str, Part]
"""Parts by the id of their element."""


@dataclass(slots=True)
class _Shown:
    part: Part
    changed: int
    told: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Fragments:
    """Everything that somebody was shown, by topic, and in which snapshot it changed last.

    ``render`` makes a part's HTML. Numbers are those of snapshots: they only grow.
    """

    render: Callable[[Part], str]
    _topics: dict[str, dict[str, _Shown]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def observe(self, topic: str, number: int, parts: Parts) -> None:
        """Take what a topic shows in snapshot ``number``; what an older one showed is not taken."""
        if number < self._seen.get(topic, 0):
            return
        self._seen[topic] = number
        known = self._topics.get(topic, {})
        fresh: dict[str, _Shown] = {}
        for name, part in parts.items():
            shown = known.get(name)
            fresh[name] = (
                shown if shown and shown.part == part else _Shown(part=part, changed=number)
            )
        self._topics[topic] = fresh

    def changed_since(self, topic: str, number: int) -> bytes:
        """Return what changed after snapshot ``number`` as a message of server-sent events, or nothing."""
        pieces = [
            self._told(name, shown)
            for name, shown in self._topics.get(topic, {}).items()
            if shown.changed > number
        ]
        return b"data: {%s}\n\n" % b",".join(pieces) if pieces else b""

    def _told(self, name: str, shown: _Shown) -> bytes:
        if shown.told is None:
            # As JSON it is one line of ASCII: nothing in it can end the message or begin another.
            shown.told = f"{json.dumps(name)}:{json.dumps(self.render(shown.part))}".encode()
        return shown.told

    def forget_all_but(self, topics: Iterable[str]) -> None:
        """Drop topics that nobody watches any more."""
        kept = set(topics)
        for topic in [topic for topic in self._topics if topic not in kept]:
            del self._topics[topic]
            del self._seen[topic]
