from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.balance.outage_farm import mail_workload_of, real_of, service_of

from switchover.balance.layout_variant import in_layout
from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.prediction import (
    Cause,
    Outcome,
    TakenOut,
    WorkloadPrediction,
    percent,
    predict,
    predict_wished,
    ratio,
    wishes_of,
)
from switchover.balance.virtual_service import ALL_WORKLOADS, VirtualService
from switchover.model.platform_file.spec import (
    Layout,
    PersistenceKind,
    PersistenceSpec,
    Scheduler,
    SorrySpec,
)
from switchover.model.workload import Transport

L4, L4_NAMES, L7 = Layout.L4, Layout.L4_NAMES, Layout.L7
PAGE = SorrySpec(page="sorry.html", certificate="mail.pem")
SERVER = SorrySpec(address="192.0.2.99")


def broken(*items: str) -> set[tuple[str, str]]:
    """``cas1/owa`` to ("cas1", "owa")."""
    return {(server, workload) for server, _, workload in (item.partition("/") for item in items)}


def row(service: VirtualService, workload: str, *items: str) -> WorkloadPrediction:
    return predict(service, broken(*items))[workload]


def override(service: VirtualService, pool: str, server: str, **values: object) -> Overrides:
    target = Target(service=service.name, pool=pool, server=server)
    return Overrides(by_target={target: Override(**values)})  # type: ignore[arg-type] # by the test


@pytest.mark.parametrize(
    ("layout", "health", "workload", "remaining", "outcome"),
    [
        (L7, ALL_WORKLOADS, "owa", ("cas2",), Outcome.REDUCED),
        (L7, ALL_WORKLOADS, "ecp", ("cas1", "cas2"), Outcome.WORKS),
        (L4_NAMES, ALL_WORKLOADS, "owa", ("cas2",), Outcome.REDUCED),
        (L4_NAMES, ALL_WORKLOADS, "ecp", ("cas1", "cas2"), Outcome.WORKS),
        (L4, ALL_WORKLOADS, "owa", ("cas2",), Outcome.REDUCED),
        (L4, ALL_WORKLOADS, "ecp", ("cas2",), Outcome.REDUCED),
        (L4, "owa", "owa", ("cas2",), Outcome.REDUCED),
        (L4, "owa", "ecp", ("cas2",), Outcome.REDUCED),
        (L4, "ecp", "owa", ("cas1", "cas2"), Outcome.FAILS_SOMETIMES),
        (L4, "ecp", "ecp", ("cas1", "cas2"), Outcome.WORKS),
    ],
)
def test_a_broken_workload_leaves_by_the_verdict_of_its_layout(
    layout: Layout, health: str, workload: str, remaining: tuple[str, ...], outcome: Outcome
) -> None:
    found = row(service_of(layout, health_workload=health), workload, "cas1/owa")
    assert (found.remaining, found.outcome) == (remaining, outcome)


def test_the_shared_verdict_names_who_decided_and_what_was_lost_needlessly() -> None:
    service = service_of(L4, workloads=("owa", "ecp", "ews"))
    rows = predict(service, broken("cas1/owa", "cas1/ecp"))
    decided = ("owa", "ecp")
    assert rows["owa"].taken_out == (
        TakenOut(server="cas1", cause=Cause.OWN_VERDICT, because=decided),
    )
    assert rows["ews"].taken_out == (
        TakenOut(server="cas1", cause=Cause.SHARED_VERDICT, because=decided, is_needless=True),
    )
    assert rows["owa"].lost_healthy == ()
    assert rows["ews"].lost_healthy == ("cas1",)


def test_a_broken_workload_is_not_lost_needlessly_when_another_one_decides() -> None:
    found = row(service_of(L4, health_workload="owa"), "ecp", "cas1/owa", "cas1/ecp")
    assert found.taken_out == (
        TakenOut(server="cas1", cause=Cause.SHARED_VERDICT, because=("owa",)),
    )


def test_a_server_kept_in_rotation_fails_its_share_of_requests() -> None:
    service = service_of(L4, health_workload="ecp", servers={"cas1": 200, "cas2": 100})
    found = row(service, "owa", "cas1/owa")
    assert found.remaining == ("cas1", "cas2")
    assert found.answering == {"cas2"}
    assert found.failing == pytest.approx(2 / 3)
    assert found.share == pytest.approx(1 / 3)
    assert found.sentence == "A user can not use owa; it fails for about 2 requests in 3."


