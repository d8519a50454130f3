"""What live elements show, and that nothing in it can harm a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.builders import farm, http_service, mail_service
from tests.unit.balance.engine_rows import NOON, row, snapshot_of

from switchover.balance.client import Client
from switchover.balance.drain.start import DrainStart
from switchover.balance.overrides import Target
from switchover.balance.recent import Recent, health_group, recent_revision
from switchover.balance.snapshot import NO_ORDER, Snapshot
from switchover.balance.snapshot_lines import Rate
from switchover.balance.status_words import server_view
from switchover.edges.console.cells import View, parts_of, rate_words
from switchover.edges.console.fragments import Part
from switchover.edges.console.live import render_part
from switchover.edges.console.topic import Kind, Topic
from switchover.wire.haproxy.statistics import Row

FARM = farm({"web": http_service(), "imap": mail_service()})
HOSTILE = "<script>alert(1)</script>\"'&"
WEB = Topic(Kind.SERVICE, "web")
CAS1 = Topic(Kind.GRID, "web/cas1")


def seen(*rows: Any, **values: Any) -> Snapshot:
    return snapshot_of(FARM, rows, **values)


def shown(topic: Topic, snapshot: Snapshot, **values: Any) -> dict[str, str]:
    """The HTML of each part of a topic."""
    parts = parts_of(topic, View(snapshot=snapshot, **values))
    return {name: render_part(part) for name, part in parts.items()}


def test_a_state_is_a_word_and_a_look_never_a_colour_alone() -> None:
    found = shown(CAS1, seen(row("web.owa", "cas1", "DOWN", check="L4CON")))
    cell = found["web.owa/cas1"]
    assert 'class="state bad"' in cell
    assert ">down<" in cell
    assert "connection refused" in cell


@pytest.mark.parametrize(
    ("rate", "words"),
    [(None, "\N{EN DASH}"), (0.0, "0"), (0.04, "0"), (0.35, "0.3"), (9.9, "9.9"), (12.6, "13"), (12345.0, "12 345")],
)  # fmt: skip
def test_a_rate_has_no_more_digits_than_it_means(rate: float | None, words: str) -> None:
    unit = "" if rate is None else " requests/s"
    assert rate_words(Rate(requests=rate)).replace("\u202f", " ") == words + unit


def test_requests_and_connections_are_told_apart_and_never_added_up() -> None:
    rates = {("web", "FRONTEND"): 12.0, ("imap", "FRONTEND"): 0.5}
    found = shown(Topic(Kind.OVERVIEW), seen(rates=rates))
    assert "12 requests/s, 0.5 connections/s" in found["overview-now"]
    assert rate_words(Rate(connections=30)) == "30 connections/s"


def test_what_servers_answer_is_text_and_no_part_of_the_page() -> None:
    bad = row("web.owa", "cas1", "DOWN", check="L7RSP", check_text=HOSTILE)
    recent = Recent(
        revisions=(
            recent_revision(
                {
                    "number": 1, "created_at": NOON, "author": HOSTILE, "summary": HOSTILE,
                    "reason": HOSTILE,
                }
            ),
        ),
        health=(
            health_group(
                {
                    "service": HOSTILE, "server": HOSTILE, "workloads": [HOSTILE], "downs": 1,
                    "last_kind": "server-down", "last_at": NOON, "cause": HOSTILE,
                }
            ),
        ),
    )  # fmt: skip
    hostile = seen(bad, sentence=HOSTILE, warnings=(HOSTILE,), drift=(HOSTILE,))
    for topic in (
        Topic(Kind.OVERVIEW),
        CAS1,
        CAS1,
        Topic(Kind.SERVER, "cas1"),
        Topic(Kind.SERVER_LINE, "cas1"),
    ):
        whole = "".join(shown(topic, hostile, recent=recent).values())
        assert "<script" not in whole
        assert "alert(1)" in whole
    drained = row("web.owa", "cas1", "DRAIN", sessions_now=1)
    client = Client(address=HOSTILE, service="web", workload="owa", server="cas1", opened_at=None)
    drains = shown(WEB, seen(drained), connected=[client])["service:web:drains"]
    assert "alert(1)" in drains
    assert "<script" not in drains


def test_the_overview_counts_services_and_servers_and_tells_what_is_wrong() -> None:
    rows = [
        row(pool, name, "DOWN" if (pool, name) == ("imap.imaps", "cas2") else "UP")
        for pool in ("web.owa", "web.activesync", "imap.imaps")
        for name in ("cas1", "cas2")
    ]
    found = shown(Topic(Kind.OVERVIEW), seen(*rows))
    assert "1 degraded" in found["overview-counts"]
    assert "1 up" in found["overview-counts"]
    assert "1 of 2" in found["overview-servers"]
    away = shown(
        Topic(Kind.OVERVIEW),
        seen(engine_answers=False, database_answers=False, warnings=tuple(map(str, range(25)))),
    )
    assert "5 more of this kind" in away["overview-warnings"]
    assert 'class="state bad"' in away["overview-sentence"]


def level_of_sentence(**values: Any) -> str:
    return str(
        parts_of(Topic(Kind.OVERVIEW), View(snapshot=seen(**values)))["overview-sentence"].values[1]
    )


def trouble_of(**values: Any) -> str:
    return shown(Topic(Kind.TROUBLE), seen(**values))["trouble"]


def test_trouble_says_what_does_not_answer_and_from_when_the_states_are() -> None:
    assert trouble_of() == ""
    away = trouble_of(engine_answers=False, told_at=NOON, database_answers=False)
    assert "The engine does not answer" in away
    assert 'data-old="2026-06-01T12:00:00+00:00"' in away
    assert "2026-06-01 12:00:00" in away
    assert "The database does not answer" in away
    never = trouble_of(engine_answers=False)
    assert 'data-old=""' in never
    assert "no state on this page is known" in never
    database = trouble_of(database_answers=False)
    assert "The database does not answer" in database
    assert "data-old" not in database


def test_trouble_does_not_change_while_the_engine_stays_away() -> None:
    first, second = (
        parts_of(Topic(Kind.TROUBLE), View(snapshot=seen(number=number, engine_answers=False)))
        for number in (1, 2)
    )
    assert first == second


def test_before_anything_was_applied_no_engine_is_missed() -> None:
    blank = seen(
        is_blank=True,
        engine_answers=False,
        sentence="no platform file was applied yet",
        revision=None,
    )
    assert shown(Topic(Kind.TROUBLE), blank)["trouble"] == ""
    found = shown(Topic(Kind.OVERVIEW), blank)["overview-sentence"]
    assert "the engine starts with the first service" in found
    assert 'class="state off"' in found


def test_the_last_cycle_is_dated_and_late_ones_are_told() -> None:
    calm = shown(Topic(Kind.OVERVIEW), seen(cycle_at=NOON))
    assert 'data-ago="2026-06-01T12:00:00Z"' in calm["overview-cycle"]
    assert "warning" not in calm["overview-cycle"]
    assert calm["overview-warnings"].strip() == ""
    late = shown(Topic(Kind.OVERVIEW), seen(cycle_at=NOON, is_cycle_late=True))
    assert 'class="state warning"' in late["overview-cycle"]
    assert 'class="state warning"' in late["overview-sentence"]
    assert "Three cycles in a row did not end" in late["overview-warnings"]
    assert shown(Topic(Kind.OVERVIEW), seen())["overview-cycle"] == ""


def test_the_sentence_speaks_of_the_engine_and_promises_nothing_of_services() -> None:
    down = seen(row("web.owa", "cas1", "DOWN"), revision=3)
    found = shown(Topic(Kind.OVERVIEW), down)["overview-sentence"]
    assert "the engine runs revision 3 as ordered" in found
    assert "in order" not in found


def test_a_sentence_is_calm_only_when_all_is_in_order() -> None:
    assert level_of_sentence() == "ok"
    assert level_of_sentence(sentence="revision 3: engine brought up by reload") == "warning"
    assert level_of_sentence(drift=("something",)) == "warning"


def test_a_service_in_a_line_names_the_workloads_that_are_not_up() -> None:
    rows = [row("web.owa", "cas1"), row("web.owa", "cas2"), row("web.activesync", "cas1", "DOWN")]
    found = shown(Topic(Kind.SERVICE_LINE, "web"), seen(*rows))
    assert "1 of 2" in found["service-line:web:brief"]
    assert "not: activesync" in found["service-line:web:brief"]
    assert found["service-line:web:sessions"] == "0"


def test_a_layout_with_one_verdict_says_that_it_is_about_all_workloads() -> None:
    both = farm({"all4": {**mail_service("owa"), "workloads": ["owa", "activesync"]}})
    found = shown(
        Topic(Kind.SERVICE_LINE, "all4"), snapshot_of(both, [row("all4.all", "cas1", "MAINT")])
    )
    assert "all workloads" in found["service-line:all4:pools"]


def draining(connections: int, *others: Row, after: float = 60, start: int | None = 100) -> str:
    target = Target(service="web", pool="owa", server="cas1")
    drains: Mapping[Target, DrainStart] = (
        {}
        if start is None
        else {target: DrainStart(at=NOON.timestamp() - after, connections=start)}
    )
    one = row("web.owa", "cas1", "DRAIN", sessions_now=connections)
    clients = [
        Client(
            address=f"192.0.2.{number}:1", service="web", workload="owa", server="cas1",
            opened_at=NOON.timestamp() - number * 60,
        )
        for number in range(1, 15)
    ]  # fmt: skip
    return shown(WEB, seen(one, *others), drains=drains, connected=clients)["service:web:drains"]


def test_a_drain_counts_down_and_names_who_stays_longest() -> None:
    found = draining(25, after=60)
    assert "<b>25</b> of 100 connections remain" in found
    assert "gone in about 20 s" in found
    assert 'max="100" value="75"' in found
    assert found.index("192.0.2.1:1") < found.index("192.0.2.2:1")
    assert "192.0.2.11:1" not in found
    assert "/servers/cas1/connections" in found


def test_a_drain_that_nobody_saw_begin_has_no_progress_and_no_guess() -> None:
    found = draining(25, after=60, start=None)
    assert "<b>25</b> connections remain" in found
    assert "progress" not in found
    assert "gone in" not in found
    assert "too early" not in found


def test_a_drain_of_which_too_few_have_ended_says_that_it_is_too_early_to_tell() -> None:
    young = draining(90, after=5)
    assert "of 100 connections remain: too early to tell when they will be gone" in young
    unmoved = draining(100, after=600)
    assert "none of them has ended yet: too early to tell when they will be gone" in unmoved
    assert 'value="0"' in unmoved


def test_a_drain_that_has_ended_says_so() -> None:
    assert "Nobody is connected any more:</b> it can be taken down" in draining(0, after=600)
    assert "gone in about 10 min" in draining(50, after=610)


def test_a_server_that_still_serves_elsewhere_is_not_said_to_be_free() -> None:
    found = draining(0, row("web.activesync", "cas1"))
    assert "It still serves activesync of web; drain it there too" in found
    assert "it can be taken down" not in found
    left = draining(0, row("web.activesync", "cas1", "DRAIN", sessions_now=3))
    assert "It still serves activesync of web" in left


def test_a_drain_is_as_old_as_its_order() -> None:
    drained = row("web.owa", "cas1", "DRAIN", changed_seconds_ago=5000)
    view = server_view("web", "owa", "cas1", drained, NO_ORDER)
    assert view.since_seconds == 0
    seconds = int(NOON.timestamp())
    for known, since in (({}, 0), ({("web.owa", "cas1"): seconds - 60}, seconds - 60)):
        cell = snapshot_of(FARM, [drained], drained=known).server_cells("cas1")[0]
        assert cell.since == since


def test_a_drain_has_not_ended_while_clients_of_before_a_reload_are_there() -> None:
    one = seen(row("web.owa", "cas1", "DRAIN"), has_old_workers=True)
    found = shown(WEB, one)["service:web:drains"]
    assert "Nobody is connected any more" not in found
    assert "Clients from before the last reload" in found


def test_what_does_not_change_compares_equal_from_one_snapshot_to_the_next() -> None:
    rows = [row("web.owa", "cas1", changed_seconds_ago=5)]
    topic = Topic(Kind.SERVICE, "web")
    first = parts_of(topic, View(snapshot=seen(*rows)))
    assert first == parts_of(topic, View(snapshot=seen(*rows, number=2)))


def test_the_shape_of_a_page_changes_with_the_platform_file_only() -> None:
    before = parts_of(WEB, View(snapshot=seen()))["service:web:shape"]
    state = parts_of(WEB, View(snapshot=seen(row("web.owa", "cas1", "DOWN"))))["service:web:shape"]
    other = farm({"web": http_service(workloads=["owa"])})
    changed = parts_of(WEB, View(snapshot=snapshot_of(other)))["service:web:shape"]
    assert before == state != changed


@pytest.mark.parametrize(
    "topic",
    [
        Topic(Kind.SERVICE, "nope"),
        Topic(Kind.GRID, "web/nope"),
        Topic(Kind.GRID, "nope/cas1"),
        Topic(Kind.SERVICE_LINE, "nope"),
        Topic(Kind.SERVER, "nope"),
        Topic(Kind.SERVER_LINE, "nope"),
    ],
)
def test_a_name_that_is_gone_shows_nothing(topic: Topic) -> None:
    assert parts_of(topic, View(snapshot=seen())) == {}


def test_the_events_topic_tells_only_that_there_are_new_ones() -> None:
    found = parts_of(Topic(Kind.EVENTS), View(snapshot=seen(), events=7))
    assert found == {"events-mark": Part("number", (7,))}


def test_an_empty_day_and_an_unknown_one_are_told_apart() -> None:
    calm = shown(Topic(Kind.OVERVIEW), seen())["overview-recent"]
    assert "Nobody changed anything" in calm
    unknown = shown(Topic(Kind.OVERVIEW), seen(), recent=Recent(is_known=False))
    assert "can not be read" in unknown["overview-recent"]
