"""How often somebody may try to sign in. Pure: the time is given, nothing is kept but counts.

Counts, each with free attempts and then growing pauses:

* of one account from one address: where a person mistypes, and where a guesser begins; where the account
  signed in lately its pauses are short;
* of one address, whatever the account, but for accounts that signed in from there lately: one guesser,
  many names;
* of one account from all addresses it did not sign in from lately: many guessers, one name;
* of one account's codes, from everywhere: whoever comes so far knows the password;
* of one address, codes of sign-ins that the identity provider does not confirm: each costs it a request.
  Who is new at the address waits; where somebody signed in lately nobody does.

Attempts within a pause do not make it longer. An address may be that of a proxy or of a whole office, so
what strangers do there with other names does not slow down who is known there. Who is pushed out all the
same, by guesses at their own name or at an address where they are new, gets in with a new password: it
lifts what keeps them out, for some minutes also the pause of any address (``switchover account password``).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Attempts that are free, the first pause after them, and the longest one; seconds."""

    free: int
    first_seconds: float
    longest_seconds: float

    def pause(self, failures: int) -> float:
        """Return how long to wait after so many failures."""
        over = failures - self.free
        return (
            0.0
            if over < 0
            else min(self.longest_seconds, self.first_seconds * 2.0 ** min(over, 20))
        )


class Kind(Enum):
    """What is counted, with its pace."""

    PAIR = Pace(free=5, first_seconds=1, longest_seconds=300)
    KNOWN_PAIR = Pace(free=5, first_seconds=1, longest_seconds=30)
    ADDRESS = Pace(free=50, first_seconds=1, longest_seconds=300)
    ACCOUNT = Pace(free=60, first_seconds=1, longest_seconds=60)
    CODE = Pace(free=6, first_seconds=2, longest_seconds=300)
    PROVIDER = Pace(free=20, first_seconds=1, longest_seconds=60)


Key: TypeAlias = tuple[Kind, str]
FORGET_SECONDS = 3600.0
FORGIVEN_SECONDS = 900.0
_OF_ONE_PERSON = frozenset({Kind.PAIR, Kind.KNOWN_PAIR, Kind.CODE})
MOST_COUNTED = 20_000


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


@dataclass(slots=True)
class Throttle:
    """Counts of failed attempts in this process; the oldest are forgotten first."""

    _counts: dict[Key, _Count] = field(default_factory=dict, repr=False)
    _forgiven: dict[str, float] = field(default_factory=dict, repr=False)

    def keys_of(self, name: str, address: str, now: float, *, is_known: bool) -> tuple[Key, ...]:
        """Return what an attempt counts for: as ``keys_of`` says, but for who was forgiven lately."""
        keys = keys_of(name, address, is_known=is_known)
        if now >= self._forgiven.get(name.lower(), now):
            return keys
        return tuple(key for key in keys if key[0] is not Kind.ADDRESS)

    def enter(self, keys: Iterable[Key], now: float) -> float:
        """Return 0 and count an attempt as failed, or the seconds to wait and count nothing.

        Counted at once, not when it has failed: attempts at the same moment must not slip through
        together. ``now`` is of a clock that does not go back.
        """
        keys = tuple(keys)
        wait = self.pause_of(keys, now)
        if wait > 0:
            return wait
        for key in keys:
            count = self._counts.get(key, _Count())
            if now - count.last > FORGET_SECONDS:
                count.failures = 0
            count.failures += 1
            count.last = now
            count.until = now + key[0].value.pause(count.failures)
            self._counts.pop(key, None)
            self._counts[key] = count
        while len(self._counts) > MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        return 0.0

    def pause_of(self, keys: Iterable[Key], now: float) -> float:
        """Return the seconds that an attempt would have to wait, 0 for none; counts nothing."""
        counts = (self._counts.get(key) for key in keys)
        return max(
            (count.until - now for count in counts if count and count.until > now), default=0.0
        )

    def succeeded(self, keys: Iterable[Key]) -> None:
        """Take back an attempt that was right; what the person mistyped before is forgotten.

        What others share loses this one attempt and keeps its pause: a guesser may have an own account.
        """
        for key in keys:
            count = self._counts.get(key)
            if count is None:
                continue
            count.failures -= 1
            count.until = min(count.until, count.last + key[0].value.pause(count.failures))
            if key[0] in _OF_ONE_PERSON or count.failures <= 0:
                del self._counts[key]

    def forgive(self, name: str, now: float) -> None:
        """Lift every pause that keeps an account out: its administrator gave it a new password.

        Pauses of an address stay for others; this account is not asked for them for some minutes, since
        whoever made one can make it again at once.
        """
        self._forgiven = {known: until for known, until in self._forgiven.items() if until > now}
        self._forgiven[name.lower()] = now + FORGIVEN_SECONDS
        whole, pair = name.lower(), name.lower() + "\0"
        for key in [key for key in self._counts if key[1] == whole or key[1].startswith(pair)]:
            del self._counts[key]


def pair_key(name: str, address: str) -> Key:
    """Return the key of one account from one address, whether there is such an account or not."""
    return (Kind.PAIR, f"{name.lower()}\0{network_of(address)}")


def pair_keys(name: str, address: str) -> tuple[Key, ...]:
    """Return every key of one account from one address, known there or not."""
    pair = pair_key(name, address)
    return (pair, (Kind.KNOWN_PAIR, pair[1]))


def keys_of(name: str, address: str, *, is_known: bool) -> tuple[Key, ...]:
    """Return what an attempt counts for; ``is_known`` when the account signed in from there lately."""
    pair, known_pair = pair_keys(name, address)
    if is_known:
        return (known_pair,)
    return (pair, (Kind.ADDRESS, network_of(address)), (Kind.ACCOUNT, name.lower()))


def code_keys(name: str) -> tuple[Key, ...]:
    """Return what a try with a code counts for; its address was counted with the password."""
    return ((Kind.CODE, name.lower()),)


def provider_keys(address: str) -> tuple[Key, ...]:
    """Return what an answer of the identity provider counts for until it is believed."""
    return ((Kind.PROVIDER, network_of(address)),)


def network_of(address: str) -> str:
    """Return what one attacker surely has: an IPv4 address, or the /64 of an IPv6 one (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