def test_every_request_fails_when_the_verdict_sees_none_of_the_broken_servers() -> None:
    found = row(service_of(L4, health_workload="ecp"), "owa", "cas1/owa", "cas2/owa")
    assert found.outcome is Outcome.FAILS
    assert found.share == 0.0
    assert found.sentence == (
        "A user can not use owa; every request reaches a server on which it is broken."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"scheduler": Scheduler.SOURCE_HASH},
        {"persistence": PersistenceSpec(kind=PersistenceKind.SOURCE)},
    ],
)
def test_where_clients_stay_on_a_server_always_the_same_users_are_hit(
    changes: dict[str, object],
) -> None:
    found = row(service_of(L4, health_workload="ecp", **changes), "owa", "cas1/owa")
    assert "it fails for about 1 user in 2, always the same ones" in found.sentence


MAIL = mail_workload_of("imaps", 993, Transport.TLS)


@pytest.mark.parametrize(
    ("layout", "workloads", "sorry", "outcome"),
    [
        (L7, ("owa",), None, Outcome.SORRY_PAGE),
        (L7, ("owa",), PAGE, Outcome.SORRY_PAGE),
        (L7, ("owa",), SERVER, Outcome.SORRY_SERVER),
        (L7, (MAIL,), None, Outcome.CLOSED),
        (L7, (MAIL,), SERVER, Outcome.SORRY_SERVER),
        (L4, ("owa",), None, Outcome.CLOSED),
        (L4, ("owa",), PAGE, Outcome.SORRY_PAGE),
        (L4, ("owa",), SERVER, Outcome.SORRY_SERVER),
        (L4_NAMES, ("owa",), None, Outcome.CLOSED),
        (L4_NAMES, ("owa",), PAGE, Outcome.SORRY_PAGE),
        (L4, (MAIL,), None, Outcome.CLOSED),
    ],
)
def test_when_no_server_is_left_clients_meet_what_the_layout_can_show(
    layout: Layout, workloads: tuple[str], sorry: SorrySpec | None, outcome: Outcome
) -> None:
    service = service_of(layout, workloads=workloads, sorry=sorry)
    name = service.workloads[0].name
    found = row(service, name, f"cas1/{name}", f"cas2/{name}")
    assert (found.remaining, found.outcome, found.share) == ((), outcome, 0.0)


def test_each_outcome_tells_what_a_user_can_not_do() -> None:
    one = {"workloads": ("owa",), "servers": ("cas1",)}
    gone = {
        Outcome.SORRY_PAGE: service_of(L7, **one),
        Outcome.SORRY_SERVER: service_of(L7, **one, sorry=SERVER),
        Outcome.CLOSED: service_of(L4, **one),
    }
    sentences = {outcome: row(item, "owa", "cas1/owa").sentence for outcome, item in gone.items()}
    assert sentences == {
        Outcome.SORRY_PAGE: "A user can not use owa; the sorry page answers (status 503).",
        Outcome.SORRY_SERVER: "A user can not use owa; the sorry server answers.",
        Outcome.CLOSED: "A user can not use owa; the connection is closed.",
    }
    assert row(service_of(), "owa").sentence == "A user notices nothing."
    half = row(service_of(), "owa", "cas1/owa").sentence
    assert half == "A user notices nothing while 50 % of the capacity is enough."


def test_only_the_first_backup_is_used_and_only_when_nothing_else_is_left() -> None:
    service = service_of(
        servers=[real_of("cas1"), real_of("old1", 50, backup=True), real_of("old2", backup=True)]
    )
    calm = row(service, "owa")
    assert (calm.remaining, calm.standby, calm.share) == (("cas1",), ("old1", "old2"), 1.0)
    moved = row(service, "owa", "cas1/owa")
    assert (moved.remaining, moved.standby) == (("old1",), ("old2",))
    assert moved.share == 0.5
    last = row(service, "owa", "cas1/owa", "old1/owa")
    assert (last.remaining, last.standby, last.share) == (("old2",), (), 1.0)


