"""Which process listens on a TCP port, as far as /proc tells (proc(5), ``/proc/net/tcp``)."""

from __future__ import annotations

import contextlib
import ipaddress
import pwd
import socket
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_LISTEN = "0A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who listens. ``pids`` is empty where another user's processes can not be read."""

    user: str
    program: str = ""
    pids: tuple[int, ...] = ()

    def __str__(self) -> str:
        """``nginx (process 812)``, or the user alone when that is all that can be seen."""
        if not self.pids:
            return f"a program of the user {self.user}"
        return f"{self.program} (process {self.pids[0]})"


class Listeners:
    """The listeners of this machine, read once when first asked for."""

    def find(self, address: str, port: int) -> Holder | None:
        """Return who listens on the port of the address, or on the port of every address."""
        for line_address, line_port, user_id, inode in self._lines:
            if line_port == port and conflicts(line_address, address):
                return self._holder(user_id, inode)
        return None

    @cached_property
    def _lines(self) -> tuple[tuple[str, int, int, str], ...]:
        return tuple(_listening())

    @cached_property
    def _owners(self) -> dict[str, list[int]]:
        """Processes by socket inode: one walk over /proc, however many ports are asked about."""
        owners: dict[str, list[int]] = {}
        for pid, inode in _open_sockets():
            owners.setdefault(inode, []).append(pid)
        return owners

    def _holder(self, user_id: int, inode: str) -> Holder:
        pids = tuple(self._owners.get(inode, ()))
        return Holder(user=_user(user_id), program=_program(pids[0]) if pids else "", pids=pids)


def conflicts(first: str, second: str) -> bool:
    """True when two listeners on one port get in each other's way.

    ``::`` takes IPv4 too unless it was told not to (``net.ipv6.bindv6only``).
    """
    one, other = ipaddress.ip_address(first), ipaddress.ip_address(second)
    if one == other:
        return True
    if one.version == other.version:
        return one.is_unspecified or other.is_unspecified
    six = one if one.version == 6 else other
    return six.is_unspecified


def parent_of(pid: int) -> int | None:
    """Return the parent of a process, None when it is gone."""
    try:
        # The name in brackets may hold spaces and brackets itself: count from its end.
        fields = (
            (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
    return int(fields[1])


def _listening() -> Iterator[tuple[str, int, int, str]]:
    """Yield address, port, user id and socket inode of every listener."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTEN:
                address, _, port = fields[1].partition(":")
                yield _address(address), int(port, 16), int(fields[7]), fields[9]


def _address(text: str) -> str:
    """The kernel prints addresses as words of 32 bits in the machine's own byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    address = ipaddress.ip_address(socket.inet_ntop(family, packed))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _open_sockets() -> Iterator[tuple[int, str]]:
    """Yield process and inode of every socket of the processes we may look into, by process id."""
    pids = sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
    for pid in pids:
        for link in _links(_PROC / str(pid) / "fd"):
            if link.startswith("socket:["):
                yield pid, link[len("socket:[") : -1]


def _links(folder: Path) -> Iterator[str]:
    """Yield where the entries point; none for a process that ended or belongs to another user."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            # A descriptor may be closed in between; in our own process the one just used always is.
            with contextlib.suppress(OSError):
                yield str(entry.readlink())


def _program(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a program"


def _user(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
