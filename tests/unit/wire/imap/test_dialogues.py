"""Recorded dialogues with real servers, in whatever portions the network makes of them."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conversation.imap.dialogue import MAILS, SCRIPT, read
from tests.unit.wire.imap.served import cut

from switchover.wire.imap.command import Wait
from switchover.wire.imap.conversation import Answered, Conversation, Phase, Ready, Request
from switchover.wire.imap.response_codes import AppendUid, CodeName, CopyUid
from switchover.wire.imap.responses import (
    BodyChunk,
    BodyEnd,
    BodyStart,
    ESearch,
    Exists,
    Fetch,
    ListEntry,
    MailboxStatus,
    Vanished,
)

NAMES = ("dovecot", "dovecot-without-literal-plus")


class Replay:
    """One dialogue said again: our side by the script, the server's side from the file."""

    def __init__(self, name: str, sizes: list[int]) -> None:
        self.conversation = Conversation()
        self.requests: list[Request] = []
        self.events: list[object] = []
        self.bodies: list[bytes] = []
        self._script = iter(SCRIPT)
        self._steps: deque[tuple[Request, object]] = deque()
        for who, data in read(name):
            if who == "C":
                assert self.speak() == data
            else:
                for portion in cut(data, sizes[: len(data)]):
                    self.hear(portion)

    def speak(self) -> bytes:
        """Return what is sent now: up to a wait, or the next batch of the script."""
        if not self._steps:
            for command in next(self._script):
                request = self.conversation.begin(command)
                self.requests.append(request)
                self._steps.extend((request, step) for step in request.steps)
        sent = b""
        while self._steps:
            request, step = self._steps.popleft()
            if step is Wait.CONTINUATION:
                self.conversation.expect(request)
                break
            assert isinstance(step, bytes)
            sent += step
            if not self._steps:
                self.conversation.end(request)
        return sent

    def hear(self, portion: bytes) -> None:
        self.conversation.receive(portion)
        for event in iter(self.conversation.next_event, None):
            match event:
                case BodyStart():
                    self.bodies.append(b"")
                case BodyChunk(data):
                    self.bodies[-1] += data
                case BodyEnd():
                    pass
                case Answered(request) | Ready(request):
                    self.events.append((type(event), request.tag))
                    if isinstance(event, Answered) and not request.is_ok:
                        self._steps.clear()
                case Fetch(items=items):
                    self.events += items
                case _:
                    self.events.append(event)

    def named(self, name: str) -> list[Request]:
        return [request for request in self.requests if request.command.name == name]


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_dialogue_is_understood(name: str) -> None:
    replay = Replay(name, [])
    assert next(replay._script, None) is None
    refused = [request for request in replay.requests if not request.is_ok]
    assert [request.command.name for request in refused] == ["APPEND", "SELECT"]
    assert refused[0].answer is not None
    assert refused[0].answer.code is not None
    assert refused[0].answer.code.name == CodeName.TRYCREATE
    assert replay.conversation.phase is Phase.CLOSED
    assert replay.conversation.enabled == {"QRESYNC"}


@pytest.mark.parametrize("name", NAMES)
def test_mails_that_look_like_the_protocol_come_back_as_they_went(name: str) -> None:
    assert Replay(name, []).bodies == list(MAILS)


@pytest.mark.parametrize("name", NAMES)
def test_every_response_is_with_the_command_that_asked_for_it(name: str) -> None:
    replay = Replay(name, [])
    (listed,), (status,), (found,) = map(replay.named, ("LIST", "STATUS", "UID SEARCH"))
    names = {one.name for one in listed.responses if isinstance(one, ListEntry)}
    assert names == {b"INBOX", b"Archive", b"Archive/2020", b'a "quote"'}
    (state,) = status.responses
    assert isinstance(state, MailboxStatus)
    assert state.messages == 3
    (result,) = found.responses
    assert isinstance(result, ESearch)
    assert result.count == len(MAILS)
    assert any(isinstance(one, Vanished) for one in replay.named("UID STORE")[0].responses)
    assert Exists(count=len(MAILS)) in replay.named("SELECT")[0].responses
    assert replay.named("SELECT")[1].responses == []


@pytest.mark.parametrize("name", NAMES)
def test_the_servers_uids_are_told_in_order(name: str) -> None:
    replay = Replay(name, [])
    stored = replay.named("APPEND")[0].answer
    copied = replay.named("UID COPY")[0].answer
    assert stored is not None
    assert isinstance(stored.code, AppendUid)
    assert list(stored.code.uids.numbers()) == [1, 2, 3, 4, 5]
    assert copied is not None
    assert isinstance(copied.code, CopyUid)
    assert list(copied.code.pairs()) == [(1, 1), (3, 2), (4, 3)]


def story(replay: Replay) -> object:
    return replay.events, replay.bodies, [request.responses for request in replay.requests]


@pytest.mark.parametrize("name", NAMES)
def test_single_bytes_change_nothing(name: str) -> None:
    assert story(Replay(name, [1] * 100_000)) == story(Replay(name, []))


@settings(max_examples=30)
@given(st.sampled_from(NAMES), st.lists(st.integers(min_value=0, max_value=300), max_size=60))
def test_portions_change_nothing(name: str, sizes: list[int]) -> None:
    assert story(Replay(name, sizes)) == story(Replay(name, []))
