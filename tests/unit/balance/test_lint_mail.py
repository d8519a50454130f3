"""Lint: mail protocols."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import MAIL, SERVERS, balance, found

from switchover.balance.lint import Severity


def service(workload: str, port: int, *, servers: str = "mx1, mx2", more: str = "") -> str:
    return (
        f"{workload}: {{address: 203.0.113.20, port: {port}, layout: l4, workloads: ['{workload}'], "
        f"servers: [{servers}]{more}}}\n"
    )


def speaking(*protocols: str, product: str = "dovecot, postfix") -> str:
    taken = f", proxy_protocol: [{', '.join(protocols)}]"
    return SERVERS.replace("postfix]", f"postfix]{taken}").replace("dovecot, postfix", product)


CYRUS = "mx1: {address: 192.0.2.21, runs: [cyrus], product: cyrus-%s, proxy_protocol: [imap]}\n"


class TestPlainText:
    CODE = "plain-text-login"

    @pytest.mark.parametrize(
        ("workload", "port"),
        [("dovecot/submission", 587), ("imap", 143), ("pop3", 110), ("sieve", 4190)],
    )
    def test_starttls_ports_with_sign_in_are_worth_knowing(self, workload, port):
        services = service(workload, port).replace(f"{workload}: {{", "x: {", 1)
        (finding,) = found(self.CODE, balance(services))
        assert finding.severity is Severity.INFO
        assert (
            f"on port {port} is in the clear until the client asks for STARTTLS" in finding.message
        )

    @pytest.mark.parametrize(("workload", "port"), [("imaps", 993), ("lmtp", 24)])
    def test_tls_ports_and_delivery_are_fine(self, workload, port):
        assert found(self.CODE, balance(service(workload, port))) == []

    def test_a_port_without_any_tls_is_a_warning(self):
        more = (
            "templates:\n  old:\n    title: Old\n    workloads:\n"
            "      imap: {title: IMAP, protocol: imap, transport: clear, port: 143}\n"
        )
        servers = "mx1: {address: 192.0.2.21, runs: old}\n"
        (finding,) = found(self.CODE, balance(service("imap", 143, servers="mx1"), servers, more))
        assert finding.severity is Severity.WARNING
        assert "without TLS at all" in finding.message

    def test_loopback_is_no_network(self):
        services = service("imap", 143).replace("203.0.113.20", "127.0.0.1")
        assert found(self.CODE, balance(services)) == []


class TestOffload:
    CODE = "plain-text-to-servers"
    OFFLOAD = MAIL.replace("tls: {", "tls: {mode: offload, ")

    def test_offload_beyond_this_machine_is_told(self):
        (finding,) = found(self.CODE, balance(self.OFFLOAD))
        assert finding.message == "cas1 and cas2 are spoken to without TLS"

    def test_mail_offload_is_told_too(self):
        services = service("imaps", 993, more=", tls: {mode: offload, certificate: mail.pem}")
        assert found(self.CODE, balance(services.replace("l4", "l7")))

    def test_re_encryption_and_servers_on_this_machine_are_fine(self):
        assert found(self.CODE, balance()) == []
        local = SERVERS.replace("192.0.2.1", "127.0.0.1")
        assert found(self.CODE, balance(self.OFFLOAD, local)) == []


class TestProxyProtocol:
    CODE = "proxy-protocol-not-spoken"
    EXCHANGE = SERVERS.replace("runs: [exchange]", "runs: [exchange], proxy_protocol: [smtp, owa]")

    def test_exchange_never_speaks_it(self):
        services = service("smtp", 25, servers="cas1, cas2")
        findings = found(self.CODE, balance(services, self.EXCHANGE))
        assert [finding.server for finding in findings] == ["cas1", "cas2"]
        assert findings[0].severity is Severity.ERROR
        assert findings[0].path == ("servers", "cas1", "proxy_protocol")

    def test_neither_does_its_web_server(self):
        assert len(found(self.CODE, balance(servers=self.EXCHANGE))) == 2

    def test_a_server_in_two_services_is_told_once(self):
        services = MAIL + MAIL.replace("mail:", "mail2:").replace(".10", ".12")
        assert len(found(self.CODE, balance(services, self.EXCHANGE))) == 2

    def test_cyrus_speaks_it_since_3_12(self):
        services = service("imap", 143, servers="mx1")
        (finding,) = found(self.CODE, balance(services, CYRUS % "3.8"))
        assert "Cyrus 3.8 does not understand it" in finding.message
        assert found(self.CODE, balance(services, CYRUS % "3.12")) == []
        unknown = (CYRUS % "3").replace(", product: cyrus-3", "")
        assert found(self.CODE, balance(services, unknown)) == []

    def test_dovecot_and_postfix_speak_it(self):
        services = service("smtp", 25) + service("imap", 143)
        assert found(self.CODE, balance(services, speaking("smtp", "imap"))) == []


class TestSmtpClientAddress:
    CODE = "smtp-client-address"

    def test_smtp_without_the_clients_address_risks_an_open_relay(self):
        (finding,) = found(self.CODE, balance(service("smtp", 25)))
        assert finding.severity is Severity.WARNING
        assert "mx1 and mx2 see the balancer's address" in finding.message
        assert "open relay" in finding.why

    def test_servers_that_take_the_proxy_protocol_are_fine(self):
        assert found(self.CODE, balance(service("smtp", 25), speaking("smtp"))) == []

    def test_only_the_servers_that_do_not_are_named(self):
        servers = speaking("smtp").replace(", proxy_protocol: [smtp]", "", 1)
        (finding,) = found(self.CODE, balance(service("smtp", 25), servers))
        assert "mx1 sees" in finding.message

    @pytest.mark.parametrize(
        ("workload", "port", "word"),
        [("lmtp", 24, "delivered"), ("postfix/submission", 587, "submitted")],
    )
    def test_delivery_and_submission_weigh_less(self, workload, port, word):
        services = service(workload, port).replace(f"{workload}: {{", "x: {", 1)
        (finding,) = found(self.CODE, balance(services))
        assert finding.severity is Severity.INFO
        assert word in finding.message

    def test_known_sources_bound_the_risk(self):
        services = service("smtp", 25, more=", allow: [192.0.2.0/24]")
        assert found(self.CODE, balance(services))[0].severity is Severity.INFO

    def test_for_exchange_the_advice_is_another(self):
        (finding,) = found(self.CODE, balance(service("smtp", 25, servers="cas1, cas2")))
        assert "Exchange can not take the PROXY protocol" in finding.what_to_do

    def test_other_protocols_and_loopback_are_not_smtp(self):
        assert found(self.CODE, balance(service("imaps", 993))) == []
        local = service("smtp", 25).replace("203.0.113.20", "127.0.0.1")
        assert found(self.CODE, balance(local)) == []


class TestHiddenClients:
    CODE = "client-address-hidden"

    @pytest.mark.parametrize(("workload", "port"), [("imaps", 993), ("pop3", 110), ("sieve", 4190)])
    def test_mail_stores_that_could_be_told_are_told_about(self, workload, port):
        (finding,) = found(self.CODE, balance(service(workload, port)))
        assert finding.severity is Severity.INFO
        assert "mail_max_userip_connections" in finding.why

    def test_the_proxy_protocol_answers_it(self):
        assert found(self.CODE, balance(service("imaps", 993), speaking("imap"))) == []

    def test_exchange_could_not_do_anything_about_it(self):
        services = service("imaps", 993, servers="cas1, cas2")
        assert found(self.CODE, balance(services)) == []

    def test_neither_could_an_old_cyrus(self):
        servers = (CYRUS % "3.8").replace(", proxy_protocol: [imap]", "")
        assert found(self.CODE, balance(service("imap", 143, servers="mx1"), servers)) == []

    def test_smtp_has_its_own_rule(self):
        assert found(self.CODE, balance(service("smtp", 25))) == []
