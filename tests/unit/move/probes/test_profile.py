"""What copies and proofs take from what is known of a server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from switchover.errors import InvalidInput
from switchover.move.canonical import Form
from switchover.move.folder_name import TargetFacts
from switchover.move.probes.profile import (
    UNKNOWN,
    KeptDates,
    Measured,
    NameLimits,
    form_between,
    from_json,
    profile_of,
    to_json,
    weakest,
)
from switchover.move.probes.torture import Torture
from switchover.wire.imap.quirks import GENERIC, PROFILES, Quirk, Server

IDENTITY = {"name": "Dovecot"}
NOW = 1_700_000_000
MEASURED = Measured(
    probed_at=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
    identity=IDENTITY,
    form=Form.EXACT,
    quirks=frozenset({Quirk.NAMES_WITHOUT_CASE, Quirk.ZONES_NOT_KEPT}),
    refused=frozenset({Torture.EMPTY}),
    changed=frozenset({Torture.ZONE_ODD}),
    dates=KeptDates(earliest=0),
    keywords_a_folder=30,
    longest_keyword=50,
    forbidden_in_keywords="]",
    connections=3,
    names=NameLimits(longest_name=254, forbidden=".", composes_unicode=True),
)
DOVECOT, EXCHANGE = PROFILES[Server.DOVECOT], PROFILES[Server.EXCHANGE]


def test_an_unknown_server_is_believed_to_change_line_ends() -> None:
    assert (UNKNOWN.written_form, UNKNOWN.read_form) == (Form.LINES, Form.EXACT)
    assert UNKNOWN.trust().keys_are_enough
    assert UNKNOWN.keeps_date(-1, now=NOW)


def test_a_recognised_server_is_believed_to_do_as_its_kind() -> None:
    exchange = profile_of(EXCHANGE, {}, None)
    assert (exchange.written_form, exchange.read_form) == (Form.STRUCTURE, Form.STRUCTURE)
    assert not exchange.trust().sizes
    dovecot = profile_of(DOVECOT, IDENTITY, None)
    assert dovecot.refused == {Torture.EMPTY}
    assert {Torture.BARE_LF, Torture.NUL, Torture.DATE_1950} <= dovecot.changed
    assert not dovecot.keeps_date(-1, now=NOW)
    assert not dovecot.keeps_date(NOW + 1, now=NOW)
    assert dovecot.keeps_date(NOW, now=NOW)


def test_a_probe_counts_more_than_the_kind() -> None:
    profile = profile_of(DOVECOT, IDENTITY, MEASURED)
    assert profile.written_form is Form.EXACT
    assert Quirk.NUL_BECOMES_0X80 not in profile.server.quirks
    assert {Quirk.MASTER_LOGIN, Quirk.NAMES_WITHOUT_CASE} <= profile.server.quirks
    assert (profile.server.connections, profile.server.keywords_a_folder) == (3, 30)
    assert profile.refused == {Torture.EMPTY}
    assert profile.keeps_date(NOW + 1, now=NOW)


def test_a_probe_of_other_software_counts_nothing() -> None:
    assert profile_of(DOVECOT, {"name": "Cyrus"}, MEASURED).measured is None
    same = {"name": "Dovecot", "remote-host": "192.0.2.7"}
    assert profile_of(DOVECOT, same, MEASURED).measured is MEASURED


def test_a_copy_is_compared_in_the_weaker_form_of_both() -> None:
    exact = profile_of(DOVECOT, IDENTITY, MEASURED)
    exchange = profile_of(EXCHANGE, {}, None)
    assert form_between(exact, exact) is Form.EXACT
    assert form_between(UNKNOWN, exact) is Form.EXACT
    assert form_between(exact, UNKNOWN) is Form.LINES
    assert form_between(exchange, exact) is form_between(exact, exchange) is Form.STRUCTURE
    assert weakest(Form.LINES, Form.EXACT) is Form.LINES


def test_dates_that_always_change_are_not_trusted() -> None:
    undated = replace(MEASURED, dates=KeptDates(usual=False))
    profile = profile_of(DOVECOT, IDENTITY, undated)
    assert not profile.trust(is_alone=False).dates
    assert not profile.keeps_date(NOW, now=NOW)


def test_keywords_that_are_refused_are_known() -> None:
    profile = profile_of(DOVECOT, IDENTITY, MEASURED)
    assert profile.takes_keyword(b"k" * 50)
    assert not profile.takes_keyword(b"k" * 51)
    assert not profile.takes_keyword(b"a]b")
    assert UNKNOWN.takes_keyword(b"a]b")
    free = replace(MEASURED, longest_keyword=None, forbidden_in_keywords="")
    assert profile_of(DOVECOT, IDENTITY, free).takes_keyword(b"]" * 300)


def test_a_folder_plan_keeps_to_what_is_known_of_names() -> None:
    facts = profile_of(DOVECOT, IDENTITY, MEASURED).refine(TargetFacts(separator="/"))
    assert (facts.longest_name, facts.forbidden) == (254, ".")
    assert facts.composes_unicode
    assert not facts.is_case_sensitive
    exchange = profile_of(EXCHANGE, {}, None).refine(TargetFacts(separator="/"))
    assert exchange.reserved == {"files"}
    gmail = profile_of(PROFILES[Server.GMAIL], {}, None).refine(TargetFacts(separator="/"))
    assert gmail.is_blank_tidy
    assert gmail.forbidden == "^"
    assert profile_of(GENERIC, {}, None).refine(TargetFacts(separator=".")) == TargetFacts(
        separator="."
    )


def test_what_was_measured_survives_as_json() -> None:
    assert from_json(json.loads(json.dumps(to_json(MEASURED)))) == MEASURED
    least = Measured(probed_at=MEASURED.probed_at, identity={}, form=Form.LINES)
    assert from_json(json.loads(json.dumps(to_json(least)))) == least


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 2),
        ("form", "loose"),
        ("quirks", ["NOTHING"]),
        ("probed_at", "soon"),
        ("identity", None),
        ("dates", {"odd": 1}),
        ("names", 3),
    ],
)
def test_a_damaged_profile_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidInput):
        from_json(to_json(MEASURED) | {name: value})
    with pytest.raises(InvalidInput):
        from_json({key: one for key, one in to_json(MEASURED).items() if key != name})
