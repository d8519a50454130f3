from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st

from switchover.edges.api.listing import EXPORT_ROWS, Format, Listing, Row, file_answer
from switchover.errors import Unavailable


class Store:
    """Rows with the numbers 1 to ``count``, and how they were asked for."""

    def __init__(self, count: int, *, breaks_at: int | None = None) -> None:
        self.count = count
        self.breaks_at = breaks_at
        self.asked: list[tuple[int | None, int]] = []

    async def read(self, after: int | None, limit: int) -> list[Row]:
        self.asked.append((after, limit))
        begin = (after or 0) + 1
        if self.breaks_at is not None and begin >= self.breaks_at:
            raise Unavailable("the database is away")
        return [{"number": n} for n in range(begin, min(begin + limit, self.count + 1))]

    def listing(self, **keys: Any) -> Listing[int]:
        return Listing(
            name="things",
            columns=("number",),
            read=self.read,
            place=lambda row: int(row["number"]),
            **keys,
        )


async def page(store: Store, start: int | None, limit: int | None = None) -> dict[str, Any]:
    answer = await store.listing().answer(Format.JSON, start=start, limit=limit, default=3)
    assert isinstance(answer, dict)
    return answer


async def exported(store: Store, *, limit: int | None = None, **keys: Any) -> list[str]:
    answer = await store.listing(**keys).answer(Format.CSV, start=None, limit=limit, default=3)
    assert isinstance(answer, StreamingResponse)
    parts = [part async for part in answer.body_iterator]
    return "".join(part for part in parts if isinstance(part, str)).split("\r\n")[:-1]


@given(st.integers(0, 20), st.integers(1, 7))
async def test_pages_reach_the_end_without_gaps_or_doubles(count: int, limit: int) -> None:
    store, seen, start = Store(count), [], None
    while True:
        answer = await page(store, start, limit)
        seen += [row["number"] for row in answer["things"]]
        start = answer["after"]
        if start is None:
            break
        assert len(answer["things"]) == limit
    assert seen == list(range(1, count + 1))
    assert len(store.asked) == max(1, -(-count // limit))


async def test_an_answer_has_the_usual_number_unless_another_is_asked_for() -> None:
    assert len((await page(Store(10), None))["things"]) == 3
    assert len((await page(Store(10), None, 5))["things"]) == 5


async def test_an_answer_holds_what_its_route_adds_and_its_own_name_for_the_cursor() -> None:
    listing = Store(9).listing(cursor="before")
    answer = await listing.answer(Format.JSON, start=7, limit=1, default=3, per="hour")
    assert answer == {"per": "hour", "things": [{"number": 8}], "before": 8}


@pytest.mark.parametrize("count", [0, 1, EXPORT_ROWS, EXPORT_ROWS + 1, 2 * EXPORT_ROWS + 7])
async def test_a_file_goes_to_the_end_page_by_page(count: int) -> None:
    store = Store(count)
    head, *lines = await exported(store)
    assert head == "number"
    assert lines == [str(number) for number in range(1, count + 1)]
    assert {limit for _, limit in store.asked} == {EXPORT_ROWS + 1}


@pytest.mark.parametrize("limit", [1, EXPORT_ROWS, EXPORT_ROWS + 1, 2 * EXPORT_ROWS])
async def test_a_file_ends_where_it_was_asked_to(limit: int) -> None:
    lines = await exported(Store(5 * EXPORT_ROWS), limit=limit)
    assert lines[-1] == str(limit)
    assert len(lines) == limit + 1


async def test_a_row_can_be_several_lines() -> None:
    def twice(row: Row) -> Iterable[Row]:
        return (row, {"number": -row["number"]})

    assert await exported(Store(2), lines=twice) == ["number", "1", "-1", "2", "-2"]


async def test_a_file_has_a_name_and_its_type() -> None:
    for keys, name in (({}, "things"), ({"file_name": "other-things"}, "other-things")):
        answer = (
            await Store(1).listing(**keys).answer(Format.CSV, start=None, limit=None, default=3)
        )
        assert isinstance(answer, Response)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        shown = answer.headers["content-disposition"]
        assert shown.startswith(f'attachment; filename="switchover-{name}-2')
        assert shown.endswith('Z.csv"')


async def test_what_fails_at_once_fails_before_the_answer_begins() -> None:
    with pytest.raises(Unavailable):
        await Store(9, breaks_at=1).listing().answer(Format.CSV, start=None, limit=None, default=3)


async def test_what_fails_on_the_way_ends_the_file_with_an_error() -> None:
    with pytest.raises(Unavailable):
        await exported(Store(5 * EXPORT_ROWS, breaks_at=EXPORT_ROWS + 1))


async def test_a_list_is_a_json_file_too_whole_and_in_order() -> None:
    answer = await Store(EXPORT_ROWS + 2).listing().file(Format.JSON)
    assert isinstance(answer, StreamingResponse)
    assert answer.media_type == "application/json"
    text = "".join([part async for part in answer.body_iterator if isinstance(part, str)])
    assert [row["number"] for row in json.loads(text)] == list(range(1, EXPORT_ROWS + 3))


async def test_an_empty_json_file_is_an_empty_list() -> None:
    answer = await Store(0).listing().file(Format.JSON)
    assert isinstance(answer, StreamingResponse)
    assert [part async for part in answer.body_iterator] == ["[]\n"]


async def test_a_moment_in_a_json_file_is_iso_8601() -> None:
    async def pages() -> AsyncIterator[list[Row]]:
        yield [{"at": datetime(2026, 7, 1, 12, tzinfo=UTC)}]

    answer = file_answer("things", ("at",), pages(), Format.JSON)
    assert isinstance(answer, StreamingResponse)
    text = "".join([part async for part in answer.body_iterator if isinstance(part, str)])
    assert json.loads(text) == [{"at": "2026-07-01T12:00:00+00:00"}]
