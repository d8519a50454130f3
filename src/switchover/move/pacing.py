"""How fast mails may go: two token buckets, one of mails and one of bytes. Pure; the clock is the caller's."""

from __future__ import annotations

from dataclasses import dataclass, field

from switchover.move.append_batches import BatchLimits


@dataclass(slots=True, kw_only=True)
class Bucket:
    """What a limit of so much a second leaves to take; a second's worth may be saved up, more not.

    More may be taken than there is: the bucket then is in debt, and whoever takes next waits longer. So
    a mail larger than a second's worth passes, and the mean stays what was asked for.
    """

    per_second: float
    _level: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        """Begin with a second's worth."""
        self._level = self.per_second

    def take(self, amount: float, now: float) -> float:
        """Take an amount and return the seconds to wait before it is used; ``now`` never goes back."""
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._level = min(self.per_second, self._level + elapsed * self.per_second) - amount
        return max(0.0, -self._level / self.per_second)


def paced_limits(pacer: Pacer) -> BatchLimits:
    """Return batches of at most a second's worth, so that no server waits in the middle of a command."""
    usual = BatchLimits()
    mails, octets = pacer.mails_per_second, pacer.octets_per_second
    return BatchLimits(
        mails_at_most=min(usual.mails_at_most, max(1, int(mails)))
        if mails
        else usual.mails_at_most,
        bytes_at_most=min(usual.bytes_at_most, max(1, int(octets)))
        if octets
        else usual.bytes_at_most,
        alone_bytes=min(usual.alone_bytes, max(1, int(octets))) if octets else usual.alone_bytes,
    )


@dataclass(slots=True, kw_only=True)
class Pacer:
    """The limits given for one copy, shared by all that sends for it; 0 is no limit."""

    mails_per_second: float = 0.0
    octets_per_second: float = 0.0
    _buckets: tuple[Bucket | None, Bucket | None] = field(init=False)

    def __post_init__(self) -> None:
        """Make the buckets that there are limits for."""
        limits = (self.mails_per_second, self.octets_per_second)
        mails, octets = (Bucket(per_second=one) if one > 0 else None for one in limits)
        self._buckets = (mails, octets)

    def wait_seconds(self, mails: int, octets: int, now: float) -> float:
        """Take mails and bytes and return the seconds to wait before they are sent."""
        amounts = zip(self._buckets, (mails, octets), strict=True)
        return max((one.take(amount, now) for one, amount in amounts if one), default=0.0)
