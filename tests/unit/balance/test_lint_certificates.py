"""Lint: dates, authorities, chains and strength of certificates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.balance.lint_farm import (
    MAIL,
    TODAY,
    assets,
    balance,
    found,
    leaf,
    with_recorded,
)

from switchover.balance.certificate import CertificateFile
from switchover.balance.lint import EndpointAnswer, LiveFacts, Severity

SORRY = """\
pass:
  address: 203.0.113.11
  port: 443
  layout: l4
  workloads: [owa]
  servers: [cas1, cas2]
  sorry: {page: sorry.html, certificate: sorry.pem}
"""
WITH_CA = MAIL.replace("certificate: mail.pem", "certificate: mail.pem, server_ca: ca.pem")


def ending(days: float, **changes: object):
    return leaf(not_after=TODAY + timedelta(days=days), **changes)


class TestDates:
    def test_an_expired_certificate_is_an_error_with_its_day(self):
        (finding,) = found("certificate-expired", balance(), assets({"mail.pem": ending(-3)}))
        assert finding.severity is Severity.ERROR
        assert finding.message == "mail.pem expired on 2026-05-29, 3 days ago"
        assert finding.path == ("services", "mail", "tls", "certificate")

    def test_a_certificate_of_the_future_is_an_error(self):
        later = leaf(not_before=TODAY + timedelta(hours=3))
        (finding,) = found("certificate-expired", balance(), assets({"mail.pem": later}))
        assert "valid only from 2026-06-01 15:00 UTC" in finding.message
        assert "clock" in finding.what_to_do

    def test_thirty_days_ahead_is_a_warning(self):
        (finding,) = found("certificate-expires-soon", balance(), assets({"mail.pem": ending(29)}))
        assert finding.severity is Severity.WARNING
        assert "in 29 days" in finding.message

    @pytest.mark.parametrize("days", [31, 300])
    def test_later_is_fine(self, days):
        files = assets({"mail.pem": ending(days)})
        assert found("certificate-expires-soon", balance(), files) == []
        assert found("certificate-expired", balance(), files) == []

    def test_an_expired_one_does_not_end_soon(self):
        files = assets({"mail.pem": ending(-1)})
        assert found("certificate-expires-soon", balance(), files) == []

    def test_the_certificate_of_a_sorry_page_counts(self):
        (finding,) = found("certificate-expired", balance(SORRY), assets({"sorry.pem": ending(-1)}))
        assert finding.path == ("services", "pass", "sorry", "certificate")

    def test_what_servers_are_recorded_with_counts(self):
        files = assets(recorded={"cas.pem": ending(-1)})
        (finding,) = found("certificate-expired", balance(servers=with_recorded()), files)
        assert "cas.pem (of cas1)" in finding.message
        assert finding.server == "cas1"

    def test_what_servers_present_counts(self):
        live = LiveFacts(
            endpoints={
                ("cas1", 443, "mail.contoso.example"): EndpointAnswer(certificate=ending(-1)),
                ("cas2", 443, ""): EndpointAnswer(error="refused"),
            }
        )
        (finding,) = found("certificate-expired", balance(), live=live)
        assert "that cas1 presents on port 443 for mail.contoso.example" in finding.message

    def test_one_certificate_in_many_places_is_told_once(self):
        live = LiveFacts(endpoints={("cas1", 443, ""): EndpointAnswer(certificate=ending(-1))})
        services = MAIL + MAIL.replace("mail:", "mail2:").replace(".10", ".12")
        files = assets({"mail.pem": ending(-1)}, {"cas.pem": ending(-1)})
        told = balance(services, with_recorded())
        assert len(found("certificate-expired", told, files, live=live)) == 1


class TestAuthorities:
    CODE = "authority-expired"

    def test_the_last_authority_decides(self):
        files = assets(authorities={"ca.pem": (ending(-1), ending(400))})
        assert found(self.CODE, balance(WITH_CA), files) == []

    @pytest.mark.parametrize(
        ("days", "severity", "word"),
        [(-1, Severity.ERROR, "ended on"), (20, Severity.WARNING, "ends on")],
    )
    def test_its_end_is_told(self, days, severity, word):
        files = assets(authorities={"ca.pem": (ending(-100), ending(days))})
        (finding,) = found(self.CODE, balance(WITH_CA), files)
        assert finding.severity is severity
        assert word in finding.message

    def test_without_a_file_there_is_nothing_to_end(self):
        assert found(self.CODE, balance()) == []


class TestChain:
    CODE = "certificate-chain"
    PUBLIC = leaf(names_issuer_url=True, issuer="CN=Public Intermediate")

    def test_a_lone_certificate_of_an_intermediate_is_told(self):
        (finding,) = found(self.CODE, balance(), assets({"mail.pem": self.PUBLIC}))
        assert "no intermediate certificate (CN=Public Intermediate)" in finding.message

    def test_a_certificate_in_two_services_is_told_once(self):
        services = MAIL + MAIL.replace("mail:", "mail2:").replace(".10", ".12")
        assert len(found(self.CODE, balance(services), assets({"mail.pem": self.PUBLIC}))) == 1

    def test_a_root_that_is_named_as_authority_needs_no_chain(self):
        root = leaf(subject="CN=Public Intermediate", is_self_signed=True)
        files = assets({"mail.pem": self.PUBLIC}, authorities={"ca.pem": (root,)})
        assert found(self.CODE, balance(WITH_CA), files) == []

    @pytest.mark.parametrize("change", [{"is_self_signed": True}, {"names_issuer_url": False}])
    def test_certificates_that_need_none_are_fine(self, change):
        files = assets({"mail.pem": replace(self.PUBLIC, **change)})
        assert found(self.CODE, balance(), files) == []

    def test_a_chain_in_disorder_is_told(self):
        file = CertificateFile(leaf=self.PUBLIC, chain=(leaf(),), is_linked=False)
        files = replace(assets(), shown={"mail.pem": file})
        (finding,) = found(self.CODE, balance(), files)
        assert "do not sign one another" in finding.message

    def test_a_chain_in_order_is_fine(self):
        file = CertificateFile(leaf=self.PUBLIC, chain=(leaf(),))
        assert found(self.CODE, balance(), replace(assets(), shown={"mail.pem": file})) == []


class TestStrength:
    CODE = "certificate-weak"

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"key_bits": 1024}, "an RSA key of 1024 bits"),
            ({"key_type": "ECDSA", "key_bits": 192}, "an elliptic curve of 192 bits"),
            ({"key_type": "DSA"}, "a key of type DSA"),
            ({"signature_hash": "sha1"}, "a signature made with SHA1"),
            ({"is_for_servers": False}, "an extended key usage that leaves servers out"),
        ],
    )
    def test_weaknesses_are_named(self, change, told):
        (finding,) = found(self.CODE, balance(), assets({"mail.pem": leaf(**change)}))
        assert told in finding.message
        assert finding.severity is Severity.WARNING

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"key_type": "ECDSA", "key_bits": 256},
            {"key_type": "Ed25519", "key_bits": 256, "signature_hash": ""},
            {"signature_hash": "sha1", "is_self_signed": True},
        ],
    )
    def test_what_clients_accept_is_fine(self, change):
        assert found(self.CODE, balance(), assets({"mail.pem": leaf(**change)})) == []
