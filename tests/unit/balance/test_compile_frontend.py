from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    engine_facts,
    farm,
    http_service,
    mail_service,
    names_service,
    rendered,
    section,
    server,
    service,
    stream_service,
)

from switchover.balance.compile_frontend import client_timeout, has_sorry_frontend, sorry_endpoint

TLS = {"certificate": "mail.pem"}


def frontend(keys: dict[str, Any], name: str = "mail", **sections: Any) -> list[str]:
    return section(rendered(farm({"mail": keys}, **sections)), f"frontend {name}")


def heads(keys: dict[str, Any]) -> list[str]:
    return [line for line in rendered(farm({"mail": keys})).splitlines() if line[:9] == "frontend "]


def test_a_decrypted_web_service_shows_its_certificate_and_reads_http() -> None:
    lines = frontend(http_service())
    assert lines[:2] == [
        "mode http",
        "bind 203.0.113.10:443 ssl crt 'certs/mail.pem' alpn http/1.1 ssl-min-ver TLSv1.2",
    ]
    assert "option idle-close-on-response" in lines
    assert lines[-1] == "use_backend mail.%[var(txn.sw_workload)]"


def test_a_decrypted_mail_service_shows_its_certificate_and_reads_nothing() -> None:
    lines = frontend(mail_service(layout="l7", names=["a"], tls={**TLS, "minimum": "1.3"}))
    assert lines[:2] == [
        "mode tcp",
        "bind 203.0.113.13:993 ssl crt 'certs/mail.pem' ssl-min-ver TLSv1.3",
    ]
    assert lines[-1] == "default_backend mail.imaps"


def test_what_is_passed_through_is_not_decrypted() -> None:
    lines = frontend(stream_service())
    assert lines[:2] == ["mode tcp", "bind 203.0.113.12:443"]
    assert lines[-1] == "default_backend mail.all"


def test_ipv6_addresses_stand_in_brackets() -> None:
    assert frontend(stream_service(address="2001:db8::1"))[1] == "bind [2001:db8::1]:443"


@pytest.mark.parametrize(
    ("keys", "alpn"),
    [
        ({}, "alpn http/1.1 "),
        ({"http2": True}, "alpn h2,http/1.1 "),
        ({"http2": False}, "alpn http/1.1 "),
    ],
)
def test_http_2_is_offered_where_it_is_wanted(keys: dict[str, Any], alpn: str) -> None:
    assert alpn in frontend(http_service(**keys))[1]


def test_clients_may_be_silent_as_long_as_the_most_patient_workload() -> None:
    assert "timeout client 3660000ms" in frontend(http_service())
    assert "timeout client 60000ms" in frontend(http_service(workloads=["autodiscover"]))
    assert (
        client_timeout(service(http_service(timeouts={"activesync": "1s", "owa": "5s"})).workloads)
        == 60.0
    )


def test_limits_allow_and_deny_stand_before_everything_that_costs() -> None:
    lines = frontend(
        stream_service(
            allow="192.0.2.0/24", deny="192.0.2.7",
            limits={"connections": 9, "connections_per_source": 2, "rate_per_source": 3},
        )
    )  # fmt: skip
    assert "maxconn 9" in lines
    assert [line for line in lines if "tcp-request" in line or "stick-table" in line] == [
        "tcp-request connection reject if { src -f lists/mail.deny }",
        "tcp-request connection reject unless { src -f lists/mail.allow }",
        "stick-table type ipv6 size 100k expire 60s store conn_cur,conn_rate(10s)",
        "tcp-request connection track-sc0 src",
        "tcp-request connection reject if { sc0_conn_cur gt 2 }",
        "tcp-request connection reject if { sc0_conn_rate gt 3 }",
    ]


@pytest.mark.parametrize("limit", ["connections_per_source", "rate_per_source"])
def test_one_limit_needs_no_other(limit: str) -> None:
    lines = frontend(stream_service(limits={limit: 5}))
    assert len([line for line in lines if "reject" in line]) == 1


def test_behind_another_balancer_access_is_judged_by_the_client_in_its_header() -> None:
    lines = frontend(http_service(accept_proxy=True, deny="192.0.2.7"))
    assert lines[1].startswith("bind 203.0.113.10:443 accept-proxy ssl")
    assert "tcp-request session reject if { src -f lists/mail.deny }" in lines


@pytest.mark.parametrize(("log", "found"), [("errors", False), ("all", True)])
def test_sessions_without_an_error_are_reported_on_demand(log: str, found: bool) -> None:
    assert ("no option dontlog-normal" in frontend(http_service(log=log))) is found


def test_restricted_workloads_are_refused_before_they_are_led_anywhere() -> None:
    lines = frontend(http_service(workloads=["owa", "ecp"], allow_restricted="192.0.2.0/24"))
    refusal = (
        "http-request deny deny_status 403 if { var(txn.sw_workload) -m str ecp } "
        "!{ src -f lists/mail.restricted }"
    )
    # Once for plain paths, once for those that had to be decoded.
    assert lines.count(refusal) == 2
    allowed = next(n for n, line in enumerate(lines) if line.startswith("http-request allow"))
    assert lines.index(refusal) < allowed


@pytest.mark.parametrize(
    "keys",
    [
        http_service(workloads=["owa", "ecp"]),
        http_service(workloads=["owa"], allow_restricted="192.0.2.0/24"),
    ],
)
def test_without_a_list_or_a_restricted_workload_nothing_is_refused(keys: dict[str, Any]) -> None:
    assert not [line for line in frontend(keys) if "403" in line]


