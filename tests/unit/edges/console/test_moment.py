from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchover.edges.console.moment import (
    ago_html,
    ago_words,
    duration_words,
    moment_html,
    parse_moment,
    zone_named,
)

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3_605, "1 h"),
        (11_520, "3 h 12 min"),
        (90_000, "1 d 1 h"),
        (86_400 * 400, "400 d"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (1.9, "now"),
        (-1.9, "now"),
        (2, "2 s ago"),
        (119, "1 min ago"),
        (7200, "2 h ago"),
        (86_400 * 3, "3 d ago"),
        (-3600, "in 1 h"),
    ],
)
def test_a_moment_is_said_by_its_distance(seconds: float, words: str) -> None:
    assert ago_words(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_moment_is_shown_in_the_zone_and_kept_in_utc() -> None:
    shown = moment_html(NOW - timedelta(hours=1), zone="Europe/Brussels", now=NOW)
    assert 'datetime="2026-07-01T11:00:00Z"' in shown
    assert ">2026-07-01 13:00:00</time>" in shown
    assert "+0200 Europe/Brussels" in shown
    assert "1 h ago</span>" in shown


def test_a_short_moment_keeps_the_whole_one_in_its_tooltip() -> None:
    shown = ago_html("2026-07-01T11:59:00Z", zone="UTC", now=NOW)
    assert 'title="2026-07-01 11:59:00 UTC"' in shown
    assert ">1 min ago</time>" in shown


@pytest.mark.parametrize("value", [None, ""])
def test_what_never_happened_says_so(value: str | None) -> None:
    assert "never" in moment_html(value, zone="UTC", now=NOW)
    assert "never" in ago_html(value, zone="UTC", now=NOW)


def test_a_moment_without_a_zone_is_utc() -> None:
    assert parse_moment("2026-07-01T12:00:00") == NOW


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../../etc/passwd", "", "\x00"])
def test_a_zone_that_nobody_knows_is_utc(name: str) -> None:
    assert str(zone_named(name)) == "UTC"
