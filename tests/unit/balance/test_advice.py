"""Advice lowers a server's share or takes it out, expires, and is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchover.balance.advice import Advice, AdviceBoard
from switchover.balance.overrides import Target
from switchover.errors import InvalidInput

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CAS1 = Target(service="mail", pool="owa", server="cas1")
CAS2 = Target(service="mail", pool="owa", server="cas2")


def advice(percent: int, *, seconds: float = 60, reason: str = "slow searches") -> Advice:
    return Advice(percent=percent, reason=reason, until=NOW + timedelta(seconds=seconds))


def test_without_advice_weights_are_left_alone() -> None:
    board = AdviceBoard()
    assert board.answer(CAS1, NOW) == "up\n"
    assert board.advised(NOW) == frozenset()


def test_advice_lowers_one_server_only() -> None:
    board = AdviceBoard(weights={"mail.owa/cas1": (50, 50), "mail.owa/cas2": (50, 50)})
    board.give(CAS1, advice(30))
    assert board.answer(CAS1, NOW) == "up 30%\n"
    assert board.answer(CAS2, NOW) == "up\n"
    assert board.advised(NOW) == {CAS1}


def test_zero_percent_takes_a_server_out_with_a_printable_reason() -> None:
    board = AdviceBoard()
    board.give(CAS1, advice(0, reason="search\nindex broken" + "x" * 200))
    answer = board.answer(CAS1, NOW)
    assert answer.startswith("down #searchindex broken")
    assert answer.count("\n") == 1
    assert len(answer) < 100


def test_advice_expires_and_the_full_weight_is_restored_once() -> None:
    board = AdviceBoard()
    board.give(CAS1, advice(0, seconds=5))
    assert board.answer(CAS1, NOW).startswith("down")
    later = NOW + timedelta(seconds=5)
    assert board.answer(CAS1, later) == "up 100%\n"
    assert board.answer(CAS1, later) == "up\n"


def test_withdrawn_advice_is_taken_back_at_the_next_question() -> None:
    board = AdviceBoard()
    board.give(CAS1, advice(50))
    board.answer(CAS1, NOW)
    board.withdraw(CAS1)
    board.withdraw(CAS2)
    assert board.advised(NOW) == {CAS1}
    assert board.answer(CAS1, NOW) == "up 100%\n"
    assert board.advised(NOW + timedelta(seconds=4)) == {CAS1}  # the engine may not have it yet
    assert board.advised(NOW + timedelta(seconds=6)) == frozenset()


def test_what_an_earlier_process_told_is_taken_back_once_weights_are_known() -> None:
    board = AdviceBoard(left_over={CAS1})
    assert board.answer(CAS1, NOW) == "up\n"
    assert board.advised(NOW) == {CAS1}
    board.weights = {"mail.owa/cas1": (40, 100)}
    assert board.answer(CAS1, NOW) == "up 40%\n"
    assert board.answer(CAS1, NOW) == "up\n"
    assert board.left_over == set()


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_outside_0_to_100_is_refused(percent: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 100"):
        AdviceBoard().give(CAS1, advice(percent))


def test_a_weight_set_at_run_time_counts_against_the_loaded_file() -> None:
    board = AdviceBoard(weights={"mail.owa/cas1": (25, 100)})
    board.give(CAS1, advice(50, seconds=5))
    assert board.answer(CAS1, NOW) == "up 12%\n"
    assert board.answer(CAS1, NOW + timedelta(seconds=5)) == "up 25%\n"


@pytest.mark.parametrize("loaded", [1, 2, 3, 7, 100, 256])
def test_a_small_share_never_becomes_none(loaded: int) -> None:
    board = AdviceBoard(weights={"mail.owa/cas1": (loaded, loaded)})
    board.give(CAS1, advice(10))
    percent = int(board.answer(CAS1, NOW).removeprefix("up ").rstrip("%\n"))
    assert loaded * percent // 100 >= 1


def test_a_server_without_any_weight_keeps_none() -> None:
    board = AdviceBoard(weights={"mail.owa/cas1": (0, 100), "mail.owa/cas2": (10, 0)})
    board.give(CAS1, advice(50))
    board.give(CAS2, advice(50))
    assert board.answer(CAS1, NOW) == "up 0%\n"
    assert board.answer(CAS2, NOW) == "up 50%\n"
