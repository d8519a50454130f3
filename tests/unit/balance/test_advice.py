"""Advice lowers a server's share or takes it out, expires, and is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchover.balance.advice import Advice, AdviceBoard
from switchover.balance.compile import Compiled
from switchover.balance.overrides import Target
from switchover.errors import InvalidInput
from switchover.wire.haproxy.config import Backend, EngineConfig, Global, ServerLine

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CAS1 = Target(service="mail", pool="owa", server="cas1")
CAS2 = Target(service="mail", pool="owa", server="cas2")


def advice(percent: int, *, seconds: float = 60, reason: str = "slow searches") -> Advice:
    return Advice(percent=percent, reason=reason, until=NOW + timedelta(seconds=seconds))


def compiled(weight: int = 100) -> Compiled:
    lines = tuple(
        ServerLine(name=name, address="192.0.2.11", port=443, weight=weight)
        for name in ("cas1", "cas2")
    )
    backend = Backend(name="mail.owa", mode="http", balance="leastconn", servers=lines)
    settings = Global(
        description="x", admin_socket="a", log_socket="l", state_file="s", max_connections=10
    )
    return Compiled(config=EngineConfig(global_=settings, backends=(backend,)))


def test_without_advice_weights_are_left_alone() -> None:
    board = AdviceBoard()
    assert board.answer(CAS1, NOW) == "up\n"
    assert board.weights(compiled()) == {}


def test_advice_lowers_one_server_only() -> None:
    board = AdviceBoard()
    board.give(CAS1, advice(30))
    assert board.answer(CAS1, NOW) == "up 30%\n"
    assert board.answer(CAS2, NOW) == "up\n"
    assert board.weights(compiled(50)) == {CAS1: 15}


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
    assert board.weights(compiled()) == {CAS1: 100}
    assert board.answer(CAS1, NOW) == "up 100%\n"


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_outside_0_to_100_is_refused(percent: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 100"):
        AdviceBoard().give(CAS1, advice(percent))


def test_a_weight_set_at_run_time_counts_against_the_loaded_file() -> None:
    board = AdviceBoard(scales={CAS1: 0.25})
    board.give(CAS1, advice(50, seconds=5))
    assert board.answer(CAS1, NOW) == "up 12%\n"
    assert board.answer(CAS1, NOW + timedelta(seconds=5)) == "up 25%\n"


def test_a_small_share_never_becomes_none() -> None:
    board = AdviceBoard(scales={CAS1: 0.01})
    board.give(CAS1, advice(10))
    assert board.answer(CAS1, NOW) == "up 1%\n"
