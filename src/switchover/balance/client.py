"""Who is connected through the engine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


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
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2])
