"""Health conversations: what a real server must answer for a workload to count as healthy.

The mail conversations use ``min-recv`` on the first line, so that a wrong greeting (421, ``* BYE``,
``-ERR``) is a verdict at once and not only when the time is up (tcp-check expect, manual 4.2).
STARTTLS can not be negotiated in a check; on those ports we prove that the capability is offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.model.workload import Check, CheckKind, Transport
from switchover.wire.haproxy.config import CheckStep, HealthCheck
from switchover.wire.haproxy.render import quoted

if TYPE_CHECKING:
    from switchover.balance.virtual_service import CarriedWorkload, VirtualService

CHECK_NAME = "switchover-check"
"""How our checks introduce themselves in EHLO, LHLO and User-Agent."""


def health_check(
    service: VirtualService, judged: tuple[CarriedWorkload, ...], *, explicit_connect: bool
) -> HealthCheck:
    """Return the conversation that proves every workload of ``judged`` answers.

    With more than one, each gets its own connection, in order, and the first that fails decides
    (one multi-step check). ``explicit_connect`` is needed wherever a check leaves the server's port.
    """
    timeout = max(item.timing.timeout for item in judged)
    steps: list[CheckStep] = []
    for item in judged:
        if explicit_connect or len(judged) > 1:
            steps.append(CheckStep(text=_connect(service, item)))
        steps.extend(CheckStep(text=text) for text in _conversation(service, item))
    option = "httpchk" if judged[0].workload.check.kind is CheckKind.HTTP else "tcp-check"
    return HealthCheck(option=option, steps=tuple(steps), timeout_seconds=timeout)


def check_host(service: VirtualService, item: CarriedWorkload) -> str | None:
    """Return the host name a check asks for: the workload's own, else the service's first."""
    if item.workload.check.host:
        return item.workload.check.host
    return item.host or (service.names[0] if service.names else None)


def check_uses_tls(service: VirtualService, item: CarriedWorkload) -> bool:
    """True when the checked port speaks TLS from the first byte."""
    check = item.workload.check
    if check.tls is not None:
        return check.tls
    if speaks_clear_to_servers(service):
        return False
    return item.workload.transport is Transport.TLS


def speaks_clear_to_servers(service: VirtualService) -> bool:
    """True when TLS ends at the balancer and the servers are spoken to in the clear."""
    return service.tls_mode == "offload"


def _connect(service: VirtualService, item: CarriedWorkload) -> str:
    words = ["connect", "default"]
    if check_uses_tls(service, item):
        words.append("ssl")
        host = check_host(service, item)
        if host:
            words.append(f"sni {host}")
    return " ".join(words)


def _conversation(service: VirtualService, item: CarriedWorkload) -> list[str]:
    check = item.workload.check
    if check.kind is CheckKind.HTTP:
        return _http(check, check_host(service, item))
    steps = list(_MAIL[check.kind])
    if check.kind is CheckKind.SUBMISSION and item.workload.transport is Transport.STARTTLS:
        steps.insert(3, f"expect rstring {quoted('STARTTLS')}")
    return steps


def _http(check: Check, host: str | None) -> list[str]:
    send = f"send meth {check.method} uri {quoted(check.path)} ver HTTP/1.1"
    send += f" hdr Host {quoted(host or 'localhost')} hdr User-Agent {CHECK_NAME}"
    steps = [send, f"expect status {','.join(check.expect_status)}"]
    if check.expect_header:
        steps.append(f"expect hdr name {quoted(check.expect_header)}")
    if check.expect_text:
        steps.append(f"expect string {quoted(check.expect_text)}")
    return steps


def _expect_start(pattern: str) -> str:
    return f"expect min-recv 4 rstring {quoted(pattern)}"


def _send(line: str) -> str:
    # The engine understands \r\n inside double quotes only.
    return f'send "{line}\\r\\n"'


_MAIL: dict[CheckKind, tuple[str, ...]] = {
    CheckKind.IMAP: (
        _expect_start(r"^\* (OK|PREAUTH)"),
        _send("a1 NOOP"),
        _expect_start(r"(^|\n)(a1 OK|\* )"),
        f"expect rstring {quoted('a1 OK')}",
        _send("a2 LOGOUT"),
    ),
    CheckKind.POP3: (
        _expect_start(r"^\+OK"),
        _send("CAPA"),
        _expect_start(r"^(\+OK|-ERR)"),
        _send("QUIT"),
    ),
    CheckKind.SMTP: (
        _expect_start(r"^220"),
        _send(f"EHLO {CHECK_NAME}"),
        _expect_start(r"^250"),
        _send("QUIT"),
    ),
    CheckKind.SUBMISSION: (
        _expect_start(r"^220"),
        _send(f"EHLO {CHECK_NAME}"),
        _expect_start(r"^250"),
        _send("QUIT"),
    ),
    CheckKind.LMTP: (
        _expect_start(r"^220"),
        _send(f"LHLO {CHECK_NAME}"),
        _expect_start(r"^250"),
        _send("QUIT"),
    ),
    CheckKind.SIEVE: (
        f"expect rstring {quoted('(^|' + chr(92) + 'n)(OK|NO|BYE)')}",
        _send("NOOP"),
        f"expect rstring {quoted('(^|' + chr(92) + 'n)OK')}",
        _send("LOGOUT"),
    ),
    CheckKind.TCP: (),
}
