"""What a running engine says about itself, and what of it outlives a reload.

``show servers state`` is both a report and the content of the server-state file, from which a new
worker takes over drains, maintenance, weights and check results. The file has two traps (both seen
on 2.8.25, both in src/server_state.c): the port in it beats the port in a changed configuration, and
so does the use of TLS, so a server that a revision switched to TLS would go on in clear. Hence
``render_state_file``: it takes ports from the configuration and leaves the TLS column out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Columns of version 1 that a file must have; those after it (TLS, check and agent endpoints) may be
# left out, and then the configuration decides (SRV_STATE_FILE_MIN_FIELDS_VERSION_1).
_LOADED_COLUMNS = 20
_ENDPOINT_COLUMNS = 5
# How the engine shows an address that is not set; an address of zeros counts for one that is not.
_NO_ADDRESS = {"-": "", "0.0.0.0": "", "::": ""}  # noqa: S104 - nothing listens there
_PORT_COLUMN = 18
_HEADER = re.compile(r"\d+")
_ENDPOINT_PORT = re.compile(r"(?:\]|\A[^:]*):(\d{1,5})\Z")
_RATE_LIMITS = (
    ("connections", "ConnRateLimit"),
    ("sessions", "SessRateLimit"),
    ("ssl-sessions", "SslRateLimit"),
    ("http-compression", "CompressBpsRateLim"),
)
_UPTIME = re.compile(r"(\d+)d(\d+)h(\d+)m(\d+)s")


class Operation(IntEnum):
    """Whether a server takes traffic as far as checks say (enum srv_state)."""

    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3


class AdminFlag(IntFlag):
    """What people or tracked servers decided (enum srv_admin).

    CONFIGURED_MAINTENANCE alone only says that the file says ``disabled``; FORCED_MAINTENANCE says
    whether the server is out because of it.
    """

    FORCED_MAINTENANCE = 0x01
    INHERITED_MAINTENANCE = 0x02
    CONFIGURED_MAINTENANCE = 0x04
    FORCED_DRAIN = 0x08
    INHERITED_DRAIN = 0x10
    RESOLUTION_MAINTENANCE = 0x20
    NAME_FROM_SOCKET = 0x40


_MAINTENANCE = (
    AdminFlag.FORCED_MAINTENANCE
    | AdminFlag.INHERITED_MAINTENANCE
    | AdminFlag.RESOLUTION_MAINTENANCE
)
_DRAIN = AdminFlag.FORCED_DRAIN | AdminFlag.INHERITED_DRAIN


class CheckFlag(IntFlag):
    """The state of a server's health check or agent check (CHK_ST_*)."""

    IN_PROGRESS = 0x01
    CONFIGURED = 0x02
    ENABLED = 0x04
    PAUSED = 0x08
    AGENT = 0x10


class CheckResult(IntEnum):
    """The result of the last check (enum chk_result)."""

    UNKNOWN = 0
    NEUTRAL = 1
    FAILED = 2
    PASSED = 3
    PASSED_CONDITIONALLY = 4


class Endpoints(NamedTuple):
    """How a server is spoken to, and where its checks go instead of the server: "" and 0 for nowhere else."""

    uses_tls: bool = False
    check_address: str = ""
    check_port: int = 0
    agent_address: str = ""
    agent_port: int = 0


class ServerState(NamedTuple):
    """One row of ``show servers state``; a NamedTuple because thousands are read in each cycle.

    ``port`` is 0 for a UNIX socket. ``weight`` is the one in force, ``configured_weight`` the one in
    the file. In maintenance a server gets neither traffic nor checks; when draining only persistent
    clients still reach it. ``check_health`` counts up from 0; ``changed_seconds_ago`` is the age of ``operation``.
    ``endpoints`` is None in a state file, which leaves them out. ``columns`` is the row as it came; the
    last one holds the rest of the line, which a state file must not have.
    """

    backend: str
    server: str
    address: str
    port: int
    operation: Operation
    admin: AdminFlag
    weight: int
    configured_weight: int
    changed_seconds_ago: int
    check_status: int
    check_result: CheckResult
    check_health: int
    check: CheckFlag
    agent: CheckFlag
    is_maintenance: bool
    is_draining: bool
    endpoints: Endpoints | None
    columns: tuple[str, ...]


