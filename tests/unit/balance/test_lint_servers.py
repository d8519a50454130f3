"""Lint: names in certificates, and whether the engine would accept the servers."""

from __future__ import annotations

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

TWO_NAMES = MAIL.replace(
    "[mail.contoso.example]", "[mail.contoso.example, autodiscover.contoso.example]"
)
L4 = MAIL.replace("l7", "l4").replace("  tls: {certificate: mail.pem}\n", "")
WITH_CA = MAIL.replace("certificate: mail.pem", "certificate: mail.pem, server_ca: ca.pem")
HOST = "mail.contoso.example"


class TestCoverage:
    CODE = "certificate-does-not-cover-names"

    def test_a_forgotten_name_is_an_error(self):
        (finding,) = found(self.CODE, balance(TWO_NAMES), assets({"mail.pem": leaf()}))
        assert finding.severity is Severity.ERROR
        assert "does not hold autodiscover.contoso.example" in finding.message
        assert "it holds mail.contoso.example" in finding.message

    def test_a_second_certificate_may_hold_it(self):
        services = TWO_NAMES.replace("mail.pem", "[mail.pem, auto.pem]")
        files = assets({"mail.pem": leaf(), "auto.pem": leaf("autodiscover.contoso.example")})
        assert found(self.CODE, balance(services), files) == []

    def test_a_star_covers_both(self):
        files = assets({"mail.pem": leaf("*.contoso.example")})
        assert found(self.CODE, balance(TWO_NAMES), files) == []

    def test_a_file_that_could_not_be_read_is_told_elsewhere(self):
        assert found(self.CODE, balance(TWO_NAMES)) == []

    def test_passed_through_names_are_the_servers_to_hold(self):
        services = L4.replace("[mail.contoso.example]", "[mail.contoso.example, b.example]")
        files = assets(recorded={"cas.pem": leaf()})
        (finding,) = found(self.CODE, balance(services, with_recorded()), files)
        assert "clients ask for b.example" in finding.message
        assert "cas1 and cas2 holds" in finding.message.replace("holds mail", "holds")
        assert finding.path == ("services", "mail", "names")

    def test_one_server_alone_is_named_as_the_subject(self):
        live = LiveFacts(
            endpoints={
                ("cas1", 443, HOST): EndpointAnswer(certificate=leaf()),
                ("cas2", 443, HOST): EndpointAnswer(certificate=leaf("cas2")),
            }
        )
        (finding,) = found(self.CODE, balance(L4), live=live)
        assert finding.server == "cas2"

    def test_unknown_server_certificates_and_ports_without_tls_are_left_alone(self):
        assert found(self.CODE, balance(L4)) == []
        smtp = (
            "smtp: {address: 203.0.113.9, port: 25, layout: l4, workloads: [smtp], "
            "servers: [cas1], names: [b.example]}\n"
        )
        files = assets(recorded={"cas.pem": leaf()})
        assert found(self.CODE, balance(smtp, with_recorded()), files) == []


class TestVerifiedName:
    CODE = "server-certificate-name"

    def test_a_server_that_would_fail_its_checks_is_told(self):
        files = assets(recorded={"cas.pem": leaf("cas.contoso.example")})
        findings = found(self.CODE, balance(servers=with_recorded()), files)
        assert [finding.server for finding in findings] == ["cas1", "cas2"]
        assert "cas1 is verified as mail.contoso.example" in findings[0].message
        assert findings[0].severity is Severity.ERROR

    def test_the_name_to_verify_may_be_told(self):
        services = MAIL.replace("mail.pem", "mail.pem, server_name: cas.contoso.example")
        files = assets(recorded={"cas.pem": leaf("cas.contoso.example")})
        assert found(self.CODE, balance(services, with_recorded()), files) == []

    def test_the_engine_still_accepts_the_common_name(self):
        facts = leaf("other.example", common_name=HOST)
        files = assets(recorded={"cas.pem": facts})
        assert found(self.CODE, balance(servers=with_recorded()), files) == []

    def test_servers_that_are_not_verified_can_not_fail(self):
        services = MAIL.replace("mail.pem", "mail.pem, verify: false")
        files = assets(recorded={"cas.pem": leaf("cas.contoso.example")})
        assert found(self.CODE, balance(services, with_recorded()), files) == []


