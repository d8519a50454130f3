"""Thousands of commands at once, and each answer belongs to its command."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.command import Command
from switchover.wire.haproxy.runtime import ServerMode
from switchover.wire.haproxy.transcript import Transcript

SET = runtime.set_mode("b", "s", ServerMode.READY)
FILL = runtime.fill_map("m", 1, [("a", "b"), ("c", "d")])[0]
INFO = runtime.show_info()
VERSION = b"2.8.25-5cf5d0683\n\n> "
# Recorded from a 2.8.25: a silent command, an unknown server, a payload, a dump.
RECORDED = (
    b"\n> " + b"\n> " + b"No such server.\n\n> " + b"+ + + \n> " + b"Name: HAProxy\nPid: 7\n\n> " + VERSION
)  # fmt: skip
COMMANDS = [SET, SET, FILL, INFO]
ANSWERS = ["", "No such server.\n", "", "Name: HAProxy\nPid: 7\n"]
# Recorded from its master, before and after a reload that failed.
MASTER = (
    b"master> #<PID> <type>\n4925 master\n# programs\n\nmaster> " + b"2.8.25-5cf5d0683\n\nmaster> "
)


def replay(commands: list[Command], stream: bytes, sizes: list[int]) -> list[str] | None:
    transcript = Transcript(commands)
    for size in sizes:
        transcript.feed(stream[:size])
        stream = stream[size:]
    transcript.feed(stream)
    return transcript.answers


def test_a_recorded_conversation_is_taken_apart() -> None:
    assert replay(COMMANDS, RECORDED, []) == ANSWERS


def test_it_may_come_byte_by_byte() -> None:
    assert replay(COMMANDS, RECORDED, [1] * len(RECORDED)) == ANSWERS


@given(st.lists(st.integers(min_value=0, max_value=40)))
def test_it_may_come_in_any_portions(sizes: list[int]) -> None:
    assert replay(COMMANDS, RECORDED, sizes) == ANSWERS


@pytest.mark.parametrize("prompt", [b"master> ", b"master[ReloadFailed]> "])
@given(sizes=st.lists(st.integers(min_value=0, max_value=20)))
def test_the_master_prompts_with_its_name(prompt: bytes, sizes: list[int]) -> None:
    stream = MASTER.replace(b"master> ", prompt)
    assert replay([runtime.show_processes()], stream, sizes) == [
        "#<PID> <type>\n4925 master\n# programs\n"
    ]


def test_nothing_is_answered_before_everything_is() -> None:
    for cut in range(len(RECORDED)):
        transcript = Transcript(COMMANDS)
        transcript.feed(RECORDED[:cut])
        assert transcript.answers is None


def test_answers_out_of_step_are_never_used() -> None:
    with pytest.raises(Unavailable, match="out of step"):
        replay([SET], b"\n> " + b"\n> " + b"surprise\n\n> ", [])


@given(sizes=st.lists(st.integers(min_value=0, max_value=20)))
def test_after_a_worker_that_has_ended_nothing_is_waited_for(sizes: list[int]) -> None:
    gone = b"Can't find the target PID matching the prefix '@!7'"
    asked = [runtime.to_worker(7, INFO)] * 3
    assert replay(asked, b"master> " + gone + b"\nmaster> ", sizes) == [gone.decode()] * 3
    half = [INFO, *asked]
    stream = b"master> Name: HAProxy\n\nmaster> " + gone + b"\nmaster> "
    assert replay(half, stream, sizes) == ["Name: HAProxy\n", *[gone.decode()] * 3]


def test_no_commands_are_a_conversation_too() -> None:
    assert replay([], b"\n> " + VERSION, []) == []


def test_everything_is_written_at_once() -> None:
    assert Transcript([SET, FILL]).opening == (
        b"prompt\nset server b/s state ready\nadd map @1 m <<\na b\nc d\n\nshow version\n"
    )


def test_a_greater_than_sign_inside_an_answer_is_no_prompt() -> None:
    dump = "0x1 path_beg>x y\n0x2 > z\n"
    stream = b"\n> " + dump.encode() + b"\n> " + VERSION
    assert replay([runtime.show_map("m")], stream, []) == [dump]


def test_five_thousand_answers_come_apart_quickly() -> None:
    stream = b"\n> " + b"\n> " * 5000 + VERSION
    sizes = [random.Random(number).randint(1, 4096) for number in range(10)]
    assert replay([SET] * 5000, stream, sizes) == [""] * 5000
