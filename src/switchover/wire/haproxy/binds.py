"""Whether the addresses a configuration listens on can be had, asked before the engine is told to.

``haproxy -c`` does not look at addresses. A reload that cannot bind one is worse than refused: for
two seconds HAProxy asks the old worker to let go of all its listeners and tries again (SIGTTOU,
src/haproxy.c), and every new client of every service is turned away meanwhile (seen on 2.8.25).
"""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENDPOINT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+|\*|)):(\d{1,5})")
# With these words HAProxy may listen on an address this machine does not have (yet).
_FOREIGN_ADDRESS = frozenset({"transparent", "v4v6-free"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """One TCP address that a configuration listens on; ``line`` counts from 1."""

    address: str
    port: int
    line: int
    may_be_foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindFault:
    """An address that cannot be had now, with the reason as a sentence."""

    listen: ListenAddress
    reason: str


def configured_listens(configuration: str) -> tuple[ListenAddress, ...]:
    """Return the TCP addresses of all ``bind`` lines; UNIX sockets and names are left out."""
    found = []
    for number, line in enumerate(configuration.splitlines(), start=1):
        words = line.split()
        if len(words) < 2 or words[0] != "bind":
            continue
        for part in words[1].split(","):
            endpoint = _ENDPOINT.fullmatch(part)
            if endpoint is None:
                continue
            found.append(
                ListenAddress(
                    address=endpoint[1] or endpoint[2].strip("*") or "0.0.0.0",  # noqa: S104 - what the file says
                    port=int(endpoint[3]),
                    line=number,
                    may_be_foreign=not _FOREIGN_ADDRESS.isdisjoint(words[2:]),
                )
            )
    return tuple(found)


def find_bind_faults(listens: Iterable[ListenAddress]) -> tuple[BindFault, ...]:
    """Return the addresses that another program holds or this machine does not have.

    Asks the kernel as HAProxy does, with SO_REUSEPORT: so what our own engine (same user) holds
    is no fault. Nothing listens here, so no client can be met by this question.
    """
    faults = []
    for listen in dict.fromkeys(listens):
        reason = _try_bind(listen)
        if reason:
            faults.append(BindFault(listen=listen, reason=reason))
    return tuple(faults)


def _try_bind(listen: ListenAddress) -> str:
    where = f"{listen.address} port {listen.port}"
    try:
        family = socket.AF_INET6 if ip_address(listen.address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            tried.bind((listen.address, listen.port))
    except ValueError:
        return f"{listen.address!r} is not an IP address"
    except OverflowError:
        return f"{listen.port} is not a port"
    except OSError as error:
        return _reason(error, where, may_be_foreign=listen.may_be_foreign)
    return ""


def _reason(error: OSError, where: str, *, may_be_foreign: bool) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"another program already listens on {where}"
        case errno.EADDRNOTAVAIL if may_be_foreign:
            return ""
        case errno.EADDRNOTAVAIL:
            return f"this machine does not have the address of {where}"
        case errno.EACCES:
            return f"we may not listen on {where}: ports below 1024 need privileges"
        case _:
            return f"cannot listen on {where}: {error.strerror}"
