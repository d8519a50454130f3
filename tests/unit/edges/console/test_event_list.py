"""Events are shown in words, and filtered by what people write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.builders import farm, http_service, mail_service

from switchover.edges.console.event_list import (
    SPEC,
    KnownNames,
    known_names,
    meant_names,
    read_filters,
    tell,
)
from switchover.edges.console.table import read_query
from switchover.errors import InvalidInput

KNOWN = KnownNames(
    service=("mail", "imap"), workload=("owa", "ecp"), server=("cas1", "cas2", "mx1")
)
ROW: dict[str, Any] = {
    "id": 7,
    "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "kind": "server-down",
    "severity": "error",
    "service": "mail",
    "workload": "owa",
    "server": "cas1",
    "cause": "Layer7 wrong status: code 503: Service Unavailable",
    "detail": {"code": 503, "info": "Service Unavailable"},
}


def filters(zone: str = "UTC", **given: str) -> dict[str, object]:
    found = read_filters(read_query(SPEC, given), zone, KNOWN)
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("kind", "severity", "level"),
    [
        ("server-down", "error", "bad"),
        ("server-up", "info", "ok"),
        ("drain-entered", "warning", "off"),
        ("drift", "warning", "warning"),
        ("engine-reloaded", "info", "off"),
        ("odd", "info", "off"),
    ],
)
def test_an_event_has_a_level_by_what_it_means(kind: str, severity: str, level: str) -> None:
    assert tell({**ROW, "kind": kind, "severity": severity}).level == level


def test_the_engines_words_stay_beside_the_explanation() -> None:
    told = tell(ROW)
    assert told.title == "Went down"
    assert told.cause.startswith("Layer7 wrong status")
    assert told.explanation == (
        "The server answered that it is not well (503 Service Unavailable)."
    )


def test_what_a_server_said_can_not_reorder_the_line() -> None:
    said = "OK \u202edrow"
    told = tell({**ROW, "cause": f"Layer7 timeout: {said}", "detail": {"info": said}})
    assert "\u202e" not in told.cause + told.explanation


def test_what_only_says_the_kind_again_is_left_out() -> None:
    assert tell({**ROW, "kind": "drain-entered", "cause": "drain entered"}).cause == ""
    assert tell({**ROW, "kind": "drain-left", "cause": "leaving forced drain"}).cause == ""


def test_a_part_of_a_name_stands_for_all_names_with_it() -> None:
    assert filters(server="cas1") == {"server": "cas1"}
    assert filters(server="CAS") == {"server": ["CAS", "cas1", "cas2"]}
    # A server that is gone from the platform file has events all the same.
    assert filters(server="old9", service="mai") == {"server": "old9", "service": ["mai", "mail"]}
    assert filters(server="as") == {"server": ["as", "cas1", "cas2"]}
    assert filters() == {}


def test_what_a_part_of_a_name_was_taken_for_is_told() -> None:
    assert meant_names(filters(server="CAS", service="mail")) == ("Server “CAS”: cas1, cas2.",)
    many: dict[str, object] = {"workload": ["o", "oa", "ob", "oc", "od", "oe"], "kind": []}
    assert meant_names(many) == ("Workload “o”: oa, ob, oc and 2 more.",)


def test_a_severity_that_a_kind_never_has_finds_nothing_and_the_usual_one_needs_no_asking() -> None:
    assert filters(kind="server-down", severity="error") == {"kind": "server-down"}
    assert filters(kind="server-down", severity="info") == {"kind": []}
    assert filters(severity="info") == {"severity": "info"}


def test_moments_are_read_in_the_zone_of_who_asks() -> None:
    assert filters("Europe/Brussels", since="2026-07-01T08:00") == {
        "since": datetime(2026, 7, 1, 6, tzinfo=UTC)
    }
    assert filters(until="2026-07-01T08:00+02:00") == {"until": datetime(2026, 7, 1, 6, tzinfo=UTC)}
    for wrong in ("yesterday", "0001-01-01T00:00+14:00"):
        with pytest.raises(InvalidInput, match="is no time"):
            filters(since=wrong)


def test_names_are_those_of_the_platform_file() -> None:
    found = known_names(farm({"mail": http_service(), "imap": mail_service()}))
    assert found.service == ("mail", "imap")
    assert found.workload == ("owa", "activesync", "imaps")
    assert found.server == ("cas1", "cas2")
    assert known_names(None) == KnownNames()
    assert found.hints()["server"] == found.server
    assert KnownNames(server=tuple(map(str, range(301)))).hints()["server"] == ()
