"""What a practice web server shows, as values: pages, facts, challenges, refusals."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.practice.http1 import Reply
from switchover.practice.sign_in import SCHEMES
from switchover.practice.workloads import WELL_KNOWN_PATHS

if TYPE_CHECKING:
    from switchover.practice.connection import Connection
    from switchover.practice.http1 import Request
    from switchover.practice.sign_in import Verdict
    from switchover.practice.workloads import WebPaths, WebWorkload

Fields = tuple[tuple[str, str], ...]

HEALTHCHECK = "/healthcheck.htm"
CHALLENGES: Fields = (
    *(("WWW-Authenticate", scheme) for scheme in SCHEMES),
    ("WWW-Authenticate", 'Basic realm="practice"'),
)

_DEFAULT_HEARTBEAT_SECONDS = 60.0
_LONGEST_HEARTBEAT_SECONDS = 3540.0  # MS-ASCMD 2.2.3.88: the server refuses more
_HEARTBEAT = re.compile(rb"<HeartbeatInterval>\s*(\d{1,5})\s*</HeartbeatInterval>")
_TORN_BODY_BYTES = 44
_DAV_CLASSES = "1, 2, 3, access-control, calendar-access, addressbook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request with all that is known about it.

    Attributes:
        server: who answers.
        workload: whose path it is, None when nobody claims it.
        verdict: who asks.
        served: how many requests this connection has carried, this one included.
    """

    server: str
    connection: Connection
    request: Request
    workload: WebWorkload | None
    verdict: Verdict
    served: int

    @property
    def path(self) -> str:
        """The path in lower case, as IIS compares it."""
        return self.request.path.lower()

    @property
    def wants_sign_in(self) -> bool:
        """Whether this page is only for somebody who has signed in."""
        return self.path.endswith("/whoami") or self.request.query.get("auth") == "required"

    @property
    def is_check(self) -> bool:
        """Whether a health check asks: told by its page, its method, or that it names no browser."""
        return (
            self.path.endswith(HEALTHCHECK)
            or self.request.method == "OPTIONS"
            or "user-agent" not in self.request.fields
        )


def identity(visit: Visit) -> Fields:
    """Return the fields that say who answered whom; every answer carries them."""
    fields = [
        ("X-Practice-Server", visit.server),
        ("X-Practice-Connection", str(visit.connection.number)),
    ]
    if visit.workload:
        fields.append(("X-Practice-Workload", visit.workload.name))
        if visit.workload.healthcheck:
            fields.append(("X-FEServer", visit.server.upper()))  # as Exchange itself says it
    if visit.verdict.user:
        # Escaped: a user name may hold what must not stand in a header.
        fields.append(("X-Practice-User", json.dumps(visit.verdict.user)[1:-1]))
    if visit.verdict.state.user:
        fields.append(("Persistent-Auth", "true"))
    return tuple(fields)


def healthcheck(visit: Visit) -> Reply:
    """Return the page Managed Availability makes up in memory: the verdict, and who gives it."""
    return Reply(body=f"200 OK<br/>\r\n{visit.server}".encode(), fields=identity(visit))


def facts(visit: Visit) -> Reply:
    """Return all that is known of the request: a page for a browser, JSON for others."""
    connection, request = visit.connection, visit.request
    proxied = connection.proxied
    known: dict[str, object] = {
        "server": visit.server,
        "workload": visit.workload.name if visit.workload else None,
        "user": visit.verdict.user,
        "client": connection.client,
        "peer": connection.peer,
        "proxied": f"{proxied.source}:{proxied.source_port}" if proxied else None,
        "proxy_version": proxied.version if proxied else None,
        "forwarded_for": request.fields.get("x-forwarded-for"),
        "host": request.fields.get("host"),
        "method": request.method,
        "path": request.path,
        "http": request.version,
        "tls": connection.is_encrypted,
        "connection": connection.number,
        "request": visit.served,
        "body_bytes": request.body_bytes,
    }
    if "text/html" in request.fields.get("accept", ""):
        return Reply(
            body=_table(f"{visit.server}: {known['workload']}", known), fields=identity(visit)
        )
    return as_json(visit, known)


