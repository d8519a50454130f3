"""How long people wait for a provider that does not answer, and how many of them. Pure: the time is given.

Anybody may ask to be sent to the provider. Without this each of them would wait the whole time out, one
after the other, and hold a connection meanwhile.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED_SECONDS = 5.0
"""For so long nobody asks a provider again that did not answer."""
MOST_WAITING = 50


@dataclass(slots=True)
class Patience:
    """Who waits now, and when and how the provider failed last."""

    waiting: int = 0
    failed_until: float = 0.0
    words: str = ""

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Wait with the others; raises Unavailable at once when they are too many."""
        if self.waiting >= MOST_WAITING:
            raise Unavailable(
                "too many people wait for the identity provider; sign in with a local account, or try again "
                "later"
            )
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def require(self, now: float) -> None:
        """Raise Unavailable, in the words of the failure, when the provider failed a moment ago."""
        if now < self.failed_until:
            raise Unavailable(self.words)

    def failed(self, words: str, now: float) -> None:
        """Remember that the provider did not answer."""
        self.failed_until = now + FAILED_SECONDS
        self.words = words
