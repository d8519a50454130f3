"""What HAProxy prints when it checks, starts or reloads, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE = re.compile(r"\[(ALERT|WARNING|NOTICE|INFO|DIAG)\]\s+\((\d+)\) : (.*)")
_PLACE = re.compile(r"(?:parsing|Binding) \[(.+?):(\d+)\](?:\s*:)?\s*(.*)")
_QUIET = ("haproxy version is ", "path to executable is ")


class Level(StrEnum):
    """How grave the engine finds it; an ALERT keeps a configuration from being used."""

    ALERT = "ALERT"
    WARNING = "WARNING"
    NOTICE = "NOTICE"
    INFO = "INFO"
    DIAG = "DIAG"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMessage:
    """One message; ``file`` and ``line`` say where in the configuration, when it says so."""

    level: Level
    text: str
    pid: int | None = None
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """``haproxy.cfg:12: unknown keyword ...``, the place left out when unknown."""
        return f"{self.file}:{self.line}: {self.text}" if self.file else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The engine's own verdict on a file. Warnings do not make it wrong."""

    ok: bool
    messages: tuple[EngineMessage, ...]

    @property
    def text(self) -> str:
        """The gravest messages as one line for people."""
        return describe(self.messages)


def parse_messages(output: str) -> tuple[EngineMessage, ...]:
    """Return the messages in what the engine printed, without the two it always prints.

    Lines that carry no level continue the message before them.
    """
    found: list[EngineMessage] = []
    for raw in output.splitlines():
        line = raw.strip()
        if not line or line == "--" or line.startswith("Success="):
            continue
        match = _LINE.match(line)
        if match is None:
            _continue(found, line.removeprefix("| "))
        elif not match[3].startswith(_QUIET):
            found.append(_message(match))
    return tuple(found)


def describe(messages: Sequence[EngineMessage], *, limit: int = 5) -> str:
    """Return the alerts, or what there is instead, as one line for people."""
    alerts = [message for message in messages if message.level is Level.ALERT]
    return "; ".join(str(message) for message in (alerts or messages)[:limit]) or "it said nothing"


def _message(match: re.Match[str]) -> EngineMessage:
    text = match[3].removeprefix("config : ").strip()
    place = _PLACE.match(text)
    return EngineMessage(
        level=Level(match[1]),
        pid=int(match[2]),
        text=place[3] if place else text,
        file=place[1] if place else "",
        line=int(place[2]) if place else None,
    )


def _continue(found: list[EngineMessage], line: str) -> None:
    if not found:
        found.append(EngineMessage(level=Level.NOTICE, text=line))
        return
    last = found[-1]
    found[-1] = EngineMessage(
        level=last.level,
        pid=last.pid,
        text=f"{last.text} {line}".strip(),
        file=last.file,
        line=last.line,
    )
