r"""What the practice mail servers say: one table per protocol.

Texts are templates: ``{tag}`` is the client's IMAP tag, ``{server}`` and ``{client}`` say who talks
to whom, ``{name}`` is the server's host name, ``{starttls}`` announces STARTTLS while it is still to
be had. A ``\n`` ends a line and goes out as CRLF. Every greeting and every NOOP answer carries
``server=NAME``, so a client sees where it ended up.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from switchover.practice.workloads import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Then(StrEnum):
    """What happens after a command was understood."""

    GO_ON = auto()
    CLOSE = auto()
    SIGN_IN = auto()
    IDLE = auto()
    DATA = auto()
    START_TLS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one command.

    Attributes:
        text: what is said; for SIGN_IN, IDLE and DATA what is said at their good end.
        then: what happens.
        prompt: what is said first where the client is to send more.
        is_use: True where no health check goes: somebody uses the service.
    """

    text: str
    then: Then = Then.GO_ON
    prompt: str = ""
    is_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One protocol as the practice servers speak it.

    Attributes:
        greeting: first words.
        turned_away: said instead, then the connection ends (fault ``421``).
        failing: answer to every command (fault ``503``).
        denied: answer to wrong credentials, and to all of them (fault ``401``).
        unknown: answer to a command that is not in the table.
        starttls: what ``{starttls}`` stands for before TLS.
        tagged: whether commands start with a tag.
    """

    greeting: str
    turned_away: str
    failing: str
    denied: str
    unknown: str
    starttls: str
    answers: Mapping[str, Answer] = field(repr=False)
    tagged: bool = False


_WHO = "server={server} client={client}"

_IMAP_CAPABILITY = "IMAP4rev1 IDLE ID{starttls} AUTH=PLAIN SASL-IR"
_IMAP_MAILBOX = (
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\n* 0 EXISTS\n* 0 RECENT\n"
    "* OK [UIDVALIDITY 1] UIDs valid\n* OK [UIDNEXT 1] next\n"
)
_IMAP_SIGNED_IN = "{tag} OK signed in " + _WHO

IMAP = Dialect(
    greeting=f"* OK [CAPABILITY {_IMAP_CAPABILITY}] ready {_WHO}",
    turned_away="* BYE [UNAVAILABLE] closing {server}",
    failing="{tag} NO [UNAVAILABLE] broken {server}",
    denied="{tag} NO [AUTHENTICATIONFAILED] no",
    unknown="{tag} BAD unknown command",
    starttls=" STARTTLS",
    tagged=True,
    answers={
        "CAPABILITY": Answer(text=f"* CAPABILITY {_IMAP_CAPABILITY}\n{{tag}} OK done"),
        "NOOP": Answer(text="{tag} OK NOOP completed " + _WHO),
        "ID": Answer(text='* ID ("name" "practice" "server" "{server}")\n{tag} OK done'),
        "LOGOUT": Answer(text="* BYE bye\n{tag} OK done", then=Then.CLOSE),
        "STARTTLS": Answer(text="{tag} OK begin", then=Then.START_TLS),
        "LOGIN": Answer(text=_IMAP_SIGNED_IN, then=Then.SIGN_IN, is_use=True),
        "AUTHENTICATE": Answer(text=_IMAP_SIGNED_IN, then=Then.SIGN_IN, prompt="+ ", is_use=True),
        "SELECT": Answer(text=_IMAP_MAILBOX + "{tag} OK [READ-WRITE] done", is_use=True),
        "EXAMINE": Answer(text=_IMAP_MAILBOX + "{tag} OK [READ-ONLY] done", is_use=True),
        "LIST": Answer(text='* LIST () "/" INBOX\n{tag} OK done', is_use=True),
        "IDLE": Answer(
            text="{tag} OK IDLE terminated", then=Then.IDLE, prompt="+ idling", is_use=True
        ),
    },
)

POP3 = Dialect(
    greeting=f"+OK ready {_WHO}",
    turned_away="-ERR [SYS/TEMP] closing {server}",
    failing="-ERR [SYS/TEMP] broken {server}",
    denied="-ERR [AUTH] no",
    unknown="-ERR unknown command",
    starttls="STLS\n",
    answers={
        "CAPA": Answer(text="+OK capabilities\nUSER\nUIDL\nRESP-CODES\n{starttls}."),
        "NOOP": Answer(text=f"+OK {_WHO}"),
        "QUIT": Answer(text="+OK bye", then=Then.CLOSE),
        "STLS": Answer(text="+OK begin", then=Then.START_TLS),
        "USER": Answer(text="+OK", is_use=True),
        "PASS": Answer(text=f"+OK signed in {_WHO}", then=Then.SIGN_IN, is_use=True),
        "STAT": Answer(text="+OK 0 0", is_use=True),
        "LIST": Answer(text="+OK 0 messages\n.", is_use=True),
        "UIDL": Answer(text="+OK\n.", is_use=True),
    },
)


def _hand_over(*, greeting: str, hello: Mapping[str, Answer]) -> Dialect:
    """Return SMTP or LMTP, which differ in how one says hello."""
    return Dialect(
        greeting=greeting,
        turned_away="421 4.3.2 {name} closing",
        failing="451 4.3.0 {name} broken",
        denied="535 5.7.8 no",
        unknown="500 5.5.2 unknown command",
        starttls="250-STARTTLS\n",
        answers={
            **hello,
            "NOOP": Answer(text=f"250 2.0.0 {_WHO}"),
            "RSET": Answer(text="250 2.0.0 forgotten"),
            "QUIT": Answer(text="221 2.0.0 bye", then=Then.CLOSE),
            "STARTTLS": Answer(text="220 2.0.0 begin", then=Then.START_TLS),
            "MAIL": Answer(text="250 2.1.0 sender ok", is_use=True),
            "RCPT": Answer(text="250 2.1.5 recipient ok", is_use=True),
            "DATA": Answer(
                text=f"250 2.0.0 taken {_WHO}", then=Then.DATA, prompt="354 end with .", is_use=True
            ),
        },
    )


_ESMTP = "250-{name}\n250-PIPELINING\n250-SIZE 104857600\n250-8BITMIME\n{starttls}"

SMTP = _hand_over(
    greeting="220 {name} ESMTP practice " + _WHO,
    hello={
        "EHLO": Answer(text=_ESMTP + "250-AUTH PLAIN\n250 ENHANCEDSTATUSCODES"),
        "HELO": Answer(text="250 {name}"),
        "AUTH": Answer(
            text=f"235 2.7.0 signed in {_WHO}", then=Then.SIGN_IN, prompt="334 ", is_use=True
        ),
    },
)

LMTP = _hand_over(
    greeting="220 {name} LMTP practice " + _WHO,
    hello={"LHLO": Answer(text=_ESMTP + "250 ENHANCEDSTATUSCODES")},
)

_SIEVE_CAPABILITIES = (
    f'"IMPLEMENTATION" "practice {_WHO}"\n"SIEVE" "fileinto vacation"\n'
    '"SASL" "PLAIN"\n{starttls}"VERSION" "1.0"\n'
)

SIEVE = Dialect(
    greeting=_SIEVE_CAPABILITIES + f'OK "ready {_WHO}"',
    turned_away='BYE (TRYLATER) "closing {server}"',
    failing='NO (TRYLATER) "broken {server}"',
    denied='NO "no"',
    unknown='NO "unknown command"',
    starttls='"STARTTLS"\n',
    answers={
        "CAPABILITY": Answer(text=_SIEVE_CAPABILITIES + 'OK "done"'),
        "NOOP": Answer(text=f'OK "{_WHO}"'),
        "LOGOUT": Answer(text='OK "bye"', then=Then.CLOSE),
        "STARTTLS": Answer(text='OK "begin"', then=Then.START_TLS),
        "AUTHENTICATE": Answer(
            text=f'OK "signed in {_WHO}"', then=Then.SIGN_IN, prompt='""', is_use=True
        ),
        "LISTSCRIPTS": Answer(text='OK "done"', is_use=True),
    },
)

DIALECTS: Mapping[Protocol, Dialect] = {
    Protocol.IMAP: IMAP,
    Protocol.POP3: POP3,
    Protocol.SMTP: SMTP,
    Protocol.LMTP: LMTP,
    Protocol.SIEVE: SIEVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line in its parts; the verb is upper case, the tag empty where there is none."""

    verb: str
    arguments: str = ""
    tag: str = ""


def parse_command(line: str, *, tagged: bool) -> Command:
    """Return the parts of a command line; a line without a verb has an empty one."""
    tag, rest = "", line.strip()
    if tagged:
        tag, _, rest = rest.partition(" ")
    verb, _, arguments = rest.strip().partition(" ")
    return Command(verb=verb.upper(), arguments=arguments.strip(), tag=tag or "*")


def plain_credentials(token: str) -> tuple[str, str] | None:
    """Return user and password of a SASL PLAIN response (RFC 4616), None when it is none."""
    try:
        parts = base64.b64decode(token.strip('"'), validate=True).decode().split("\0")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (parts[1] or parts[0], parts[2]) if len(parts) == 3 else None


def login_credentials(arguments: str) -> tuple[str, str] | None:
    """Return user and password of IMAP's LOGIN, as atoms or quoted; literals are not offered."""
    try:
        words = shlex.split(arguments)
    except ValueError:
        return None
    return (words[0], words[1]) if len(words) == 2 else None
