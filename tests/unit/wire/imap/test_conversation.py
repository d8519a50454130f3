"""Every answer finds its command, whatever a server says and whenever; nothing slips in between."""

from __future__ import annotations

import pytest
from tests.unit.wire.imap.conversing import AUTHENTICATE, FETCH, failure, greeted, hear, text

from switchover.errors import Conflict
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.command import Command, LiteralMode
from switchover.wire.imap.conversation import (
    Answered,
    Closing,
    Conversation,
    Phase,
)
from switchover.wire.imap.failure import Retry, Scope
from switchover.wire.imap.message_commands import (
    FlagChange,
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
    Vanished,
)


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
