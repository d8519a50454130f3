"""Compiling with an earlier result at hand only saves time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    asset_files,
    engine_facts,
    farm,
    http_service,
    mail_service,
    names_service,
    server,
    stream_service,
)

from switchover.balance.compile import compile_engine
from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.virtual_service import Balance

SERVICES = {
    "mail": http_service(),
    "names": names_service(),
    "stream": stream_service(),
    "imap": mail_service(),
}
NOTHING = Overrides()
FACTS = engine_facts()


def overrides(pool: str = "owa", **keys: Any) -> Overrides:
    target = Target(service="mail", pool=pool, server="cas1")
    return Overrides(by_target={target: Override(**keys)})


def other(**services: Any) -> Balance:
    return farm({**SERVICES, **services})


CHANGES: dict[str, tuple[Balance, Overrides]] = {
    "nothing": (other(), NOTHING),
    "a timeout": (other(mail=http_service(timeouts={"owa": 61})), NOTHING),
    "a weight": (
        other(imap=mail_service(servers=["cas1", {"name": "cas2", "weight": 7}])),
        NOTHING,
    ),
    "a new service": (other(more=mail_service("pop3s", port=995)), NOTHING),
    "a service less": (farm({"imap": mail_service()}), NOTHING),
    "another order": (farm(dict(reversed(SERVICES.items()))), NOTHING),
    "an address": (
        farm(SERVICES, servers={"cas1": server(3), "cas2": server(2)}),
        NOTHING,
    ),
    "drain": (other(), overrides(state=AdminState.DRAIN)),
    "maintenance": (other(), overrides(state=AdminState.MAINTENANCE, weight=3)),
    "an override of what is gone": (other(), overrides(pool="gone", weight=3)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [NOTHING, overrides(state=AdminState.MAINTENANCE, weight=9)])
def test_an_earlier_result_changes_nothing_but_the_time(change: str, before: Overrides) -> None:
    first = farm(SERVICES)
    last = compile_engine(first, before, asset_files(first), FACTS)
    balance, wanted = CHANGES[change]
    files = asset_files(balance)
    anew = compile_engine(balance, wanted, files, FACTS)
    assert compile_engine(balance, wanted, files, FACTS, last=last) == anew


def test_other_facts_of_the_machine_are_taken_up() -> None:
    balance = farm(SERVICES)
    files = asset_files(balance)
    last = compile_engine(balance, NOTHING, files, FACTS)
    moved = engine_facts(agent_port=9010)
    anew = compile_engine(balance, NOTHING, files, moved)
    assert compile_engine(balance, NOTHING, files, moved, last=last) == anew


def test_backends_nobody_touched_are_the_very_same() -> None:
    balance = farm(SERVICES)
    files = asset_files(balance)
    last = compile_engine(balance, NOTHING, files, FACTS)
    drained = compile_engine(balance, overrides(weight=5), files, FACTS, last=last)
    changed = [
        new.name
        for old, new in zip(last.config.backends, drained.config.backends, strict=True)
        if old is not new
    ]
    assert changed == ["mail.owa"]
