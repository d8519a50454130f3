from __future__ import annotations

from typing import Any

from switchover.model.platform_file.edit import Section, read_block
from switchover.model.platform_file.spelling import keep_spelling

SERVICE = {
    "address": "203.0.113.10", "port": 443, "layout": "l4", "workloads": "owa", "servers": "cas1",
}  # fmt: skip


def spelled(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    before, after = {**SERVICE, **old}, {**SERVICE, **new}
    found: dict[str, Any] = keep_spelling(
        before,
        after,
        read_block(Section.SERVICES, "mail", before),
        read_block(Section.SERVICES, "mail", after),
    )
    return {key: found[key] for key in {*old, *new}}


def test_durations_stay_as_they_were_written() -> None:
    old = {"health": {"interval": "500ms", "timeout": "2s"}}
    new = {"health": {"interval": 0.5, "timeout": 3}}
    assert spelled(old, new) == {"health": {"interval": "500ms", "timeout": 3}}


def test_short_forms_stay_short() -> None:
    assert spelled({"persistence": "source"}, {"persistence": {"kind": "source"}}) == {
        "persistence": "source"
    }
    assert spelled({"workloads": "owa"}, {"workloads": ["owa"]}) == {"workloads": "owa"}


def test_each_server_stays_as_it_was_written_wherever_it_stands_now() -> None:
    old = {"servers": ["cas1", {"name": "cas2", "weight": 50, "backup": False}]}
    new = {"servers": [{"name": "cas2", "weight": 50}, {"name": "cas1"}, "cas3"]}
    assert spelled(old, new) == {
        "servers": [{"name": "cas2", "weight": 50, "backup": False}, "cas1", "cas3"]
    }


def test_a_default_that_was_said_aloud_stays() -> None:
    old = {"tls": {"verify": True, "minimum": "1.2"}, "log": "errors"}
    assert spelled(old, {"tls": {"server_ca": "ca.pem"}}) == {
        "tls": {"server_ca": "ca.pem", "verify": True, "minimum": "1.2"}, "log": "errors",
    }  # fmt: skip


def test_what_says_something_else_and_is_left_out_goes() -> None:
    old = {"tls": {"verify": False}, "timeouts": {"owa": "10m"}}
    found = keep_spelling(
        {**SERVICE, **old}, dict(SERVICE),
        read_block(Section.SERVICES, "mail", {**SERVICE, **old}),
        read_block(Section.SERVICES, "mail", SERVICE),
    )  # fmt: skip
    assert found == SERVICE


def test_ports_are_numbers_however_their_key_is_written() -> None:
    old = {"address": "192.0.2.1", "runs": ["exchange"], "ports": {"0443": 8443, "993": 8993}}
    new = {**old, "ports": {"0443": 8443, "993": 9993}}
    found = keep_spelling(
        old, new, read_block(Section.SERVERS, "a", old), read_block(Section.SERVERS, "a", new)
    )
    assert found == new