def as_json(visit: Visit, content: dict[str, object]) -> Reply:
    """Return the content as JSON."""
    body = json.dumps(content).encode()
    return Reply(body=body, content_type="application/json", fields=identity(visit))


def login_form(visit: Visit) -> Reply:
    """Return the form that a check of SOGo or Roundcube looks for."""
    name = visit.workload.name if visit.workload else ""
    body = (
        f"<!doctype html><title>{name} on {visit.server}</title>"
        '<form id="login-form" method="post"><input name="_user" id="rcmloginuser">'
        '<input name="_pass" type="password" id="rcmloginpwd"></form>'
    )
    return Reply(body=body.encode(), fields=identity(visit))


def dav_options(visit: Visit) -> Reply:
    """Return what a CalDAV and CardDAV server can do (RFC 4791 section 5.1)."""
    allow = ("Allow", "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, REPORT")
    return Reply(fields=(*identity(visit), ("DAV", _DAV_CLASSES), allow))


def activesync_options(visit: Visit) -> Reply:
    """Return the protocol versions (MS-ASHTTP 2.2.4)."""
    versions = ("MS-ASProtocolVersions", "14.0,14.1,16.0,16.1")
    return Reply(fields=(*identity(visit), versions, ("Allow", "OPTIONS, POST")))


def outside(visit: Visit, paths: WebPaths) -> Reply:
    """Return the answer for paths that lead elsewhere or belong to no workload."""
    if visit.path in WELL_KNOWN_PATHS and (home := paths.dav_home()):
        return Reply(status=301, fields=(*identity(visit), ("Location", home)))
    if visit.path == "/" and "owa" in paths.workloads:
        # Exchange since 2013 CU6, which is why a check of "/" proves nothing (KB 3002351).
        return Reply(status=302, fields=(*identity(visit), ("Location", "/owa/")))
    return Reply(status=404, body=b"nothing here", fields=identity(visit))


def demand(visit: Visit, challenges: Fields = CHALLENGES) -> Reply:
    """Return the answer that asks for a sign-in, or for its next step."""
    return Reply(status=401, body=b"sign in", fields=(*challenges, *identity(visit)))


def refusal(visit: Visit, status: int) -> Reply:
    """Return the answer of a broken workload."""
    if status == 401:
        return demand(visit)
    name = visit.workload.name if visit.workload else "everything"
    body = f"{status}: {name} is broken on {visit.server}"
    return Reply(status=status, body=body.encode(), fields=identity(visit))


def torn(visit: Visit) -> bytes:
    """Return the part of a response that goes out before the reset.

    A user's answer is torn in its body. A health page is so short that it is torn in its head:
    measured with HAProxy 2.8, a check of the status alone is content with a whole head.
    """
    body = bytes(_TORN_BODY_BYTES)
    reply = Reply(body=body, fields=identity(visit))
    whole = reply.render(head_only=visit.is_check, keeps_alive=True)
    return whole[: -_TORN_BODY_BYTES // 2]


def heartbeat_seconds(request: Request) -> float:
    """Return how long a Ping asks to be held: ``?HeartbeatInterval=`` or the XML element.

    Real clients send the element as WBXML, which is not practised here.
    """
    found = _HEARTBEAT.search(request.body)
    text = found[1].decode() if found else request.query.get("HeartbeatInterval", "")
    if not text.isascii() or not text.isdigit():
        return _DEFAULT_HEARTBEAT_SECONDS
    return min(float(text), _LONGEST_HEARTBEAT_SECONDS)


def _table(title: str, known: dict[str, object]) -> bytes:
    rows = "".join(
        f"<tr><th>{html.escape(name)}<td>{html.escape(str(value))}" for name, value in known.items()
    )
    head = html.escape(title)
    return f"<!doctype html><title>{head}</title><h1>{head}</h1><table>{rows}</table>".encode()
