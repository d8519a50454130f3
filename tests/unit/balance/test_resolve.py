from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    farm,
    farm_text,
    faults_of,
    http_service,
    mail_service,
    names_service,
    problems_in,
    server,
    service,
    stream_service,
)

from switchover.balance.resolve import listening_places

OWN: dict[str, Any] = {
    "title": "Own",
    "workloads": {
        "web": {
            "title": "Web", "protocol": "http", "port": 8080, "transport": "clear", "paths": ["/Web/"],
            "check": {"path": "/alive"},
        }
    },
}  # fmt: skip


def test_a_farm_is_resolved_with_all_its_parts() -> None:
    balance = farm(
        {"mail": http_service()},
        engine={"threads": 2},
        templates={"own": OWN},
        internal_names=[{"name": "outlook.contoso.example", "service": "mail"}],
    )
    assert balance.platform == "contoso"
    assert balance.engine.threads == 2
    assert list(balance.servers) == ["cas1", "cas2"]
    assert {"exchange", "dovecot", "own"} <= set(balance.templates)
    assert [item.name for item in balance.services] == ["mail"]
    assert balance.internal_names == (("outlook.contoso.example", "mail"),)


def test_a_server_keeps_everything_the_file_says_of_it() -> None:
    keys = server(
        site="ghent", runs=["dovecot", "postfix", "dovecot"], ports={993: 9993}, weight=50,
        proxy_protocol=["dovecot/imap", "smtp"], product="dovecot-2.4", certificate="mx1.pem",
    )  # fmt: skip
    found = farm(servers={"mx1": keys}).servers["mx1"]
    assert (found.address, found.site, found.weight) == ("192.0.2.11", "ghent", 50)
    assert found.runs == ("dovecot", "postfix")
    assert found.ports == {993: 9993}
    assert found.proxy_protocol == {"imap", "smtp"}
    assert (found.product, found.certificate) == ("dovecot-2.4", "mx1.pem")


def test_templates_of_the_file_stand_beside_the_shipped_ones() -> None:
    web = farm(templates={"own": OWN}).templates["own"].workloads[0]
    assert web.paths == ("/web",)
    assert web.check.path == "/alive"


def test_a_shipped_template_can_not_be_replaced() -> None:
    assert faults_of(templates={"dovecot": OWN}) == [
        "templates.dovecot: the template 'dovecot' is shipped with switchover (choose another name)"
    ]


def test_a_template_that_does_not_exist_is_answered_with_those_that_do() -> None:
    (fault,) = faults_of(servers={"cas1": server(runs=["exchangex"])})
    assert fault.startswith(
        "servers.cas1.runs.0: there is no template 'exchangex' (known: cyrus, dav,"
    )


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        (["imap", "exchange/smtp", "http"], []),
        (["imaap"], ["servers.cas1.proxy_protocol.0: 'cas1' has no workload or protocol 'imaap' (did you mean 'imap'?)"]),
        (["imap", "lmtp"], ["servers.cas1.proxy_protocol.1: 'cas1' has no workload or protocol 'lmtp' (did you mean 'smtp'?)"]),
    ],
)  # fmt: skip
def test_the_proxy_protocol_is_declared_for_what_the_server_has(
    words: list[str], faults: list[str]
) -> None:
    servers = {"cas1": server(proxy_protocol=words)}
    if faults:
        assert faults_of(servers=servers) == faults
    else:
        assert farm(servers=servers).servers["cas1"].proxy_protocol == {"imap", "smtp", "http"}


def test_the_proxy_protocol_of_an_unknown_product_is_not_judged_twice() -> None:
    (fault,) = faults_of(servers={"cas1": server(runs=["exchangex"], proxy_protocol=["imap"])})
    assert "there is no template" in fault


def test_internal_names_lead_to_services_that_exist() -> None:
    names = [{"name": "outlook.contoso.example", "service": "male"}]
    assert faults_of({"mail": http_service()}, internal_names=names) == [
        "internal_names.0.service: there is no service 'male'"
    ]


def test_two_services_can_not_have_one_name() -> None:
    text = farm_text({"mail": http_service(), "mail2": http_service(port=444)})
    (problem,) = problems_in(text.replace("mail2:", "mail:"))
    assert problem.message == "the key 'mail' stands here a second time (first in line 12)"
    assert problem.line is not None


def test_two_services_can_not_have_one_place() -> None:
    assert faults_of({"mail": http_service(), "web": stream_service(address="203.0.113.10")}) == [
        "services.web.port: 203.0.113.10 port 443 is already used by the service 'mail' "
        "(give one of them another address or port)"
    ]


def test_addresses_compare_by_what_they_mean() -> None:
    (fault,) = faults_of(
        {
            "mail": http_service(address="2001:db8::10"),
            "web": stream_service(address="2001:DB8:0::0:10"),
        }
    )
    assert "2001:db8::10 port 443 is already used" in fault


def test_the_redirector_needs_a_port_of_its_own() -> None:
    (fault,) = faults_of({"mail": http_service(redirect_from=443)})
    assert fault.startswith(
        "services.mail.redirect_from: 203.0.113.10 port 443 is already used by this service"
    )
    (fault,) = faults_of(
        {"mail": http_service(redirect_from=80), "web": http_service(port=8443, redirect_from=80)}
    )
    assert fault.startswith("services.web.redirect_from: 203.0.113.10 port 80 is already used by")


def test_two_workloads_can_not_share_an_address_of_their_own() -> None:
    names = {
        "owa": {"name": "owa.contoso.example", "address": "203.0.113.20"},
        "activesync": {"name": "eas.contoso.example", "address": "203.0.113.20"},
    }
    (fault,) = faults_of({"mail": names_service(names=names)})
    assert fault.startswith(
        "services.mail.names: 203.0.113.20 port 443 is already used by this service"
    )


def test_a_service_listens_on_its_address_and_on_those_of_its_workloads() -> None:
    names = {
        "owa": "owa.contoso.example",
        "activesync": {"name": "eas.contoso.example", "address": "203.0.113.20"},
    }
    found = service(names_service(names=names, redirect_from=80))
    assert list(listening_places(found)) == [
        ("203.0.113.11", 443, "port"),
        ("203.0.113.20", 443, "names"),
        ("203.0.113.11", 80, "redirect_from"),
        ("203.0.113.20", 80, "redirect_from"),
    ]


def test_a_service_does_not_listen_where_every_workload_has_an_address() -> None:
    names = {"owa": {"name": "owa.contoso.example", "address": "203.0.113.20"}}
    assert list(listening_places(service(names_service(names=names)))) == [
        ("203.0.113.20", 443, "names")
    ]


def test_every_fault_of_every_service_is_told_at_once_in_the_order_of_the_file() -> None:
    text = farm_text(
        {
            "mail": http_service(servers=["cas3"]),
            "web": stream_service(workloads=["owe"]),
            "imap": mail_service(health={"workload": "pop3"}),
        },
        servers={"cas1": server(1, runs=["exchange", "oops"]), "cas2": server(2)},
    )
    problems = problems_in(text)
    assert [problem.path for problem in problems] == [
        "servers.cas1.runs.1",
        "services.mail.servers.0",
        "services.web.workloads.0",
        "services.imap.health.workload",
    ]
    lines = [problem.line for problem in problems]
    assert None not in lines
    assert lines == sorted(lines, key=lambda line: line or 0)
