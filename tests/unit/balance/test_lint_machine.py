"""Lint: what the machine allows."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import MAIL, balance, found

from switchover.balance.descriptors import listeners_and_checks
from switchover.balance.lint import MachineFacts, Severity
from switchover.wire.haproxy.binary import descriptors_needed

HERE = frozenset({"127.0.0.1", "::1", "203.0.113.10", "2001:db8::10"})
NAMES = """\
apart:
  address: 203.0.113.10
  port: 443
  layout: l4-names
  names: {owa: owa.contoso.example, ews: {name: ews.contoso.example, address: 203.0.113.12}}
  servers: [cas1, cas2]
  redirect_from: 80
"""


class TestAddresses:
    CODE = "address-not-on-machine"

    @pytest.mark.parametrize(
        "address", ["203.0.113.10", "'2001:db8::10'", "127.0.0.7", "0.0.0.0", "'::'", "'::1'"]
    )
    def test_addresses_of_the_machine_are_fine(self, address):
        told = balance(MAIL.replace("203.0.113.10", address))
        assert found(self.CODE, told, machine=MachineFacts(addresses=HERE)) == []

    def test_a_foreign_address_is_an_error_and_lists_what_is_here(self):
        told = balance(MAIL.replace("113.10", "113.99"))
        (finding,) = found(self.CODE, told, machine=MachineFacts(addresses=HERE))
        assert finding.severity is Severity.ERROR
        assert "203.0.113.99 is not an address of this machine" in finding.message
        assert "2001:db8::10 and 203.0.113.10" in finding.message
        assert finding.path == ("services", "mail", "address")

    def test_an_own_address_of_a_workload_counts(self):
        (finding,) = found(self.CODE, balance(NAMES), machine=MachineFacts(addresses=HERE))
        assert finding.path == ("services", "apart", "names")
        assert "203.0.113.12" in finding.message

    def test_a_machine_with_loopback_only_is_said_so(self):
        (finding,) = found(self.CODE, balance(), machine=MachineFacts(addresses=frozenset({"::1"})))
        assert "it has loopback only" in finding.message

    def test_with_vrrp_addresses_may_be_elsewhere(self):
        machine = MachineFacts(addresses=HERE, binds_any_address=True)
        assert found(self.CODE, balance(NAMES), machine=machine) == []

    def test_on_another_machine_nothing_is_told(self):
        assert found(self.CODE, balance(NAMES)) == []


class TestDescriptors:
    CODE = "file-descriptors"

    def test_a_wish_above_the_limit_is_an_error_with_both_numbers(self):
        told = balance(more="engine: {max_connections: 10000}")
        machine = MachineFacts(descriptor_limit=20_000, threads=2)
        (finding,) = found(self.CODE, told, machine=machine)
        # 4 own listeners and 1 of the service; 3 pools x 2 servers, each with check and agent check.
        needed = descriptors_needed(max_connections=10_000, listeners=5, checks=15, threads=2)
        assert f"need {needed:,} open files, the limit is 20,000" in finding.message
        assert finding.severity is Severity.ERROR
        assert finding.path == ("engine", "max_connections")

    def test_a_wish_that_fits_is_fine(self):
        told = balance(more="engine: {max_connections: 9900}")
        assert found(self.CODE, told, machine=MachineFacts(descriptor_limit=20_000)) == []

    @pytest.mark.parametrize(
        ("limit", "severity"), [(1024, Severity.WARNING), (30, Severity.ERROR)]
    )
    def test_without_a_wish_the_room_is_told_when_small(self, limit, severity):
        (finding,) = found(self.CODE, balance(), machine=MachineFacts(descriptor_limit=limit))
        assert finding.severity is severity
        assert "leaves room for" in finding.message

    def test_enough_room_is_fine(self):
        assert found(self.CODE, balance(), machine=MachineFacts(descriptor_limit=20_000)) == []

    def test_unknown_limits_and_empty_platforms_are_left_alone(self):
        assert found(self.CODE, balance(), machine=MachineFacts()) == []
        assert found(self.CODE, balance()) == []
        machine = MachineFacts(descriptor_limit=100)
        assert found(self.CODE, balance("{}\n"), machine=machine) == []

    def test_every_listener_and_check_is_counted(self):
        # 443 twice (own address), 80 on both; 2 pools x (2 servers x 2 checks + 1).
        assert listeners_and_checks(balance(NAMES)) == (4 + 4, 10)


class TestEngine:
    CODE = "engine-tls-library-old"
    MACHINE = MachineFacts(
        engine="2.8.25",
        tls_library="OpenSSL 3.0.15",
        newer_engines=("HAProxy 3.0.11 with OpenSSL 3.5.1 at /usr/sbin/haproxy",),
    )

    def test_an_old_engine_towards_the_network_is_told(self):
        (finding,) = found(self.CODE, balance(), machine=self.MACHINE)
        assert finding.severity is Severity.WARNING
        assert "HAProxy 2.8.25 with OpenSSL 3.0.15" in finding.message
        assert "/usr/sbin/haproxy" in finding.message

    def test_on_loopback_it_is_fine(self):
        told = balance(MAIL.replace("203.0.113.10", "127.0.0.1"))
        assert found(self.CODE, told, machine=self.MACHINE) == []

    def test_without_a_newer_one_there_is_no_advice(self):
        assert found(self.CODE, balance(), machine=MachineFacts(engine="2.8.25")) == []
        assert found(self.CODE, balance()) == []
