"""Exact product versions (``servers.NAME.product``), read as tolerantly as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_YEAR = re.compile(r"(?<!\d)(2013|2016|2019)(?!\d)")
_UPDATE = re.compile(r"cu-?(\d{1,2})(?!\d)")
_SUBSCRIPTION = re.compile(r"(?:exchange|-)-?se(?![a-z])|subscription")
_BUILD = re.compile(r"(?<!\d)15\.(\d{1,2})\.(\d{1,5})(?!\d)")
_CYRUS = re.compile(r"cyrus[a-z-]*?-?(\d+)\.(\d+)")

FIRST_UPDATE_WITH_PROTECTION = 14
FIRST_BUILD_WITH_PROTECTION = 1544
"""Exchange 2019 CU14 is 15.2.1544; Subscription Edition goes on from 15.2.2562."""


class Protection(StrEnum):
    """Whether Extended Protection is on at a server, as far as its version tells."""

    ON = "on"
    OFF_BY_DEFAULT = "off by default"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeVersion:
    """An Exchange version; ``year`` is None for Subscription Edition, ``update`` the CU if told."""

    year: int | None
    update: int | None = None

    @property
    def protection(self) -> Protection:
        """2019 CU14 and Subscription Edition turn it on when installed; older ones by script."""
        if self.year is None:
            return Protection.ON
        if self.year < 2019:
            return Protection.OFF_BY_DEFAULT
        if self.update is None:
            return Protection.UNKNOWN
        if self.update >= FIRST_UPDATE_WITH_PROTECTION:
            return Protection.ON
        return Protection.OFF_BY_DEFAULT


def parse_exchange(product: str | None) -> ExchangeVersion | None:
    """Return the version in ``exchange-2019-cu14``, ``exchange-se``, ``exchange-15.2.1544.4``.

    None when there is none to be read, or when the product is something else.
    """
    text = (product or "").lower().replace("_", "-")
    if "exchange" not in text and not _BUILD.search(text):
        return None
    build = _BUILD.search(text)
    if build:
        return _from_build(int(build[1]), int(build[2]))
    if _SUBSCRIPTION.search(text):
        return ExchangeVersion(year=None)
    year = _YEAR.search(text)
    if not year:
        return None
    update = _UPDATE.search(text)
    return ExchangeVersion(year=int(year[1]), update=int(update[1]) if update else None)


def parse_cyrus(product: str | None) -> tuple[int, int] | None:
    """Return (3, 8) for ``cyrus-3.8`` or ``cyrus-imapd-3.8.1``; None for anything else."""
    found = _CYRUS.search((product or "").lower())
    return (int(found[1]), int(found[2])) if found else None


def _from_build(minor: int, number: int) -> ExchangeVersion | None:
    if minor == 2:
        # CU14 stands for "this or newer": the rules ask only on which side of it a server is.
        known = 14 if number >= FIRST_BUILD_WITH_PROTECTION else 13
        return ExchangeVersion(year=2019, update=known)
    return {0: ExchangeVersion(year=2013), 1: ExchangeVersion(year=2016)}.get(minor)
