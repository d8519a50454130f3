"""The addresses of this machine, from getifaddrs(3).

The C library is asked through ctypes: it needs no program, no netlink code and no ``/proc`` (which some
containers hide), and it knows every address of every interface in both families.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ADDRESS_AT: dict[int, tuple[int, int]] = {
    socket.AF_INET: (4, 4),
    socket.AF_INET6: (8, 16),
}
"""Offset and length of the address in sockaddr_in and sockaddr_in6."""


_POINTER_BYTES = ctypes.sizeof(ctypes.c_void_p)
_ADDRESS_POINTER_AT = 3 * _POINTER_BYTES
"""In ``struct ifaddrs`` the address follows two pointers and the flags, which are padded to one."""


def read_addresses() -> frozenset[str]:
    """Return the IPv4 and IPv6 addresses of all interfaces, loopback included."""
    library = ctypes.CDLL(None, use_errno=True)
    first = ctypes.c_void_p()
    if library.getifaddrs(ctypes.byref(first)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    try:
        return frozenset(_walk(first.value))
    finally:
        library.freeifaddrs(first)


def bindable(addresses: Iterable[str]) -> frozenset[str]:
    """Return those addresses that a socket can be bound to now.

    This finds what no interface shows: whole networks routed to this machine (AnyIP), and, with
    ``net.ipv4.ip_nonlocal_bind``, addresses that another node holds at the moment.
    """
    return frozenset(item for item in addresses if bind_error(item, 0) is None)


def bind_error(address: str, port: int) -> int | None:
    """Return the errno of a listening bind to the address and TCP port, None when it is free.

    The socket is closed at once and never listens. SO_REUSEADDR is set as servers set it, so that
    connections in TIME_WAIT do not count; SO_REUSEPORT is not, so that a listener that would share its
    port does.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno or errno.EIO
    return None


def _walk(entry: int | None) -> Iterator[str]:
    """Follow the list from the address of its first ``struct ifaddrs``."""
    while entry:
        place = ctypes.c_void_p.from_address(entry + _ADDRESS_POINTER_AT).value
        family = ctypes.c_uint16.from_address(place).value if place else None
        if place and family in _ADDRESS_AT:
            offset, length = _ADDRESS_AT[family]
            yield str(ipaddress.ip_address(ctypes.string_at(place + offset, length)))
        entry = ctypes.c_void_p.from_address(entry).value
