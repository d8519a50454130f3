"""The garbage collector is kept from walking a platform file that stays, and nothing of an old one stays behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from switchover.balance.overrides import Overrides
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.balance.work.revisions import read_wish
from switchover.edges import worker
from switchover.model.platform_file.read import PlatformFile
from switchover.model.server import Server

TEXT = """\
platform: contoso
servers:
  mx1: {address: 192.0.2.21, runs: [dovecot]}
services:
  imap: {address: 203.0.113.10, port: 993, layout: l4, workloads: [imaps], servers: [mx1]}
"""


@pytest.fixture
def spared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(worker, "_spare_collector", lambda: found.append("spared"))
    return found


class Kept(tuple[int, ...]):
    """How many objects there are of each kind that a platform file is made of."""

    def __sub__(self, other: Kept) -> list[int]:
        return [one - before for one, before in zip(self, other, strict=True)]


def kept() -> Kept:
    kinds = (PlatformFile, Balance, VirtualService, Server)
    found = [type(one) for one in gc.get_objects()]
    return Kept(map(found.count, kinds))


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_the_collector_is_spared_once_for_a_platform_file_and_seldom(
    spared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(worker.clock, "monotonic", lambda: now)
    parts: Any = SimpleNamespace(wish=None)
    settled = worker._Settled(cast("Any", SimpleNamespace(balance=parts)))
    await settled.look()
    assert spared == []
    for count in (1, 2):
        # Many changes in a row are one.
        for _ in range(5):
            parts.wish = ((count, TEXT), read_wish(TEXT, {}, Overrides()))
            await settled.look()
        now += worker.SPARE_SECONDS
        await settled.look()
        await settled.look()
        assert len(spared) == 1 + count


def test_what_was_spared_once_is_not_kept_for_ever() -> None:
    class Ring(list["Ring"]):
        def __init__(self) -> None:
            super().__init__([self])

    seen = weakref.ref(Ring())
    try:
        for _ in range(2):
            worker._spare_collector()
        assert seen() is None
        frozen = gc.get_freeze_count()
        for _ in range(20):
            Ring()
            worker._spare_collector()
        assert gc.get_freeze_count() < frozen + 100
    finally:
        gc.unfreeze()


@pytest.mark.usefixtures("no_collector")
def test_a_platform_file_that_is_replaced_goes_without_the_collector() -> None:
    before = kept()
    wish = read_wish(TEXT, {}, Overrides())
    assert min(kept() - before) > 0
    del wish
    assert kept() == before
