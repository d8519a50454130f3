"""HAProxy's own sentences about health and servers, as values.

The sentences are those of HAProxy 2.8.25 with ``option log-health-checks`` (src/check.c,
src/server.c, src/backend.c). With that option a "Server ... is DOWN" line has no cause of its own:
the cause stands in the health line just before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_CHECK = re.compile(
    r"(Health|Agent) check for (backup )?server ([^/ ]+)/(\S+) (conditionally )?(succeeded|failed)"
    r", reason: ([^,]+)(?:, code: (\d+))?(?:, info: \"(.*)\")?(?:, check duration: (\d+)ms)?"
    r", status: (\d+)/(\d+) (UP|DOWN|DRAIN)\.",
    re.DOTALL,
)
_SERVER = re.compile(r"(Backup )?Server ([^/ ]+)/(\S+)(?: \('[^']*'\))? (.+)\.", re.DOTALL)
_CAPACITY = re.compile(
    r"\. (\d+) active and (\d+) backup servers (?:left|online)\.(?: Running on backup\.)? ?"
    r"(?:(\d+) sessions active, )?"
)
_VIA = re.compile(r" via (\S+)\Z")
_BACKEND = re.compile(r"(?:backend|proxy) (\S+) has no server available!")


class CheckSource(StrEnum):
    """Who gave the verdict: our engine's own check, or the agent on the server's side."""

    HEALTH = "health"
    AGENT = "agent"


class Verdict(StrEnum):
    """Where a check leaves its server, as far as this check goes."""

    UP = "UP"
    DOWN = "DOWN"
    DRAIN = "DRAIN"


class ServerEvent(StrEnum):
    """What happened to a server."""

    DOWN = "down"
    UP = "up"
    STOPPING = "stopping"
    MAINTENANCE_ENTERED = "maintenance entered"
    MAINTENANCE_LEFT = "maintenance left"
    MAINTENANCE_KEPT = "maintenance kept"
    DRAIN_ENTERED = "drain entered"
    DRAIN_LEFT = "drain left"
    DRAIN_KEPT = "drain kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When a line was written and by whom; all None where the log format carries no header.

    ``severity`` is that of RFC 5424: 0 emergency, 1 alert, 4 warning, 5 notice, 6 informational.
    """

    at: datetime | None = None
    pid: int | None = None
    severity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTransition:
    """One check result that changed something: the verdict, or only the count towards it.

    ``count`` of ``needed`` checks agree with ``verdict``. ``reason`` is HAProxy's sentence
    ("Layer7 wrong status"), ``info`` what the server said, ``code`` its status where there is one.
    """

    stamp: Stamp
    source: CheckSource
    backend: str
    server: str
    is_backup: bool
    passed: bool
    conditionally: bool
    reason: str
    code: int | None
    info: str
    duration_milliseconds: int | None
    count: int
    needed: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNotice:
    """One event of a server.

    ``is_up`` is None where the sentence does not say. ``tracked`` is the server it follows, as
    backend/server. ``active`` and ``backups`` count what the backend has left, ``sessions`` what the
    server still had; None where unsaid. A drained server is counted out of ``active``.
    """

    stamp: Stamp
    event: ServerEvent
    backend: str
    server: str
    is_backup: bool
    is_up: bool | None
    cause: str = ""
    tracked: str = ""
    active: int | None = None
    backups: int | None = None
    sessions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEmpty:
    """A backend lost its last server: new clients of it are refused from now on."""

    stamp: Stamp
    backend: str


# In order: the first beginning that fits says the event and whether the server is up after it.
_EVENTS: tuple[tuple[str, ServerEvent, bool | None], ...] = (
    ("is going DOWN for maintenance", ServerEvent.MAINTENANCE_ENTERED, False),
    ("was DOWN and now enters maintenance", ServerEvent.MAINTENANCE_ENTERED, False),
    ("enters drain state", ServerEvent.DRAIN_ENTERED, None),
    ("is UP/READY", ServerEvent.MAINTENANCE_LEFT, True),
    ("is UP/DRAIN", ServerEvent.MAINTENANCE_LEFT, True),
    ("is DOWN/READY", ServerEvent.MAINTENANCE_LEFT, False),
    ("is DOWN/DRAIN", ServerEvent.MAINTENANCE_LEFT, False),
    ("administratively READY", ServerEvent.MAINTENANCE_LEFT, None),
    ("is UP (leaving", ServerEvent.DRAIN_LEFT, True),
    ("is DOWN (leaving", ServerEvent.DRAIN_LEFT, False),
    ("is leaving forced maintenance but remains", ServerEvent.MAINTENANCE_KEPT, False),
    ("resolves again but remains", ServerEvent.MAINTENANCE_KEPT, False),
    ("remains in forced maintenance", ServerEvent.MAINTENANCE_KEPT, False),
    ("remains in drain mode", ServerEvent.DRAIN_KEPT, None),
    ("remains in forced drain mode", ServerEvent.DRAIN_KEPT, None),
    ("is stopping", ServerEvent.STOPPING, True),
    ("is DOWN", ServerEvent.DOWN, False),
    ("is UP", ServerEvent.UP, True),
)


def read_notice(stamp: Stamp, text: str) -> HealthTransition | ServerNotice | BackendEmpty | None:
    """Return what a sentence says, or None when it is none of these; never raises."""
    if found := _CHECK.fullmatch(text):
        return _health(stamp, found)
    if found := _SERVER.fullmatch(text):
        return _server(stamp, found)
    if found := _BACKEND.fullmatch(text):
        return BackendEmpty(stamp=stamp, backend=found[1])
    return None


def _health(stamp: Stamp, found: re.Match[str]) -> HealthTransition:
    return HealthTransition(
        stamp=stamp,
        source=CheckSource.AGENT if found[1] == "Agent" else CheckSource.HEALTH,
        is_backup=found[2] is not None,
        backend=found[3],
        server=found[4],
        conditionally=found[5] is not None,
        passed=found[6] == "succeeded",
        reason=found[7],
        code=_number(found[8]),
        info=(found[9] or "").strip(),
        duration_milliseconds=_number(found[10]),
        count=_number(found[11]) or 0,
        needed=_number(found[12]) or 0,
        verdict=Verdict(found[13]),
    )


def _server(stamp: Stamp, found: re.Match[str]) -> ServerNotice | None:
    said = found[4]
    fitting = next((entry for entry in _EVENTS if said.startswith(entry[0])), None)
    if fitting is None:
        return None
    beginning, event, is_up = fitting
    capacity = _CAPACITY.search(f"{said}.")
    rest = said[len(beginning) : capacity.start() if capacity else None]
    via = _VIA.search(rest)
    cause = rest[: via.start()] if via else rest
    if beginning.endswith("(leaving"):
        cause = f"leaving{cause}"
    return ServerNotice(
        stamp=stamp,
        event=event,
        is_backup=found[1] is not None,
        backend=found[2],
        server=found[3],
        is_up=is_up,
        cause=cause.strip(" ,()"),
        tracked=via[1] if via else "",
        active=_number(capacity[1]) if capacity else None,
        backups=_number(capacity[2]) if capacity else None,
        sessions=_number(capacity[3]) if capacity else None,
    )


def _number(digits: str | None) -> int | None:
    # Never trust the length of a number in a log line: Python refuses to read over 4,300 digits.
    return int(digits) if digits and len(digits) < 19 else None
