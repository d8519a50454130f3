"""A change is told as what the users of each service feel."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.balance.outage_farm import service_of

from switchover.balance.effect import Effect, Feeling, Side, find_effects
from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.model.platform_file.spec import EngineSpec, Layout, TlsMode


def side(*services: VirtualService, **wishes: AdminState) -> Side:
    """The platform with these services; a wish is for a server in every pool of ``mail``."""
    return Side(
        balance=Balance(
            platform="contoso", engine=EngineSpec(), servers={}, templates={}, services=services
        ),
        overrides=Overrides(
            by_target={
                Target(service="mail", pool=pool.label, server=server): Override(state=state)
                for server, state in wishes.items()
                for pool in service_of().pools()
            }
        ),
    )


def only(effects: tuple[Effect, ...]) -> Effect:
    (effect,) = effects
    return effect


def test_nothing_changed_is_nothing_felt() -> None:
    assert find_effects(side(service_of()), side(service_of())) == ()
    renamed = replace(service_of(), title="Webmail")
    assert find_effects(side(service_of()), side(renamed)) == ()


def test_a_service_that_goes_is_told_first_and_one_that_comes_last() -> None:
    old, new = service_of(), replace(service_of(), name="web", port=8443)
    gone, added = find_effects(side(old), side(new))
    assert (gone.service, gone.feeling) == ("mail", Feeling.GONE)
    assert gone.sentence.startswith("The service goes: nobody answers at 203.0.113.10 port 443")
    assert (added.service, added.feeling) == ("web", Feeling.BETTER)
    assert added.sentence.endswith("port 8443: owa, ecp.")


def test_the_first_revision_adds_everything() -> None:
    assert only(find_effects(None, side(service_of()))).feeling is Feeling.BETTER


def test_a_drain_of_one_of_two_servers_costs_half_of_the_capacity() -> None:
    effect = only(find_effects(side(service_of()), side(service_of(), cas1=AdminState.DRAIN)))
    assert (effect.feeling, effect.workloads) == (Feeling.WORSE, ("owa", "ecp"))
    assert effect.sentence.startswith("1 server with 50 % of the capacity instead of 100 %.")
    back = only(find_effects(side(service_of(), cas1=AdminState.DRAIN), side(service_of())))
    assert back.feeling is Feeling.BETTER


def test_taking_the_last_server_out_says_what_users_of_each_workload_meet() -> None:
    alone = service_of(servers=["cas1"])
    owa, ecp = find_effects(side(alone), side(alone, cas1=AdminState.MAINTENANCE))
    assert (owa.workloads, owa.feeling) == (("owa",), Feeling.WORSE)
    assert owa.sentence.startswith("A user can not use owa; the sorry page answers")
    assert ecp.sentence.startswith("A user can not use ecp")


def test_a_server_less_in_the_file_is_told_with_what_is_left() -> None:
    effect = only(
        find_effects(
            side(service_of(servers=["cas1", "cas2", "cas3"])),
            side(service_of(servers=["cas2", "cas4"])),
        )
    )
    assert effect.feeling is Feeling.OTHER
    assert effect.sentence == (
        "2 servers instead of 3: cas1, cas3 get no new clients and cas4 gets clients."
    )
    more = only(
        find_effects(side(service_of()), side(service_of(servers=["cas1", "cas2", "cas3"])))
    )
    assert (more.feeling, more.sentence) == (
        Feeling.NONE,
        "3 servers instead of 2: cas3 gets clients.",
    )


def test_moving_renaming_and_decrypting_are_told_one_by_one() -> None:
    old = service_of()
    new = replace(
        old, address="203.0.113.99", names=("new.contoso.example",), tls_mode=TlsMode.PASS_THROUGH
    )
    moved, renamed, shown = find_effects(side(old), side(new))
    assert "moves from 203.0.113.10 port 443 to 203.0.113.99 port 443" in moved.sentence
    assert renamed.sentence.startswith("It no longer knows the name")
    assert (shown.feeling, "the servers' certificate" in shown.sentence) == (Feeling.OTHER, True)
    (other,) = find_effects(
        side(replace(old, tls_mode=TlsMode.PASS_THROUGH)), side(replace(old, port=old.port))
    )
    assert "switchover's own certificate" in other.sentence


def test_workloads_that_go_and_come_are_named() -> None:
    gone, fresh = find_effects(
        side(service_of(workloads=["owa", "ecp"])), side(service_of(workloads=["owa", "ews"]))
    )
    assert (gone.workloads, gone.feeling) == (("ecp",), Feeling.GONE)
    assert (fresh.workloads, fresh.feeling) == (("ews",), Feeling.BETTER)


def test_wishes_for_other_services_change_nothing() -> None:
    web = replace(service_of(), name="web")
    assert find_effects(side(web), side(web, cas1=AdminState.DRAIN)) == ()


def test_the_layout_alone_is_not_felt_while_all_is_well() -> None:
    pools = service_of(Layout.L4_NAMES, tls_mode=TlsMode.PASS_THROUGH)
    assert find_effects(side(replace(pools, layout=Layout.L4)), side(pools)) == ()
