"""A difference is shown line by line, with the numbers of both sides."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from switchover.edges.console.numbered_diff import DiffLine, Mark, read_diff

LINES = st.lists(st.sampled_from(["a", "b", "--- c", "+++ d", "@@ e", "", " f"]), max_size=20)


def diff_of(before: list[str], after: list[str]) -> str:
    return "\n".join(difflib.unified_diff(before, after, "before", "after", lineterm="", n=3))


def test_lines_keep_their_numbers_on_both_sides() -> None:
    found = read_diff(diff_of(["one", "two", "three"], ["one", "2", "three"]))
    assert (found.added, found.removed, found.hidden) == (1, 1, 0)
    assert found.lines == (
        DiffLine(mark=Mark.GAP, text="from line 1"),
        DiffLine(mark=Mark.SAME, text="one", before=1, after=1),
        DiffLine(mark=Mark.REMOVED, text="two", before=2),
        DiffLine(mark=Mark.ADDED, text="2", after=2),
        DiffLine(mark=Mark.SAME, text="three", before=3, after=3),
    )


def test_nothing_differs_has_no_lines() -> None:
    assert read_diff("").lines == ()


def test_what_is_too_long_is_counted_and_left_out() -> None:
    found = read_diff(diff_of([], [str(number) for number in range(50)]), most=10)
    assert (len(found.lines), found.added, found.hidden) == (10, 50, 41)


def test_what_would_make_a_line_read_otherwise_is_written_out() -> None:
    found = read_diff(diff_of([], ["allow: \u202e0.0.0.0/0\tx\x1b[2J"]))
    assert found.lines[-1].text == "allow: \\u202e0.0.0.0/0\tx\\x1b[2J"


@given(LINES, LINES)
def test_both_sides_can_be_read_back_from_the_lines(before: list[str], after: list[str]) -> None:
    # Lines that look like heads of a difference are lines all the same.
    for line in read_diff(diff_of(before, after)).lines:
        if line.before is not None:
            assert before[line.before - 1] == line.text
        if line.after is not None:
            assert after[line.after - 1] == line.text
