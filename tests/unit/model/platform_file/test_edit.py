from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.platforms import platforms
from tests.written_files import as_read, written

from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.model.platform_file.edit import (
    PutBlock,
    RemoveBlock,
    Section,
    find_block,
    mentions,
    put_block,
    read_block,
    remove_block,
)
from switchover.model.platform_file.read import read_platform_file

FARM = """\
platform: contoso
servers:
  cas1: {address: 192.0.2.11, runs: [exchange]}
  "123": {address: 192.0.2.12, runs: exchange}
services:
  mail:   # webmail
    address: 203.0.113.10
    port: 443
    layout: l7
    names: [mail.contoso.example]
    workloads: owa
    servers: [{name: cas1, weight: 50}, 123]   # both
    scheduler: least-connections
    tls: {certificate: mail.pem}
    health: {interval: 30s}
  imap: {address: 203.0.113.10, port: 993, layout: l4, workloads: [imaps], servers: cas1}
internal_names:
  - {name: inside.contoso.example, service: mail}
"""
MAIL = {
    "address": "203.0.113.10",
    "port": 443,
    "layout": "l7",
    "names": ["mail.contoso.example"],
    "workloads": ["owa"],
    "servers": [{"name": "cas1", "weight": 50}, "123"],
    "tls": {"certificate": ["mail.pem"]},
    "health": {"interval": 30},
}


def put(text: str, name: str, value: dict[str, Any], **more: Any) -> str:
    section = more.pop("section", Section.SERVICES)
    return put_block(text, PutBlock(section=section, name=name, value=value, **more)).text


def remove(text: str, name: str, **more: Any) -> str:
    section = more.pop("section", Section.SERVICES)
    return remove_block(text, RemoveBlock(section=section, name=name, **more)).text


def test_what_means_the_same_changes_nothing() -> None:
    assert put(FARM, "mail", MAIL) == FARM


def test_only_what_means_something_else_is_written() -> None:
    new = put(FARM, "mail", {**MAIL, "port": 8443, "health": {"interval": "5s"}})
    assert new == FARM.replace("port: 443", "port: 8443").replace("30s", "5s")


def test_a_default_that_is_said_aloud_goes_when_it_changes() -> None:
    new = put(FARM, "mail", {**MAIL, "scheduler": "round-robin"})
    assert new == FARM.replace("scheduler: least-connections", "scheduler: round-robin")


def test_new_keys_stand_in_the_order_of_the_reference() -> None:
    new = put(FARM, "mail", {**MAIL, "title": "Webmail", "redirect_from": 80})
    assert "  mail:   # webmail\n    title: Webmail\n    address:" in new
    assert "tls: {certificate: mail.pem}\n    redirect_from: 80\n    health" in new


def test_null_means_that_a_key_is_left_out() -> None:
    new = put(FARM, "mail", {**MAIL, "health": None})
    assert new == FARM.replace("    health: {interval: 30s}\n", "")


def test_a_new_service_goes_behind_the_last_in_the_way_of_its_neighbour() -> None:
    new = put(FARM, "pop", {**MAIL, "port": 995}, is_new=True)
    assert new.startswith(
        FARM[: FARM.index("internal_names")] + "  pop:\n    address: 203.0.113.10\n"
    )
    assert new.endswith(FARM[FARM.index("internal_names") :])
    assert find_block(new, Section.SERVICES, "pop") == {**MAIL, "port": 995}


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(Conflict, match="there is a service 'imap' already"):
        put(FARM, "imap", MAIL, is_new=True)
    with pytest.raises(Conflict, match="there is a service 'imap' already"):
        put(FARM, "imap", MAIL, old_name="mail")


def test_what_is_not_there_can_not_be_renamed_or_removed() -> None:
    with pytest.raises(NotFound, match="there is no service 'post'"):
        put(FARM, "mail2", MAIL, old_name="post")
    with pytest.raises(NotFound, match="there is no server 'cas9'"):
        remove(FARM, "cas9", section=Section.SERVERS)
    with pytest.raises(NotFound):
        remove("", "mail")


def test_a_service_keeps_its_block_and_its_mentions_under_a_new_name() -> None:
    new = put(FARM, "post", MAIL, old_name="mail")
    assert new == FARM.replace("  mail:   #", "  post:   #").replace(
        "service: mail", "service: post"
    )


