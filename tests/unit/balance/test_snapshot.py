"""One moment of the farm: what pages read from it in lines and grids."""

from __future__ import annotations

import pytest
from tests.builders import farm, http_service, mail_service, server
from tests.unit.balance.engine_rows import NOON, row, snapshot_of

from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.roster import make_roster
from switchover.balance.snapshot_lines import Rate, Word
from switchover.balance.status_words import LEVELS, RANKS, Condition, Level

FARM = farm(
    {"web": http_service(), "imap": mail_service()},
    servers={"cas1": server(1), "cas2": server(2), "spare": server(3)},
)


def web(*statuses: str, workload: str = "owa", **values: object) -> list[object]:
    return [
        row(f"web.{workload}", f"cas{number}", status, **values)
        for number, status in enumerate(statuses, start=1)
    ]


def word_of(*statuses: str, overrides: Overrides | None = None) -> Word:
    found = snapshot_of(FARM, web(*statuses), overrides=overrides)
    return found.service_line(FARM.services[0]).pools[0].word


def ordered(*servers: str, state: AdminState = AdminState.MAINTENANCE) -> Overrides:
    return Overrides(
        by_target={
            Target(service="web", pool="owa", server=name): Override(state=state)
            for name in servers
        }
    )


@pytest.mark.parametrize(
    ("statuses", "taken_out", "word"),
    [
        (("UP", "UP"), (), Word.UP),
        (("UP", "DOWN"), (), Word.DEGRADED),
        (("UP", "UP 1/2"), (), Word.DEGRADED),
        (("DOWN", "DOWN"), (), Word.DOWN),
        (("UP", "MAINT"), ("cas2",), Word.REDUCED),
        (("MAINT", "MAINT"), ("cas1", "cas2"), Word.TAKEN_OUT),
        (("DOWN", "MAINT"), ("cas2",), Word.DOWN),
        ((), (), Word.UNKNOWN),
    ],
)
def test_a_workload_has_the_word_of_its_servers(
    statuses: tuple[str, ...], taken_out: tuple[str, ...], word: Word
) -> None:
    assert word_of(*statuses, overrides=ordered(*taken_out)) is word


def test_a_drain_that_nobody_ordered_is_no_planned_reduction() -> None:
    assert word_of("UP", "DRAIN") is Word.DEGRADED


def test_a_server_of_no_weight_gets_no_clients_and_counts_as_taken_out() -> None:
    found = snapshot_of(FARM, [*web("UP"), row("web.owa", "cas2", weight=0)])
    pool = found.service_line(FARM.services[0]).pools[0]
    assert (pool.word, pool.up, pool.total, pool.ordered_out) == (Word.REDUCED, 1, 2, 1)


def test_a_service_is_as_well_as_its_worst_workload() -> None:
    rows = [
        *web("UP", "UP"),
        *web("DOWN", "DOWN", workload="activesync"),
        row("web", "FRONTEND", "OPEN", sessions_now=7),
    ]
    found = snapshot_of(FARM, rows, rates={("web", "FRONTEND"): 2.5})
    line = found.service_line(FARM.services[0])
    assert (line.word, line.level, line.rank) == (Word.DOWN, Level.BAD, 0)
    assert (line.connections, line.rate) == (7, Rate(requests=2.5))
    assert [pool.level for pool in line.pools] == [Level.OK, Level.BAD]


def test_a_service_whose_frontend_is_paused_is_closed_whatever_its_workloads_are() -> None:
    found = snapshot_of(FARM, [*web("UP", "UP"), row("web", "FRONTEND", "PAUSED")])
    assert found.service_line(FARM.services[0]).word is Word.CLOSED


def test_a_server_is_told_over_all_its_pools_with_the_first_reason() -> None:
    rows = [
        *web("UP", "UP"),
        row("web.activesync", "cas1", "DOWN", check="L4TOUT", sessions_now=2),
        row("imap.imaps", "cas1", sessions_now=5),
    ]
    found = snapshot_of(FARM, rows, rates={("imap.imaps", "cas1"): 1.0, ("web.owa", "cas1"): 0.5})
    lines = {name: found.server_line(server) for name, server in FARM.servers.items()}
    one = lines["cas1"]
    assert (one.word, one.up, one.total, one.connections, one.rate) == (
        Word.DEGRADED, 2, 3, 7, Rate(requests=0.5, connections=1.0),
    )  # fmt: skip
    assert one.rate.total == 1.5
    assert lines["spare"].rate.total is None
    assert one.reason == "web activesync: no connection in time"
    assert one.level is Level.WARNING
    assert lines["spare"].word is Word.UNUSED
    assert lines["spare"].reason == ""


