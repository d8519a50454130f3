from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.edges.console.table import (
    Align,
    Column,
    Filter,
    FilterKind,
    ListQuery,
    ListSpec,
    Table,
    cut,
    in_order,
    read_page,
    read_query,
    word_filter,
)
from switchover.errors import InvalidInput

NAME = Column(key="name", title="Server", is_sortable=True)
LOAD = Column(key="load", title="Load", is_sortable=True, align=Align.END)
NOTE = Column(key="note", title="Note")
SPEC = ListSpec(
    path="/servers",
    columns=(NAME, LOAD, NOTE),
    filters=(
        Filter(key="q", title="Name"),
        Filter(
            key="state",
            title="State",
            kind=FilterKind.CHOICE,
            choices=(("up", "Up"), ("down", "Down")),
        ),
    ),
    sort="name",
    rows=10,
)
ROWS = [{"name": f"cas{n}", "load": n % 7, "note": None if n % 2 else "x"} for n in range(25)]


def asked(**given: str) -> ListQuery:
    return read_query(SPEC, given)


def test_an_address_without_a_query_shows_the_list_as_it_is() -> None:
    query = asked()
    assert (query.sort_key, query.is_descending, query.page, query.place) == (
        "name",
        False,
        1,
        None,
    )
    assert not query.is_filtered
    assert query.get("q") is None
    assert query.link() == "/servers"


def test_an_address_keeps_filters_and_order_and_leaves_out_what_is_not_set() -> None:
    query = asked(q="cas 1", state="", sort="-load", page="3", unknown="x")
    assert query.link() == "/servers?q=cas+1&sort=-load"
    assert query.link(page=2) == "/servers?q=cas+1&sort=-load&page=2"
    assert query.link(q=None, format="csv") == "/servers?sort=-load&format=csv"


def test_a_head_sorts_up_first_and_down_the_second_time() -> None:
    assert asked().sort_link(LOAD) == "/servers?sort=load"
    up = asked(sort="load")
    assert (up.direction(LOAD), up.direction(NAME)) == ("ascending", "none")
    assert up.sort_link(LOAD) == "/servers?sort=-load"
    down = asked(sort="-load")
    assert down.direction(LOAD) == "descending"
    assert down.sort_link(LOAD) == "/servers?sort=load"


def test_a_place_in_a_list_by_number_is_a_number() -> None:
    assert read_query(SPEC, {}).place_number() is None
    assert read_query(SPEC, {"place": "12"}).place_number() == 12
    for wrong in ("-1", "x", "1" * 19, "²"):
        with pytest.raises(InvalidInput, match="no place in the list"):
            read_query(SPEC, {"place": wrong}).place_number()


def test_a_page_that_was_read_with_a_row_more_leads_on_after_its_last() -> None:
    query = read_query(SPEC, {})
    rows = [{"number": number} for number in range(query.spec.rows + 1)]
    page = read_page(query, rows, place=lambda row: row["number"])
    assert len(page.rows) == query.spec.rows
    assert page.following == str(query.spec.rows - 1)
    assert read_page(query, rows[:-1], place=lambda row: row["number"]).following is None


def test_a_filter_by_words_offers_them_as_they_are() -> None:
    made = word_filter("layout", "Layout", ("l4", "l7"))
    assert (made.kind, made.choices) == (FilterKind.CHOICE, (("l4", "l4"), ("l7", "l7")))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"sort": "note"}, "can not be sorted by 'note'"),
        ({"sort": "--name"}, "can not be sorted"),
        ({"state": "sideways"}, "State: 'sideways' is none of down, up"),
        ({"page": "0"}, "is no page"),
        ({"page": "-1"}, "is no page"),
        ({"page": "\u0661"}, "is no page"),
        ({"page": "9999999"}, "is no page"),
        ({"format": "exe"}, "can not be had as 'exe', only as csv, json"),
        ({"q": "x" * 201}, "longer than 200"),
        ({"q": "a\x00b"}, "control characters"),
        ({"place": "x" * 2001}, "longer than 2000"),
    ],
)
def test_what_a_list_does_not_have_is_named(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read_query(SPEC, given)


@given(
    st.dictionaries(st.sampled_from(["q", "state", "sort", "page", "place", "format"]), st.text())
)
def test_any_address_is_read_or_refused_and_what_is_read_comes_back(given: dict[str, str]) -> None:
    try:
        query = read_query(SPEC, given)
    except InvalidInput:
        return
    words = {key: values[0] for key, values in parse_qs(urlsplit(query.link()).query).items()}
    again = read_query(SPEC, words)
    assert (again.filters, again.sort) == (query.filters, query.sort)


def test_pages_of_rows_in_memory_cover_all_of_them_once() -> None:
    seen: list[str] = []
    link: str | None = "/servers"
    while link:
        words = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
        table = cut(read_query(SPEC, words), ROWS)
        assert (table.first, table.last) == (len(seen) + 1, len(seen) + len(table.rows))
        seen += [row["name"] for row in table.rows]
        assert table.total == 25
        link = table.next_link
    assert seen == sorted(row["name"] for row in ROWS)


def test_the_way_back_leads_to_the_page_before() -> None:
    assert cut(asked(), ROWS).back_link is None
    assert cut(asked(page="2"), ROWS).back_link == "/servers"
    assert cut(asked(page="3"), ROWS).back_link == "/servers?page=2"


def test_a_list_with_cursors_goes_on_after_the_last_row_and_back_to_the_beginning() -> None:
    first = Table(query=asked(q="x"), rows=ROWS[:10], following="abc")
    assert first.next_link == "/servers?q=x&place=abc"
    assert first.back_link is None
    last = Table(query=asked(q="x", place="abc"), rows=ROWS[10:12])
    assert (last.next_link, last.back_link) == (None, "/servers?q=x")


@pytest.mark.parametrize(
    ("sort", "values"),
    [
        ("v", [None, "a", "B", "c"]),
        ("-v", ["c", "B", "a", None]),
    ],
)
def test_texts_sort_without_case_and_nothing_comes_first(sort: str, values: list[Any]) -> None:
    spec = ListSpec(path="/x", columns=(Column(key="v", title="V", is_sortable=True),))
    rows = [{"v": value} for value in ["c", None, "B", "a"]]
    assert [row["v"] for row in in_order(read_query(spec, {"sort": sort}), rows)] == values


def test_rows_come_as_they_are_without_an_order_and_a_key_reads_what_is_no_mapping() -> None:
    spec = ListSpec(path="/x", columns=(Column(key="n", title="N", is_sortable=True),))
    assert in_order(read_query(spec, {}), [3, 1, 2]) == [3, 1, 2]
    keys = {"n": lambda row: -row}
    assert in_order(read_query(spec, {"sort": "n"}), [3, 1, 2], keys) == [3, 2, 1]
