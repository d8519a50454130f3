"""Drift: every difference between wish and engine, and what puts it right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from tests.unit.balance.paper import Paper
from tests.unit.wire.haproxy.test_state import INFO

from switchover.balance.certificate import fingerprints
from switchover.balance.compile import Compiled
from switchover.balance.drift import Drift, DriftKind, ObservedEngine, ObservedServer
from switchover.balance.find_drift import find_drift
from switchover.balance.overrides import AdminState, Target
from switchover.wire.haproxy.change import (
    EnableChecks,
    EnableFrontend,
    LiftRateLimit,
    ReplaceCertificate,
    ReplaceList,
    ReplaceMap,
    SetAddress,
    SetAgentAddress,
    SetCheckPort,
    SetEngineLimit,
    SetFrontendLimit,
    SetServerLimit,
    SetState,
    SetTls,
    SetWeight,
)
from switchover.wire.haproxy.config import Backend, EngineConfig, Frontend, Global, ServerLine
from switchover.wire.haproxy.listings import FrontendState
from switchover.wire.haproxy.state import Endpoints, parse_info

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


NAME = "certs/mail.pem"


def with_file(content: bytes) -> Compiled:
    compiled = wanted()
    return replace(compiled, config=replace(compiled.config, files={NAME: content}))


def test_another_certificate_is_found_and_put_back() -> None:
    paper = Paper("mail.contoso.example")
    content = paper.bundle
    (sha1,) = fingerprints(content)
    assert sha1 == paper.certificate.fingerprint(hashes.SHA1()).hex()
    compiled = with_file(content)
    assert find_drift(compiled, engine(certificates={NAME: sha1, "certs/other": "00"})) == ()
    (found,) = find_drift(compiled, engine(certificates={NAME: "ab" * 20}))
    assert (found.kind, found.subject) == (DriftKind.CERTIFICATE, NAME)
    assert found.repair == ReplaceCertificate(name=NAME, content=content)


@pytest.mark.parametrize(
    ("chain", "first", "sentence"),
    [
        (("/CN=y",), ("/CN=y",), ""),
        ((), (), "certificate is followed by 0 others, should be followed by 1 others"),
        (("/CN=z",), ("/CN=y",), "certificate is followed by /CN=z, should be followed by /CN=y"),
    ],
)
def test_another_chain_is_found_by_its_length_and_its_names(
    chain: tuple[str, ...], first: tuple[str, ...], sentence: str
) -> None:
    content = Paper("mail.contoso.example").bundle + Paper("y").pem
    leaf, _ = fingerprints(content)
    seen = engine(certificates={NAME: leaf}, chains={NAME: chain}, first_chains={NAME: first})
    told = [found.sentence for found in find_drift(with_file(content), seen)]
    assert told == ([f"{NAME}: {sentence}"] if sentence else [])


def test_a_certificate_whose_chain_nobody_told_is_in_order() -> None:
    content = Paper("mail.contoso.example").bundle + Paper("y").pem
    seen = engine(certificates={NAME: fingerprints(content)[0]})
    assert find_drift(with_file(content), seen) == ()


def test_another_authority_is_found_and_needs_the_files_loaded_anew() -> None:
    content = Paper("a").pem + Paper("b").pem
    right = frozenset(fingerprints(content))
    assert find_drift(with_file(content), engine(authorities={NAME: right})) == ()
    seen = engine(authorities={NAME: frozenset({"ab" * 20})})
    (found,) = find_drift(with_file(content), seen)
    assert (found.kind, found.repair) == (DriftKind.AUTHORITY, None)
    assert (found.wanted, found.found) == ("2 certificates", "1 certificates that differ")


def test_an_authority_of_the_system_should_be_what_was_shown_first() -> None:
    name = "/etc/ssl/all.pem"
    first = {name: frozenset({"ab"})}
    assert find_drift(wanted(), engine(authorities=first, first_authorities=first)) == ()
    seen = engine(authorities={name: frozenset({"cd"})}, first_authorities=first)
    (found,) = find_drift(wanted(), seen)
    assert (found.kind, found.subject) == (DriftKind.AUTHORITY, name)


def with_options(options: tuple[str, ...], own: tuple[str, ...]) -> Compiled:
    compiled = wanted()
    (backend,) = compiled.config.backends
    line = replace(backend.servers[0], options=own, max_connections=9)
    backend = replace(backend, servers=(line,), server_options=options)
    return replace(compiled, config=replace(compiled.config, backends=(backend,)))


AGENT = "agent-check agent-addr 127.0.0.1 agent-port 4711"
WITH_TLS = with_options(("check", AGENT, "ssl", "sni str(x)"), ("port 77",))
RIGHT = Endpoints(True, "", 77, "127.0.0.1", 4711)
PATH: Any = {"backend": "mail.owa", "server": "cas1"}


@pytest.mark.parametrize(
    ("endpoints", "sentence", "repair"),
    [
        (RIGHT._replace(uses_tls=False), ": TLS is off, should be on", SetTls(**PATH, on=True)),
        (RIGHT._replace(check_address="192.0.2.9", check_port=5),
         " (health): target is 192.0.2.9 port 5, should be its own address port 77",
         SetCheckPort(**PATH, port=77)),
        (RIGHT._replace(agent_port=1),
         " (agent): target is 127.0.0.1 port 1, should be 127.0.0.1 port 4711",
         SetAgentAddress(**PATH, address="127.0.0.1", port=4711)),
    ],
)  # fmt: skip
def test_a_server_spoken_to_or_checked_otherwise_is_found(
    endpoints: Endpoints, sentence: str, repair: object
) -> None:
    servers = {("mail.owa", "cas1"): replace(SEEN, endpoints=endpoints)}
    (found,) = find_drift(WITH_TLS, ObservedEngine(servers=servers))
    assert found.sentence == f"mail.owa/cas1{sentence}"
    assert (found.repair, found.target) == (repair, CAS1)


def test_an_agent_where_none_was_ordered_needs_the_files_loaded_anew() -> None:
    told = replace(SEEN, endpoints=Endpoints(agent_address="192.0.2.9", agent_port=7))
    (found,) = drift_of(told)
    assert (found.kind, found.repair) == (DriftKind.TARGET, None)


@pytest.mark.parametrize(
    ("compiled", "endpoints"),
    [
        (WITH_TLS, RIGHT),
        (WITH_TLS, None),
        (with_options(("ssl",), ("no-ssl",)), Endpoints()),
        (with_options(("check-ssl", "verify none"), ()), Endpoints()),
    ],
)
def test_a_server_that_is_spoken_to_as_ordered_is_in_order(
    compiled: Compiled, endpoints: Endpoints | None
) -> None:
    servers = {("mail.owa", "cas1"): replace(SEEN, endpoints=endpoints)}
    assert find_drift(compiled, ObservedEngine(servers=servers)) == ()


@pytest.mark.parametrize(
    ("seen", "told"), [({("mail.owa", "cas1"): 3}, "3 connections"), ({}, "without")]
)
def test_another_limit_of_a_server_is_found(seen: dict[tuple[str, str], int], told: str) -> None:
    servers = {("mail.owa", "cas1"): SEEN}
    (found,) = find_drift(WITH_TLS, ObservedEngine(servers=servers, server_limits=seen))
    assert found.sentence == f"mail.owa/cas1: limit is {told}, should be 9 connections"
    assert found.repair == SetServerLimit(**PATH, connections=9)


def test_limits_of_the_whole_engine_are_found() -> None:
    assert find_drift(wanted(), engine(info=parse_info(INFO))) == ()
    meddled = INFO.replace("\nMaxconn: 500", "\nMaxconn: 77").replace(
        "SslRateLimit: 0", "SslRateLimit: 5"
    )
    limit, rate = find_drift(wanted(), engine(info=parse_info(meddled)))
    assert limit.sentence == "the engine: limit is 77 connections, should be 500 connections"
    assert limit.repair == SetEngineLimit(connections=500)
    assert rate.sentence == "the engine: limit is 5 ssl-sessions per second, should be without"
    assert rate.repair == LiftRateLimit(kind="ssl-sessions")
