"""What is sent goes when the server gives leave, in order, and nothing beside it."""

from __future__ import annotations

import pytest
from tests.unit.wire.imap.conversing import (
    AUTHENTICATE,
    FETCH,
    OPENING,
    failure,
    greeted,
    hear,
    patient,
)

from switchover.errors import Conflict
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.command import Command, Stream, Wait
from switchover.wire.imap.conversation import (
    Answered,
    Ready,
)
from switchover.wire.imap.message_commands import (
    NewMessage,
    append_message,
)
from switchover.wire.imap.responses import (
    Exists,
)


def test_leave_goes_to_the_command_that_waits_not_to_the_oldest() -> None:
    conversation = patient()
    conversation.begin(commands.NOOP)
    append = conversation.begin(message_commands.append(b"Sent", NewMessage(3, content=b"abc")))
    assert append.steps == (b'S2 APPEND "Sent" {3}\r\n', Wait.CONTINUATION, b"abc\r\n")
    conversation.expect(append)
    events = hear(conversation, b"* 1 EXISTS", b"S1 OK done", b"+ go on")
    assert events[-1] == Ready(append, b"go on")
    conversation.end(append)
    assert hear(conversation, b"S2 OK stored") == [Answered(append)]


@pytest.mark.parametrize("begun", [(), (commands.NOOP,)])
def test_leave_that_nobody_asked_for_ends_the_conversation(begun: tuple[Command, ...]) -> None:
    conversation = greeted()
    for command in begun:
        conversation.begin(command)
    assert "asks for more" in failure(hear(conversation, b"+ go on")).message


def test_leave_counts_only_once() -> None:
    conversation = patient()
    append = conversation.begin(message_commands.append(b"Sent", NewMessage(3, content=b"abc")))
    conversation.expect(append)
    assert "asks for more" in failure(hear(conversation, b"+", b"+")).message


def test_a_refusal_instead_of_leave_ends_the_command_there() -> None:
    conversation = patient()
    append = conversation.begin(OPENING, grows=True)
    steps = conversation.extend(append, append_message(NewMessage(9)))
    assert Wait.CONTINUATION in steps
    conversation.expect(append)
    assert hear(conversation, b"S1 NO [OVERQUOTA] full") == [Answered(append)]
    assert append.is_sent
    conversation.expect(append)  # which asks for nothing any more
    assert "asks for more" in failure(hear(conversation, b"+")).message


def test_challenges_go_to_the_sign_in_however_many_come() -> None:
    conversation = greeted()
    request = conversation.begin(AUTHENTICATE)
    assert hear(conversation, b"+", b"+ YWJj") == [Ready(request, b""), Ready(request, b"YWJj")]


def test_idle_is_told_of_news_until_it_is_done() -> None:
    conversation = greeted(b"* PREAUTH hello")
    idle = conversation.begin(commands.IDLE)
    assert hear(conversation, b"+ idling", b"* 4 EXISTS") == [
        Ready(idle, b"idling"),
        Exists(count=4),
    ]
    with pytest.raises(Conflict):
        conversation.begin(commands.NOOP)
    assert hear(conversation, b"+ still", b"S1 OK done") == [Ready(idle, b"still"), Answered(idle)]
    conversation.begin(commands.NOOP)


def test_no_command_waits_for_leave_behind_mails_that_would_come_meanwhile() -> None:
    conversation = patient()
    conversation.begin(FETCH)
    with pytest.raises(Conflict, match="wait for leave"):
        conversation.begin(commands.examine("Ü".encode()))
    append = conversation.begin(OPENING, grows=True)
    with pytest.raises(Conflict, match="wait for leave"):
        conversation.extend(append, append_message(NewMessage(9)))


def test_a_growing_append_is_the_only_one_to_send_until_its_end() -> None:
    conversation = greeted()
    append = conversation.begin(OPENING, grows=True)
    assert append.steps == (b'S1 APPEND "Sent"',)
    assert conversation.extend(append, append_message(NewMessage(9))) == (
        b" {9+}\r\n",
        Stream(0, 9),
    )
    with pytest.raises(Conflict, match="not wholly sent"):
        conversation.begin(commands.NOOP)
    conversation.end(append)
    noop = conversation.begin(commands.NOOP)
    assert hear(conversation, b"S1 OK stored", b"S2 OK") == [Answered(append), Answered(noop)]
    with pytest.raises(Conflict, match="can not grow"):
        conversation.extend(append, append_message(NewMessage(9)))
    conversation.end(append)  # again changes nothing


def test_a_command_that_streams_is_sent_when_that_is_said() -> None:
    conversation = greeted()
    append = conversation.begin(message_commands.append(b"Sent", NewMessage(9)))
    assert not append.is_sent
    with pytest.raises(Conflict, match="not wholly sent"):
        conversation.begin(commands.NOOP)
    conversation.end(append)
    assert append.is_sent


def test_a_refusal_in_the_middle_leaves_the_rest_to_be_sent() -> None:
    conversation = greeted()
    append = conversation.begin(OPENING, grows=True)
    assert hear(conversation, b"S1 NO [TRYCREATE] where?") == [Answered(append)]
    with pytest.raises(Conflict, match="not wholly sent"):
        conversation.begin(commands.NOOP)
    conversation.end(append)
    conversation.begin(commands.NOOP)


def test_nothing_can_be_stored_before_all_of_it_was_sent() -> None:
    conversation = greeted()
    append = conversation.begin(OPENING, grows=True)
    assert "before all was sent" in failure(hear(conversation, b"S1 OK stored")).message
    assert append.answer is None


@pytest.mark.parametrize(
    "barrier", [commands.STARTTLS, AUTHENTICATE, commands.login("user", "secret"), commands.LOGOUT]
)
def test_nothing_goes_beside_a_barrier(barrier: Command) -> None:
    conversation = greeted()
    noop = conversation.begin(commands.NOOP)
    with pytest.raises(Conflict, match="under way"):
        conversation.begin(barrier)
    hear(conversation, b"S1 OK")
    assert noop.is_ok
    conversation.begin(barrier)
    with pytest.raises(Conflict, match="under way"):
        conversation.begin(commands.NOOP)
