"""Each server is lost alone, and what that does is told by the worst that users meet."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.balance.outage_farm import real_of, service_of

from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.prediction import Outcome
from switchover.balance.single_failures import MILDEST_FIRST, single_failures
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.model.platform_file.spec import EngineSpec, Layout, Scheduler


def balance_of(*services: VirtualService) -> Balance:
    return Balance(
        platform="contoso", engine=EngineSpec(), servers={}, templates={}, services=services
    )


def test_every_outcome_has_its_place() -> None:
    assert set(MILDEST_FIRST) == set(Outcome)


def test_one_of_two_servers_costs_capacity_and_the_only_one_costs_the_service() -> None:
    lonely = replace(service_of(servers=["cas1"]), name="lonely")
    found = single_failures(balance_of(service_of(), lonely), Overrides(), {"cas1", "cas2", "mx9"})
    assert set(found) == {"cas1", "cas2"}
    assert (found["cas2"].outcome, found["cas2"].share) == (Outcome.REDUCED, 0.5)
    assert found["cas2"].felt == (("mail", ("owa", "ecp")),)
    assert found["cas1"].outcome is Outcome.SORRY_PAGE
    assert found["cas1"].felt == (("lonely", ("owa", "ecp")),)


def test_the_least_capacity_is_told_with_those_who_keep_no_more() -> None:
    three = replace(service_of(servers=["cas1", "cas2", "cas3"]), name="three")
    found = single_failures(balance_of(three, service_of()), Overrides(), ["cas1"])
    assert (found["cas1"].share, found["cas1"].felt) == (0.5, (("mail", ("owa", "ecp")),))


def test_what_operators_took_out_counts() -> None:
    target = Target(service="mail", pool="owa", server="cas2")
    overrides = Overrides(by_target={target: Override(state=AdminState.DRAIN)})
    found = single_failures(balance_of(service_of()), overrides, ["cas1"])
    assert found["cas1"].felt == (("mail", ("owa",)),)


def test_servers_of_one_kind_are_told_as_if_each_had_been_looked_at_alone() -> None:
    reals = (
        *(real_of(f"cas{number}", 50 if number == 3 else 100) for number in range(1, 6)),
        real_of("spare1", backup=True),
        real_of("spare2", 10, backup=True),
        real_of("small", max_connections=5),
    )
    names = {real.name for real in reals}
    drained = Target(service="mail", pool="owa", server="cas2")
    overrides = Overrides(by_target={drained: Override(state=AdminState.DRAIN)})
    for scheduler in Scheduler:
        service = replace(service_of(Layout.L7), servers=reals, scheduler=scheduler)
        balance = balance_of(service)
        for wishes in (Overrides(), overrides):
            for already in (frozenset(), frozenset({("cas4", "exchange", "owa")})):
                together = single_failures(balance, wishes, names, already)
                alone = {
                    one: single_failures(balance, wishes, {one}, already)[one] for one in names
                }
                assert together == alone
