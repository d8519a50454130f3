"""A copy runs on uvloop's loop where that is installed, on asyncio's own where not."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from switchover.edges.cli.copy.interruption import run_interruptible


async def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_uvloop_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[asyncio.AbstractEventLoop] = []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append(asyncio.SelectorEventLoop())
        return made[-1]

    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=new_event_loop))
    assert [run_interruptible(loop())] == made


def test_nothing_is_missed_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert isinstance(run_interruptible(loop()), asyncio.BaseEventLoop)
