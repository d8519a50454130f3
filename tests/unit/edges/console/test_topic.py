"""What can be watched."""

from __future__ import annotations

import pytest

from switchover.edges.console.topic import MOST_TOPICS, Kind, Topic, parse_topics
from switchover.errors import InvalidInput


def test_topics_are_read_as_they_are_written_each_once() -> None:
    text = "overview,service-line:web,service:web-2,overview,grid:web/cas1,events"
    found = parse_topics(text)
    assert found == (
        Topic(Kind.OVERVIEW),
        Topic(Kind.SERVICE_LINE, "web"),
        Topic(Kind.SERVICE, "web-2"),
        Topic(Kind.GRID, "web/cas1"),
        Topic(Kind.EVENTS),
    )
    assert ",".join(map(str, found)) == (
        "overview,service-line:web,service:web-2,grid:web/cas1,events"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "overview:web",
        "service",
        "service:",
        "service:We b",
        "service:a\n",
        "server:",
    ],
)
def test_what_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="there is no topic"):
        parse_topics(text)


def test_nobody_watches_everything_one_by_one() -> None:
    many = ",".join(f"server:s{number}" for number in range(MOST_TOPICS + 1))
    with pytest.raises(InvalidInput, match="at most 300"):
        parse_topics(many)
