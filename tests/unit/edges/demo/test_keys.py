from __future__ import annotations

import pytest

from switchover.edges.demo.keys import FAULTS, LETTERS, Deed, choose, split_keys
from switchover.edges.demo.scene import CHOICES, WHOLE, Choice
from switchover.practice.faults import Fault


def test_every_choice_has_a_letter_and_no_letter_is_a_deed() -> None:
    assert set(LETTERS.values()) == set(CHOICES)
    assert not set(LETTERS) & {*Deed, "f", "1", "2", "3"}


def test_every_fault_of_the_farm_is_in_the_cycle_once() -> None:
    assert sorted(FAULTS) == sorted(Fault)
    choice = Choice()
    for _ in FAULTS:
        choice = choose(choice, "f")
    assert choice == Choice()


@pytest.mark.parametrize(
    ("keys", "target"),
    [
        ("2", "cas2/owa"),
        ("3e", "cas3/ews"),
        ("2w", "cas2"),
        ("\x1b[B\x1b[C", "cas2/activesync"),
        ("\x1bOA", "cas3/owa"),
        ("\x1b[D", "cas1"),
        ("9x\x1b", "cas1/owa"),
    ],
)
def test_keys_choose_servers_and_workloads(keys: str, target: str) -> None:
    choice = Choice()
    for key in split_keys(keys):
        choice = choose(choice, key)
    assert choice.target == target


def test_a_whole_server_covers_each_of_its_workloads() -> None:
    choice = Choice(server="cas1", what=WHOLE)
    assert choice.covers("cas1", "ews")
    assert not choice.covers("cas2", "ews")
    assert not Choice().covers("cas1", "ews")
