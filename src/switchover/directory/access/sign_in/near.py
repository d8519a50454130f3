"""Which accounts signed in from an address lately, remembered for a minute: what the database need not be asked.

While an address is paused, every try from there has to know whether its name is one that is known there.
A flood of them must not become a flood of questions. Pure: the time is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.directory.access.sign_in.throttle import network_of

if TYPE_CHECKING:
    from collections.abc import Iterable

KNOWN_SECONDS = 60.0
MOST_ADDRESSES = 1000
MOST_READS = 10
"""In a second, for one network: one guesser may have 2^64 addresses of it (RFC 6177)."""
MOST_READS_OF_ALL = 50
"""In a second, for all networks: many guessers are no flood of questions either."""


@dataclass(slots=True)
class NearNames:
    """Names of accounts in lower case, by address, with the time they were read at."""

    _known: dict[str, tuple[set[str], float]] = field(default_factory=dict, repr=False)
    _second: float = 0.0
    _reads: dict[str, int] = field(default_factory=dict, repr=False)
    _reads_of_all: int = 0

    def recall(self, address: str, now: float) -> set[str] | None:
        """Return the names that are known at an address, None when that must be read (again)."""
        names, at = self._known.get(address, (set(), -KNOWN_SECONDS))
        return None if now - at >= KNOWN_SECONDS or address not in self._known else names

    def may_read(self, address: str, now: float) -> bool:
        """Count a question to the database; False when there were enough within this second."""
        if now - self._second >= 1.0:
            self._second, self._reads, self._reads_of_all = now, {}, 0
        network = network_of(address)
        reads = self._reads.get(network, 0)
        if reads >= MOST_READS or self._reads_of_all >= MOST_READS_OF_ALL:
            return False
        self._reads[network] = reads + 1
        self._reads_of_all += 1
        return True

    def remember(self, address: str, names: Iterable[str], now: float) -> None:
        """Note what the database said; the oldest address is forgotten first."""
        self._known.pop(address, None)
        self._known[address] = ({name.lower() for name in names}, now)
        if len(self._known) > MOST_ADDRESSES:
            del self._known[next(iter(self._known))]

    def add(self, address: str, name: str) -> None:
        """Note that an account signed in from an address, where that is remembered."""
        if address in self._known:
            self._known[address][0].add(name.lower())
