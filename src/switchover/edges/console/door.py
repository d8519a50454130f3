"""What every answer says to browsers, and which host names we answer to.

A page of another site can make its own name point to our address (DNS rebinding) and then talk to us as
if it were us; it can not choose the Host header. Programs show tokens, which no browser adds by itself:
the API is not checked.
"""

from __future__ import annotations

import ipaddress
import urllib.parse
from typing import TYPE_CHECKING, Any

from switchover.edges.own_names import is_public_with_tls, names_of
from switchover.edges.readers import is_for_programs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from switchover.settings import Settings

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_UNCACHED = (b"cache-control", b"no-store")
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
MISDIRECTED = (
    "switchover does not answer to the name {host!r}. Use its address, the name of its machine or the name "
    "that SWITCHOVER_PUBLIC_URL gives: the log of switchover serve says which address to open. If this name "
    "is right, set SWITCHOVER_PUBLIC_URL to it and restart.\n"
)


class SecurityHeaders:
    """ASGI middleware: adds to every answer what it does not say itself."""

    def __init__(self, app: Application) -> None:
        """Stand in front of ``app``."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        more = (*HEADERS, _UNCACHED, *((_TRANSPORT,) if _has_tls(scope) else ()))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                said = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(pair for pair in more if pair[0] not in said)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _has_tls(scope: Scope) -> bool:
    """True when the browser has TLS, even if it ends at a proxy that says nothing of it."""
    settings = scope["app"].state.switchover.settings
    return scope.get("scheme") == "https" or is_public_with_tls(settings, _host(scope))


def _host(scope: Scope) -> str:
    host: bytes = dict(scope["headers"]).get(b"host", b"")
    return host.decode("latin-1")


class HostCheck:
    """ASGI middleware: refuses pages under a name that is not ours (421, RFC 9110 section 15.5.20)."""

    def __init__(self, app: Application) -> None:
        """Stand in front of ``app``."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what asks for one of our names."""
        if scope["type"] != "http" or is_for_programs(scope["path"]):
            await self.app(scope, receive, send)
            return
        host = _host(scope)
        if is_our_host(host, own_names(scope["app"].state.switchover.settings)):
            await self.app(scope, receive, send)
            return
        body = MISDIRECTED.format(host=host[:200]).encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 421, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def own_names(settings: Settings) -> frozenset[str]:
    """Return the names under which pages are served: the same that a generated certificate has."""
    return frozenset(names_of(settings))


def is_our_host(host: str, names: Iterable[str]) -> bool:
    """True for a Host header that may be ours: one of ``names``, or an address, which DNS can not forge."""
    try:
        name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name.rstrip(".").lower() in set(names):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
