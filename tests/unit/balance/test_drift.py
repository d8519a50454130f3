"""Drift: every difference between wish and engine, and what puts it right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from tests.unit.balance.paper import Paper

from switchover.balance.compile import Compiled
from switchover.balance.drift import (
    Drift,
    DriftKind,
    ObservedEngine,
    ObservedServer,
    find_drift,
    fingerprint,
)
from switchover.balance.overrides import AdminState, Target
from switchover.wire.haproxy.change import (
    EnableChecks,
    EnableFrontend,
    ReplaceCertificate,
    ReplaceList,
    ReplaceMap,
    SetAddress,
    SetFrontendLimit,
    SetState,
    SetWeight,
)
from switchover.wire.haproxy.config import Backend, EngineConfig, Frontend, Global, ServerLine
from switchover.wire.haproxy.listings import FrontendState

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


SORRY = ObservedServer(
    backend="mail.owa", name="sorry", address="", port=0, weight=100, state=AdminState.READY
)


def engine(
    servers: dict[tuple[str, str], ObservedServer] | None = None, **contents: Any
) -> ObservedEngine:
    """An engine with the sorry server and, unless told otherwise, cas1 in order."""
    seen = {("mail.owa", "cas1"): SEEN} if servers is None else servers
    return ObservedEngine(servers={("mail.owa", "sorry"): SORRY, **seen}, **contents)


def drift_of(seen: ObservedServer | None, compiled: Compiled | None = None) -> tuple[Drift, ...]:
    servers = {("mail.owa", "cas1"): seen} if seen else {}
    return find_drift(compiled or wanted(), engine(servers, maps={"maps/mail.paths": ENTRIES}))


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
    assert find_drift(wanted(), engine(lowered), advised={CAS1}) == ()


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
    maps = {"maps/mail.paths": (("/owa/", "ecp"),), "maps/other": ()}
    (found,) = find_drift(wanted(), engine(maps=maps))
    assert found.repair == ReplaceMap(name="maps/mail.paths", entries=ENTRIES)


def test_a_changed_list_is_found_whatever_the_order_and_an_unknown_one_is_not_ours() -> None:
    networks = ("192.0.2.0/24", "198.51.100.0/24")
    compiled = wanted()
    config = replace(compiled.config, maps={}, lists={"lists/mail.deny": networks})
    compiled = replace(compiled, config=config)
    assert find_drift(compiled, engine(lists={"lists/mail.deny": networks[::-1]})) == ()
    looked = {"lists/mail.deny": networks[:1], "lists/other": ()}
    (found,) = find_drift(compiled, engine(lists=looked))
    assert (found.kind, found.subject) == (DriftKind.LIST, "lists/mail.deny")
    assert found.repair == ReplaceList(name="lists/mail.deny", patterns=networks)


def test_a_server_that_nobody_ordered_needs_the_files_loaded_anew() -> None:
    extra = replace(SEEN, name="cas9")
    seen = engine({("mail.owa", "cas1"): SEEN, ("mail.owa", "cas9"): extra})
    (found,) = find_drift(wanted(), seen)
    assert (found.kind, found.subject, found.repair) == (DriftKind.SURPLUS, "mail.owa/cas9", None)
    assert found.sentence == "mail.owa/cas9: surplus is in the engine, should be absent"


def test_the_sorry_server_taken_out_is_found_and_has_no_target_to_accept() -> None:
    seen = engine()
    servers = {**seen.servers, ("mail.owa", "sorry"): replace(SORRY, state=AdminState.MAINTENANCE)}
    (found,) = find_drift(wanted(), replace(seen, servers=servers))
    assert (found.kind, found.target) == (DriftKind.STATE, None)
    assert found.repair == SetState(backend="mail.owa", server="sorry", state="ready")


@pytest.mark.parametrize("check", ["health", "agent"])
def test_checks_that_were_stopped_are_found(check: str) -> None:
    (found,) = drift_of(replace(SEEN, stopped_checks=(check,)))
    assert (found.kind, found.subject) == (DriftKind.CHECK, f"mail.owa/cas1 ({check})")
    assert found.repair == EnableChecks(backend="mail.owa", server="cas1", check=check)


def with_frontend(limit: int | None = None) -> Compiled:
    compiled = wanted()
    frontend = Frontend(
        name="mail", mode="http", binds=(), client_timeout_seconds=1, max_connections=limit
    )
    return replace(compiled, config=replace(compiled.config, frontends=(frontend,)))


def test_a_frontend_that_was_paused_is_found_and_listens_again() -> None:
    seen = engine(frontends={"mail": FrontendState("mail", "PAUSED", 10)})
    (found,) = find_drift(with_frontend(), seen)
    assert found.sentence == "mail: frontend is paused, should be open"
    assert found.repair == EnableFrontend(name="mail")


@pytest.mark.parametrize(
    "frontends",
    [{"mail": FrontendState("mail", "STOP", 10)}, {"other": FrontendState("other", "OPEN", 10)}],
)
def test_a_frontend_that_was_shut_down_needs_the_files_loaded_anew(
    frontends: dict[str, FrontendState],
) -> None:
    (found,) = find_drift(with_frontend(), engine(frontends=frontends))
    assert (found.kind, found.found, found.repair) == (DriftKind.FRONTEND, "shut down", None)


def test_a_frontend_that_is_full_is_in_order_and_one_nobody_looked_at_too() -> None:
    full = engine(frontends={"mail": FrontendState("mail", "FULL", 10)})
    assert find_drift(with_frontend(10), full) == ()
    assert find_drift(with_frontend(10), engine()) == ()


@pytest.mark.parametrize(("ordered", "wanted"), [(30, 30), (None, 10)])
def test_another_limit_of_a_frontend_is_found_and_by_default_it_is_the_engine_s(
    ordered: int | None, wanted: int
) -> None:
    seen = engine(frontends={"mail": FrontendState("mail", "OPEN", 20)})
    (found,) = find_drift(with_frontend(ordered), seen)
    assert found.sentence == f"mail: limit is 20 connections, should be {wanted} connections"
    assert found.repair == SetFrontendLimit(name="mail", connections=wanted)


def test_another_certificate_is_found_and_put_back() -> None:
    paper = Paper("mail.contoso.example")
    content = paper.bundle
    sha1 = fingerprint(content)
    assert sha1 == paper.certificate.fingerprint(hashes.SHA1()).hex()
    compiled = wanted()
    name = "certs/mail.pem"
    compiled = replace(compiled, config=replace(compiled.config, files={name: content}))
    assert find_drift(compiled, engine(certificates={name: sha1, "certs/other": "00"})) == ()
    (found,) = find_drift(compiled, engine(certificates={name: "ab" * 20}))
    assert (found.kind, found.subject) == (DriftKind.CERTIFICATE, name)
    assert found.repair == ReplaceCertificate(name=name, content=content)


@pytest.mark.parametrize(
    "pem",
    [b"", b"\xff", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"],
)
def test_what_holds_no_certificate_has_no_fingerprint(pem: bytes) -> None:
    assert fingerprint(pem) is None
