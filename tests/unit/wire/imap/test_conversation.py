"""Every answer finds its command, whatever a server says and whenever; nothing slips in between."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.wire.imap.served import cut

from switchover.errors import Conflict
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.command import Command, LiteralMode, Stream, Wait
from switchover.wire.imap.conversation import (
    Answered,
    Closing,
    Conversation,
    Happening,
    Phase,
    Ready,
    Request,
)
from switchover.wire.imap.failure import Failure, Retry, Scope
from switchover.wire.imap.message_commands import (
    FlagChange,
    NewMessage,
    append_message,
    append_opening,
)
from switchover.wire.imap.quirks import Server
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.responses import (
    BodyChunk,
    BodyEnd,
    BodyStart,
    Capability,
    Enabled,
    ESearch,
    Exists,
    Fetch,
    Id,
    ListEntry,
    MailboxStatus,
    Namespace,
    Status,
    StatusKind,
    Vanished,
)

GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ STARTTLS AUTH=PLAIN] ready"
OPENING = Command(name="APPEND", parts=append_opening(b"Sent"))
FETCH = message_commands.uid_fetch(b"1:*", message_commands.body_fields())
AUTHENTICATE = commands.authenticate("PLAIN", b"secret")


def hear(conversation: Conversation, *lines: bytes) -> list[Happening]:
    """Return what a conversation makes of lines, which get their ends here."""
    conversation.receive(b"".join(line + b"\r\n" for line in lines))
    return list(iter(conversation.next_event, None))


def greeted(greeting: bytes = GREETING, **how: object) -> Conversation:
    conversation = Conversation(**how)
    hear(conversation, greeting)
    return conversation


def patient() -> Conversation:
    """Return a conversation with a server whose literals need leave."""
    return greeted(b"* OK [CAPABILITY IMAP4rev1] ready")


def failure(events: list[Happening]) -> Failure:
    last = events[-1]
    assert isinstance(last, Failure), events
    return last


def text(request: Request) -> bytes:
    return b"".join(step for step in request.steps if isinstance(step, bytes))


# --- the greeting ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("greeting", "phase"),
    [
        (b"* OK ready", Phase.STRANGER),
        (b"* PREAUTH welcome back", Phase.SIGNED_IN),
        (b"* BYE too many connections", Phase.CLOSED),
    ],
)
def test_the_greeting_tells_where_we_are(greeting: bytes, phase: Phase) -> None:
    conversation = Conversation()
    assert conversation.phase is Phase.GREETING
    (event,) = hear(conversation, greeting)
    assert conversation.phase is phase
    assert isinstance(event, Closing) is (phase is Phase.CLOSED)
    assert conversation.greeting is not None


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"SSH-2.0-OpenSSH_9.2", "SSH-2.0"),
        (b"220 mx.contoso.example ESMTP", "220 mx"),
        (b"+OK POP3 ready", r"\+OK POP3"),
        (b"\x15\x03\x03\x00\x02\x02(", "x15"),
        (b"* CAPABILITY IMAP4rev1", "Capability"),
        (b"* NO go away", "Status"),
        (b"S1 OK done", "Status"),
    ],
)
def test_what_greets_otherwise_is_no_imap_server(line: bytes, seen: str) -> None:
    conversation = Conversation()
    told = failure(hear(conversation, line, b"* OK ready"))
    assert told.scope is Scope.ENDPOINT
    with pytest.raises(AssertionError, match=seen):
        raise AssertionError(told.message)
    assert conversation.phase is Phase.CLOSED


def test_a_greeting_that_breaks_the_limits_is_told_as_that() -> None:
    conversation = Conversation(Limits(line_bytes=100))
    assert "more than 100 bytes" in failure(hear(conversation, b"* OK " + b"x" * 200)).message


def test_the_server_is_recognised_by_greeting_host_and_what_it_says_of_itself() -> None:
    assert greeted(b"* OK Dovecot ready.").profile.server is Server.DOVECOT
    assert greeted(b"* OK ready", host="imap.gmail.com").profile.server is Server.GMAIL
    conversation = greeted()
    conversation.begin(commands.identify({}))
    events = hear(conversation, b'* ID ("name" "Courier")')
    assert isinstance(events[0], Id)
    assert conversation.profile.server is Server.COURIER


# --- capabilities ------------------------------------------------------------------------------


def test_capabilities_come_in_the_greeting_in_an_answer_or_when_asked() -> None:
    conversation = greeted(b"* OK ready")
    assert not conversation.knows_capabilities
    request = conversation.begin(commands.CAPABILITY)
    events = hear(conversation, b"* CAPABILITY IMAP4rev1 LITERAL-", b"S1 OK done")
    assert isinstance(events[0], Capability)
    assert conversation.knows_capabilities
    assert conversation.literals is LiteralMode.SMALL
    assert request.responses == [events[0]]
    hear(conversation, b"* OK [CAPABILITY IMAP4rev1 LITERAL+] more")
    assert conversation.literals is LiteralMode.ANY


def test_capabilities_broken_at_this_server_are_not_built_on() -> None:
    conversation = Conversation(host="outlook.office365.com")
    hear(conversation, b"* OK [CAPABILITY IMAP4rev1 NAMESPACE UIDPLUS] ready")
    assert conversation.capabilities == {"IMAP4REV1", "UIDPLUS"}


def test_enabling_revision_2_brings_what_belongs_to_it() -> None:
    conversation = greeted(b"* PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2 ENABLE] hello")
    conversation.begin(commands.enable(["IMAP4rev2"]))
    events = hear(conversation, b"* ENABLED IMAP4rev2", b"S1 OK done")
    assert isinstance(events[0], Enabled)
    assert conversation.enabled == {"IMAP4REV2"}
    assert "UIDPLUS" in conversation.capabilities


@pytest.mark.parametrize("command", [AUTHENTICATE, commands.login("user", "secret")])
@pytest.mark.parametrize(
    "lines",
    [
        (b"S1 OK [CAPABILITY IMAP4rev1 QRESYNC] in",),
        (b"* CAPABILITY IMAP4rev1 QRESYNC", b"S1 OK in"),
    ],
)
def test_capabilities_that_come_with_the_sign_in_count_from_then_on(
    command: Command, lines: tuple[bytes, ...]
) -> None:
    conversation = greeted()
    conversation.begin(command)
    hear(conversation, *lines)
    assert conversation.phase is Phase.SIGNED_IN
    assert conversation.capabilities == {"IMAP4REV1", "QRESYNC"}


def test_capabilities_from_before_the_sign_in_are_forgotten() -> None:
    conversation = greeted()
    conversation.begin(AUTHENTICATE)
    hear(conversation, b"S1 OK in")
    assert not conversation.knows_capabilities
    assert conversation.literals is LiteralMode.SYNCHRONISING


def test_a_refused_sign_in_changes_nothing() -> None:
    conversation = greeted()
    request = conversation.begin(AUTHENTICATE)
    hear(conversation, b"S1 NO [AUTHENTICATIONFAILED] wrong")
    assert not request.is_ok
    assert conversation.phase is Phase.STRANGER
    assert conversation.knows_capabilities


def test_after_unauthenticate_nothing_is_enabled_or_announced_any_more() -> None:
    conversation = greeted(b"* PREAUTH [CAPABILITY IMAP4rev1 UNAUTHENTICATE] hello")
    conversation.begin(commands.enable(["CONDSTORE"]))
    hear(conversation, b"* ENABLED CONDSTORE", b"S1 OK done")
    conversation.begin(commands.UNAUTHENTICATE)
    hear(conversation, b"S2 OK bye, see you")
    assert conversation.phase is Phase.STRANGER
    assert not conversation.enabled
    assert not conversation.knows_capabilities


# --- whose answer, whose response --------------------------------------------------------------


def test_commands_are_answered_in_any_order() -> None:
    conversation = greeted()
    first, second = (conversation.begin(commands.NOOP) for _ in range(2))
    assert (text(first), text(second)) == (b"S1 NOOP\r\n", b"S2 NOOP\r\n")
    assert hear(conversation, b"S2 OK done", b"S1 BAD what") == [Answered(second), Answered(first)]
    assert (first.is_ok, second.is_ok) == (False, True)
    assert conversation.is_idle


def test_a_response_belongs_to_the_oldest_command_or_to_the_one_it_names() -> None:
    conversation = greeted()
    first = conversation.begin(commands.list_mailboxes())
    second = conversation.begin(message_commands.uid_search())
    third = conversation.begin(commands.NOOP)
    found = b'* ESEARCH (TAG "S2") UID ALL 1:3'
    hear(conversation, found, b'* LIST () "/" INBOX', b'* ESEARCH (TAG "S99") UID', b"S1 OK done")
    hear(conversation, b"* ESEARCH UID", b"S2 OK", b"* 5 EXISTS", b"S3 OK")
    assert [type(one) for one in first.responses] == [ListEntry, ESearch]
    assert [type(one) for one in second.responses] == [ESearch, ESearch]
    assert third.responses == [Exists(count=5)]


def test_data_goes_to_the_command_that_asks_for_its_kind_whatever_was_sent_before() -> None:
    conversation = greeted()
    batch = [
        message_commands.uid_store(b"2", FlagChange.ADD, (b"\\Deleted",)),
        commands.status(b"Sent", [commands.StatusItem.MESSAGES]),
        commands.list_mailboxes(),
        commands.list_subscribed(),
        commands.NAMESPACE,
    ]
    store, status, listed, subscribed, namespace = map(conversation.begin, batch)
    hear(
        conversation,
        b'* NAMESPACE (("" "/")) NIL NIL',
        b'* LSUB () "/" Sent',
        b'* LIST () "/" Sent',
        b"* STATUS Sent (MESSAGES 5)",
        b"S2 OK",
        b"* STATUS Sent (MESSAGES 6)",
        b"* VANISHED 2",
    )
    assert [type(one) for one in store.responses] == [Vanished]
    assert [type(one) for one in status.responses] == [MailboxStatus]
    assert [type(one) for one in listed.responses] == [ListEntry, MailboxStatus]
    assert [type(one) for one in subscribed.responses] == [ListEntry]
    assert [type(one) for one in namespace.responses] == [Namespace]


def test_what_is_still_said_of_the_former_mailbox_does_not_count_for_the_next() -> None:
    conversation = greeted()
    select = conversation.begin(commands.select(b"Sent"))
    hear(conversation, b"* 9 EXISTS", b"* OK [HIGHESTMODSEQ 9]", b"* OK [CLOSED] closed")
    assert not select.responses
    hear(conversation, b"* 3 EXISTS", b"S1 OK [READ-WRITE] open")
    assert select.responses == [Exists(count=3)]


def test_what_comes_while_nothing_is_under_way_is_told_and_not_kept() -> None:
    conversation = greeted()
    assert hear(conversation, b"* 5 EXISTS") == [Exists(count=5)]


def test_mails_pass_by_and_are_kept_nowhere() -> None:
    conversation = greeted(kept_bytes=1000)
    fetch = conversation.begin(FETCH)
    mail = b"* 1 FETCH (UID 7 FLAGS () BODY[] {3}\r\nabc)"
    events = hear(conversation, *[mail] * 50, b"* 3 EXISTS", b"S1 OK done")
    kinds = [type(event) for event in events[:4]]
    assert kinds == [BodyStart, BodyChunk, BodyEnd, Fetch]
    assert fetch.responses == [Exists(count=3)]


def test_an_answer_to_what_was_never_sent_ends_the_conversation() -> None:
    conversation = greeted()
    conversation.begin(commands.NOOP)
    told = failure(hear(conversation, b"S7 OK done", b"S1 OK done"))
    assert "S7" in told.message
    assert (told.scope, told.retry) == (Scope.ENDPOINT, Retry.LATER)
    with pytest.raises(Conflict, match="over"):
        conversation.begin(commands.NOOP)


def test_answers_that_would_fill_the_memory_end_the_conversation() -> None:
    conversation = greeted(kept_bytes=100_000)
    conversation.begin(commands.list_mailboxes())
    folders = [b'* LIST () "/" folder%d' % number for number in range(1000)]
    told = failure(hear(conversation, *folders))
    assert "LIST" in told.message
    assert told.retry is Retry.NEVER


@pytest.mark.parametrize(
    "line", [b"* 1 FETCH (UID 7 FLAGS ())", b"* 1 FETCH (UID 7 BODY[] {3}\r\nabc)"]
)
def test_mails_that_nobody_asked_for_count_as_what_is_kept(line: bytes) -> None:
    conversation = greeted(kept_bytes=10_000)
    request = conversation.begin(commands.NOOP)
    assert "NOOP" in failure(hear(conversation, *[line] * 1000)).message
    assert not request.responses


# --- continuations -----------------------------------------------------------------------------


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


# --- sending -----------------------------------------------------------------------------------


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


# --- the stream changes ------------------------------------------------------------------------


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


# --- the end -----------------------------------------------------------------------------------


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


# --- in any portions ---------------------------------------------------------------------------

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