def test_the_root_leads_home_literally() -> None:
    home = "http-request redirect location '/owa/' code 302 if { path / }"
    assert home in frontend(http_service())
    lines = frontend(http_service(home_path="/owa/100%'s"))
    assert "http-request redirect location '/owa/100%%'\\''s' code 302 if { path / }" in lines
    assert not [line for line in frontend(http_service(workloads=["ews"])) if "redirect" in line]


def test_home_comes_before_a_workload_that_owns_the_root() -> None:
    servers = {"cas1": server(1, runs="roundcube"), "cas2": server(2, runs="roundcube")}
    keys = http_service(workloads=["webmail"], home_path="/mail/")
    lines = frontend(keys, servers=servers)
    found = [n for n, line in enumerate(lines) if "redirect location" in line or "map_beg" in line]
    assert "redirect location" in lines[found[0]]


def test_names_are_read_from_the_handshake() -> None:
    lines = frontend(names_service())
    assert lines[-8:] == [
        "tcp-request inspect-delay 5s",
        "tcp-request content set-var(txn.sw_workload) req.ssl_sni,lower,map(maps/mail.names) "
        "if { req.ssl_hello_type 1 }",
        "tcp-request content set-var(txn.sw_host) req.ssl_sni,lower",
        "tcp-request content accept if { var(txn.sw_workload) -m found }",
        "tcp-request content reject if { req.ssl_hello_type 1 }",
        "tcp-request content reject if { req.len gt 0 } !{ req.ssl_hello_type 1 }",
        "tcp-request content reject if WAIT_END",
        "use_backend mail.%[var(txn.sw_workload)]",
    ]


def test_a_workload_with_an_address_of_its_own_has_a_frontend_of_its_own() -> None:
    own = {"name": "owa.contoso.example", "address": "203.0.113.20"}
    keys = names_service(names={"owa": own, "activesync": "eas.contoso.example"})
    assert heads(keys) == ["frontend mail", "frontend mail.owa.own"]
    lines = frontend(keys, "mail.owa.own")
    assert (lines[1], lines[-1]) == ("bind 203.0.113.20:443", "default_backend mail.owa")
    assert heads(names_service(names={"owa": own})) == ["frontend mail.owa.own"]


def test_the_redirector_keeps_known_names_only() -> None:
    lines = frontend(http_service(redirect_from=80), "mail.redirect")
    assert lines[1] == "bind 203.0.113.10:80"
    assert lines[-2:] == [
        "http-request redirect location https://%[var(txn.sw_host)]%[pathq] code 302 "
        "if { var(txn.sw_host) -m str -f lists/mail.hosts }",
        "http-request redirect location https://mail.contoso.example%[pathq] code 302",
    ]


def test_the_redirector_of_a_nameless_service_keeps_any_name() -> None:
    lines = frontend(stream_service(redirect_from=80), "mail.redirect")
    assert (
        lines[-1] == "http-request redirect location https://%[var(txn.sw_host)]%[pathq] code 302"
    )


def test_the_redirector_names_a_port_that_is_not_the_usual_one() -> None:
    lines = frontend(http_service(port=8443, redirect_from=80), "mail.redirect")
    assert lines[-1] == (
        "http-request redirect location https://mail.contoso.example:8443%[pathq] code 302"
    )


def test_the_redirector_listens_on_every_address_and_takes_the_same_header() -> None:
    own = {"name": "owa.contoso.example", "address": "203.0.113.20"}
    keys = names_service(
        names={"owa": own, "activesync": "eas.contoso.example"}, redirect_from=80, accept_proxy=True
    )
    assert frontend(keys, "mail.redirect")[1:3] == [
        "bind 203.0.113.11:80 accept-proxy",
        "bind 203.0.113.20:80 accept-proxy",
    ]


def test_a_layout_that_does_not_decrypt_shows_its_page_from_a_place_of_its_own() -> None:
    keys = stream_service(sorry={"page": "sorry.html", "certificate": "sorry.pem"})
    assert heads(keys) == ["frontend mail", "frontend mail.sorry"]
    lines = frontend(keys, "mail.sorry")
    assert lines[1] == "bind abns@switchover-0-mail ssl crt 'certs/sorry.pem' alpn http/1.1"
    assert lines[-3:] == [
        "option httpclose",
        "errorfile 503 pages/mail.sorry.http",
        "http-request deny deny_status 503",
    ]


def test_a_page_for_clear_http_is_shown_in_the_clear() -> None:
    own = {
        "title": "Own",
        "workloads": {
            "web": {"title": "Web", "protocol": "http", "port": 80, "transport": "clear"}
        },
    }
    servers = {"cas1": server(1, runs="own"), "cas2": server(2, runs="own")}
    keys = stream_service(workloads=["web"], sorry={"page": "sorry.html"})
    lines = frontend(keys, "mail.sorry", servers=servers, templates={"own": own})
    assert lines[1] == "bind abns@switchover-0-mail"


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (stream_service(), False),
        (stream_service(sorry={"address": "192.0.2.99"}), False),
        (stream_service(sorry={"page": "a.html", "certificate": "a.pem"}), True),
        (http_service(sorry={"page": "a.html"}), False),
    ],
)
def test_only_such_a_page_needs_its_own_frontend(keys: dict[str, Any], found: bool) -> None:
    assert has_sorry_frontend(service(keys)) is found


def test_two_instances_on_one_machine_do_not_share_a_sorry_page() -> None:
    found = service(stream_service())
    assert sorry_endpoint(found, engine_facts(token="a")) != sorry_endpoint(found, engine_facts())
