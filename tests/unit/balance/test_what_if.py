from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.balance.outage_farm import mail_workload_of, real_of, service_of, workload_of

from switchover.balance.outage import Outage, OutageItem
from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.prediction import Outcome
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.balance.what_if import LayoutReport, ServiceReport, report_service, what_if
from switchover.model.platform_file.spec import EngineSpec, Layout, Scheduler
from switchover.model.workload import Transport

L4, L4_NAMES, L7 = Layout.L4, Layout.L4_NAMES, Layout.L7
NOTHING = Overrides()
IMAPS = mail_workload_of("imaps", 993, Transport.TLS)


def report_of(service: VirtualService, *down: str) -> ServiceReport:
    pairs = ((server, workload) for server, _, workload in (item.partition("/") for item in down))
    return report_service(service, frozenset(pairs), NOTHING)


def layout(report: ServiceReport, label: str) -> LayoutReport:
    return next(item for item in report.layouts if item.variant.label == label)


def balance_of(*services: VirtualService) -> Balance:
    return Balance(
        platform="contoso", engine=EngineSpec(), servers={}, templates={}, services=services
    )


def outage_of(*down: str) -> Outage:
    """``cas1/owa`` to an outage of the Exchange workload."""
    items = []
    for text in down:
        server, _, workload = text.partition("/")
        items.append(OutageItem(text=text, broken=frozenset({(server, "exchange", workload)})))
    return Outage(items=tuple(items))


@pytest.mark.parametrize(
    ("label", "works", "partly", "fails", "failing", "capacity", "lost_healthy", "lost"),
    [
        ("l4 (health all)", 0, 3, 0, 0, 0.5, 2, 1 / 3),
        ("l4 (health owa)", 2, 1, 0, 1, 5 / 6, 0, 0.0),
        ("l4-names", 2, 1, 0, 0, 5 / 6, 0, 0.0),
        ("l7", 2, 1, 0, 0, 5 / 6, 0, 0.0),
    ],
)
def test_a_layout_is_scored_by_what_its_workloads_keep(
    label: str,
    works: int,
    partly: int,
    fails: int,
    failing: int,
    capacity: float,
    lost_healthy: int,
    lost: float,
) -> None:
    report = report_of(service_of(workloads=["owa", "ecp", "ews"]), "cas1/ecp")
    score = layout(report, label).score
    assert (score.works, score.partly, score.fails) == (works, partly, fails)
    assert (score.failing, score.lost_healthy) == (failing, lost_healthy)
    assert score.capacity == pytest.approx(capacity)
    assert score.lost_needlessly == pytest.approx(lost)


@pytest.mark.parametrize(
    ("service", "down", "sentence"),
    [
        (
            service_of(L7),
            [],
            "Nothing of this service is down, so every layout works; l7 is in use.",
        ),
        (
            service_of(L4, workloads=[IMAPS]),
            ["cas1/imaps"],
            "Keep l4: for this outage no other layout does better or worse.",
        ),
        (
            service_of(L4_NAMES),
            ["cas1/owa", "cas1/ecp"],
            "Keep l4-names: for this outage no other layout does better or worse.",
        ),
        (
            service_of(L7),
            ["cas1/owa", "cas2/owa"],
            "Keep l7: with l4 (health all), users of ecp would be left with nothing.",
        ),
        (
            service_of(L4_NAMES),
            ["cas1/owa"],
            "Keep l4-names: with l4 (health all), 1 healthy workload would leave with the broken "
            "ones, and 50 % of the capacity would remain instead of 75 %.",
        ),
        (
            service_of(L4),
            ["cas1/owa", "cas2/ecp"],
            "Choose l7: with l4 (health all), users of owa, ecp would be left with nothing. "
            "l4-names does the same without decrypting, for a name for each workload.",
        ),
        (
            service_of(L4, health_workload="owa"),
            ["cas1/ecp"],
            "Choose l7: with l4 (health owa), users of ecp would go on meeting a broken server. "
            "l4-names does the same without decrypting, for a name for each workload.",
        ),
        (
            service_of(L4, servers=["cas1", "cas2", "cas3"], workloads=["owa", "ecp", "ews"]),
            ["cas1/owa"],
            "Choose l7: with l4 (health all), 2 healthy workloads would leave with the broken "
            "ones, and 66 % of the capacity would remain instead of 88 %. "
            "l4-names does the same without decrypting, for a name for each workload.",
        ),
        (
            service_of(L4, workloads=["owa"]),
            ["cas1/owa", "cas2/owa"],
            "Keep l4: for this outage no other layout does better or worse. A sorry page or "
            "server would tell users why their connections are closed.",
        ),
        (
            service_of(
                L4, workloads=[workload_of("dav", paths=["/"]), workload_of("webmail", paths=["/"])]
            ),
            ["cas1/dav"],
            "Choose l4-names: with l4 (health all), 1 healthy workload would leave with the broken "
            "ones, and 50 % of the capacity would remain instead of 75 %.",
        ),
        (
            service_of(L4, workloads=[IMAPS]),
            ["cas1/imaps", "cas2/imaps"],
            "Keep l4: for this outage no other layout does better or worse.",
        ),
    ],
)
def test_the_recommendation_tells_its_reason(
    service: VirtualService, down: list[str], sentence: str
) -> None:
    choice = report_of(service, *down).recommendation
    assert choice.sentence == sentence
    assert choice.is_change is sentence.startswith("Choose")


