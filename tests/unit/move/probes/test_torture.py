"""The mails and names of a probe are the oddities they are called after."""

from __future__ import annotations

import pytest
from tests.unit.move.probes.outcomes import MAILS, NOW

from switchover.move.probes.torture import (
    LONG_HEADER_OCTETS,
    LONG_LINE_OCTETS,
    NameTorture,
    Torture,
    torture_mails,
    torture_names,
)

CONTENT = {mail.kind: mail.content for mail in MAILS}


def test_every_kind_is_tried_and_only_twins_twice() -> None:
    kinds = [mail.kind for mail in MAILS]
    assert set(kinds) == set(Torture)
    assert len(kinds) == len(Torture) + 1


def test_each_mail_has_the_oddity_it_is_called_after() -> None:
    assert b"\r" not in CONTENT[Torture.BARE_LF]
    assert b"\r\r\n" in CONTENT[Torture.CR_CR_LF]
    assert b"\0" in CONTENT[Torture.NUL]
    assert not CONTENT[Torture.NO_FINAL_NEWLINE].endswith(b"\n")
    assert b"\r\n\r\n" not in CONTENT[Torture.ONLY_HEADER]
    assert CONTENT[Torture.NO_HEADER].startswith(b"\r\n")
    assert (CONTENT[Torture.EMPTY], len(CONTENT[Torture.ONE_BYTE])) == (b"", 1)
    lines = CONTENT[Torture.LONG_LINE].split(b"\r\n")
    assert max(map(len, lines)) == LONG_LINE_OCTETS
    assert max(map(len, CONTENT[Torture.LONG_HEADER].split(b"\r\n"))) == LONG_HEADER_OCTETS
    assert CONTENT[Torture.UNCLOSED_MULTIPART].count(b"--part--") == 0
    assert CONTENT[Torture.NESTED_MESSAGE].count(b"message/rfc822") == 2
    assert max(CONTENT[Torture.EIGHT_BIT_HEADER].partition(b"\r\n\r\n")[0]) > 127


def test_twins_share_their_message_id_and_nothing_else() -> None:
    first, second = [mail.content for mail in MAILS if mail.kind is Torture.TWIN]
    assert first != second
    assert first.partition(b"\r\n\r\n")[0] == second.partition(b"\r\n\r\n")[0]


def test_two_probes_share_no_message_id() -> None:
    other = {mail.content for mail in torture_mails("5678", NOW) if b"Message-ID" in mail.content}
    assert not other & set(CONTENT.values())


def test_usual_dates_are_in_the_past() -> None:
    plain = next(mail for mail in MAILS if mail.kind is Torture.PLAIN)
    assert NOW - 2 * 86_400 < plain.date.epoch_seconds < NOW


@pytest.mark.parametrize("separator", [".", "/", "\\"])
def test_names_hold_no_separator_of_their_own_server(separator: str) -> None:
    names = torture_names(separator)
    assert set(names) == set(NameTorture)
    assert not any(separator in level for level in names.values())
