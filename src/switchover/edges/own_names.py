"""Under which names people reach us: one list, for the generated certificate and for the check of the host.

A name in the certificate that pages are refused under, or the other way round, is a riddle in the first
minute. The machine's own names count only where others can connect: on loopback alone nobody uses them.
"""

from __future__ import annotations

import socket
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from switchover.settings import Settings

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared only
_NOT_OURS = ("localhost", "ip6-")


@cache
def machine_names() -> tuple[str, ...]:
    """Return what this machine is called, the longest first; may wait for DNS, once."""
    found = (socket.getfqdn(), socket.gethostname())
    return tuple(dict.fromkeys(filter(None, map(usable_name, found))))


def usable_name(name: str) -> str:
    """Return the name of a machine as certificates and browsers write it, "" for one that is none."""
    try:
        plain = name.strip().rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return "" if plain.startswith(_NOT_OURS) or plain.endswith(".arpa") else plain


def names_of(settings: Settings, machine: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Return every name we answer to, the best first; ``machine`` None asks what this one is called."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    host = settings.api.host.lower()
    ours: tuple[str, ...] = ()
    if not settings.api.is_loopback:
        ours = machine_names() if machine is None else machine
    found = (public or "", *ours, "" if host in _ANY else host, "localhost")
    return tuple(dict.fromkeys(name for name in found if name))


def is_public_with_tls(settings: Settings, host: str) -> bool:
    """True for a Host header that is host and port of a public URL with https: browsers came with TLS then."""
    public = urlsplit(settings.public_url or "")
    return public.scheme == "https" and host.lower() == public.netloc


def address_to_open(settings: Settings, port: int, machine: tuple[str, ...] | None = None) -> str:
    """Return what to type into a browser."""
    if settings.public_url:
        return settings.public_url
    host = settings.api.host
    if host in _ANY:
        host = names_of(settings, machine)[0]
    scheme = "https" if settings.has_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
