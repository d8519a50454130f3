"""Finds ports that nothing listens on."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from switchover.edges.demo.plan import PREFERRED_PORTS, SERVERS, SERVICE_ADDRESS
from switchover.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEPS = range(0, 2000, 10)


def choose_ports(purposes: Iterable[str] = PREFERRED_PORTS) -> dict[str, int]:
    """Return a free port for each purpose of ``PREFERRED_PORTS``, the preferred one where it is free.

    Raises:
        Conflict: nothing is free near a preferred port.
    """
    return {
        purpose: _choose(purpose, PREFERRED_PORTS[purpose], _addresses(purpose))
        for purpose in purposes
    }


def _addresses(purpose: str) -> tuple[str, ...]:
    return tuple(SERVERS.values()) if purpose in {"https", "imaps"} else (SERVICE_ADDRESS,)


def _choose(purpose: str, preferred: int, addresses: Iterable[str]) -> int:
    for step in _STEPS:
        if all(_is_free(address, preferred + step) for address in addresses):
            return preferred + step
    raise Conflict(
        f"the demo found no free port for {purpose} between {preferred} and "
        f"{preferred + _STEPS[-1]}; end what listens there"
    )


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier demo that only wait for their end are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            # Another socket may be bound here without listening; listening tells.
            probe.listen(1)
        except OSError:
            return False
    return True
