"""What stands in brackets, and what a text says of coming back later."""

from __future__ import annotations

import pytest

from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.response_codes import (
    AppendUid,
    CapabilityCode,
    Code,
    CodeName,
    CopyUid,
    MailboxId,
    Modified,
    NumberCode,
    PermanentFlags,
    ResponseCode,
    back_off_seconds,
    capabilities_of,
    is_throttling,
    parse_code,
    split_code,
)

ONE = NumberRanges.from_numbers([1])


@pytest.mark.parametrize(
    ("text", "inside", "human"),
    [
        (b"[ALERT] x", b"ALERT", b"x"),
        (b"[ALERT]", b"ALERT", b""),
        (b"[ ALERT ]  x", b"ALERT", b"x"),
        (b"[PERMANENTFLAGS (a]b \\*) ] x] y", b"PERMANENTFLAGS (a]b \\*)", b"x] y"),
        (b"[BADCHARSET (a b] x", b"BADCHARSET (a b", b"x"),
        (b"[UIDNEXT 5] x (y)] z", b"UIDNEXT 5", b"x (y)] z"),
        (b"[] x", b"", b"x"),
        (b"[ALERT x", None, b"[ALERT x"),
        (b"x [ALERT]", None, b"x [ALERT]"),
        (b"", None, b""),
    ],
)
def test_the_code_is_parted_from_the_text(text: bytes, inside: bytes | None, human: bytes) -> None:
    assert split_code(text) == (inside, human)


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (b"trycreate", Code(name=CodeName.TRYCREATE)),
        (b"READ-ONLY", Code(name=CodeName.READ_ONLY)),
        (b"REFERRAL imap://x/", Code(name="REFERRAL", arguments=b"imap://x/")),
        (b"UIDVALIDITY 5", NumberCode(name=CodeName.UIDVALIDITY, value=5)),
        (b"HIGHESTMODSEQ 9223372036854775807", NumberCode(name="HIGHESTMODSEQ", value=2**63 - 1)),
        (b"APPENDLIMIT 35651584", NumberCode(name="APPENDLIMIT", value=35651584)),
        (b"APPENDUID 9 1", AppendUid(uid_validity=9, uids=ONE)),
        (b"COPYUID 9 1 1", CopyUid(uid_validity=9, source=ONE, target=ONE)),
        (
            b"CAPABILITY IMAP4rev1 auth=plain",
            CapabilityCode(capabilities=("IMAP4REV1", "AUTH=PLAIN")),
        ),
        (b"PERMANENTFLAGS ()", PermanentFlags(flags=())),
        (b"MAILBOXID (F2212ea87)", MailboxId(value=b"F2212ea87")),
        (b"MODIFIED 1", Modified(numbers=ONE)),
    ],
)
def test_codes_become_types(inside: bytes, code: ResponseCode) -> None:
    assert parse_code(inside) == code
    assert parse_code(inside).name == code.name == inside.split()[0].decode().upper()


@pytest.mark.parametrize(
    "inside",
    [
        b"UIDNEXT",
        b"UIDNEXT -1",
        b"UIDNEXT 1.5",
        b"APPENDUID 9",
        b"APPENDUID 9 *",
        b"APPENDUID x 1",
        b"COPYUID 9 1",
        b"COPYUID 9 1 x",
        b"COPYUID x 1 1",
        b"PERMANENTFLAGS",
        b"PERMANENTFLAGS \\Seen",
        b"PERMANENTFLAGS (",
        b'PERMANENTFLAGS ("',
        b"MAILBOXID ()",
        b"MODIFIED x",
    ],
)
def test_a_badly_formed_code_keeps_what_it_held(inside: bytes) -> None:
    name, _, arguments = inside.partition(b" ")
    assert parse_code(inside) == Code(name=name.decode(), arguments=arguments)


def test_capabilities_may_be_broken_by_blanks() -> None:
    assert capabilities_of(b" + LITERAL - LITERAL  + x\xe9 ") == ("+", "LITERAL-", "LITERAL+", "X�")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
        ("Backoff time 30 seconds", 30.0),
        ("Too many connections, try again in 5 minutes", 300.0),
        ("please wait 10 s", 10.0),
        ("Retry after 1 hour", 3600.0),
        ("Server Unavailable. 15", None),
        ("done in 5 seconds", None),
        ("", None),
    ],
)
def test_the_time_to_stay_away_is_read(text: str, seconds: float | None) -> None:
    assert back_off_seconds(text) == seconds


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, "Request is throttled. Suggested Backoff Time: 1 milliseconds"),
        (None, "Too many simultaneous connections. (Failure)"),
        (None, "Account exceeded command or bandwidth limits."),
        (None, "Rate limit hit"),
        (None, "Server is busy, try again later"),
        (Code(name=CodeName.THROTTLED), ""),
        (Code(name=CodeName.INUSE), ""),
        (Code(name=CodeName.UNAVAILABLE), ""),
    ],
)
def test_not_so_fast_is_understood(code: ResponseCode | None, text: str) -> None:
    assert is_throttling(code, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [(None, "Invalid credentials"), (Code(name=CodeName.OVERQUOTA), "Mailbox is full"), (None, "")],
)
def test_a_plain_no_is_not_throttling(code: ResponseCode | None, text: str) -> None:
    assert not is_throttling(code, text)
