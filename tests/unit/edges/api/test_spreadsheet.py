from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.balance.event import Severity
from switchover.edges.api.spreadsheet import head_line, row_lines

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def cell(value: object) -> str:
    return row_lines(("a", "b"), [{"a": value, "b": ""}]).removesuffix(",\r\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (0.25, "0.25"),
        (Severity.ERROR, "error"),
        (datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "2026-03-04T05:06:07Z"),
        (["owa", "ews"], "owa ews"),
        ((), ""),
        ({"state": "DOWN"}, '"{""state"": ""DOWN""}"'),
        ("a,b", '"a,b"'),
        ('say "no"', '"say ""no"""'),
        ("two\nlines", '"two\nlines"'),
    ],
)
def test_values_are_shown_as_json_shows_them(value: object, shown: str) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_is_no_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_columns_have_their_order_and_what_is_no_column_is_left_out() -> None:
    assert head_line(("b", "a")) == "b,a\r\n"
    assert row_lines(("b", "a"), [{"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5}]) == "2,1\r\n5,4\r\n"
    assert row_lines(("b", "a"), []) == ""


@given(st.lists(st.tuples(TEXTS, TEXTS)))
def test_whatever_text_there_is_can_be_read_back(rows: list[tuple[str, str]]) -> None:
    file = head_line(("a", "b")) + row_lines(("a", "b"), ({"a": a, "b": b} for a, b in rows))
    read = list(csv.reader(io.StringIO(file, newline="")))
    assert read[0] == ["a", "b"]
    assert len(read) == len(rows) + 1
    for got, given_ in zip(read[1:], rows, strict=True):
        assert [text.removeprefix("'") for text in got] == [t.removeprefix("'") for t in given_]