def test_a_server_of_weight_0_gets_nothing_unless_round_robin_ignores_weights() -> None:
    weights = {"cas1": 0, "cas2": 100}
    found = row(service_of(servers=weights), "owa")
    assert found.remaining == ("cas2",)
    assert found.taken_out == (TakenOut(server="cas1", cause=Cause.NO_WEIGHT, because=("owa",)),)
    assert found.outcome is Outcome.WORKS
    equal = service_of(servers=weights, scheduler=Scheduler.ROUND_ROBIN)
    assert row(equal, "owa").remaining == ("cas1", "cas2")


def test_first_available_goes_on_only_past_a_server_with_a_limit() -> None:
    service = service_of(
        L4,
        health_workload="ecp",
        servers=[real_of("cas1", max_connections=50), real_of("cas2"), real_of("cas3")],
        scheduler=Scheduler.FIRST_AVAILABLE,
    )
    calm = row(service, "owa")
    assert (calm.remaining, calm.standby, calm.share) == (("cas1", "cas2"), ("cas3",), 1.0)
    first = row(service, "owa", "cas1/owa")
    assert (first.outcome, first.failing) == (Outcome.FAILS, 1.0)
    second = row(service, "owa", "cas2/owa")
    assert (second.outcome, second.share) == (Outcome.REDUCED, 0.5)
    all_limited = service_of(
        servers=[real_of(name, max_connections=9) for name in ("cas1", "cas2")],
        scheduler=Scheduler.FIRST_AVAILABLE,
    )
    assert row(all_limited, "owa").remaining == ("cas1", "cas2")


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"state": AdminState.DRAIN}, Cause.DRAIN),
        ({"state": AdminState.MAINTENANCE}, Cause.MAINTENANCE),
        ({"weight": 0}, Cause.NO_WEIGHT),
    ],
)
def test_an_operators_wish_takes_one_workload_out_and_is_nobodys_loss(
    values: dict[str, object], cause: Cause
) -> None:
    service = service_of()
    rows = predict(service, (), override(service, "owa", "cas1", **values))
    assert rows["owa"].taken_out == (TakenOut(server="cas1", cause=cause, because=("owa",)),)
    assert rows["owa"].outcome is Outcome.REDUCED
    assert rows["ecp"].outcome is Outcome.WORKS


def test_in_layout_l4_a_wish_for_one_workload_takes_the_whole_server() -> None:
    service = service_of()
    wishes = wishes_of(service, override(service, "owa", "cas1", state=AdminState.DRAIN))
    rows = predict_wished(in_layout(service, L4), broken("cas1/ecp"), wishes)
    assert rows["owa"].taken_out[0].is_needless is False
    assert rows["ecp"].taken_out == (
        TakenOut(server="cas1", cause=Cause.DRAIN, because=("owa",), is_needless=False),
    )
    healthy = predict_wished(in_layout(service, L4), (), wishes)
    assert healthy["ecp"].lost_healthy == ("cas1",)


def test_a_lower_weight_shifts_requests_but_does_not_shrink_a_server() -> None:
    service = service_of(L4, health_workload="ecp")
    rows = predict(service, broken("cas1/owa"), override(service, "all", "cas1", weight=50))
    assert rows["owa"].failing == pytest.approx(1 / 3)
    assert rows["owa"].share == 0.5
    assert rows["ecp"].share == 1.0


def test_a_weight_given_to_a_server_without_one_counts() -> None:
    service = service_of(servers={"cas1": 0})
    rows = predict(service, (), override(service, "owa", "cas1", weight=10))
    assert (rows["owa"].share, rows["owa"].outcome) == (1.0, Outcome.WORKS)
    assert rows["ecp"].outcome is Outcome.SORRY_PAGE


def test_wishes_for_other_services_pools_or_without_content_change_nothing() -> None:
    service = service_of()
    overrides = Overrides(
        by_target={
            Target(service="other", pool="owa", server="cas1"): Override(state=AdminState.DRAIN),
            Target(service="mail", pool="gone", server="cas1"): Override(state=AdminState.DRAIN),
            Target(service="mail", pool="owa", server="cas1"): Override(),
        }
    )
    assert wishes_of(service, overrides) == {}
    assert predict(service, (), overrides) == predict(service, ())


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.001, "1 %"), (0.29, "29 %"), (0.5, "50 %"), (0.9999, "99 %"), (1.0, "100 %")],
)
def test_percent_never_rounds_to_all_or_nothing(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (1 / 2, "about 1 request in 2"),
        (2 / 3, "about 2 requests in 3"),
        (1 / 300, "about 1 request in 300"),
        (299 / 300, "nearly every request"),
    ],
)
def test_a_ratio_is_said_in_small_numbers(part: float, text: str) -> None:
    assert ratio(part, "request") == text