def parse_servers(text: str) -> tuple[ServerState, ...]:
    """Return the rows of ``show servers state``; raises Corrupt for anything else or a cut row."""
    lines = text.strip().splitlines()
    if not lines or lines[0] != "1":
        raise Corrupt(f"not a server state of version 1: {text[:60]!r}")
    return tuple(_server(line) for line in lines[1:] if line and not line.startswith("#"))


def _server(line: str) -> ServerState:
    columns = tuple(line.split(None, _LOADED_COLUMNS))
    if len(columns) < _LOADED_COLUMNS:
        raise Corrupt(f"a row of the server state is cut short: {line[:120]!r}")
    try:
        return ServerState._make(
            (
                columns[1],
                columns[3],
                columns[4],
                int(columns[_PORT_COLUMN]),
                _operation(columns[5]),
                _admin(columns[6]),
                int(columns[7]),
                int(columns[8]),
                int(columns[9]),
                int(columns[10]),
                _check_result(columns[11]),
                int(columns[12]),
                _check(columns[13]),
                _check(columns[14]),
                _is_maintenance(columns[6]),
                _is_draining(columns[6]),
                _endpoints(columns[_LOADED_COLUMNS]) if len(columns) > _LOADED_COLUMNS else None,
                columns,
            )
        )
    except ValueError as error:
        raise Corrupt(f"not a row of a server state: {line[:120]!r}") from error


# Remembered, because thousands of rows hold the same few numbers and flags are slow to make.
@cache
def _operation(cell: str) -> Operation:
    return Operation(int(cell))


@cache
def _admin(cell: str) -> AdminFlag:
    return AdminFlag(int(cell))


@cache
def _is_maintenance(cell: str) -> bool:
    return bool(_admin(cell) & _MAINTENANCE)


@cache
def _is_draining(cell: str) -> bool:
    return bool(_admin(cell) & _DRAIN) and not _is_maintenance(cell)


@cache
def _check_result(cell: str) -> CheckResult:
    return CheckResult(int(cell))


@cache
def _check(cell: str) -> CheckFlag:
    return CheckFlag(int(cell))


@lru_cache(maxsize=10_000)
def _endpoints(cells: str) -> Endpoints | None:
    words = cells.split()
    if len(words) < _ENDPOINT_COLUMNS:
        return None
    return Endpoints(
        uses_tls=words[0] == "1",  # 0 when switched off, -1 for no-ssl
        check_port=int(words[1]),
        check_address=_NO_ADDRESS.get(words[2], words[2]),
        agent_address=_NO_ADDRESS.get(words[3], words[3]),
        agent_port=int(words[4]),
    )


def configured_ports(configuration: str) -> dict[tuple[str, str], int]:
    """Return the port of each (backend, server) in a configuration's text, 0 where it has none."""
    ports: dict[tuple[str, str], int] = {}
    section = ""
    for line in configuration.splitlines():
        words = line.split(None, 3)
        if not words or words[0].startswith("#"):
            continue
        if not line[0].isspace():
            section = words[1] if words[0] in {"backend", "listen"} and len(words) > 1 else ""
        elif section and words[0] == "server" and len(words) > 2:
            port = _ENDPOINT_PORT.search(words[2])
            ports[section, words[1]] = int(port[1]) if port else 0
    return ports


