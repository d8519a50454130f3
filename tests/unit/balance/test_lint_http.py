"""Lint: web workloads."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import MAIL, assets, balance, found, leaf, with_recorded

from switchover.balance.lint import EndpointAnswer, LiveFacts, Severity

NAMES = """\
apart:
  address: 203.0.113.11
  port: 443
  layout: l4-names
  names: {owa: owa.contoso.example, ews: ews.contoso.example}
  servers: [cas1, cas2]
"""
PHONES = MAIL.replace("[owa, mapi, ews]", "[owa, activesync]")
L4 = MAIL.replace("l7", "l4").replace("  tls: {certificate: mail.pem}\n", "")
IMAP = """\
imap: {address: 203.0.113.10, port: 993, layout: l4, workloads: [imaps], servers: [mx1, mx2]}
"""
WEBMAIL = MAIL.replace("[owa, mapi, ews]", "[webmail]").replace("cas1, cas2", "web1, web2")
WEB_SERVERS = (
    "web1: {address: 192.0.2.31, runs: roundcube}\nweb2: {address: 192.0.2.32, runs: roundcube}\n"
)


def with_key(services: str, key: str) -> str:
    return f"{services}  {key}\n"


class TestTimeouts:
    CODE = "timeout-too-short"

    @pytest.mark.parametrize("services", [MAIL, PHONES, NAMES, L4, IMAP])
    def test_templates_as_shipped_are_long_enough(self, services):
        assert found(self.CODE, balance(services)) == []

    def test_a_short_heartbeat_is_told_with_both_numbers(self):
        services = with_key(PHONES, "timeouts: {activesync: 10m}")
        (finding,) = found(self.CODE, balance(services))
        assert "activesync is cut after 600 s of silence, needed are 3540 s" in finding.message
        assert finding.severity is Severity.WARNING
        assert finding.workload == "activesync"
        assert finding.path == ("services", "mail", "timeouts", "activesync")

    def test_idle_is_told_too(self):
        services = IMAP.replace("mx2]", "mx2], timeouts: {imaps: 60s}")
        (finding,) = found(self.CODE, balance(services))
        assert "imaps is cut after 60 s of silence, needed are 1740 s" in finding.message
        assert "RFC 2177" in finding.message

    def test_workloads_that_share_a_connection_pool_share_the_longest_timeout(self):
        services = with_key(L4.replace("[owa,", "[activesync, owa,"), "timeouts: {owa: 1m}")
        assert found(self.CODE, balance(services)) == []


class TestHttp2:
    CODE = "http2-windows-authentication"

    def test_http2_with_windows_sign_in_is_an_error(self):
        (finding,) = found(self.CODE, balance(with_key(MAIL, "http2: true")))
        assert finding.severity is Severity.ERROR
        assert "owa, mapi and ews sign in over the connection" in finding.message
        assert finding.path == ("services", "mail", "http2")

    def test_the_default_leaves_http2_off_where_it_would_hurt(self):
        assert found(self.CODE, balance()) == []

    def test_http2_without_windows_sign_in_is_fine(self):
        assert found(self.CODE, balance(with_key(WEBMAIL, "http2: true"), WEB_SERVERS)) == []

    def test_what_is_not_decrypted_is_not_ours_to_judge(self):
        assert found(self.CODE, balance(with_key(L4, "http2: true"))) == []


class TestCoalescing:
    CODE = "http2-coalescing"
    STAR = leaf("*.contoso.example")

    def test_a_wildcard_over_two_names_on_one_address_is_told(self):
        files = assets(recorded={"cas.pem": self.STAR})
        (finding,) = found(self.CODE, balance(NAMES, with_recorded()), files)
        assert finding.severity is Severity.WARNING
        assert "owa.contoso.example and ews.contoso.example on 203.0.113.11" in finding.message

    def test_a_certificate_with_both_names_is_told(self):
        both = leaf("owa.contoso.example", "ews.contoso.example")
        files = assets(recorded={"cas.pem": both})
        assert found(self.CODE, balance(NAMES, with_recorded()), files)

    def test_a_certificate_for_each_name_is_fine(self):
        live = LiveFacts(
            endpoints={
                (server, 443, host): EndpointAnswer(certificate=leaf(host), alpn="h2")
                for server in ("cas1", "cas2")
                for host in ("owa.contoso.example", "ews.contoso.example")
            }
        )
        assert found(self.CODE, balance(NAMES), live=live) == []

    def test_an_address_for_each_name_is_fine(self):
        services = NAMES.replace(
            "ews: ews.contoso.example",
            "ews: {name: ews.contoso.example, address: 203.0.113.12}",
        )
        files = assets(recorded={"cas.pem": self.STAR})
        assert found(self.CODE, balance(services, with_recorded()), files) == []

    def test_servers_that_do_not_offer_http2_are_fine(self):
        live = LiveFacts(
            endpoints={
                (server, 443, host): EndpointAnswer(certificate=self.STAR, alpn="http/1.1")
                for server in ("cas1", "cas2")
                for host in ("owa.contoso.example", "ews.contoso.example")
            }
        )
        assert found(self.CODE, balance(NAMES), live=live) == []

    def test_a_failed_live_question_does_not_hide_the_recorded_certificate(self):
        live = LiveFacts(
            endpoints={("cas1", 443, "owa.contoso.example"): EndpointAnswer(error="refused")}
        )
        files = assets(recorded={"cas.pem": self.STAR})
        assert found(self.CODE, balance(NAMES, with_recorded()), files, live=live)

    def test_unknown_certificates_are_said_to_be_unknown(self):
        (finding,) = found(self.CODE, balance(NAMES))
        assert finding.severity is Severity.INFO
        assert "not known here" in finding.message


class TestRestricted:
    CODE = "restricted-workload-open"
    ECP = MAIL.replace("[owa, mapi, ews]", "[owa, ecp]")

    def test_an_admin_center_for_everybody_is_told(self):
        (finding,) = found(self.CODE, balance(self.ECP))
        assert finding.severity is Severity.WARNING
        assert finding.message == "ecp is open to every source"

    @pytest.mark.parametrize("key", ["allow_restricted: 192.0.2.0/24", "allow: 192.0.2.0/24"])
    def test_a_bound_on_sources_answers_it(self, key):
        assert found(self.CODE, balance(with_key(self.ECP, key))) == []

    def test_loopback_is_no_outside(self):
        assert found(self.CODE, balance(self.ECP.replace("203.0.113.10", "127.0.0.1"))) == []

    def test_no_restricted_workload_no_finding(self):
        assert found(self.CODE, balance()) == []

    def test_layouts_without_paths_can_not_restrict(self):
        services = L4.replace("[owa, mapi, ews]", "[owa, ecp]")
        (finding,) = found(self.CODE, balance(services))
        assert finding.severity is Severity.INFO
        assert "layout l4 sees no paths" in finding.message

    def test_a_key_without_effect_is_a_warning(self):
        services = with_key(L4.replace("ews]", "ecp]"), "allow_restricted: 192.0.2.0/24")
        (finding,) = found(self.CODE, balance(services))
        assert finding.severity is Severity.WARNING
        assert "allow_restricted has no effect" in finding.message
        assert finding.path[-1] == "allow_restricted"


class TestAcceptProxy:
    CODE = "accept-proxy-forgeable"

    def test_trust_in_the_header_is_told(self):
        (finding,) = found(self.CODE, balance(with_key(MAIL, "accept_proxy: true")))
        assert finding.severity is Severity.INFO

    def test_lists_that_rely_on_it_make_it_a_warning(self):
        services = with_key(
            MAIL, "accept_proxy: true\n  allow: 192.0.2.0/24\n  limits: {rate_per_source: 9}"
        )
        (finding,) = found(self.CODE, balance(services))
        assert finding.severity is Severity.WARNING
        assert "allow and limits rely on it" in finding.message

    def test_without_it_or_on_loopback_nothing_is_told(self):
        assert found(self.CODE, balance()) == []
        local = with_key(MAIL, "accept_proxy: true").replace("203.0.113.10", "127.0.0.1")
        assert found(self.CODE, balance(local)) == []


class TestPersistence:
    def test_roundcube_on_two_servers_is_hinted_at(self):
        (finding,) = found("session-needs-persistence", balance(WEBMAIL, WEB_SERVERS))
        assert finding.severity is Severity.INFO
        assert finding.workload == "webmail"

    @pytest.mark.parametrize("key", ["persistence: cookie", "scheduler: source-hash"])
    def test_a_tie_answers_it(self, key):
        told = balance(with_key(WEBMAIL, key), WEB_SERVERS)
        assert found("session-needs-persistence", told) == []

    def test_one_server_needs_no_tie(self):
        told = balance(WEBMAIL.replace("web1, web2", "web1"), WEB_SERVERS)
        assert found("session-needs-persistence", told) == []

    def test_exchange_is_not_tied(self):
        assert found("session-needs-persistence", balance()) == []

    @pytest.mark.parametrize("kind", ["cookie", "source"])
    def test_a_tie_for_exchange_is_unnecessary(self, kind):
        told = balance(with_key(MAIL, f"persistence: {kind}"))
        (finding,) = found("persistence-not-needed", told)
        assert f"persistence {kind}" in finding.message

    def test_no_tie_and_other_products_are_fine(self):
        assert found("persistence-not-needed", balance()) == []
        told = balance(with_key(WEBMAIL, "persistence: cookie"), WEB_SERVERS)
        assert found("persistence-not-needed", told) == []


class TestSorry:
    @pytest.mark.parametrize("services", [L4, NAMES])
    def test_pass_through_without_a_sorry_server_is_told(self, services):
        assert found("sorry-missing", balance(services))[0].severity is Severity.INFO

    def test_a_sorry_server_or_our_own_page_answers_it(self):
        assert found("sorry-missing", balance(with_key(L4, "sorry: {address: 192.0.2.99}"))) == []
        assert found("sorry-missing", balance()) == []
        assert found("sorry-missing", balance(IMAP)) == []
