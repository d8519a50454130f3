"""Questions of the engine reach the advice board however they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from switchover import clock
from switchover.balance.advice import Advice, AdviceBoard
from switchover.balance.overrides import Target
from switchover.balance.work.advice import AgentPort, open_agent_port

QUESTION = b"mail.owa/cas1\n"
TARGET = Target(service="mail", pool="owa", server="cas1")


@pytest.fixture
def board() -> AdviceBoard:
    board = AdviceBoard()
    until = clock.now() + timedelta(minutes=1)
    board.give(TARGET, Advice(percent=40, reason="slow", until=until))
    return board


@pytest.fixture
async def agent(board: AdviceBoard) -> AsyncIterator[AgentPort]:
    agent, _ = await open_agent_port(board, "127.0.0.1", 0)
    yield agent
    agent.close()


async def answer(agent: AgentPort, *parts: bytes, ends: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", agent.port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.02)
    if ends:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 2.0)
    except ConnectionResetError:  # more was said than is listened to
        return b""
    finally:
        writer.close()


async def test_a_question_gets_its_answer_and_the_connection_ends(agent: AgentPort) -> None:
    assert await answer(agent, QUESTION) == b"up 40%\n"
    assert await answer(agent, b"mail.owa/cas2\n") == b"up\n"


async def test_a_question_may_come_in_pieces(agent: AgentPort) -> None:
    assert await answer(agent, *(bytes([byte]) for byte in QUESTION)) == b"up 40%\n"


async def test_what_is_no_question_gets_no_answer(agent: AgentPort) -> None:
    for nonsense in (b"\n", b"GET / HTTP/1.1\r\n", b"\xff" * 300, b"a" * 10_000):
        assert await answer(agent, nonsense) == b""
    assert await answer(agent, b"mail.owa", ends=True) == b""
    assert await answer(agent, ends=True) == b""


async def test_hundreds_ask_at_once(agent: AgentPort) -> None:
    answers = await asyncio.gather(*(answer(agent, QUESTION) for _ in range(200)))
    assert set(answers) == {b"up 40%\n"}


async def test_who_hangs_up_or_says_nothing_stops_nobody(agent: AgentPort) -> None:
    _, silent = await asyncio.open_connection("127.0.0.1", agent.port)
    _, hasty = await asyncio.open_connection("127.0.0.1", agent.port)
    hasty.transport.abort()
    assert await answer(agent, QUESTION) == b"up 40%\n"
    silent.close()


async def test_closing_ends_those_that_still_ask(board: AdviceBoard) -> None:
    agent, port = await open_agent_port(board, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"mail.")
    await asyncio.sleep(0.05)
    agent.close()
    assert await asyncio.wait_for(reader.read(), 2.0) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
