"""Who is connected, for programs."""

from __future__ import annotations

import pytest

from switchover.balance.client import Client, age_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (61, "1m1s"), (3600, "1h"), (3720, "1h2m"), (3605, "1h"),
     (90_061, "1d1h")],
)  # fmt: skip
def test_an_age_is_told_by_its_two_largest_units(seconds: int, words: str) -> None:
    assert age_words(seconds) == words


def test_an_age_that_nobody_knows_is_told_as_such() -> None:
    client = Client(
        address="192.0.2.7:1", service="web", workload="owa", server="cas1", opened_at=1000.0
    )
    assert client.body(1062.4)["age"] == "1m2s"
    assert client.body(999.0)["seconds"] == 0
    unknown = Client(
        address="192.0.2.7:1", service="web", workload="owa", server="cas1", opened_at=None
    )
    assert (unknown.body(5.0)["age"], unknown.body(5.0)["seconds"]) == ("", None)