NAMES = ("owa", "ecp", "ews")
SERVERS = ("cas1", "cas2", "cas3", "cas4")
PAIRS = [(server, name) for server in SERVERS for name in NAMES]
downs = st.sets(st.sampled_from(PAIRS))


@st.composite
def services(draw: st.DrawFn, *, plain: bool = False) -> VirtualService:
    """Any service; ``plain`` has neither backups nor the scheduler that fills one by one."""
    count = draw(st.integers(1, len(SERVERS)))
    reals = [
        real_of(
            name,
            draw(st.sampled_from([0, 1, 50, 100])),
            backup=not plain and position > 0 and draw(st.booleans()),
            max_connections=draw(st.sampled_from([None, 10])),
        )
        for position, name in enumerate(SERVERS[:count])
    ]
    schedulers = [item for item in Scheduler if not plain or item != Scheduler.FIRST_AVAILABLE]
    layout = draw(st.sampled_from(Layout))
    return service_of(
        layout,
        workloads=NAMES,
        servers=reals,
        scheduler=draw(st.sampled_from(schedulers)),
        sorry=draw(st.sampled_from([None, PAGE, SERVER])),
        health_workload=draw(st.sampled_from([ALL_WORKLOADS, *NAMES])) if layout is L4 else "all",
    )


def in_rotation(found: WorkloadPrediction) -> set[str]:
    return {*found.remaining, *found.standby}


@given(services(plain=True), downs, downs)
def test_more_down_never_increases_capacity(
    service: VirtualService, some: set[tuple[str, str]], more: set[tuple[str, str]]
) -> None:
    fewer_down, more_down = predict(service, some), predict(service, some | more)
    for name in NAMES:
        assert more_down[name].share <= fewer_down[name].share
        assert more_down[name].answering <= fewer_down[name].answering


@given(services(), downs, st.sampled_from([L4_NAMES, L7]))
def test_with_a_verdict_of_its_own_a_workload_depends_on_itself_alone(
    service: VirtualService, down: set[tuple[str, str]], layout: Layout
) -> None:
    alone = in_layout(service, layout)
    for name, found in predict(alone, down).items():
        assert found == predict(alone, {pair for pair in down if pair[1] == name})[name]
        assert found.failing == 0.0
        assert found.lost_healthy == ()


@given(services())
def test_with_nothing_down_all_layouts_are_equal(service: VirtualService) -> None:
    here = predict(service, ())
    for layout in Layout:
        for name, found in predict(in_layout(service, layout), ()).items():
            assert found.remaining == here[name].remaining
            assert found.share == here[name].share
            if found.remaining:
                assert found.outcome is Outcome.WORKS


@given(services(), downs, st.sampled_from([ALL_WORKLOADS, *NAMES]))
def test_l4_never_keeps_more_working_servers_than_l7(
    service: VirtualService, down: set[tuple[str, str]], health: str
) -> None:
    one = predict(in_layout(service, L4, health_workload=health), down)
    own = predict(in_layout(service, L7), down)
    for name in NAMES:
        bad = {server for server, workload in down if workload == name}
        assert in_rotation(one[name]) - bad <= in_rotation(own[name])
        if health == ALL_WORKLOADS:
            assert in_rotation(one[name]) <= in_rotation(own[name])


@given(services(), downs)
def test_every_server_is_accounted_for_and_the_numbers_agree(
    service: VirtualService, down: set[tuple[str, str]]
) -> None:
    for found in predict(service, down).values():
        out = [item.server for item in found.taken_out]
        listed = [*found.remaining, *found.standby, *out]
        assert sorted(listed) == sorted(real.name for real in service.servers)
        assert found.answering <= set(found.remaining)
        assert (found.share > 0) is bool(found.answering)
        assert 0.0 <= found.share <= 1.0
        assert 0.0 <= found.failing <= 1.0


@given(st.fractions(min_value=Fraction(1, 1000), max_value=Fraction(999, 1000)))
def test_a_ratio_never_claims_all_or_nothing(part: Fraction) -> None:
    text = ratio(float(part), "user")
    assert text == "nearly every user" or " in " in text
    assert "about 0" not in text
