"""A conversation changes its stream and ends as it must, in whatever portions it comes."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.conversing import AUTHENTICATE, FETCH, GREETING, failure, greeted, hear
from tests.unit.wire.imap.served import cut

from switchover.errors import Conflict
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.command import Command
from switchover.wire.imap.conversation import (
    Answered,
    Closing,
    Conversation,
    Phase,
    Request,
)
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.responses import (
    BodyChunk,
    Status,
    StatusKind,
)


def test_bytes_in_the_clear_behind_starttls_are_handed_out_and_never_believed() -> None:
    conversation = greeted()
    conversation.begin(commands.STARTTLS)
    injected = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] psst\r\nS2 OK"
    conversation.receive(b"S1 OK [CAPABILITY AUTH=LOGIN] begin\r\n" + injected)
    (answered,) = iter(conversation.next_event, None)
    assert isinstance(answered, Answered)
    with pytest.raises(Conflict):
        conversation.begin(commands.NOOP)
    assert conversation.switch_stream() == injected
    assert conversation.next_event() is None
    assert not conversation.knows_capabilities


def test_a_refused_starttls_changes_nothing() -> None:
    conversation = greeted()
    conversation.begin(commands.STARTTLS)
    hear(conversation, b"S1 NO not now", b"* 1 EXISTS")
    assert conversation.knows_capabilities
    conversation.begin(commands.NOOP)


def test_compressed_bytes_behind_the_ok_are_handed_out() -> None:
    conversation = greeted(b"* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hello")
    conversation.begin(commands.COMPRESS_DEFLATE)
    conversation.receive(b"S1 OK active\r\n\x01\x02")
    assert isinstance(conversation.next_event(), Answered)
    assert conversation.switch_stream() == b"\x01\x02"
    noop = conversation.begin(commands.NOOP)
    assert hear(conversation, b"S2 OK") == [Answered(noop)]
    assert "COMPRESS=DEFLATE" in conversation.capabilities


@pytest.mark.parametrize("begun", [(), (commands.NOOP,), (AUTHENTICATE,), (FETCH,)])
def test_the_server_may_say_bye_at_any_time(begun: tuple[Command, ...]) -> None:
    conversation = greeted()
    for command in begun:
        conversation.begin(command)
    (event,) = hear(conversation, b"* BYE [UNAVAILABLE] going down")
    assert isinstance(event, Closing)
    assert event.status.text == "going down"
    assert not conversation.is_logging_out
    with pytest.raises(Conflict, match="over"):
        conversation.begin(commands.NOOP)


def test_a_server_that_talks_on_after_bye_does_not_bring_us_back() -> None:
    conversation = greeted()
    request = conversation.begin(AUTHENTICATE)
    events = hear(conversation, b"* BYE tired", b"* OK really", b"S1 OK in")
    assert [type(event) for event in events] == [Closing, Status, Answered]
    assert request.is_ok
    assert conversation.phase is Phase.CLOSED


def test_logging_out_is_known_as_our_own_wish() -> None:
    conversation = greeted()
    logout = conversation.begin(commands.LOGOUT)
    assert conversation.is_logging_out
    events = hear(conversation, b"* BYE see you", b"S1 OK done")
    assert isinstance(events[0], Closing)
    assert events[1] == Answered(logout)
    assert conversation.phase is Phase.CLOSED


def test_a_failure_of_the_reader_ends_the_conversation() -> None:
    conversation = greeted(limits=Limits(line_bytes=1000))
    told = failure(hear(conversation, b"* OK " + b"x" * 2000, b"* 1 EXISTS"))
    assert "1000 bytes" in told.message
    assert conversation.phase is Phase.CLOSED
    assert conversation.next_event() is None


def test_a_conversation_can_be_closed_by_us() -> None:
    conversation = greeted()
    conversation.close()
    with pytest.raises(Conflict, match="over"):
        conversation.begin(commands.NOOP)


DIALOGUE = b"\r\n".join(
    [
        GREETING,
        b'* LIST (\\HasNoChildren) "/" INBOX',
        b'* LIST () "/" {4}',
        b'a"b\\',
        b"* 5 EXISTS",
        b"S1 OK listed",
        b"* 1 FETCH (UID 7 FLAGS (\\Seen) BODY[] {12}",
        b"Subject: a\r\n)",
        b'* 2 FETCH (UID 8 FLAGS () BODY[] "")',
        b"* OK Still here",
        b"S2 OK fetched",
        b"* SEARCH 1 2 3",
        b"S4 NO [TRYCREATE] no",
        b"S3 OK found",
        b"* BYE",
        b"",
    ]
)


def heard(portions: list[bytes]) -> tuple[list[object], list[list[object]]]:
    """Return the story of one dialogue in a form that the portions do not change."""
    conversation = Conversation()
    batch = (commands.list_mailboxes(), FETCH, message_commands.uid_search(), commands.NOOP)
    requests = [conversation.begin(command) for command in batch]
    story: list[object] = []
    for portion in portions:
        conversation.receive(portion)
        for event in iter(conversation.next_event, None):
            if isinstance(event, BodyChunk):
                joined = story.pop() if isinstance(story[-1], bytes) else b""
                story.append(joined + bytes(event.data))
            elif isinstance(event, Answered):
                story.append((event.request.tag, event.request.answer))
            else:
                story.append(event)
    return story, [request.responses for request in requests]


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=100))
def test_portions_change_nothing(sizes: list[int]) -> None:
    assert heard(cut(DIALOGUE, sizes)) == heard([DIALOGUE])


def test_single_bytes_change_nothing() -> None:
    single = [bytes((byte,)) for byte in DIALOGUE]
    assert heard(single) == heard([DIALOGUE])


LINES = st.sampled_from(
    [
        GREETING, b"* BYE", b"* 1 EXISTS", b"+ go", b"S1 OK", b"S2 NO no", b"S3 BAD x", b"S9 OK",
        b"* CAPABILITY IMAP4rev1", b"* 1 FETCH (UID 1 BODY[] {2}\r\nab)", b"* ENABLED X", b"rubbish",
    ]
)  # fmt: skip
BATCH = st.sampled_from(
    [commands.NOOP, FETCH, AUTHENTICATE, commands.STARTTLS, commands.IDLE, commands.LOGOUT]
)


@given(st.lists(st.one_of(LINES, BATCH), max_size=30))
def test_whatever_comes_every_request_is_answered_at_most_once_and_nothing_else_is_raised(
    course: list[bytes | Command],
) -> None:
    conversation = Conversation()
    answered: list[Request] = []
    begun: list[Request] = []
    for step in course:
        if isinstance(step, Command):
            try:
                begun.append(conversation.begin(step))
            except Conflict:
                continue
        else:
            events = hear(conversation, step)
            answered += [event.request for event in events if isinstance(event, Answered)]
    assert len(set(map(id, answered))) == len(answered)
    assert set(map(id, answered)) <= set(map(id, begun))
    assert all(request.answer is not None for request in answered)
    assert conversation.is_idle is (len(answered) == len(begun))


def test_the_requests_of_one_conversation_have_tags_of_their_own() -> None:
    conversation = greeted()
    batch = [conversation.begin(commands.NOOP) for _ in range(300)]
    assert len({request.tag for request in batch}) == 300
    answers = chain.from_iterable(hear(conversation, one.tag + b" OK") for one in reversed(batch))
    assert [event.request for event in answers if isinstance(event, Answered)] == batch[::-1]
    assert all(request.answer.kind is StatusKind.OK for request in batch if request.answer)
