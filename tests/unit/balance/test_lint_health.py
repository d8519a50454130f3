"""Lint: health, capacity and redundancy."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import MAIL, SERVERS, balance, found

from switchover.balance.lint import Severity
from switchover.balance.lint.rules_health import detection_seconds
from switchover.balance.virtual_service import PROFILES
from switchover.model.platform_file.spec_health import HealthProfile

L4 = MAIL.replace("l7", "l4").replace("  tls: {certificate: mail.pem}\n", "")
EVERYTHING = """\
mail:
  address: 203.0.113.10
  port: 443
  layout: l7
  names: [mail.contoso.example]
  workloads: [owa, ecp, activesync, ews, mapi, rpc, oab, autodiscover, api]
  servers: [cas1, cas2]
  tls: {certificate: mail.pem}
smtp: {address: 203.0.113.10, port: 25, layout: l4, workloads: [smtp], servers: [cas1, cas2]}
send: {address: 203.0.113.10, port: 587, layout: l4, workloads: [submission], servers: [cas1, cas2]}
"""
EXCHANGE_ONLY = "\n".join(SERVERS.splitlines()[:2]) + "\n"


def with_key(services: str, key: str) -> str:
    return f"{services}  {key}\n"


def with_servers(servers: str, more: str = "") -> str:
    return (
        with_key(MAIL.replace("[cas1, cas2]", servers), more)
        if more
        else MAIL.replace("[cas1, cas2]", servers)
    )


class TestDetection:
    CODE = "slow-detection"

    def test_the_numbers_of_the_profiles(self):
        assert detection_seconds(PROFILES[HealthProfile.DEFAULT]) == (2.5, 6.5)
        wrong, silent = detection_seconds(PROFILES[HealthProfile.FAST])
        assert (round(wrong, 3), round(silent, 3)) == (1.0, 2.4)

    @pytest.mark.parametrize("key", ["", "health: {profile: fast}", "health: {interval: 9s}"])
    def test_quick_enough_is_fine(self, key):
        assert found(self.CODE, balance(with_key(MAIL, key) if key else MAIL)) == []

    def test_slow_checks_are_told_with_numbers(self):
        key = "health: {interval: 10s, fall: 3, fast_interval: 10s}"
        findings = found(self.CODE, balance(with_key(MAIL, key)))
        assert [finding.workload for finding in findings] == ["owa", "mapi", "ews"]
        assert "within 30 s, silence within 36 s (interval 10 s, fall 3)" in findings[0].message
        assert findings[0].severity is Severity.INFO

    def test_more_than_a_minute_is_a_warning(self):
        (finding,) = found(self.CODE, balance(with_key(L4, "health: {interval: 2m}")))
        assert finding.severity is Severity.WARNING


class TestJudged:
    def test_unseen_workloads_are_listed(self):
        told = balance(with_key(L4, "health: {workload: owa}"))
        (finding,) = found("workloads-not-judged", told)
        assert finding.message == "only owa is asked; failures of mapi and ews are not seen"

    @pytest.mark.parametrize("services", [L4, MAIL, with_key(L4, "health: {workload: all}")])
    def test_all_workloads_asked_is_fine(self, services):
        assert found("workloads-not-judged", balance(services)) == []

    def test_a_service_of_one_workload_sees_it(self):
        services = with_key(L4.replace("[owa, mapi, ews]", "[owa]"), "health: {workload: owa}")
        assert found("workloads-not-judged", balance(services)) == []

    def test_closing_everything_for_one_failure_is_told(self):
        told = balance(with_key(L4, "health: {on_down: close}"))
        (finding,) = found("close-hits-healthy-workloads", told)
        assert "all 3 workloads" in finding.message

    @pytest.mark.parametrize(
        "services",
        [
            L4,
            with_key(MAIL, "health: {on_down: close}"),
            with_key(L4.replace("[owa, mapi, ews]", "[owa]"), "health: {on_down: close}"),
        ],
    )
    def test_closing_what_failed_alone_is_fine(self, services):
        assert found("close-hits-healthy-workloads", balance(services)) == []


class TestCheckHost:
    CODE = "check-asks-for-another-host"

    def test_a_check_for_another_name_is_told(self):
        key = "health: {workloads: {owa: {host: cas.contoso.example}}}"
        (finding,) = found(self.CODE, balance(with_key(MAIL, key)))
        assert finding.message == (
            "owa is checked as cas.contoso.example, clients use mail.contoso.example"
        )

    @pytest.mark.parametrize("host", ["mail.contoso.example", None])
    def test_the_clients_name_is_fine(self, host):
        key = f"health: {{workloads: {{owa: {{host: {host}}}}}}}"
        assert found(self.CODE, balance(with_key(MAIL, key) if host else MAIL)) == []

    def test_in_l4_names_each_workload_has_its_own(self):
        services = (
            "apart: {address: 203.0.113.11, port: 443, layout: l4-names, servers: [cas1], "
            "names: {owa: owa.contoso.example, ews: ews.contoso.example}, "
            "health: {workloads: {owa: {host: ews.contoso.example}}}}\n"
        )
        (finding,) = found(self.CODE, balance(services))
        assert finding.workload == "owa"


class TestServers:
    def test_one_server_is_told(self):
        (finding,) = found("single-server", balance(with_servers("[cas1]")))
        assert finding.server == "cas1"
        assert finding.severity is Severity.INFO

    @pytest.mark.parametrize("servers", ["[cas1, cas2]", "[cas1, {name: cas2, backup: true}]"])
    def test_a_second_one_or_a_backup_answers_it(self, servers):
        assert found("single-server", balance(with_servers(servers))) == []

    def test_first_available_without_a_bound_uses_one_server(self):
        told = balance(with_key(MAIL, "scheduler: first-available"))
        (finding,) = found("first-available-unbounded", told)
        assert finding.message == "cas1 has no max_connections, so cas2 gets no traffic"

    @pytest.mark.parametrize(
        "servers",
        [
            "[{name: cas1, max_connections: 500}, cas2]",
            "[cas1, {name: cas2, backup: true}]",
            "[cas1]",
        ],
    )
    def test_a_bound_or_a_backup_is_meant_so(self, servers):
        told = balance(with_servers(servers, "scheduler: first-available"))
        assert found("first-available-unbounded", told) == []

    def test_other_schedulers_need_no_bound(self):
        assert found("first-available-unbounded", balance()) == []

    def test_weights_without_effect_are_told(self):
        told = balance(with_servers("[cas1, {name: cas2, weight: 50}]", "scheduler: round-robin"))
        (finding,) = found("weights-ignored", told)
        assert "cas1 100 and cas2 50" in finding.message

    @pytest.mark.parametrize("scheduler", ["weighted", "least-connections"])
    def test_weights_with_effect_are_fine(self, scheduler):
        told = balance(with_servers("[cas1, {name: cas2, weight: 50}]", f"scheduler: {scheduler}"))
        assert found("weights-ignored", told) == []

    def test_equal_weights_are_no_wish(self):
        assert found("weights-ignored", balance(with_key(MAIL, "scheduler: round-robin"))) == []

    def test_all_weights_zero_is_an_error(self):
        told = balance(with_servers("[{name: cas1, weight: 0}, {name: cas2, weight: 0}]"))
        (finding,) = found("no-weight-left", told)
        assert finding.severity is Severity.ERROR

    @pytest.mark.parametrize(
        ("servers", "more"),
        [
            ("[{name: cas1, weight: 0}, cas2]", ""),
            ("[{name: cas1, weight: 0}, {name: cas2, backup: true}]", ""),
            ("[{name: cas1, weight: 0}]", "scheduler: round-robin"),
        ],
    )
    def test_some_weight_left_is_fine(self, servers, more):
        assert found("no-weight-left", balance(with_servers(servers, more))) == []


class TestCarried:
    CODE = "workload-not-carried"

    def test_everything_clients_need_is_carried(self):
        assert found(self.CODE, balance(EVERYTHING, EXCHANGE_ONLY)) == []

    def test_forgotten_workloads_are_listed_by_product(self):
        services = EVERYTHING.replace("ecp, activesync, ", "")
        (finding,) = found(self.CODE, balance(services, EXCHANGE_ONLY))
        assert finding.message == (
            "Microsoft Exchange: ecp and activesync on cas1 and cas2 are carried by no service"
        )
        assert finding.path == ("servers", "cas1", "runs")

    def test_servers_behind_no_service_at_all_are_told(self):
        findings = found(self.CODE, balance(EVERYTHING))
        assert [finding.message.split(":")[0] for finding in findings] == ["Dovecot", "Postfix"]

    def test_either_form_of_a_protocol_is_enough(self):
        servers = "mx1: {address: 192.0.2.21, runs: cyrus}\n"
        services = "imaps: {address: 203.0.113.10, port: 993, layout: l4, workloads: [imaps], servers: mx1}\n"
        (finding,) = found(self.CODE, balance(services, servers))
        assert (
            finding.message
            == "Cyrus IMAP: pop3, pop3s, sieve, lmtp and dav on mx1 are carried by no service"
        )
        assert finding.server == "mx1"

    def test_a_port_passed_whole_carries_what_is_spoken_on_it(self):
        services = (
            EVERYTHING.replace(
                "[owa, ecp, activesync, ews, mapi, rpc, oab, autodiscover, api]", "[owa]"
            )
            .replace("l7", "l4", 1)
            .replace("  tls: {certificate: mail.pem}\n", "")
        )
        assert found(self.CODE, balance(services, EXCHANGE_ONLY)) == []
