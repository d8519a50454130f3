"""What can be watched: topics by name, as ``/live`` is asked for them. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from switchover.errors import InvalidInput

MOST_TOPICS = 300
_NAME = re.compile(r"[a-z0-9-]{1,40}\Z")
_PAIR = re.compile(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,40}\Z")


class Kind(StrEnum):
    """What a topic is about; those in NAMED are followed by a name, ``grid`` by ``SERVICE/SERVER``."""

    TROUBLE = "trouble"
    OVERVIEW = "overview"
    SERVICE_LINE = "service-line"
    SERVICE = "service"
    GRID = "grid"
    SERVER_LINE = "server-line"
    SERVER = "server"
    EVENTS = "events"


NAMED = frozenset({Kind.SERVICE_LINE, Kind.SERVICE, Kind.GRID, Kind.SERVER_LINE, Kind.SERVER})


class Topic(NamedTuple):
    """One thing to watch: ``overview``, ``service:web``."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        """As it stands in addresses."""
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


def parse_topics(text: str) -> tuple[Topic, ...]:
    """Return the topics in ``overview,service:web``, each once; raises InvalidInput for anything else."""
    words = list(dict.fromkeys(text.split(",")))
    if len(words) > MOST_TOPICS:
        raise InvalidInput(f"at most {MOST_TOPICS} topics can be watched at once")
    return tuple(map(_parse, words))


def _parse(word: str) -> Topic:
    kind, colon, name = word.partition(":")
    known = kind in set(Kind)
    wanted = _PAIR if kind == Kind.GRID else _NAME
    if known and (bool(colon) == (kind in NAMED)) and (not colon or wanted.match(name)):
        return Topic(Kind(kind), name)
    raise InvalidInput(f"there is no topic {word[:60]!r}; there are {', '.join(Kind)}")
