"""What takes no clients, and what a change leaves without a server."""

from __future__ import annotations

import pytest
from tests.builders import farm, http_service

from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.balance.unserved import (
    closed_frontends,
    closed_sentences,
    empty_pools,
    is_closed,
    left_empty,
)
from switchover.balance.virtual_service import Balance
from switchover.wire.haproxy.statistics import NOTHING, Row, RowKind


def row(proxy: str, name: str, status: str, *, weight: int = 100) -> Row:
    kinds = {"FRONTEND": RowKind.FRONTEND, "BACKEND": RowKind.BACKEND}
    numbers = dict.fromkeys(Row._fields, 0)
    values = {
        "proxy": proxy, "name": name, "status": status, "check": "", "check_text": "", "agent": "",
        "kind": kinds.get(name, RowKind.SERVER), "weight": weight, "counters": NOTHING,
    }  # fmt: skip
    return Row(**{**numbers, **values})


def test_a_pool_is_empty_when_none_of_its_servers_takes_traffic() -> None:
    rows = [
        row("mail.owa", "cas1", "DOWN"),
        row("mail.owa", "cas2", "DRAIN"),
        row("mail.owa", "sorry", "no check"),
        row("mail.owa", "BACKEND", "DOWN"),
        row("mail.ews", "cas1", "UP", weight=0),
        row("mail.oab", "cas1", "DOWN"),
        row("mail.oab", "cas2", "UP 1/2"),
        row("imap.imaps", "cas1", "MAINT"),
    ]
    assert empty_pools(rows) == [
        "no server is left for owa, ews of service mail",
        "no server is left for imaps of service imap",
    ]


def test_a_paused_or_shut_frontend_takes_no_connections() -> None:
    rows = [
        row("mail", "FRONTEND", "PAUSED"),
        row("imap", "FRONTEND", "STOP"),
        row("pop", "FRONTEND", "OPEN"),
        row("mail.owa", "BACKEND", "STOP"),
    ]
    assert closed_frontends(rows) == {"mail": "paused", "imap": "shut down"}
    first, second = closed_sentences(rows)
    assert "service mail takes no connections at its frontend mail: it is paused" in first
    assert "drift show" in second


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ((), False),
        (("mail",), True),
        (("mail.owa",), True),
        (("mail.redirect", "mail.sorry"), False),
        (("imap",), False),
    ],
)
def test_a_service_is_closed_when_clients_can_not_connect(
    closed: tuple[str, ...], expected: bool
) -> None:
    assert is_closed(balance().services[0], closed) is expected


def balance(**keys: object) -> Balance:
    return farm({"mail": http_service(**keys)})


def target(pool: str, name: str) -> Target:
    return Target(service="mail", pool=pool, server=name)


def test_taking_out_the_last_server_leaves_a_pool_empty() -> None:
    first, second, other = (
        target("owa", "cas1"),
        target("owa", "cas2"),
        target("activesync", "cas1"),
    )
    drained = Overrides().changed([first, other], state=AdminState.DRAIN)
    assert left_empty(balance(), drained, [first]) == []
    for gone in (
        drained.changed([second], state=AdminState.MAINTENANCE),
        drained.changed([second], weight=0),
    ):
        assert left_empty(balance(), gone, [second]) == [
            "no server is left for owa of service mail"
        ]
        assert left_empty(balance(), gone, [other]) == []


def test_a_server_of_weight_0_in_the_file_is_not_left() -> None:
    found = balance(servers=["cas1", {"name": "cas2", "weight": 0}])
    one = target("owa", "cas1")
    drained = Overrides().changed([one], state=AdminState.DRAIN)
    assert left_empty(found, drained, [one]) == ["no server is left for owa of service mail"]
