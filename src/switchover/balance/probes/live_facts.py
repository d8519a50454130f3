"""Names and certificates as the network has them now; asked only with ``--live``.

Nothing here raises: whatever goes wrong is the answer, so that one silent server does not hide the rest.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import TYPE_CHECKING, TypeVar

from switchover import clock
from switchover.balance.certificate import read_der
from switchover.balance.lint.facts import EndpointAnswer, LiveFacts, NameAnswer
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from switchover.balance.lint.facts import Endpoint, LiveTargets

ANSWER_SECONDS = 4.0
TOTAL_SECONDS = 30.0
AT_ONCE = 16
"""Questions at one time: kind to name servers and to servers with few workers."""

_ABSENT = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_PROXY_LOCAL = b"\r\n\r\n\x00\r\nQUIT\n" + b"\x20\x00\x00\x00"
"""PROXY protocol version 2, command LOCAL: the connection is the sender's own (section 2.2)."""

Question = TypeVar("Question")
Answer = TypeVar("Answer")


async def ask_live(
    targets: LiveTargets,
    *,
    each: float = ANSWER_SECONDS,
    total: float = TOTAL_SECONDS,
    at_once: int = AT_ONCE,
) -> LiveFacts:
    """Resolve the names and fetch the servers' certificates.

    A question may take ``each`` seconds and all together ``total``; at most ``at_once`` run at one
    time. Safe to cancel.
    """
    deadline = clock.monotonic() + total
    slots = asyncio.Semaphore(at_once)

    async def bounded(ask: Callable[[Question], Awaitable[Answer]], question: Question) -> Answer:
        async with slots:
            left = deadline - clock.monotonic()
            async with asyncio.timeout(max(0.0, min(each, left))):
                return await ask(question)

    async def name(text: str) -> tuple[str, NameAnswer]:
        try:
            return text, await bounded(resolve_name, text)
        except TimeoutError:
            return text, NameAnswer(error="no answer in time")

    async def endpoint(place: Endpoint) -> tuple[Endpoint, EndpointAnswer]:
        try:
            return place, await bounded(fetch_certificate, place)
        except TimeoutError:
            return place, EndpointAnswer(error="no answer in time")

    names, endpoints = await asyncio.gather(
        _gather(name(text) for text in targets.names),
        _gather(endpoint(place) for place in targets.endpoints),
    )
    return LiveFacts(
        names=dict(names), endpoints={place.key: answer for place, answer in endpoints}
    )


async def _gather(questions: Iterable[Awaitable[Answer]]) -> list[Answer]:
    return list(await asyncio.gather(*questions))


async def resolve_name(name: str) -> NameAnswer:
    """Return the addresses that this machine's resolver has for the name, sorted."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        is_absent = error.errno in _ABSENT
        return NameAnswer(error=error.strerror or "unknown", is_absent=is_absent)
    except (OSError, UnicodeError) as error:
        return NameAnswer(error=str(error))
    return NameAnswer(addresses=tuple(sorted({str(item[4][0]) for item in found})))


async def fetch_certificate(place: Endpoint) -> EndpointAnswer:
    """Return the certificate the server presents for the host name; nothing is verified.

    The connection is closed right after the handshake. Safe to cancel.
    """
    try:
        reader, writer = await asyncio.open_connection(place.address, place.port)
    except OSError as error:
        return EndpointAnswer(error=_words(error))
    del reader
    try:
        if place.send_proxy:
            writer.write(_PROXY_LOCAL)
        await writer.start_tls(_context(place), server_hostname=place.host or None)
        return _answer(writer)
    except (OSError, ssl.SSLError, EOFError, ValueError) as error:
        return EndpointAnswer(error=_words(error))
    finally:
        # No parting words: a server that hangs must not hold us up.
        writer.transport.abort()


def _context(place: Endpoint) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if place.http:
        context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _answer(writer: asyncio.StreamWriter) -> EndpointAnswer:
    tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls else None
    if tls is None or der is None:
        return EndpointAnswer(error="no certificate was presented")
    try:
        return EndpointAnswer(certificate=read_der(der), alpn=tls.selected_alpn_protocol())
    except InvalidInput as error:
        return EndpointAnswer(error=str(error))


def _words(error: Exception) -> str:
    """The system's words without numbers and addresses, so that equal causes read equal."""
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "closed").replace("_", " ").lower()
        return f"TLS failed: {reason}"
    if isinstance(error, OSError) and error.strerror and error.errno:
        return os.strerror(error.errno).lower()
    return "closed during the handshake" if isinstance(error, EOFError) else str(error) or "closed"
