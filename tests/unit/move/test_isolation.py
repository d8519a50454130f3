"""Mails at fault are found among many, in few steps, and never blamed for the target's own state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.segment import SkipReason
from switchover.move.work.isolation import (
    MAILS_AGAIN,
    MOST_BREAKS,
    MOST_ISOLATED,
    PARTS,
    Suspects,
    take_parts,
)
from switchover.wire.imap.errors import ConnectionLost


@given(st.integers(min_value=2, max_value=300), st.data())
def test_halving_finds_each_bad_mail_and_no_other_in_few_commands(
    many: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, many - 1), min_size=1, max_size=3))
    refused, found, commands = [list(range(many))], set[int](), 0
    while refused:
        for part in take_parts(refused, has_stored=True):
            commands += 1
            if bad & set(part):
                if len(part) == 1:
                    found |= set(part)
                else:
                    refused.append(part)
    assert found == bad
    assert commands <= 2 * len(bad) * (many - 1).bit_length()


def test_a_target_that_took_none_gets_one_group_at_a_time_and_others_many() -> None:
    groups = [[number, number + 1] for number in range(0, 2 * MAILS_AGAIN, 2)]
    assert take_parts(list(groups), has_stored=False) == [[groups[-1][0]], [groups[-1][1]]]
    assert len(take_parts(list(groups), has_stored=True)) == MAILS_AGAIN


def test_suspects_become_fewer_until_one_is_left_which_is_left_out_at_its_third_break() -> None:
    suspects = Suspects()
    suspects.note(range(1, PARTS * 10 + 1), "gone")
    assert (5 in suspects, PARTS * 10 + 1 in suspects, suspects.narrowed) == (True, False, 1)
    suspects.note(range(1, 11), "gone")
    assert suspects.narrowed == 2
    for _ in range(MOST_BREAKS - 1):
        suspects.note({7}, "gone")
    assert suspects.isolated == {}
    suspects.note({7}, "the last words")
    assert suspects.isolated == {7: (SkipReason.BREAKS_TARGET, "the last words")}


def test_a_target_that_breaks_off_at_every_mail_is_blamed_itself() -> None:
    suspects = Suspects()
    for uid in range(1, MOST_ISOLATED + 1):
        suspects.require_others("mx.contoso.example", is_over=False)
        for _ in range(MOST_BREAKS):
            suspects.note({uid}, "gone")
    with pytest.raises(ConnectionLost, match="breaks off at every mail: 3 were sent alone"):
        suspects.require_others("mx.contoso.example", is_over=False)
    suspects.take_left_out()
    suspects.require_others("mx.contoso.example", is_over=True)
