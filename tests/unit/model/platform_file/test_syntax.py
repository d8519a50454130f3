from __future__ import annotations

import pytest
import yaml

from switchover.errors import Corrupt
from switchover.model.platform_file.syntax import (
    Kind,
    _Reader,
    _span,
    aliases_of,
    anchors_of,
    comments_of,
    read_syntax,
)

TEXT = "a: &x {b: '#1'}  # one\n# two\nc:\n- *x\n- d: |\n    # text\n    more\n\ne: f#g\n"


def test_every_value_has_its_place() -> None:
    root = read_syntax(TEXT)
    assert root is not None
    first, second, third = root.items
    assert TEXT[first.value.start : first.value.end] == "&x {b: '#1'}"
    assert first.value.is_flow
    alias, entry = second.value.items
    assert (alias.value.kind, alias.value.anchor) == (Kind.ALIAS, "x")
    assert TEXT[alias.start] == TEXT[entry.start] == "-"
    literal = entry.value.items[0].value
    assert TEXT[literal.start : literal.end].endswith("more")
    assert TEXT[third.value.start : third.value.end] == "f#g"


def test_only_comments_are_comments() -> None:
    assert [note for _, note in comments_of(TEXT, read_syntax(TEXT))] == ["# one", "# two"]
    assert comments_of("# alone\n", None) == [(0, "# alone")]


def test_anchors_are_told_from_their_use() -> None:
    root = read_syntax(TEXT)
    assert anchors_of(root) == ["x"]
    assert aliases_of(root) == {"x"}
    assert anchors_of(None) == []
    assert aliases_of(None) == set()


def test_a_text_without_values_has_no_root() -> None:
    assert read_syntax("# nothing\n") is None


def test_a_parser_that_gives_no_places_is_not_trusted() -> None:
    with pytest.raises(Corrupt):
        _span(yaml.StreamEndEvent())
    mark = yaml.Mark("", 0, 0, 0, "", 0)
    with pytest.raises(Corrupt):
        _Reader("", iter(())).node(yaml.StreamEndEvent(mark, mark))
