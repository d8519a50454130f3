"""How many refused attempts are written down: each of the first, then one line for many. Pure.

Somebody who tries a million passwords must neither fill the disk nor push what others tried out of sight. So
each source has a share, who is signed in has another budget than who is not, and what goes beyond is counted
and told once at the end of a span.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SPAN = timedelta(minutes=10)
EACH = 10
"""Entries of one source in a span."""
MOST = 60
"""Entries of all sources in a span; the same again for those who are signed in."""
MOST_COUNTED = 20
"""Sources that are counted by name in a span; the rest is counted together."""
OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who is counted together: an actor where one is known, else a network."""

    name: str
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Attempts of one source beyond its share in a span that is over."""

    source: Source
    count: int
    since: datetime


@dataclass(slots=True)
class Flood:
    """Counts attempts from the beginning of a span, which the first one begins."""

    since: datetime | None = None
    _admitted: Counter[Source] = field(default_factory=Counter)
    _excess: Counter[Source] = field(default_factory=Counter)

    def admit(self, source: Source, now: datetime) -> bool:
        """Return whether this attempt becomes an entry; otherwise it is counted."""
        if self.since is None:
            self.since = now
        of_kind = sum(n for one, n in self._admitted.items() if one.is_known is source.is_known)
        if self._admitted[source] < EACH and of_kind < MOST:
            self._admitted[source] += 1
            return True
        self.count(source)
        return False

    def count(self, source: Source) -> None:
        """Count an attempt that is told with others."""
        if source not in self._excess and len(self._excess) >= MOST_COUNTED:
            source = Source(name=OTHERS, is_known=source.is_known)
        self._excess[source] += 1

    def keep(self, excess: Excess) -> None:
        """Count again what was settled and could not be told."""
        self.since = excess.since
        self._excess[excess.source] += excess.count

    def settle(self, now: datetime) -> tuple[Excess, ...]:
        """Return what a span that is over had beyond, and begin a new one; nothing while it lasts."""
        if self.since is None or now - self.since < SPAN:
            return ()
        since = self.since
        found = tuple(
            Excess(source=source, count=count, since=since)
            for source, count in self._excess.items()
        )
        self.since = None
        self._admitted.clear()
        self._excess.clear()
        return found


def source_of(actor: str, address: str) -> Source:
    """Return the source of an attempt; of IPv6 the network (/64) counts, one client has all of it."""
    if actor:
        return Source(name=actor, is_known=True)
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return Source(name=address, is_known=False)
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if isinstance(found, ipaddress.IPv6Address):
        return Source(name=str(ipaddress.ip_network((found, 64), strict=False)), is_known=False)
    return Source(name=str(found), is_known=False)