def test_a_server_keeps_its_services_under_a_new_name() -> None:
    server = {"address": "192.0.2.11", "runs": ["exchange"]}
    new = put(FARM, "front", server, old_name="cas1", section=Section.SERVERS)
    assert new == FARM.replace("cas1", "front")


def test_a_name_of_digits_is_renamed_and_others_stay_as_they_are() -> None:
    server = {"address": "192.0.2.12", "runs": ["exchange"]}
    new = put(FARM, "cas2", server, old_name="123", section=Section.SERVERS)
    assert new == FARM.replace('"123"', "cas2").replace("50}, 123]", "50}, cas2]")


def test_an_internal_name_keeps_a_removed_service_unless_everything_goes() -> None:
    with pytest.raises(Conflict, match=r"used by internal name inside\.contoso\.example"):
        remove(FARM, "mail")
    new = remove(FARM, "mail", everywhere=True)
    assert "mail:" not in new
    assert new.endswith("internal_names: []\n")


def test_a_removed_server_leaves_its_services_when_asked_to() -> None:
    with pytest.raises(Conflict, match="'123' is used by service mail; remove it there as well"):
        remove(FARM, "123", section=Section.SERVERS)
    new = remove(FARM, "123", section=Section.SERVERS, everywhere=True)
    assert "[{name: cas1, weight: 50}]   # both" in new
    assert '"123"' not in new


def test_a_service_is_not_left_without_servers() -> None:
    with pytest.raises(Conflict, match="only server of imap"):
        remove(FARM, "cas1", section=Section.SERVERS, everywhere=True)


def test_a_service_that_nobody_mentions_just_goes() -> None:
    new = remove(FARM, "imap")
    assert new == "".join(line for line in FARM.splitlines(keepends=True) if "imap:" not in line)


def test_a_file_can_begin_with_a_server() -> None:
    server = {"address": "192.0.2.11", "runs": ["exchange"]}
    new = put("", "cas1", server, section=Section.SERVERS, platform="contoso")
    assert new == "platform: contoso\nservers:\n  cas1: {address: 192.0.2.11, runs: [exchange]}\n"
    assert read_platform_file(new).spec.servers["cas1"].address == "192.0.2.11"


def test_services_get_their_section_with_the_first_of_them() -> None:
    text = "platform: contoso\nservers:\n  cas1: {address: 192.0.2.11, runs: [exchange]}\n"
    new = put(text, "imap", {"address": "203.0.113.10", "port": 993, "layout": "l4",
                             "workloads": ["imaps"], "servers": ["cas1"]})  # fmt: skip
    assert new == text + (
        "services:\n  imap:\n    address: 203.0.113.10\n    port: 993\n    layout: l4\n"
        "    workloads: [imaps]\n    servers: [cas1]\n"
    )
    assert remove(new, "imap") == text + "services: {}\n"


def test_faults_of_a_block_have_paths_and_no_lines() -> None:
    with pytest.raises(InvalidInput) as caught:
        put(FARM, "mail", {**MAIL, "port": "https", "colour": 1})
    places = {(problem.path, problem.line) for problem in caught.value.problems}
    assert places == {("services.mail.port", None), ("services.mail.colour", None)}


@pytest.mark.parametrize("text", ["[a]", "a: ["])
def test_a_text_that_is_no_platform_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        put(text, "mail", MAIL)


def test_nothing_is_mentioned_in_a_file_without_services() -> None:
    assert mentions({"servers": {}}, Section.SERVERS, "cas1") == []
    assert mentions({"servers": {}}, Section.SERVICES, "mail") == []
    server = {"address": "192.0.2.11", "runs": "exchange"}
    text = "platform: a\nservers:\n  b: {address: 192.0.2.1, runs: [exchange]}\n"
    assert put(text, "c", server, old_name="b", section=Section.SERVERS).endswith(
        "  c: {address: 192.0.2.11, runs: [exchange]}\n"
    )


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_putting_what_is_there_changes_nothing_however_it_is_written(data: st.DataObject) -> None:
    platform = as_read(data.draw(platforms()))
    text = data.draw(written(platform)).text
    for section in Section:
        for name, block in platform[section].items():
            spec = read_block(section, name, block)
            plain = spec.model_dump(mode="json", exclude_defaults=True)
            assert put(text, name, plain, section=section) == text
