"""The one-time code that opens a console without accounts.

Whoever reads the log of ``switchover serve`` is its administrator; somebody on the network is not. The code
lives in this process only, and its life ends with the first account.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field

from switchover.clock import new_secret

_BLANKS = re.compile(r"[\s-]+")


def _fresh() -> str:
    random = base64.urlsafe_b64decode(new_secret(size_bytes=15))
    text = base64.b32encode(random).decode("ascii")
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


@dataclass(slots=True)
class FirstCode:
    """A code of 120 bits; ``is_told`` once it stands in the log."""

    text: str = field(default_factory=_fresh, repr=False)
    is_told: bool = False

    def is_right(self, given: str) -> bool:
        """True for the code itself, however it was grouped; takes the same time for all."""
        return hmac.compare_digest(_letters(self.text), _letters(given))


def _letters(text: str) -> bytes:
    return _BLANKS.sub("", text).upper().encode("utf-8", "replace")
