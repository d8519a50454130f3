"""Small folders go together, large ones and known ones alone, and nothing is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.flight_plan import FLIGHT_MAILS, FLIGHT_OCTETS, Load, plan_flights

LOADS = st.lists(
    st.builds(
        Load,
        st.integers(0, 2 * FLIGHT_MAILS),
        st.none() | st.integers(0, 2 * FLIGHT_OCTETS),
        st.booleans(),
    ),
    max_size=60,
)


@given(LOADS)
def test_every_folder_is_in_one_group_and_no_group_is_too_large(loads: list[Load]) -> None:
    groups = plan_flights(loads)
    assert sorted(at for group in groups for at in group) == list(range(len(loads)))
    for group in groups:
        if len(group) > 1:
            assert all(loads[at].is_fresh for at in group)
            assert sum(loads[at].weight for at in group) <= FLIGHT_OCTETS
            assert sum(loads[at].mails for at in group) <= FLIGHT_MAILS


@given(LOADS)
def test_the_heaviest_come_first(loads: list[Load]) -> None:
    weights = [sum(loads[at].weight for at in group) for group in plan_flights(loads)]
    assert weights == sorted(weights, reverse=True)


def test_a_mailbox_of_small_folders_is_one_flight() -> None:
    assert len(plan_flights([Load(60, 1_800_000, True)] * 17)) == 1
    assert len(plan_flights([Load(60, 1_800_000, False)] * 17)) == 17


def test_a_size_that_is_not_told_is_guessed_from_the_mails() -> None:
    assert len(plan_flights([Load(600, None, True)] * 2)) == 2
    assert len(plan_flights([Load(100, None, True)] * 2)) == 1
