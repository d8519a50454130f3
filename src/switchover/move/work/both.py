"""Two things at once, one on each side of a copy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from switchover.errors import SwitchoverError

One = TypeVar("One")
Other = TypeVar("Other")


async def both(one: Awaitable[One], other: Awaitable[Other]) -> tuple[One, Other]:
    """Return what both give; raises the first's error, or else the second's, once both have ended.

    So no connection is left in the middle of a command that nobody waits for.
    """
    first, second = await asyncio.gather(one, other, return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    return first, second


def first_of(errors: BaseExceptionGroup[SwitchoverError]) -> BaseException:
    """Return one of the errors that ended a group of tasks."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
