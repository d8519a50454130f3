"""Weights, addresses, maps, lists and certificates change while the engine runs; shapes need a reload."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.wire.haproxy.change import (
    ReplaceCertificate,
    ReplaceList,
    ReplaceMap,
    SetAddress,
    SetWeight,
    plan_change,
)
from switchover.wire.haproxy.config import (
    Backend,
    Bind,
    EngineConfig,
    Frontend,
    Global,
    ServerLine,
)

SETTINGS = Global(
    description="x", admin_socket="a", log_socket="l", state_file="s", max_connections=10
)
LINE = ServerLine(name="cas1", address="192.0.2.11", port=443, weight=100)
PAGE_LINE = ServerLine(name="sorry", address="abns@x", port=None)
BACKEND = Backend(name="mail.owa", mode="http", balance="leastconn", servers=(LINE, PAGE_LINE))
FRONTEND = Frontend(
    name="mail",
    mode="http",
    binds=(Bind(address="203.0.113.10", port=443),),
    client_timeout_seconds=60,
)
LOADED = EngineConfig(
    global_=SETTINGS,
    frontends=(FRONTEND,),
    backends=(BACKEND,),
    maps={"maps/mail.paths": (("/owa/", "owa"),)},
    lists={"lists/mail.deny": ("192.0.2.0/24",)},
    files={"certs/mail.pem": b"old", "pages/mail": b"sorry"},
    certificates=frozenset({"certs/mail.pem"}),
)


def with_line(**changes: object) -> EngineConfig:
    line = replace(LINE, **changes)  # type: ignore[arg-type]
    return replace(LOADED, backends=(replace(BACKEND, servers=(line, PAGE_LINE)),))


def test_equal_configurations_need_nothing() -> None:
    assert plan_change(LOADED, LOADED).is_nothing


def test_without_knowledge_of_what_is_loaded_the_engine_is_reloaded() -> None:
    assert plan_change(None, LOADED).reload_because == "it is not known what the engine has loaded"


def test_a_weight_is_a_command() -> None:
    plan = plan_change(LOADED, with_line(weight=7))
    assert plan.changes == (SetWeight(backend="mail.owa", server="cas1", weight=7),)
    assert plan.reload_because is None


def test_an_address_or_port_is_a_command() -> None:
    plan = plan_change(LOADED, with_line(address="192.0.2.99", port=444))
    assert plan.changes == (
        SetAddress(backend="mail.owa", server="cas1", address="192.0.2.99", port=444),
    )


def test_maintenance_alone_is_no_change_of_shape() -> None:
    assert plan_change(LOADED, with_line(disabled=True)).is_nothing


def test_entries_of_maps_and_lists_and_a_renewed_certificate_are_commands() -> None:
    wanted = replace(
        LOADED,
        maps={"maps/mail.paths": (("/ews/", "ews"),)},
        lists={"lists/mail.deny": ()},
        files={**LOADED.files, "certs/mail.pem": b"new key"},
    )
    plan = plan_change(LOADED, wanted)
    assert plan.changes == (
        ReplaceCertificate(name="certs/mail.pem", content=b"new key"),
        ReplaceMap(name="maps/mail.paths", entries=(("/ews/", "ews"),)),
        ReplaceList(name="lists/mail.deny", patterns=()),
    )
    assert "new key" not in repr(plan)


@pytest.mark.parametrize(
    ("wanted", "because"),
    [
        (replace(LOADED, global_=replace(SETTINGS, max_connections=11)), "settings of the whole"),
        (replace(LOADED, frontends=()), "frontend mail is gone"),
        (
            replace(LOADED, frontends=(replace(FRONTEND, client_timeout_seconds=61),)),
            "frontend mail changed",
        ),
        (
            replace(LOADED, backends=(BACKEND, replace(BACKEND, name="mail.ews"))),
            "backend mail.ews is new",
        ),
        (with_line(options=("ssl",)), "backend mail.owa changed"),
        (with_line(max_connections=5), "backend mail.owa changed"),
        (replace(LOADED, maps={}), "set of maps"),
        (replace(LOADED, lists={}), "set of lists"),
        (replace(LOADED, files={"certs/mail.pem": b"old"}), "certificates or pages"),
        (replace(LOADED, certificates=frozenset()), "certificates or pages"),
        (replace(LOADED, files={**LOADED.files, "pages/mail": b"x"}), "pages/mail changed"),
    ],
)
def test_everything_else_says_why_it_needs_a_reload(wanted: EngineConfig, because: str) -> None:
    plan = plan_change(LOADED, wanted)
    assert because in str(plan.reload_because)
    assert plan.changes == ()


def test_another_order_of_frontends_is_a_change() -> None:
    other = replace(FRONTEND, name="imap")
    before = replace(LOADED, frontends=(FRONTEND, other))
    after = replace(LOADED, frontends=(other, FRONTEND))
    assert plan_change(before, after).reload_because == "the order of frontends changed"


def test_weights_are_raised_before_others_are_cut() -> None:
    pair = (replace(LINE, name="cas1", weight=100), replace(LINE, name="cas2", weight=0))
    before = replace(LOADED, backends=(replace(BACKEND, servers=pair),))
    swapped = (replace(pair[0], weight=0), replace(pair[1], weight=100))
    after = replace(LOADED, backends=(replace(BACKEND, servers=swapped),))
    assert plan_change(before, after).changes == (
        SetWeight(backend="mail.owa", server="cas2", weight=100),
        SetWeight(backend="mail.owa", server="cas1", weight=0),
    )
