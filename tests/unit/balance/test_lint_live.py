"""Lint: what only asking can tell, and what is asked."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import MAIL, SERVERS, balance, found

from switchover.balance.lint import (
    Endpoint,
    EndpointAnswer,
    LiveFacts,
    MachineFacts,
    NameAnswer,
    Severity,
    live_targets,
)

HOST = "mail.contoso.example"
NAMES = """\
apart:
  address: 203.0.113.11
  port: 443
  layout: l4-names
  names: {owa: owa.contoso.example, ews: {name: ews.contoso.example, address: 203.0.113.12}}
  servers: [cas1]
"""
INSIDE = "internal_names: [{name: anywhere.contoso.example, service: mail}]"


def answers(**names: NameAnswer | str) -> LiveFacts:
    """Answers by first label; a text is an address."""
    return LiveFacts(
        names={
            f"{name}.contoso.example": NameAnswer(addresses=tuple(answer.split()))
            if isinstance(answer, str)
            else answer
            for name, answer in names.items()
        }
    )


class TestNamespaces:
    CODE = "namespace-resolution"

    def test_a_name_that_leads_to_its_service_is_fine(self):
        assert found(self.CODE, balance(), live=answers(mail="203.0.113.10")) == []

    def test_names_that_do_not_resolve_are_told_together(self):
        gone = NameAnswer(error="unknown", is_absent=True)
        services = MAIL.replace(HOST, f"{HOST}, autodiscover.contoso.example")
        live = answers(mail=gone, autodiscover=gone, anywhere=gone)
        first, second = found(self.CODE, balance(services, more=INSIDE), live=live)
        assert first.severity is Severity.WARNING
        assert first.message == (
            "mail.contoso.example and autodiscover.contoso.example do not resolve here; "
            "the service is at 203.0.113.10"
        )
        assert second.message.startswith("anywhere.contoso.example does not resolve here")

    def test_a_name_that_leads_around_the_balancer_is_told(self):
        (finding,) = found(self.CODE, balance(), live=answers(mail="192.0.2.11"))
        assert "resolves to 192.0.2.11, not to 203.0.113.10" in finding.message

    def test_a_name_that_leads_partly_around_it_is_told(self):
        (finding,) = found(self.CODE, balance(), live=answers(mail="192.0.2.11 203.0.113.10"))
        assert "partly elsewhere: to 192.0.2.11 besides 203.0.113.10" in finding.message

    def test_an_internal_name_counts_and_points_at_its_own_key(self):
        live = answers(mail="203.0.113.10", anywhere="192.0.2.12")
        (finding,) = found(self.CODE, balance(more=INSIDE), live=live)
        assert finding.message.startswith("anywhere.contoso.example resolves to 192.0.2.12")
        assert finding.path == ("internal_names", 0, "name")

    def test_each_workload_leads_to_its_own_address(self):
        live = answers(owa="203.0.113.11", ews="203.0.113.11")
        (finding,) = found(self.CODE, balance(NAMES), live=live)
        assert (
            "ews.contoso.example resolves to 203.0.113.11, not to 203.0.113.12" in finding.message
        )

    def test_a_service_of_the_same_name_and_port_may_answer_too(self):
        services = MAIL + MAIL.replace("mail:", "mail6:", 1).replace(
            "203.0.113.10", "'2001:db8::10'"
        )
        live = answers(mail="203.0.113.10 2001:db8::10")
        assert found(self.CODE, balance(services), live=live) == []

    def test_a_service_of_the_same_name_on_another_port_may_not(self):
        services = MAIL + MAIL.replace("mail:", "other:", 1).replace("113.10", "113.77").replace(
            "443", "8443"
        )
        live = answers(mail="203.0.113.10 203.0.113.77")
        assert len(found(self.CODE, balance(services), live=live)) == 2

    def test_behind_address_translation_it_is_worth_knowing_only(self):
        told = balance(MAIL.replace("203.0.113.10", "10.0.0.10"))
        (finding,) = found(self.CODE, told, live=answers(mail="203.0.113.10"))
        assert finding.severity is Severity.INFO

    def test_a_service_on_every_address_is_reached_by_any_of_the_machine(self):
        told = balance(MAIL.replace("203.0.113.10", "0.0.0.0"))
        machine = MachineFacts(addresses=frozenset({"203.0.113.40"}))
        live = answers(mail="203.0.113.40")
        assert found(self.CODE, told, live=live, machine=machine) == []
        assert found(self.CODE, told, live=answers(mail="203.0.113.41"), machine=machine)
        assert found(self.CODE, told, live=live) == []

    def test_loopback_services_have_no_names_in_the_world(self):
        told = balance(MAIL.replace("203.0.113.10", "127.0.0.1"))
        assert found(self.CODE, told, live=answers(mail="203.0.113.10")) == []

    @pytest.mark.parametrize("live", [None, LiveFacts(), answers(mail=NameAnswer(error="timeout"))])
    def test_what_was_not_answered_is_not_judged(self, live):
        assert found(self.CODE, balance(), live=live) == []


class TestIncomplete:
    CODE = "live-check-incomplete"

    def test_silence_is_told_once_for_each_reason(self):
        live = LiveFacts(
            names={
                HOST: NameAnswer(error="no answer in time"),
                "gone.contoso.example": NameAnswer(error="unknown", is_absent=True),
            },
            endpoints={
                ("cas1", 443, HOST): EndpointAnswer(error="connection refused"),
                ("cas2", 443, HOST): EndpointAnswer(error="connection refused"),
                ("mx1", 993, ""): EndpointAnswer(error="no answer in time"),
            },
        )
        findings = found(self.CODE, balance(), live=live)
        assert [finding.message for finding in findings] == [
            "mail.contoso.example could not be resolved: no answer in time",
            "cas1 port 443 and cas2 port 443 show no certificate: connection refused",
            "mx1 port 993 shows no certificate: no answer in time",
        ]
        assert findings[1].path == ("servers", "cas1")

    def test_answers_and_absence_are_complete(self):
        live = answers(mail="203.0.113.10")
        assert found(self.CODE, balance(), live=live) == []
        assert found(self.CODE, balance()) == []


class TestTargets:
    def test_every_name_and_server_is_asked_once(self):
        targets = live_targets(balance(more=INSIDE))
        assert targets.names == (HOST, "anywhere.contoso.example")
        assert [item.key for item in targets.endpoints] == [
            ("cas1", 443, HOST),
            ("cas2", 443, HOST),
        ]
        assert all(item.http for item in targets.endpoints)

    def test_the_name_to_ask_servers_for_may_be_told(self):
        services = MAIL.replace("mail.pem", "mail.pem, server_name: cas.contoso.example")
        assert {item.host for item in live_targets(balance(services)).endpoints} == {
            "cas.contoso.example"
        }

    def test_passed_through_workloads_are_asked_as_clients_ask(self):
        assert {item.host for item in live_targets(balance(NAMES)).endpoints} == {
            "owa.contoso.example",
            "ews.contoso.example",
        }

    def test_mail_ports_may_have_no_name_and_expect_a_header(self):
        services = "imap: {address: 203.0.113.10, port: 993, layout: l4, workloads: [imaps], servers: [mx1]}\n"
        servers = SERVERS.replace(
            "postfix]}", "postfix], proxy_protocol: [imaps], ports: {993: 10993}}"
        )
        assert live_targets(balance(services, servers)).endpoints == (
            Endpoint(server="mx1", address="192.0.2.21", port=10993, host="", send_proxy=True),
        )

    def test_ports_without_tls_are_not_asked(self):
        offload = MAIL.replace("tls: {", "tls: {mode: offload, ")
        smtp = "smtp: {address: 203.0.113.9, port: 25, layout: l4, workloads: [smtp], servers: [cas1]}\n"
        assert live_targets(balance(offload + smtp)).endpoints == ()
