"""Lint: Extended Protection between balancer and Exchange."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import (
    MAIL,
    SERVERS,
    assets,
    balance,
    found,
    leaf,
    with_recorded,
)

from switchover.balance.lint import EndpointAnswer, LiveFacts, Severity

OURS = leaf(sha256="aa" * 32)
THEIRS = leaf(sha256="bb" * 32, issuer="CN=Contoso Internal CA")
DIFFERS = "extended-protection-certificate"
OFFLOAD = MAIL.replace(
    "tls: {certificate: mail.pem}", "tls: {mode: offload, certificate: mail.pem}"
)
HOST = "mail.contoso.example"


def product(text: str) -> str:
    return with_recorded().replace("exchange-2019-cu14", text)


def unknown_product() -> str:
    return with_recorded().replace(", product: exchange-2019-cu14", "")


def test_different_certificates_are_an_error_where_protection_is_on():
    files = assets({"mail.pem": OURS}, {"cas.pem": THEIRS})
    (finding,) = found(DIFFERS, balance(servers=with_recorded()), files)
    assert finding.severity is Severity.ERROR
    assert "aa:aa:aa:aa:aa:aa:aa:aa" in finding.message
    assert "cas1 and cas2 present bb:bb" in finding.message
    assert "Contoso Internal CA" in finding.message
    assert "owa and mapi require it; ews checks it" in finding.message
    assert finding.path == ("services", "mail", "tls", "certificate")


def test_the_same_certificate_on_both_sides_is_fine():
    files = assets({"mail.pem": OURS}, {"cas.pem": OURS})
    assert found(DIFFERS, balance(servers=with_recorded()), files) == []
    assert found("extended-protection-unverified", balance(servers=with_recorded()), files) == []


@pytest.mark.parametrize(
    ("servers", "severity"),
    [
        (product("exchange-se"), Severity.ERROR),
        (product("exchange-2019-cu15"), Severity.ERROR),
        (product("exchange-2019"), Severity.WARNING),
        (unknown_product(), Severity.WARNING),
        (product("exchange-2019-cu13"), Severity.INFO),
        (product("exchange-2016-cu23"), Severity.INFO),
    ],
)
def test_severity_follows_the_version(servers, severity):
    files = assets({"mail.pem": OURS}, {"cas.pem": THEIRS})
    (finding,) = found(DIFFERS, balance(servers=servers), files)
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("servers", "severity"),
    [(product("exchange-se"), Severity.WARNING), (unknown_product(), Severity.INFO)],
)
def test_protection_that_is_only_allowed_weighs_less(servers, severity):
    services = MAIL.replace("[owa, mapi, ews]", "[ews, oab, autodiscover]")
    files = assets({"mail.pem": OURS}, {"cas.pem": THEIRS})
    (finding,) = found(DIFFERS, balance(services, servers), files)
    assert finding.severity is severity
    assert "ews and oab check it" in finding.message


def test_one_server_that_differs_is_named_alone():
    live = LiveFacts(
        endpoints={
            ("cas1", 443, HOST): EndpointAnswer(certificate=OURS),
            ("cas2", 443, HOST): EndpointAnswer(certificate=THEIRS),
        }
    )
    (finding,) = found(DIFFERS, balance(), assets({"mail.pem": OURS}), live=live)
    assert finding.server == "cas2"
    assert "cas2 presents" in finding.message


def test_what_is_seen_live_counts_more_than_what_is_recorded():
    live = LiveFacts(
        endpoints={(name, 443, HOST): EndpointAnswer(certificate=OURS) for name in ("cas1", "cas2")}
    )
    files = assets({"mail.pem": OURS}, {"cas.pem": THEIRS})
    assert found(DIFFERS, balance(servers=with_recorded()), files, live=live) == []


def test_a_second_certificate_shown_for_the_same_name_breaks_it_too():
    services = MAIL.replace("mail.pem", "[mail.pem, ecdsa.pem]")
    ecdsa = leaf(sha256="cc" * 32, key_type="ECDSA", key_bits=256)
    files = assets({"mail.pem": OURS, "ecdsa.pem": ecdsa}, {"cas.pem": OURS})
    (finding,) = found(DIFFERS, balance(services, with_recorded()), files)
    assert "ecdsa.pem (cc:" in finding.message
    assert "mail.pem" not in finding.message


def test_a_second_certificate_for_a_name_of_another_service_does_not_matter():
    services = MAIL.replace("mail.pem", "[mail.pem, other.pem]")
    other = leaf("files.contoso.example", sha256="cc" * 32)
    files = assets({"mail.pem": OURS, "other.pem": other}, {"cas.pem": OURS})
    assert found(DIFFERS, balance(services, with_recorded()), files) == []


def test_certificates_that_hold_no_name_at_all_are_compared_anyway():
    files = assets({"mail.pem": leaf("x.example", sha256="dd" * 32)}, {"cas.pem": OURS})
    assert found(DIFFERS, balance(servers=with_recorded()), files)


def test_unknown_certificates_are_said_to_be_unknown():
    (finding,) = found("extended-protection-unverified", balance(), assets({"mail.pem": OURS}))
    assert finding.severity is Severity.INFO
    assert "cas1 and cas2" in finding.message


@pytest.mark.parametrize("code", [DIFFERS, "extended-protection-unverified"])
def test_services_without_protection_are_left_alone(code):
    services = MAIL.replace("[owa, mapi, ews]", "[autodiscover]")
    files = assets({"mail.pem": OURS}, {"cas.pem": THEIRS})
    assert found(code, balance(services, with_recorded()), files) == []


@pytest.mark.parametrize("code", [DIFFERS, "extended-protection-unverified"])
def test_pass_through_is_left_alone(code):
    services = MAIL.replace("l7", "l4").replace("  tls: {certificate: mail.pem}\n", "")
    files = assets({}, {"cas.pem": THEIRS})
    assert found(code, balance(services, with_recorded()), files) == []


def test_an_own_template_that_requires_it_is_believed():
    more = (
        "templates:\n  intranet:\n    title: Intranet\n    workloads:\n      portal: {title: Portal, "
        "protocol: http, transport: tls, port: 443, clear_port: 80, paths: [/], "
        "extended_protection: required}\n"
    )
    servers = "web1: {address: 192.0.2.31, runs: [intranet], certificate: cas.pem}\n"
    services = MAIL.replace("[owa, mapi, ews]", "[portal]").replace("[cas1, cas2]", "[web1]")
    told = balance(services, servers, more)
    (finding,) = found(DIFFERS, told, assets({"mail.pem": OURS}, {"cas.pem": THEIRS}))
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("servers", "severity", "words"),
    [
        (product("exchange-2019-cu14"), Severity.ERROR, "have Extended Protection on"),
        (product("exchange-se"), Severity.ERROR, "have Extended Protection on"),
        (unknown_product(), Severity.WARNING, "run Exchange 2019 CU14 or newer"),
        (product("exchange-2013"), Severity.INFO, "only while Extended Protection stays off"),
    ],
)
def test_offload_is_judged_by_the_version(servers, severity, words):
    (finding,) = found("extended-protection-offload", balance(OFFLOAD, servers))
    assert finding.severity is severity
    assert words in finding.message
    assert finding.path == ("services", "mail", "tls", "mode")


def test_the_newest_of_mixed_servers_decides_and_is_named():
    servers = SERVERS.replace("exchange-2019-cu14", "exchange-2016", 1)
    (finding,) = found("extended-protection-offload", balance(OFFLOAD, servers))
    assert finding.severity is Severity.ERROR
    assert "cas2 has Extended Protection on" in finding.message
    assert "cas1" not in finding.message


def test_re_encryption_and_unprotected_workloads_are_no_offload():
    assert found("extended-protection-offload", balance()) == []
    services = OFFLOAD.replace("[owa, mapi, ews]", "[autodiscover]")
    assert found("extended-protection-offload", balance(services)) == []


def test_an_unknown_version_is_asked_for_once():
    (finding,) = found("exchange-product-unknown", balance(servers=unknown_product()))
    assert "cas1 and cas2 run Exchange of an unknown version" in finding.message
    assert finding.path == ("servers", "cas1")


def test_a_version_nobody_can_read_is_quoted():
    findings = found("exchange-product-unknown", balance(servers=product("mailserver-5")))
    assert [finding.server for finding in findings] == ["cas1", "cas2"]
    assert "'mailserver-5'" in findings[0].message


def test_a_known_version_is_not_asked_for():
    assert found("exchange-product-unknown", balance()) == []