class TestTrust:
    CODE = "server-certificate-untrusted"
    OWN = leaf(is_self_signed=True, subject="CN=CAS1", sha256="ee" * 32)

    def test_the_certificate_exchange_installs_is_told(self):
        files = assets(recorded={"cas.pem": self.OWN})
        findings = found(self.CODE, balance(servers=with_recorded()), files)
        assert "cas1 presents a self-signed certificate (CN=CAS1)" in findings[0].message
        assert "the authorities of this machine" in findings[0].message

    def test_another_authority_does_not_help(self):
        files = assets(recorded={"cas.pem": self.OWN}, authorities={"ca.pem": (leaf(),)})
        findings = found(self.CODE, balance(WITH_CA, with_recorded()), files)
        assert "not in ca.pem" in findings[0].message
        assert findings[0].path[-1] == "server_ca"

    def test_itself_among_the_authorities_does(self):
        files = assets(recorded={"cas.pem": self.OWN}, authorities={"ca.pem": (self.OWN,)})
        assert found(self.CODE, balance(WITH_CA, with_recorded()), files) == []

    def test_an_unreadable_file_of_authorities_is_told_elsewhere(self):
        files = assets(recorded={"cas.pem": self.OWN})
        assert found(self.CODE, balance(WITH_CA, with_recorded()), files) == []

    def test_an_issued_certificate_is_not_judged_without_its_chain(self):
        files = assets(recorded={"cas.pem": leaf()})
        assert found(self.CODE, balance(servers=with_recorded()), files) == []


class TestRecorded:
    CODE = "recorded-certificate-differs"

    def test_a_renewed_server_certificate_is_told_once(self):
        live = LiveFacts(
            endpoints={
                ("cas1", 443, host): EndpointAnswer(certificate=leaf(sha256="bb" * 32))
                for host in ("", HOST)
            }
        )
        files = assets(recorded={"cas.pem": leaf()})
        (finding,) = found(self.CODE, balance(servers=with_recorded()), files, live=live)
        assert finding.path == ("servers", "cas1", "certificate")
        assert "presents bb:bb" in finding.message

    def test_the_same_certificate_or_none_recorded_is_fine(self):
        live = LiveFacts(endpoints={("cas1", 443, HOST): EndpointAnswer(certificate=leaf())})
        files = assets(recorded={"cas.pem": leaf()})
        assert found(self.CODE, balance(servers=with_recorded()), files, live=live) == []
        assert found(self.CODE, balance(), live=live) == []

    def test_without_live_facts_nothing_is_told(self):
        files = assets(recorded={"cas.pem": leaf()})
        assert found(self.CODE, balance(servers=with_recorded()), files) == []

    def test_a_server_that_left_the_file_is_ignored(self):
        live = LiveFacts(endpoints={("gone", 443, ""): EndpointAnswer(certificate=leaf())})
        assert found(self.CODE, balance(), live=live) == []


class TestVerifyOff:
    CODE = "verify-off"
    OFF = MAIL.replace("mail.pem", "mail.pem, verify: false")

    def test_unverified_servers_are_told(self):
        (finding,) = found(self.CODE, balance(self.OFF))
        assert finding.severity is Severity.WARNING
        assert finding.path == ("services", "mail", "tls", "verify")

    def test_verified_or_local_servers_are_fine(self):
        assert found(self.CODE, balance()) == []
        assert found(self.CODE, balance(self.OFF, SERVERS.replace("192.0.2.1", "127.0.0.1"))) == []

    def test_without_tls_to_the_servers_there_is_nothing_to_verify(self):
        services = self.OFF.replace("{certificate", "{mode: offload, certificate")
        assert found(self.CODE, balance(services)) == []
