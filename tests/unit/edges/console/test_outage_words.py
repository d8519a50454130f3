"""The what-if page shows each workload in each layout, and what was lost for nothing."""

from __future__ import annotations

from tests.unit.balance.outage_farm import service_of

from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.prediction import Outcome
from switchover.balance.single_failures import SingleFailure
from switchover.balance.what_if import glimpse_service, report_service
from switchover.edges.console.outage_words import (
    LEVELS,
    Alone,
    ToldService,
    tell,
    tell_alone,
    tell_briefly,
)
from switchover.model.platform_file.spec import Layout


def told(*down: str, layout: Layout = Layout.L4, overrides: Overrides | None = None) -> ToldService:
    pairs = frozenset(
        (server, workload) for server, _, workload in (one.partition("/") for one in down)
    )
    return tell(report_service(service_of(layout), pairs, overrides or Overrides()))


def test_every_outcome_has_a_level() -> None:
    assert set(LEVELS) == set(Outcome)


def test_a_broken_workload_takes_the_others_along_in_one_layout_and_not_in_another() -> None:
    service = told("cas1/owa")
    labels = [column.label for column in service.columns]
    assert labels == ["l4 (health all)", "l4 (health owa)", "l4-names", "l7"]
    current, best = service.columns[0], next(one for one in service.columns if one.is_best)
    assert current.is_current
    assert (current.lost, current.capacity) == ("25 %", "50 %")
    assert (best.label, best.lost) == ("l7", "")
    assert service.is_change
    ecp = service.lines[1]
    assert [cell.word for cell in ecp.cells] == [
        "less capacity",
        "less capacity",
        "works",
        "works",
    ]
    assert [cell.lost for cell in ecp.cells] == [1, 1, 0, 0]
    assert ecp.taken_out == ("cas1: shares the verdict on owa",)
    assert ecp.answering == ("cas2",)
    assert (service.level, service.word) == ("warning", "less capacity")


def test_what_nobody_notices_is_told_as_such_and_what_everybody_does_too() -> None:
    calm = told(layout=Layout.L7)
    assert (calm.level, calm.word) == ("ok", "nobody notices")
    gone = told("cas1/owa", "cas2/owa", layout=Layout.L7)
    assert (gone.level, gone.word) == ("bad", "users notice")
    assert gone.lines[0].answering == ()


def test_a_service_in_a_line_says_what_it_would_say_in_full() -> None:
    for layout in Layout:
        for down in ((), ("cas1/owa",), ("cas1/owa", "cas2/owa"), ("cas1/owa", "cas1/ecp")):
            full = told(*down, layout=layout)
            pairs = frozenset((one.split("/")[0], one.split("/")[1]) for one in down)
            brief = tell_briefly(glimpse_service(service_of(layout), pairs, Overrides()))
            assert (brief.name, brief.title) == (full.name, full.title)
            assert (brief.level, brief.word) == (full.level, full.word)


def test_a_server_that_is_broken_and_not_checked_is_named() -> None:
    service = tell(
        report_service(
            service_of(Layout.L4, health_workload="owa"), frozenset({("cas1", "ecp")}), Overrides()
        )
    )
    ecp = service.lines[1]
    assert ecp.level == "bad"
    assert ecp.taken_out == ("cas1: broken, and gets requests",)


def test_what_operators_took_out_is_told() -> None:
    target = Target(service="mail", pool="owa", server="cas2")
    overrides = Overrides(by_target={target: Override(state=AdminState.DRAIN)})
    service = told("cas1/ecp", layout=Layout.L7, overrides=overrides)
    assert service.lines[0].taken_out == ("cas2: drained",)
    assert service.left_out == ()


def test_a_single_failure_is_told_in_a_few_words() -> None:
    def alone(outcome: Outcome, share: float) -> Alone:
        felt = (("mail", ("owa", "ecp")),)
        return tell_alone(SingleFailure(server="cas1", outcome=outcome, felt=felt, share=share))

    assert alone(Outcome.WORKS, 1.0).word == "nobody notices"
    half = alone(Outcome.REDUCED, 0.5)
    assert (half.level, half.word) == ("warning", "50 % of the capacity left")
    gone = alone(Outcome.CLOSED, 0.0)
    assert (gone.level, gone.word) == ("bad", "connection closed")
    assert gone.sentence == "mail: owa, ecp"
