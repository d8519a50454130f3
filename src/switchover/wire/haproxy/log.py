"""The log formats that we render, and what comes back in them.

A session line begins with a mark and has its fields separated by tabs. Everything a client can
choose is either encoded by HAProxy (method and path: no control character gets through) or stands
last (the host, which may hold any byte), so no client can shift a field. Paths come without their
query string: it may carry secrets.

Every other line is one of HAProxy's own sentences, see ``notices``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from switchover.wire.haproxy.notices import (
    BackendEmpty,
    HealthTransition,
    ServerNotice,
    Stamp,
    read_notice,
)

MAX_LINE_BYTES = 16_384
_MAX_TEXT = 2_000
_MAX_HOST = 253
_MAX_PATH = 512

# Variables that a frontend fills before it routes; both are "-" in the line when never set. In HTTP mode
# the host comes from the first capture of the frontend.
HOST_VARIABLE = "txn.sw_host"
WORKLOAD_VARIABLE = "txn.sw_workload"
# A capture costs a fourth of a variable that is brought into its final form for every request.
CAPTURE_HTTP_HOST = f"capture request header Host len {_MAX_HOST}"
CAPTURE_TLS_NAME = f"tcp-request content set-var({HOST_VARIABLE}) req.ssl_sni,lower"

_HTTP_MARK = "sw1h"
_TCP_MARK = "sw1t"
_REJECTED_MARK = "sw1e"

# Real tabs, so that the strings mean the same in 'strong' and "weak" quotes.
HTTP_LOG_FORMAT = "\t".join(
    (
        _HTTP_MARK,
        "%Ts.%ms",
        "%pid",
        "%f",
        "%b",
        "%s",
        "%ci",
        "%cp",
        "%TR",
        "%Tw",
        "%Tc",
        "%Tr",
        "%Ta",
        "%ST",
        "%tsc",
        "%rc",
        "%U",
        "%B",
        f"%[var({WORKLOAD_VARIABLE})]",
        "%HM",
        "%HPO",
        "%[capture.req.hdr(0)]",
    )
)
TCP_LOG_FORMAT = "\t".join(
    (
        _TCP_MARK,
        "%Ts.%ms",
        "%pid",
        "%f",
        "%b",
        "%s",
        "%ci",
        "%cp",
        "-1",
        "%Tw",
        "%Tc",
        "-1",
        "%Tt",
        "-1",
        "%ts",
        "%rc",
        "%U",
        "%B",
        f"%[var({WORKLOAD_VARIABLE})]",
        "-",
        "-",
        f"%[var({HOST_VARIABLE})]",
    )
)
# For "error-log-format": connections refused before there is a session (TLS or PROXY header).
ERROR_LOG_FORMAT = "\t".join(
    (
        _REJECTED_MARK,
        "%Ts.%ms",
        "%pid",
        "%f",
        "%ci",
        "%cp",
        "%[fc_err_str]",
        "%[ssl_fc_err_str]",
        "%[ssl_fc_sni]",
    )
)
_SESSION_FIELDS = HTTP_LOG_FORMAT.count("\t") + 1
_REJECTED_FIELDS = ERROR_LOG_FORMAT.count("\t") + 1

_HEADER = re.compile(r"<(\d{1,3})>(?:1 (\S+) \S+ \S+ (\d+|-) \S+ (?:-|\[[^]]*\]) )?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PATH_END = re.compile(r"[?;#]")
_PORT_END = re.compile(r":\d*\Z")

# HAProxy 2.8 configuration manual, section 8.5: who ended the session, and in which phase.
ENDED_BY = {
    "C": "the client ended or reset the connection",
    "S": "the server refused or reset the connection",
    "P": "the balancer ended it (limit, rule or bad request)",
    "L": "answered by the balancer itself",
    "R": "a resource of the balancer ran out",
    "I": "an internal error of the balancer",
    "D": "the server was marked down",
    "U": "the server came back and its backup let go",
    "K": "an operator ended it",
    "c": "the client stayed silent too long",
    "s": "the server stayed silent too long",
    "-": "both sides finished",
}
ENDED_IN = {
    "R": "while the request came",
    "Q": "while it waited for a server",
    "C": "while the server was connected",
    "H": "while the answer's headers came",
    "D": "while data flowed",
    "L": "while the last data went to the client",
    "T": "while the request was held back",
    "-": "after the end",
}


class Mode(StrEnum):
    """How the frontend handled the session."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One request (HTTP) or one connection (TCP) that ended.

    Times are milliseconds, None where the phase was not reached: ``request`` until the whole
    request was there, ``queue``, ``connect``, ``response`` until the first byte of the answer,
    ``total``. ``server`` is empty when none was chosen. ``termination`` has HAProxy's two letters
    (four in HTTP mode, with the cookie's). ``bytes_in`` came from the client. ``host`` is the Host
    header or the TLS name. Path, host, method and workload are empty when unknown.
    """

    mode: Mode
    accepted_at: datetime
    pid: int
    frontend: str
    backend: str
    server: str
    client_address: str
    client_port: int
    request_milliseconds: int | None
    queue_milliseconds: int | None
    connect_milliseconds: int | None
    response_milliseconds: int | None
    total_milliseconds: int | None
    status: int | None
    termination: str
    retries: int
    is_redispatched: bool
    bytes_in: int
    bytes_out: int
    workload: str
    method: str
    path: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A connection that never became a session: a failed TLS handshake or PROXY header."""

    accepted_at: datetime
    pid: int
    frontend: str
    client_address: str
    client_port: int
    reason: str
    tls_reason: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNotice:
    """Any other line, made printable and cut to 2,000 characters."""

    stamp: Stamp
    text: str


Record = Session | Rejection | HealthTransition | ServerNotice | BackendEmpty | EngineNotice


def parse_log(line: bytes) -> Record:
    """Return what one log line says; whatever it holds, this never raises.

    The header of RFC 5424 (``format rfc5424``) or the level of ``format short`` may be there or not.
    """
    text = line[:MAX_LINE_BYTES].decode("utf-8", "replace").rstrip("\r\n\0")
    header = _HEADER.match(text)
    body = text[header.end() :] if header else text
    try:
        if body.startswith((_HTTP_MARK, _TCP_MARK)):
            return _session(body.split("\t", _SESSION_FIELDS - 1))
        if body.startswith(_REJECTED_MARK):
            return _rejection(body.split("\t", _REJECTED_FIELDS - 1))
    except (ValueError, OverflowError, OSError, IndexError):
        pass  # a cut line: kept as a notice below
    stamp = _stamp(header)
    return read_notice(stamp, body) or EngineNotice(stamp=stamp, text=_printable(body, _MAX_TEXT))


def log_target(socket: str, *, events_ring: bool) -> tuple[str, ...]:
    """Return the ``log`` lines of the global section.

    Without ``events_ring`` everything goes to the datagram ``socket``. A UNIX datagram socket holds
    only ``net.unix.max_dgram_qlen`` lines (10 unless raised), so a burst of sessions drops lines;
    with it, the lines of notice level and above also go to the ring of ``event_ring``, where they
    wait in the engine's memory until they are read.
    """
    lines = [f"log {socket} len {MAX_LINE_BYTES} format rfc5424 local0 info"]
    if events_ring:
        lines.append(f"log ring@events len {MAX_LINE_BYTES} format rfc5424 local0 notice")
    return tuple(lines)


def event_ring(socket: str, *, size_bytes: int = 1_048_576) -> tuple[str, ...]:
    """Return the section of the ring that keeps health and server lines for ``EventReceiver``.

    1 MiB holds some 5,000 transitions; when it is full the oldest are overwritten.
    """
    return (
        "ring events",
        "    format rfc5424",
        "    maxlen 4096",
        f"    size {size_bytes}",
        "    timeout connect 1s",
        "    timeout server 10s",
        f"    server receiver unix@{socket} log-proto octet-count",
    )


def _session(fields: list[str]) -> Session:
    if len(fields) != _SESSION_FIELDS:
        raise ValueError("a session line has too few fields")
    status = int(fields[13])
    return Session(
        mode=Mode.HTTP if fields[0] == _HTTP_MARK else Mode.TCP,
        accepted_at=_moment(fields[1]),
        pid=int(fields[2]),
        frontend=fields[3],
        backend=fields[4],
        server=_unless_none(fields[5]),
        client_address=fields[6],
        client_port=int(fields[7]),
        request_milliseconds=_reached(fields[8]),
        queue_milliseconds=_reached(fields[9]),
        connect_milliseconds=_reached(fields[10]),
        response_milliseconds=_reached(fields[11]),
        total_milliseconds=_reached(fields[12].lstrip("+")),
        status=status if status > 0 else None,
        termination=fields[14],
        retries=int(fields[15].lstrip("+")),
        is_redispatched=fields[15].startswith("+"),
        bytes_in=int(fields[16]),
        bytes_out=int(fields[17].lstrip("+")),
        workload=_unless_none(fields[18]),
        method=_unless_none(fields[19]),
        path=_PATH_END.split(_unless_none(fields[20]), maxsplit=1)[0][:_MAX_PATH],
        host=_printable(_PORT_END.sub("", _unless_none(fields[21])).lower(), _MAX_HOST),
    )


def _rejection(fields: list[str]) -> Rejection:
    return Rejection(
        accepted_at=_moment(fields[1]),
        pid=int(fields[2]),
        frontend=fields[3],
        client_address=fields[4],
        client_port=int(fields[5]),
        reason=_printable(_unless_none(fields[6]), _MAX_TEXT),
        tls_reason=_printable(_unless_none(fields[7]), _MAX_TEXT),
        host=_printable(_unless_none(fields[8]), _MAX_HOST),
    )


def _stamp(header: re.Match[str] | None) -> Stamp:
    if header is None:
        return Stamp()
    pid = header[3]
    return Stamp(
        at=_iso(header[2]) if header[2] else None,
        pid=int(pid) if pid and pid != "-" and len(pid) < 12 else None,
        severity=int(header[1]) % 8,
    )


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)


def _reached(text: str) -> int | None:
    milliseconds = int(text)
    return milliseconds if milliseconds >= 0 else None


def _unless_none(text: str) -> str:
    return "" if text == "-" or text.startswith("<") else text


def _printable(text: str, limit: int) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:limit])
