"""Who is connected through the engine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from switchover.model.wording import two_largest

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One open connection: the client's address and port, and where it was sent.

    ``opened_at`` is in seconds of the epoch, None where nobody asked the engine for it.
    """

    address: str
    service: str
    workload: str
    server: str
    opened_at: float | None

    def body(self, now: float) -> dict[str, Any]:
        """Return plain values for JSON; ``age`` is how long it is open, as people write it."""
        seconds = None if self.opened_at is None else max(0, round(now - self.opened_at))
        return {
            "client": self.address,
            "service": self.service,
            "workload": self.workload,
            "age": "" if seconds is None else age_words(seconds),
            "seconds": seconds,
        }


def age_words(seconds: int) -> str:
    """Return ``1h2m``: the two largest units."""
    return "".join(f"{count}{unit}" for count, unit in two_largest(seconds, _UNITS))