def render_state_file(rows: Iterable[ServerState], ports: Mapping[tuple[str, str], int]) -> str:
    """Return a server-state file for a configuration that has exactly the servers in ``ports``.

    What a new worker then takes over: mode, weight (unless the configured weight changed), whether
    checks are enabled, and the check result, so that a server that is down stays down. Rows of
    servers that no longer exist are left out.
    """
    lines = ["1", "# written by switchover: ports are those of the configuration"]
    for row in rows:
        port = ports.get((row.backend, row.server))
        if port is None:
            continue
        columns = list(row.columns[:_LOADED_COLUMNS])
        columns[_PORT_COLUMN] = str(port)
        lines.append(" ".join(columns))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """The useful part of ``show info`` of one worker.

    ``started_at_epoch`` with ``pid`` names a worker for ever. ``is_stopping`` is true for an old
    worker that only finishes its connections. ``open_files_limit`` and ``max_sockets`` are counts.
    ``max_connections`` can be lowered at run time, and not above ``configured_connections``.
    ``rate_limits`` are by the word of their command, per second (http-compression: bytes), 0 for none.
    """

    pid: int
    version: str
    threads: int
    uptime_seconds: int
    started_at_epoch: int
    is_stopping: bool
    max_connections: int
    configured_connections: int
    rate_limits: Mapping[str, int]
    connections: int
    total_connections: int
    total_requests: int
    max_sockets: int
    open_files_limit: int
    listeners: int
    idle_percent: int
    dropped_logs: int
    pool_bytes: int


def parse_info(text: str) -> EngineInfo:
    """Return the facts in ``show info``; raises Corrupt when one is missing."""
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    try:
        return EngineInfo(
            pid=int(values["Pid"]),
            version=values["Version"],
            threads=int(values["Nbthread"]),
            uptime_seconds=int(values["Uptime_sec"]),
            started_at_epoch=int(values["Start_time_sec"]),
            is_stopping=values["Stopping"] != "0",
            max_connections=int(values["Maxconn"]),
            configured_connections=int(values["Hard_maxconn"]),
            rate_limits={word: int(values[name]) for word, name in _RATE_LIMITS},
            connections=int(values["CurrConns"]),
            total_connections=int(values["CumConns"]),
            total_requests=int(values["CumReq"]),
            max_sockets=int(values["Maxsock"]),
            open_files_limit=int(values["Ulimit-n"]),
            listeners=int(values["Listeners"]),
            idle_percent=int(values["Idle_pct"]),
            dropped_logs=int(values["DroppedLogs"]),
            pool_bytes=int(values["PoolAlloc_bytes"]),
        )
    except (KeyError, ValueError) as error:
        raise Corrupt(f"not an engine's 'show info': {text[:80]!r} ({error})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process. ``reloads`` counts attempts since it started, failed ones too."""

    pid: int
    reloads: int
    uptime_seconds: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The answer of the master to ``show proc``. ``workers`` has one entry, or none after a crash."""

    master: Worker
    failed_reloads: int
    workers: tuple[Worker, ...]
    old_workers: tuple[Worker, ...]


def parse_processes(text: str) -> Processes:
    """Return the processes in ``show proc``; raises Corrupt when there is no master in it."""
    lists: dict[str, list[Worker]] = {"#<PID>": [], "# workers": [], "# old workers": []}
    current: list[Worker] | None = None
    failed = 0
    for line in text.splitlines():
        if line.startswith("#"):
            title = line.split(None, 1)[0] if line.startswith("#<PID>") else line.strip()
            current = lists.get(title)
            continue
        words = line.split()
        if current is None or len(words) < 5:
            continue
        if words[1] == "master":
            failed = int(words[4].rstrip("]"))
            words = [*words[:3], *words[5:]]
        current.append(
            Worker(
                pid=int(words[0]),
                reloads=int(words[2]),
                uptime_seconds=_uptime(words[3]),
                version=words[4],
            )
        )
    if not lists["#<PID>"]:
        raise Corrupt(f"not a master's 'show proc': {text[:80]!r}")
    return Processes(
        master=lists["#<PID>"][0],
        failed_reloads=failed,
        workers=tuple(lists["# workers"]),
        old_workers=tuple(lists["# old workers"]),
    )


def _uptime(text: str) -> int:
    found = _UPTIME.fullmatch(text)
    if found is None:
        raise Corrupt(f"not an uptime: {text!r}")
    days, hours, minutes, seconds = (int(part) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
