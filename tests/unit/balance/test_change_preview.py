"""What users would feel if a server were taken out now."""

from __future__ import annotations

import pytest
from tests.builders import farm, http_service, mail_service
from tests.unit.balance.engine_rows import row, snapshot_of

from switchover.balance.change_preview import Change, preview_change
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.errors import NotFound
from switchover.wire.haproxy.statistics import Row

FARM = farm({"web": http_service(), "imap": mail_service()})
POOLS = ("web.owa", "web.activesync", "imap.imaps")


def rows(**statuses: str) -> list[Row]:
    return [
        row(pool, name, statuses.get(name, "UP"), sessions_now=4)
        for pool in POOLS
        for name in ("cas1", "cas2")
    ]


def drain(server: str = "cas1", **values: str) -> Change:
    return Change(server=server, state=AdminState.DRAIN, **values)


def test_one_of_two_healthy_servers_costs_capacity_and_needs_no_care() -> None:
    found = preview_change(snapshot_of(FARM, rows()), drain(service="web"))
    assert {(item.service, item.workload) for item in found.felt} == {
        ("web", "owa"),
        ("web", "activesync"),
    }
    assert {(item.before.share, item.after.share) for item in found.felt} == {(1.0, 0.5)}
    assert (found.warnings, found.needs_care, found.connections) == ((), False, 8)


def test_workloads_that_feel_the_same_are_told_once_the_worst_first() -> None:
    found = preview_change(snapshot_of(FARM, rows()), drain())
    assert [one.workloads for one in found.alike()] == [("owa", "activesync"), ("imaps",)]
    down = [
        row("imap.imaps", "cas2", "DOWN") if one.key == ("imap.imaps", "cas2") else one
        for one in rows()
    ]
    worse = preview_change(snapshot_of(FARM, down), drain())
    assert [one.item.service for one in worse.alike()] == ["imap", "web"]


def test_the_last_server_that_answers_is_told_though_another_is_not_taken_out() -> None:
    found = preview_change(snapshot_of(FARM, rows(cas2="DOWN")), drain())
    assert found.needs_care
    assert found.warnings == (
        "this is the last server that answers for owa, activesync of service web",
        "this is the last server that answers for imaps of service imap",
    )


def test_taking_out_the_last_one_that_is_ordered_is_told_even_where_none_answers() -> None:
    others = Overrides().changed(
        [Target(service="web", pool="owa", server="cas2")], state=AdminState.MAINTENANCE
    )
    down = [row("web.owa", "cas1", "DOWN"), row("web.owa", "cas2", "MAINT")]
    found = preview_change(
        snapshot_of(FARM, down, overrides=others), drain(service="web", workload="owa")
    )
    assert found.warnings == ("no server is left for owa of service web",)
    assert found.needs_care


def test_bringing_a_server_back_is_felt_as_capacity() -> None:
    out = Overrides().changed(
        [Target(service="imap", pool="imaps", server="cas1")], state=AdminState.DRAIN
    )
    resume = Change(server="cas1", service="imap", state=AdminState.READY)
    (item,) = preview_change(snapshot_of(FARM, rows(), overrides=out), resume).felt
    assert (item.before.share, item.after.share, item.is_worse) == (0.5, 1.0, False)


def test_a_weight_of_nothing_is_felt_and_the_files_weight_is_not() -> None:
    seen = snapshot_of(FARM, rows())
    nothing = preview_change(seen, Change(server="cas1", service="imap", weight=0))
    assert [item.after.share for item in nothing.felt] == [0.5]
    assert preview_change(seen, Change(server="cas1", service="imap")).felt == ()


def test_names_that_the_file_does_not_know_are_refused() -> None:
    with pytest.raises(NotFound, match="did you mean 'cas1'"):
        preview_change(snapshot_of(FARM), drain("cas11"))


def test_before_the_first_platform_file_nothing_can_be_felt() -> None:
    found = preview_change(snapshot_of(None), drain())
    assert (found.targets, found.felt, found.needs_care) == ((), (), False)
