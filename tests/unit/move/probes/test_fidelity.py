"""What is made of the mails that a probe read back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.move.probes.outcomes import (
    NOW,
    all_kept,
    dating,
    losing,
    of,
    reading,
    refusing,
)

from switchover.move.canonical import Form
from switchover.move.probes.fidelity import (
    Keywords,
    Outcome,
    changed_kinds,
    chosen_form,
    findings,
    kept_dates,
    keyword_findings,
    met_quirks,
    refused_kinds,
    tells_sizes,
)
from switchover.move.probes.finding import Verdict
from switchover.move.probes.profile import KeptDates
from switchover.move.probes.torture import ODD_KEYWORDS, Torture
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.quirks import Quirk


def to_crlf(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def sentence(kind: Torture, outcomes: list[Outcome]) -> str:
    return next(one.sentence for one in findings(outcomes) if one.subject == kind.value)


def test_a_server_that_keeps_everything_is_compared_byte_by_byte() -> None:
    outcomes = all_kept()
    assert chosen_form(outcomes) is Form.EXACT
    assert {one.verdict for one in findings(outcomes)} == {Verdict.KEPT}
    assert met_quirks(outcomes) == {Quirk.EVERY_BYTE_KEPT}
    assert kept_dates(outcomes) == KeptDates()
    assert changed_kinds(outcomes) == refused_kinds(outcomes) == set()


def test_a_dovecot_changes_line_ends_and_nul() -> None:
    outcomes = all_kept(
        BARE_LF=reading(to_crlf),
        CR_CR_LF=reading(lambda it: it.replace(b"\r\r\n", b"\r\n")),
        NUL=reading(lambda it: it.replace(b"\0", b"\x80")),
        EMPTY=refusing("Can't save a zero byte message"),
        DATE_1950=dating(3_600_000_000),
    )
    assert chosen_form(outcomes) is Form.LINES
    assert met_quirks(outcomes) == {
        Quirk.LINE_ENDS_NORMALISED,
        Quirk.NUL_BECOMES_0X80,
        Quirk.EMPTY_MAIL_REFUSED,
        Quirk.DATES_BEFORE_1970_WRAP,
    }
    assert "bare LF becomes CR LF" in sentence(Torture.BARE_LF, outcomes)
    assert "CR CR LF becomes CR LF" in sentence(Torture.CR_CR_LF, outcomes)
    assert "NUL becomes 0x80" in sentence(Torture.NUL, outcomes)
    assert "zero byte" in sentence(Torture.EMPTY, outcomes)
    assert refused_kinds(outcomes) == {Torture.EMPTY}
    assert kept_dates(outcomes).earliest == 0


def test_a_cyrus_refuses_bare_newlines_and_stays_exact() -> None:
    outcomes = all_kept(
        BARE_LF=refusing("Message contains bare newlines"),
        NUL=refusing("Message contains NUL characters"),
        EIGHT_BIT_HEADER=reading(lambda it: it.replace(b"\xe4\xf6\xfc", b"XXX")),
    )
    assert chosen_form(outcomes) is Form.EXACT
    assert met_quirks(outcomes) == {
        Quirk.BARE_NEWLINES_REFUSED,
        Quirk.NUL_REFUSED,
        Quirk.EIGHT_BIT_HEADERS_CHANGED,
    }
    assert "its bytes change" in sentence(Torture.EIGHT_BIT_HEADER, outcomes)
    assert changed_kinds(outcomes) == {Torture.EIGHT_BIT_HEADER}


def test_a_server_that_makes_mails_anew_is_compared_by_structure() -> None:
    def anew(content: bytes) -> bytes:
        return b"X-Made: anew\r\n" + content

    outcomes = all_kept(PLAIN=reading(anew))
    assert chosen_form(outcomes) is Form.STRUCTURE
    assert Quirk.BODIES_REGENERATED in met_quirks(outcomes)
    assert "subject, text and attachments stay" in sentence(Torture.PLAIN, outcomes)


def test_where_nothing_is_equal_the_weakest_form_is_left() -> None:
    outcomes = [losing(one) for one in all_kept()]
    assert chosen_form(outcomes) is Form.STRUCTURE
    assert "do not migrate" in sentence(Torture.PLAIN, outcomes)


def test_sizes_may_be_those_of_the_bytes_or_of_the_form() -> None:
    told = all_kept(BARE_LF=reading(to_crlf))
    assert tells_sizes(told, Form.LINES)
    wrong = all_kept(PLAIN=lambda one: replace(one, size_told=19_189))
    assert not tells_sizes(wrong, Form.EXACT)
    assert Quirk.SIZES_ESTIMATED in met_quirks(wrong)


def test_a_similar_mail_that_replaces_another_is_a_quirk() -> None:
    outcomes = all_kept()
    first = outcomes.index(of(Torture.TWIN, outcomes))
    outcomes[first] = losing(outcomes[first])
    assert Quirk.SIMILAR_MAILS_REPLACED in met_quirks(outcomes)
    assert Torture.TWIN in refused_kinds(outcomes)
    assert "genuine duplicates are lost" in sentence(Torture.TWIN, outcomes)


def test_flags_lost_and_added_are_told() -> None:
    outcomes = all_kept(
        SYSTEM_FLAGS=lambda one: replace(one, flags=one.flags[1:]),
        KEYWORDS=lambda one: replace(one, flags=(*one.flags, b"$HasNoAttachment")),
    )
    assert "1 of 5 flags are lost" in sentence(Torture.SYSTEM_FLAGS, outcomes)
    assert "adds $HasNoAttachment" in sentence(Torture.KEYWORDS, outcomes)


def test_flags_compare_without_case() -> None:
    outcomes = all_kept(
        KEYWORDS=lambda one: replace(one, flags=tuple(f.upper() for f in one.flags))
    )
    assert of(Torture.KEYWORDS, outcomes).verdict is Verdict.KEPT


def test_dates_in_the_future_may_become_the_present() -> None:
    outcomes = all_kept(DATE_2038=dating(NOW), DATE_2099=dating(NOW))
    assert kept_dates(outcomes) == KeptDates(future=False)
    assert Quirk.FUTURE_DATES_BECOME_NOW in met_quirks(outcomes)
    assert "comes back as" in sentence(Torture.DATE_2099, outcomes)


def test_a_server_without_old_dates_or_any() -> None:
    old = all_kept(DATE_1950=refusing(), DATE_1970=dating(5))
    assert kept_dates(old) == KeptDates(earliest=2 * 86_400)
    assert not kept_dates([replace(one, date=InternalDate(1, 0)) for one in all_kept()]).usual
    undated = [replace(one, date=None) for one in all_kept()]
    assert kept_dates(undated) == KeptDates(usual=False, earliest=2 * 86_400, future=False)
    assert "no internal date" in sentence(Torture.DATE_1970, undated)


def test_a_moment_told_in_another_zone_is_the_same_moment() -> None:
    outcomes = all_kept(ZONE_ODD=lambda one: replace(one, date=InternalDate(one.mail.date[0], 0)))
    assert "kept and told in the zone +0000" in sentence(Torture.ZONE_ODD, outcomes)
    assert Quirk.ZONES_NOT_KEPT in met_quirks(outcomes)


def test_a_mail_that_ends_the_connection_is_told_so() -> None:
    outcomes = all_kept(NUL=lambda one: Outcome(mail=one.mail, refusal="closed", cuts=True))
    assert of(Torture.NUL, outcomes).verdict is Verdict.CUT
    assert "ends the connection" in sentence(Torture.NUL, outcomes)
    assert Torture.NUL in refused_kinds(outcomes)


@pytest.mark.parametrize(
    ("kind", "edit", "words"),
    [
        (Torture.NUL, lambda it: it.replace(b"\0", b"?"), "its bytes change"),
        (Torture.NUL, lambda it: it[:-20], "damaged"),
        (Torture.NUL, lambda it: it.replace(b"\r\n", b"\n").replace(b"\0", b""), "its bytes"),
        (Torture.NUL, lambda it: it.replace(b"\0", b"\x80"), "NUL becomes 0x80"),
        (Torture.NO_FINAL_NEWLINE, lambda it: it + b"\r\n", "a last line end is added"),
        (Torture.PLAIN, lambda it: it.replace(b"\r\n", b"\n"), "line ends change"),
    ],
)
def test_what_changed_is_named(kind: Torture, edit: object, words: str) -> None:
    assert callable(edit)
    assert words in sentence(kind, all_kept(**{kind.name: reading(edit)}))


def test_keywords_are_told_one_by_one() -> None:
    keywords = Keywords(
        kept=frozenset({b"work", b"a.b", b"NIL"}), refused=frozenset({b"a]b", b"a/b"}), longest=50
    )
    told = {one.subject: one for one in keyword_findings(keywords)}
    assert len(told) == len(ODD_KEYWORDS) + 1
    assert told["keyword a.b"].verdict is Verdict.KEPT
    assert told["keyword a]b"].verdict is Verdict.REFUSED
    assert told["keyword Work"].verdict is Verdict.CHANGED
    assert told["keyword $"].verdict is Verdict.LOST
    assert "50 characters" in told["long keywords"].sentence
    assert keywords.forbidden == "/]"
    assert Keywords(refused=frozenset({b"NIL", b"a]b"})).refused_words == {"NIL"}
    assert keyword_findings(Keywords())[-1].verdict is Verdict.KEPT