def test_capacity_can_differ_without_a_healthy_server_being_lost() -> None:
    # A broken server without a limit keeps `balance first` from going on to the third.
    service = service_of(
        L4,
        health_workload="ecp",
        servers=[real_of("cas1", max_connections=10), real_of("cas2"), real_of("cas3")],
        scheduler=Scheduler.FIRST_AVAILABLE,
    )
    choice = report_of(service, "cas2/owa").recommendation
    assert choice.sentence.startswith(
        "Choose l7: with l4 (health ecp), 75 % of the capacity would remain instead of 100 %."
    )


def test_a_service_without_any_weight_is_affected_though_nothing_is_down() -> None:
    report = report_of(service_of(servers={"cas1": 0}))
    assert report.is_affected
    assert report.current.score.fails == 2


def test_every_service_is_reported_with_its_own_outage_and_wishes() -> None:
    other = service_of(L4, name="other", workloads=["ews"])
    third = service_of(L4, name="third", workloads=["oab"])
    overrides = Overrides(
        by_target={
            Target(service="third", pool="oab", server="cas2"): Override(state=AdminState.DRAIN)
        }
    )
    answer = what_if(
        balance_of(service_of(), other, third), outage_of("cas1/owa", "cas9/api"), overrides
    )
    assert [item.is_affected for item in answer.services] == [True, False, True]
    assert answer.services[2].current.workloads[0].remaining == ("cas1",)
    assert answer.without_effect == ("cas9/api",)
    assert answer.platform == "contoso"


def test_a_drained_server_counts_as_down_on_top_of_the_outage() -> None:
    target = Target(service="mail", pool="owa", server="cas2")
    overrides = Overrides(by_target={target: Override(state=AdminState.DRAIN)})
    answer = what_if(balance_of(service_of()), outage_of("cas1/owa"), overrides)
    owa, ecp = answer.services[0].current.workloads
    assert (owa.outcome, ecp.outcome) == (Outcome.SORRY_PAGE, Outcome.WORKS)
    names = [item.layout for item in answer.services[0].left_out]
    assert names == []
    l4 = layout(answer.services[0], "l4 (health all)")
    assert l4.score.fails == 2


PAIRS = [f"{server}/{name}" for server in ("cas1", "cas2", "cas3") for name in ("owa", "ecp")]


@given(
    st.sets(st.sampled_from(PAIRS)),
    st.sampled_from([service_of(item, servers=["cas1", "cas2", "cas3"]) for item in Layout]),
)
def test_the_recommended_layout_is_never_worse_than_any_other(
    down: set[str], service: VirtualService
) -> None:
    report = report_of(service, *down)
    chosen = layout(report, report.recommendation.label).score
    for other in report.layouts:
        assert chosen.fails <= other.score.fails
        assert chosen.capacity >= other.score.capacity
    if report.recommendation.is_change:
        current = report.current.score
        assert (current.fails, current.failing) != (chosen.fails, chosen.failing) or (
            current.capacity < chosen.capacity
        )


@given(st.sets(st.sampled_from(PAIRS)))
def test_nothing_is_lost_needlessly_where_each_workload_has_its_own_verdict(down: set[str]) -> None:
    report = report_of(service_of(servers=["cas1", "cas2", "cas3"]), *down)
    for label in ("l4-names", "l7"):
        score = layout(report, label).score
        assert (score.lost_healthy, score.lost_needlessly, score.failing) == (0, 0.0, 0)
