from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.platforms import platforms
from tests.unit.edges.console.form.farm import MAIL, values
from tests.written_files import as_read, written

from switchover.edges.console.form.service_block import read_service, show_service
from switchover.edges.console.form.values import Values
from switchover.model.platform_file.edit import PutBlock, Section, put_block, read_block

GIVEN: dict[str, Any] = {
    "name": "mail", "address": "203.0.113.10", "port": "443", "layout": "l7",
    "names": "mail.contoso.example", "workloads": ["owa", "ews"], "servers": ["cas1", "cas2"],
    "weight__cas2": "50", "tls__certificate": "mail.pem", "tls__verify": "yes",
}  # fmt: skip


def block(**texts: Any) -> dict[str, Any]:
    read = read_service(values(**{**GIVEN, **texts}))
    assert read.faults == ()
    return read.value


def faults(**texts: Any) -> dict[str, str]:
    return {
        fault.field: fault.message for fault in read_service(values(**{**GIVEN, **texts})).faults
    }


def test_a_form_asks_for_the_keys_of_the_file() -> None:
    assert block() == MAIL
    assert block(tls__certificate="a.pem, b.pem")["tls"] == {"certificate": ["a.pem", "b.pem"]}


def test_a_block_is_shown_in_the_form_that_asks_for_it() -> None:
    shown = show_service("mail", MAIL)
    assert shown == values(**GIVEN, workloads_listed="yes")


def test_what_is_empty_and_needed_is_told_with_what_to_do() -> None:
    read = read_service(Values())
    assert {fault.field for fault in read.faults} == {
        "name", "address", "port", "layout", "workloads", "servers",
    }  # fmt: skip
    assert all(fault.hint for fault in read.faults)


def test_what_is_no_number_stays_text_for_the_rules_to_refuse() -> None:
    assert block(port="https")["port"] == "https"
    assert block(limits__connections="12x")["limits"] == {"connections": "12x"}


def test_durations_may_be_seconds_or_have_a_unit() -> None:
    found = block(health__interval="30", health__timeout="500ms")
    assert found["health"] == {"interval": 30, "timeout": "500ms"}


def test_lists_are_parted_by_lines_commas_and_spaces() -> None:
    found = block(names="a.example\r\nb.example,c.example  d.example", allow="192.0.2.0/24")
    assert found["names"] == ["a.example", "b.example", "c.example", "d.example"]
    assert found["allow"] == ["192.0.2.0/24"]


def test_keys_of_other_layouts_are_left_out() -> None:
    found = block(layout="l4", tls__mode="offload", http2="yes", home_path="/owa/")
    assert "tls" not in found
    assert "http2" not in found
    assert "home_path" not in found


def test_a_server_has_the_keys_it_was_given() -> None:
    found = block(backup__cas2="yes", max_connections__cas1="100")
    assert found["servers"] == [
        {"name": "cas1", "max_connections": 100},
        {"name": "cas2", "weight": 50, "backup": True},
    ]


def test_layout_with_names_has_one_for_each_workload() -> None:
    found = block(
        layout="l4-names", host__owa="owa.contoso.example", host__ews="ews.contoso.example",
        own_address__ews="203.0.113.12",
    )  # fmt: skip
    assert found["names"] == {
        "owa": "owa.contoso.example",
        "ews": {"name": "ews.contoso.example", "address": "203.0.113.12"},
    }
    assert "workloads" not in found
    assert faults(layout="l4-names", host__owa="owa.contoso.example") == {"host.ews": "is needed"}


def test_workloads_that_were_listed_beside_names_stay_listed() -> None:
    named = {
        **MAIL,
        "layout": "l4-names",
        "names": {"owa": "a.example", "ews": {"name": "b.example"}},
    }
    read = read_service(show_service("mail", named))
    assert read.value["workloads"] == ["owa", "ews"]


def test_choices_between_three_say_yes_no_or_nothing() -> None:
    assert block(http2="yes")["http2"] is True
    assert block(http2="no")["http2"] is False
    assert "http2" not in block(http2="")


def test_switches_say_only_what_is_not_the_default() -> None:
    assert block(accept_proxy="yes")["accept_proxy"] is True
    assert block(tls__verify="")["tls"]["verify"] is False


def test_persistence_is_short_where_it_can_be() -> None:
    assert block(persistence__kind="source")["persistence"] == "source"
    assert block(persistence__kind="source", persistence__expire="10m")["persistence"] == {
        "kind": "source", "expire": "10m",
    }  # fmt: skip


def test_further_keys_are_written_as_in_the_file() -> None:
    found = block(
        more="timeouts: {owa: 10m}\nhealth: {workloads: {owa: {path: /x}}}", health__fall="3"
    )
    assert found["timeouts"] == {"owa": "10m"}
    assert found["health"] == {"fall": 3, "workloads": {"owa": {"path": "/x"}}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("a: [", "2:1"),
        ("- a", "must be keys and values"),
        ("port: 80", "port has a field of its own"),
        ("health: {fall: 3}\ntls: {mode: offload}", "health.fall, tls.mode has a field"),
    ],
)
def test_further_keys_that_can_not_be_are_told(more: str, message: str) -> None:
    assert message in faults(more=more)["more"]


def test_further_keys_are_shown_as_in_the_file() -> None:
    shown = show_service(
        "mail",
        {**MAIL, "timeouts": {"owa": "10m"}, "health": {"workloads": {"owa": {"path": "/x"}}}},
    )
    assert shown.get("more") == "timeouts:\n  owa: 10m\nhealth:\n  workloads: {owa: {path: /x}}"


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_form_sent_back_untouched_changes_nothing(data: st.DataObject) -> None:
    platform = as_read(data.draw(platforms()))
    for service in platform["services"].values():
        if "title" in service:  # a browser has one line for it
            service["title"] = "Webmail of the house"
        for workload in service.get("health", {}).get("workloads", {}).values():
            workload.pop("expect_text", None)
    text = data.draw(written(platform)).text
    for name, service in platform["services"].items():
        read = read_service(show_service(name, service))
        assert read_block(Section.SERVICES, name, read.value) == read_block(
            Section.SERVICES, name, service
        )
        assert (
            put_block(text, PutBlock(section=Section.SERVICES, name=name, value=read.value)).text
            == text
        )
