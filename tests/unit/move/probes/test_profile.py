"""What a probe found corrects what is known of the kind of server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from switchover.errors import InvalidInput
from switchover.move.canonical import Form
from switchover.move.probes.profile import (
    KeptDates,
    Measured,
    NameLimits,
    corrected,
    from_json,
    to_json,
)
from switchover.move.probes.torture import Torture
from switchover.wire.imap.quirks import GENERIC, PROFILES, Quirk, Server

IDENTITY = {"name": "Dovecot"}
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
    refused_keywords=frozenset({"NIL"}),
    connections=3,
    names=NameLimits(longest_name=254, forbidden=".", composes_unicode=True),
)
DOVECOT = PROFILES[Server.DOVECOT]


def test_a_probe_counts_more_than_the_kind() -> None:
    profile = corrected(DOVECOT, IDENTITY, MEASURED)
    assert Quirk.NUL_BECOMES_0X80 not in profile.quirks
    assert {Quirk.MASTER_LOGIN, Quirk.NAMES_WITHOUT_CASE} <= profile.quirks
    assert (profile.connections, profile.keywords_a_folder) == (3, 30)
    assert (profile.longest_name, profile.longest_level, profile.deepest) == (254, None, None)
    assert (profile.forbidden_in_names, profile.forbidden_first) == (".", "~")
    assert profile.composes_unicode


def test_a_probe_of_other_software_counts_nothing() -> None:
    assert corrected(DOVECOT, {"name": "Cyrus"}, MEASURED) is DOVECOT
    assert corrected(DOVECOT, IDENTITY, None) is DOVECOT
    same = {"name": "Dovecot", "remote-host": "192.0.2.7"}
    assert corrected(DOVECOT, same, MEASURED).connections == 3


def test_a_limit_that_was_not_met_leaves_that_of_the_kind_for_connections_only() -> None:
    free = replace(MEASURED, connections=None, keywords_a_folder=None)
    profile = corrected(DOVECOT, IDENTITY, free)
    assert (profile.connections, profile.keywords_a_folder) == (DOVECOT.connections, None)


def test_keywords_that_are_refused_are_known() -> None:
    profile = corrected(DOVECOT, IDENTITY, MEASURED)
    assert profile.takes_keyword(b"k" * 50)
    assert not profile.takes_keyword(b"k" * 51)
    assert not profile.takes_keyword(b"a]b")
    assert not profile.takes_keyword(b"nil")
    assert GENERIC.takes_keyword(b"a]b" * 100)


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
