"""Conversations for tests, and what they make of the lines of a server."""

from __future__ import annotations

from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.command import Command
from switchover.wire.imap.conversation import (
    Conversation,
    Happening,
    Request,
)
from switchover.wire.imap.failure import Failure
from switchover.wire.imap.message_commands import (
    append_opening,
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
