"""Live parts: what changed since when, and the bytes that tell it."""

from __future__ import annotations

import json

from switchover.edges.console.fragments import Fragments, Part


def read(message: bytes) -> dict[str, str]:
    """The parts in a message, as a browser reads it."""
    if not message:
        return {}
    assert message.startswith(b"data: ")
    assert message.endswith(b"\n\n")
    assert message.count(b"\n") == 2
    found: dict[str, str] = json.loads(message[6:])
    return found


class Renderer:
    """Renders a part as its values, and counts how often it did."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, part: Part) -> str:
        self.times += 1
        return " ".join(map(str, part.values))


def part(*values: object) -> Part:
    return Part("text", values)


def test_only_what_changed_is_told_and_rendered_once_for_everybody() -> None:
    renderer = Renderer()
    fragments = Fragments(render=renderer)
    fragments.observe("overview", 1, {"a": part(1), "b": part(2)})
    fragments.observe("overview", 2, {"a": part(1), "b": part(3)})
    assert renderer.times == 0
    assert read(fragments.changed_since("overview", 1)) == {"b": "3"}
    assert fragments.changed_since("overview", 1) == fragments.changed_since("overview", 1)
    assert renderer.times == 1
    assert fragments.changed_since("overview", 2) == b""


def test_who_knows_nothing_is_told_everything() -> None:
    fragments = Fragments(render=Renderer())
    fragments.observe("overview", 7, {"a": part(1), "b": part(2)})
    assert read(fragments.changed_since("overview", 0)) == {"a": "1", "b": "2"}
    assert fragments.changed_since("servers", 0) == b""


def test_what_changes_and_changes_back_is_told_to_who_saw_it_in_between() -> None:
    fragments = Fragments(render=Renderer())
    for number, value in ((1, "up"), (2, "down"), (3, "up")):
        fragments.observe("overview", number, {"a": part(value)})
    assert read(fragments.changed_since("overview", 2)) == {"a": "up"}


def test_an_older_snapshot_changes_nothing() -> None:
    fragments = Fragments(render=Renderer())
    fragments.observe("overview", 5, {"a": part("new")})
    fragments.observe("overview", 4, {"a": part("old")})
    assert read(fragments.changed_since("overview", 0)) == {"a": "new"}


def test_what_is_gone_is_told_no_more() -> None:
    fragments = Fragments(render=Renderer())
    fragments.observe("service:web", 1, {"a": part(1), "b": part(2)})
    fragments.observe("service:web", 2, {"a": part(1)})
    assert set(read(fragments.changed_since("service:web", 0))) == {"a"}


def test_nothing_in_a_part_ends_the_message_or_begins_another() -> None:
    fragments = Fragments(render=Renderer())
    hostile = 'x\n\nevent: again\ndata: \u2028\r\n\r\n\x00"}'
    fragments.observe("overview", 1, {hostile: part(hostile)})
    message = fragments.changed_since("overview", 0)
    assert read(message) == {hostile: hostile}
    assert message.isascii()


def test_topics_that_nobody_watches_are_forgotten() -> None:
    fragments = Fragments(render=Renderer())
    fragments.observe("overview", 3, {"a": part(1)})
    fragments.observe("servers", 3, {"b": part(2)})
    fragments.forget_all_but(["servers"])
    assert fragments.changed_since("overview", 0) == b""
    fragments.observe("overview", 1, {"a": part(1)})
    assert read(fragments.changed_since("overview", 0)) == {"a": "1"}
