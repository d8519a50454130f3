from __future__ import annotations

from typing import Any

import pytest
from tests.unit.edges.console.form.farm import values

from switchover.edges.console.form.server_block import read_server, show_server
from switchover.edges.console.form.values import Values

SERVER: dict[str, Any] = {
    "address": "192.0.2.21", "site": "ghent", "runs": ["dovecot", "postfix"],
    "proxy_protocol": ["imap", "smtp"], "ports": {"993": 9993, "25": 2525}, "weight": 50,
}  # fmt: skip


def test_a_server_is_shown_in_the_form_that_asks_for_it() -> None:
    assert read_server(show_server("mx1", SERVER)).value == SERVER
    alone = show_server("mx1", {"address": "192.0.2.21", "runs": "dovecot"})
    assert read_server(alone).value == {"address": "192.0.2.21", "runs": ["dovecot"]}


def test_what_is_needed_is_told_with_what_to_do() -> None:
    read = read_server(Values())
    assert {fault.field for fault in read.faults} == {"name", "address", "runs"}
    assert all(fault.hint for fault in read.faults)


@pytest.mark.parametrize("ports", ["443", "443:", ": 8443", "443: 1\n443: 2"])
def test_ports_that_are_no_pairs_are_told(ports: str) -> None:
    (fault,) = read_server(
        values(name="a", address="192.0.2.1", runs="exchange", ports=ports)
    ).faults
    assert fault.field == "ports"


def test_ports_stand_one_on_a_line() -> None:
    read = read_server(
        values(name="a", address="192.0.2.1", runs="exchange", ports="443: 8443\r\n\r\n25:x")
    )
    assert read.value["ports"] == {"443": 8443, "25": "x"}
