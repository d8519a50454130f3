"""Health conversations: what a real server must answer for a workload to count as healthy.

Each mail answer is read in two steps: wait until it is whole, then judge it with ``min-recv``, which makes
a mismatch a verdict at once (421, ``* BYE``, ``-ERR``) and not only when the time is up (tcp-check
expect, manual 4.2). Without the first step an answer that comes in pieces would be judged too early, and
we would talk into a greeting that goes on, which Postfix's postscreen holds against us.
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
CHECK_HOST = f"{CHECK_NAME}.invalid"
"""The same in EHLO and LHLO: servers may refuse a name without a dot (RFC 6761 reserves ``invalid``)."""


def health_check(service: VirtualService, judged: tuple[CarriedWorkload, ...]) -> HealthCheck:
    """Return the conversation that proves every workload of ``judged`` answers.

    With more than one, each gets its own connection, in order, and the first that fails decides
    (one multi-step check). A connection may take one interval, TLS included: the timeout counts from
    there (HAProxy's tcpcheck.c).
    """
    timeout = max(item.timing.timeout for item in judged)
    steps: list[CheckStep] = []
    for item in judged:
        if len(judged) > 1:
            steps.append(CheckStep(text=_connect(service, item)))
        steps.extend(CheckStep(text=text) for text in _conversation(service, item))
    option = "httpchk" if judged[0].workload.check.kind is CheckKind.HTTP else "tcp-check"
    return HealthCheck(option=option, steps=tuple(steps), timeout_seconds=timeout)


def check_host(service: VirtualService, item: CarriedWorkload) -> str | None:
    """Return the host name a check asks for: the workload's own, else the service's first."""
    if item.workload.check.host:
        return item.workload.check.host
    return item.host or (service.names[0] if service.names else None)


def asked_name(service: VirtualService, item: CarriedWorkload) -> str | None:
    """Return the name asked for in the TLS handshake with a server, by which it chooses its certificate."""
    return service.tls.server_name or check_host(service, item)


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
        host = asked_name(service, item)
        if host:
            words.append(f"sni {host}")
    return " ".join(words)


def _conversation(service: VirtualService, item: CarriedWorkload) -> list[str]:
    check = item.workload.check
    if check.kind is CheckKind.HTTP:
        return _http(check, check_host(service, item))
    steps = list(_MAIL[check.kind])
    if check.kind is CheckKind.SUBMISSION and item.workload.transport is Transport.STARTTLS:
        steps.insert(-1, _judge("(^|\\n)250[- ]STARTTLS"))
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


def _wait(pattern: str) -> str:
    # The engine turns \\n into a line feed inside double quotes only; regular expressions of some builds
    # would not.
    return f'expect rstring "{pattern}"'


def _judge(pattern: str) -> str:
    return f'expect min-recv 1 rstring "{pattern}"'


def _send(line: str) -> str:
    return f'send "{line}\\r\\n"'


def _smtp(verb: str) -> tuple[str, ...]:
    # RFC 5321 section 4.2.1: only the last line has no dash behind its code.
    whole = _wait("(^|\\n)[0-9][0-9][0-9]([^-\\n][^\\n]*)?\\n")
    hello = _send(f"{verb} {CHECK_HOST}")
    return (whole, _judge("^220"), hello, whole, _judge("^250"), _send("QUIT"))


_LINE = _wait("\\n")
_SIEVE_ANSWER = (_wait("(^|\\n)(OK|NO|BYE)[^\\n]*\\n"), _judge("(^|\\n)OK"))
_MAIL: dict[CheckKind, tuple[str, ...]] = {
    CheckKind.IMAP: (
        _LINE,
        _judge("^[*] (OK|PREAUTH)"),
        _send("a1 NOOP"),
        _wait("(^|\\n)(a1 [^\\n]*\\n|[*] BYE)"),
        _judge("(^|\\n)a1 OK"),
        _send("a2 LOGOUT"),
    ),
    CheckKind.POP3: (
        _LINE,
        _judge("^[+]OK"),
        _send("CAPA"),
        _LINE,
        # Optional in RFC 2449, but all servers we have templates for answer it; one that greets and
        # then refuses every command must not pass.
        _judge("^[+]OK"),
        _send("QUIT"),
    ),
    CheckKind.SMTP: _smtp("EHLO"),
    CheckKind.SUBMISSION: _smtp("EHLO"),
    CheckKind.LMTP: _smtp("LHLO"),
    CheckKind.SIEVE: (*_SIEVE_ANSWER, _send("NOOP"), *_SIEVE_ANSWER, _send("LOGOUT")),
    CheckKind.TCP: (),
}
