"""How many open files an engine needs for a platform, and how many connections that leaves room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.resolve import listening_places
from switchover.wire.haproxy.binary import max_connections_within

if TYPE_CHECKING:
    from switchover.balance.virtual_service import Balance

_OWN_LISTENERS = 4  # admin socket, master socket pair, peers


def listeners_and_checks(balance: Balance) -> tuple[int, int]:
    """Return how many listening sockets, and how many health and agent checks the engine holds.

    Two checks for each server, and one more for each pool: the engine also counts the agent check of a
    ``default-server`` line (seen on 2.8.25).
    """
    listeners = _OWN_LISTENERS
    checks = 0
    for service in balance.services:
        listeners += len(set(listening_places(service))) + (service.sorry is not None)
        checks += len(service.pools()) * (2 * len(service.servers) + 1)
    return listeners, checks


def connections_that_fit(balance: Balance, *, open_files: int, threads: int) -> int:
    """Return how many connections the limit of open files leaves room for; below 1 where none."""
    listeners, checks = listeners_and_checks(balance)
    return max_connections_within(open_files, listeners=listeners, checks=checks, threads=threads)
