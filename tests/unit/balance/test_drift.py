"""Drift: every difference between wish and engine, and what puts it right."""

from __future__ import annotations

from dataclasses import replace

from switchover.balance.compile import Compiled
from switchover.balance.drift import Drift, DriftKind, ObservedServer, find_drift
from switchover.balance.overrides import AdminState, Target
from switchover.wire.haproxy.change import ReplaceList, ReplaceMap, SetAddress, SetState, SetWeight
from switchover.wire.haproxy.config import Backend, EngineConfig, Global, ServerLine

CAS1 = Target(service="mail", pool="owa", server="cas1")
ENTRIES = (("/owa/", "owa"),)


def wanted(*, state: AdminState = AdminState.READY, weight: int = 100) -> Compiled:
    lines = (
        ServerLine(name="cas1", address="192.0.2.11", port=443, weight=weight),
        ServerLine(name="sorry", address="abns@x", port=None, backup=True),
    )
    backend = Backend(name="mail.owa", mode="http", balance="leastconn", servers=lines)
    settings = Global(
        description="x", admin_socket="a", log_socket="l", state_file="s", max_connections=10
    )
    config = EngineConfig(global_=settings, backends=(backend,), maps={"maps/mail.paths": ENTRIES})
    return Compiled(config=config, states={CAS1: state})


SEEN = ObservedServer(
    backend="mail.owa",
    name="cas1",
    address="192.0.2.11",
    port=443,
    weight=100,
    state=AdminState.READY,
)


def drift_of(seen: ObservedServer | None, compiled: Compiled | None = None) -> tuple[Drift, ...]:
    servers = {("mail.owa", "cas1"): seen} if seen else {}
    return find_drift(compiled or wanted(), servers, {"maps/mail.paths": ENTRIES})


def test_an_engine_that_is_as_wished_has_no_drift() -> None:
    assert drift_of(SEEN) == ()


def test_a_drain_that_nobody_ordered_is_found_with_its_repair() -> None:
    (found,) = drift_of(replace(SEEN, state=AdminState.DRAIN))
    assert (found.kind, found.wanted, found.found) == (DriftKind.STATE, "ready", "drain")
    assert found.repair == SetState(backend="mail.owa", server="cas1", state="ready")
    assert found.sentence == "mail.owa/cas1: state is drain, should be ready"


def test_a_wished_maintenance_that_was_ended_is_found() -> None:
    (found,) = drift_of(SEEN, wanted(state=AdminState.MAINTENANCE))
    assert found.repair == SetState(backend="mail.owa", server="cas1", state="maint")


def test_a_weight_that_nobody_ordered_is_found() -> None:
    (found,) = drift_of(replace(SEEN, weight=7))
    assert (found.kind, found.target) == (DriftKind.WEIGHT, CAS1)
    assert found.repair == SetWeight(backend="mail.owa", server="cas1", weight=100)


def test_a_weight_that_our_own_agent_asked_for_is_no_drift() -> None:
    lowered = {("mail.owa", "cas1"): replace(SEEN, weight=30)}
    assert find_drift(wanted(), lowered, {}, advised={CAS1}) == ()


def test_another_address_or_port_is_found() -> None:
    (found,) = drift_of(replace(SEEN, address="192.0.2.99", port=1))
    assert found.kind is DriftKind.ADDRESS
    assert found.repair == SetAddress(
        backend="mail.owa", server="cas1", address="192.0.2.11", port=443
    )


def test_a_server_that_is_not_in_the_engine_needs_the_files_written_anew() -> None:
    (found,) = drift_of(None)
    assert (found.kind, found.repair) == (DriftKind.MISSING, None)


def test_a_changed_map_is_found_whatever_the_order_and_an_unknown_one_is_not_ours() -> None:
    servers = {("mail.owa", "cas1"): SEEN}
    maps = {"maps/mail.paths": (("/owa/", "ecp"),), "maps/other": ()}
    (found,) = find_drift(wanted(), servers, maps)
    assert found.repair == ReplaceMap(name="maps/mail.paths", entries=ENTRIES)


def test_a_changed_list_is_found_whatever_the_order_and_an_unknown_one_is_not_ours() -> None:
    networks = ("192.0.2.0/24", "198.51.100.0/24")
    compiled = wanted()
    config = replace(compiled.config, maps={}, lists={"lists/mail.deny": networks})
    compiled = replace(compiled, config=config)
    servers = {("mail.owa", "cas1"): SEEN}
    assert find_drift(compiled, servers, {}, lists={"lists/mail.deny": networks[::-1]}) == ()
    looked = {"lists/mail.deny": networks[:1], "lists/other": ()}
    (found,) = find_drift(compiled, servers, {}, lists=looked)
    assert (found.kind, found.subject) == (DriftKind.LIST, "lists/mail.deny")
    assert found.repair == ReplaceList(name="lists/mail.deny", patterns=networks)
