"""Every event is told in words that need no manual."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import switchover
from switchover.balance.event import Severity
from switchover.balance.event_words import KINDS, explain, meaning_of, require_kind, title_of
from switchover.balance.health_events import _KIND, _SEVERITY
from switchover.errors import InvalidInput

SOURCE = Path(switchover.__file__).parent


def test_every_kind_that_is_written_has_words_and_no_other() -> None:
    made = {
        kind: Severity[severity]
        for path in SOURCE.rglob("*.py")
        for kind, severity in re.findall(
            r"\bEvent\(\s*kind=\"([a-z-]+)\",\s*severity=Severity\.([A-Z]+)",
            path.read_text("utf-8"),
        )
    }
    made |= {kind: _SEVERITY.get(event, Severity.INFO) for event, kind in _KIND.items()}
    assert made == {kind: words.severity for kind, words in KINDS.items()}


def test_a_kind_that_nobody_knows_is_told_by_itself() -> None:
    assert (title_of("server-down"), title_of("odd")) == ("Went down", "odd")
    assert meaning_of("odd") == ""
    assert meaning_of("drift").startswith("What runs was changed")


@pytest.mark.parametrize(
    ("kind", "cause", "detail", "told"),
    [
        (
            "server-down",
            "Layer7 wrong status: code 503: Service Unavailable",
            {"code": 503, "info": "Service Unavailable", "milliseconds": 2, "active": 1},
            "The server answered that it is not well (503 Service Unavailable) after 2 ms; 1 server left.",
        ),
        (
            "server-down",
            "Layer4 connection problem: Connection refused",
            {"code": None, "info": "Connection refused", "active": 0, "backups": 1},
            "The server did not accept the connection (Connection refused); 0 servers and 1 backup left.",
        ),
        (
            "server-up",
            "Layer7 check passed: code 200: OK",
            {"code": 200, "milliseconds": 1200, "active": 2, "backups": 0},
            "The check passed after 1,200 ms; 2 servers now.",
        ),
        ("server-down", "via mail.owa/cas1", {"active": True}, ""),
        (
            "drain-entered",
            "drain entered",
            {"active": 2},
            "Who is connected stays; new clients are sent elsewhere; 2 servers left.",
        ),
        ("drift-repaired", "put right by ann: x", {"author": "ann"}, "By ann."),
        (
            "drift-repaired",
            "put right by ann: x",
            {"author": "ann", "reason": "after the test"},
            "By ann: after the test.",
        ),
        ("engine-reloaded", "a new worker took over (process 7)", {}, ""),
    ],
)
def test_a_cause_is_explained_from_what_the_check_found(
    kind: str, cause: str, detail: dict[str, object], told: str
) -> None:
    assert explain(kind, cause, detail) == told


def test_a_kind_that_is_never_written_is_refused_with_the_nearest() -> None:
    require_kind(None)
    require_kind("server-down")
    with pytest.raises(InvalidInput, match="did you mean 'server-down'"):
        require_kind("servers-down")
    with pytest.raises(InvalidInput, match="known: server-down"):
        require_kind("zzz")


def test_a_pool_without_servers_is_told_in_words() -> None:
    assert explain("server-down", "", {"active": 0}) == "No server is left."
    assert explain("server-down", "", {"active": 0, "backups": 1}).startswith(
        "0 servers and 1 backup"
    )
