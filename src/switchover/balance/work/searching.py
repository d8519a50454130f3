"""Searching the wish of the latest revision; nothing to find before the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance import search
from switchover.balance.work.views import load_wish
from switchover.errors import NotFound

if TYPE_CHECKING:
    from switchover.balance.search import Found
    from switchover.balance.virtual_service import Balance
    from switchover.balance.work.parts import BalancerParts


async def find_services(parts: BalancerParts, text: str, *, limit: int) -> list[Found]:
    """Return up to ``limit`` services that fit, the best first."""
    balance = await _balance(parts)
    return search.find_services(balance, text, limit=limit) if balance else []


async def find_servers(parts: BalancerParts, text: str, *, limit: int) -> list[Found]:
    """Return up to ``limit`` servers that fit, the best first."""
    balance = await _balance(parts)
    return search.find_servers(balance, text, limit=limit) if balance else []


async def _balance(parts: BalancerParts) -> Balance | None:
    try:
        return (await load_wish(parts)).balance
    except NotFound:
        return None