def test_servers_are_put_in_order_without_their_lines() -> None:
    rows = [
        *web("UP", "UP"),
        row("web.activesync", "cas1", "DOWN", check="L4TOUT", sessions_now=2),
        row("imap.imaps", "cas1", sessions_now=5),
    ]
    found = snapshot_of(FARM, rows, rates={("imap.imaps", "cas1"): 1.0, ("web.owa", "cas1"): 0.5})
    for one in FARM.servers.values():
        line = found.server_line(one)
        assert found.server_word(one) is line.word
        assert found.server_rank(one) == RANKS[line.level]
        assert found.server_connections(one) == line.connections
        assert found.server_rate(one) == line.rate
    assert found.server_rank(FARM.servers["cas1"]) == RANKS[Level.WARNING]


def test_a_server_that_somebody_took_out_everywhere_is_no_worry() -> None:
    everywhere = Overrides().changed(
        [
            Target(service=service.name, pool=pool.label, server="cas1")
            for service, pool, _, _ in make_roster(FARM).by_server["cas1"]
        ],
        state=AdminState.DRAIN,
    )
    rows = [
        row(pool.backend, "cas1", "DRAIN") for _, pool, _, _ in make_roster(FARM).by_server["cas1"]
    ]
    found = snapshot_of(FARM, rows, overrides=everywhere)
    line = found.server_line(FARM.servers["cas1"])
    assert (line.word, line.level) == (Word.TAKEN_OUT, Level.OFF)


def test_a_cell_tells_state_reason_since_when_and_what_was_ordered() -> None:
    found = snapshot_of(
        FARM,
        [row("web.owa", "cas1", "DOWN", check="L7STS", check_code=503, changed_seconds_ago=60)],
        overrides=ordered("cas1", state=AdminState.DRAIN),
    )
    cell, absent = found.pool_cells("web")[0][1]
    assert (cell.view.condition, cell.level) == (Condition.DOWN, Level.BAD)
    assert (cell.view.reason, cell.view.wanted) == ("wrong status 503", "drain")
    assert cell.since == NOON.timestamp() - 60
    assert cell.rate == Rate()
    assert not cell.serves
    assert (absent.view.condition, absent.since) == (Condition.ABSENT, 0)


def test_without_a_platform_file_there_is_nothing() -> None:
    found = snapshot_of(None)
    assert (found.services, dict(found.servers), found.find_service("web")) == ((), {}, None)
    assert (found.service_lines, found.server_counts, found.connections) == ((), (0, 0), 0)


def test_a_service_is_found_by_its_name() -> None:
    found = snapshot_of(FARM)
    assert found.find_service("imap") is FARM.services[1]
    assert found.find_service("nope") is None


def test_somebody_drains_while_connections_remain() -> None:
    assert snapshot_of(FARM, web("UP", "DRAIN")).draining == ()
    held = snapshot_of(FARM, [row("web.owa", "cas1", "DRAIN", sessions_now=3)])
    assert held.draining == ("cas1",)
    assert held.connections == 3


def test_every_condition_has_a_level_and_the_worst_level_ranks_first() -> None:
    assert set(LEVELS) == set(Condition)
    assert min(Level, key=lambda level: RANKS[level]) is Level.BAD


def test_places_stand_in_the_order_of_the_file() -> None:
    roster = make_roster(FARM)
    assert [(place.service.name, place.pool.label) for place in roster.by_server["cas2"]] == [
        ("web", "owa"),
        ("web", "activesync"),
        ("imap", "imaps"),
    ]
    assert "spare" not in roster.by_server
    assert [pool.label for pool, _ in roster.by_service["web"]] == ["owa", "activesync"]


def test_a_server_of_a_service_worries_as_much_as_its_worst_pool() -> None:
    found = snapshot_of(FARM, [*web("UP", "DOWN"), row("imap.imaps", "cas1", "DOWN")])
    assert found.rank_of("web", "cas2") == 0
    assert found.rank_of("web", "cas1") > found.rank_of("web", "cas2")
    assert found.rank_of("imap", "cas1") == 0
    assert found.rank_of("web", "spare") > found.rank_of("web", "cas1")
    assert [cell.view.pool for cell in found.cells_of("web", "cas1")] == ["owa", "activesync"]


def test_what_drains_in_a_service_is_found() -> None:
    found = snapshot_of(FARM, [*web("UP", "DRAIN"), row("imap.imaps", "cas1", "DRAIN")])
    assert [cell.view.server for cell in found.draining_cells("web")] == ["cas2"]
    assert found.draining_cells("nope") == ()
