"""Columns of UIDs answer as sets and dictionaries do."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.uid_columns import (
    UidPairs,
    UidPlaces,
    absent,
    ascending,
    column,
    found_in,
    place_of,
    places,
)

NUMBERS = st.lists(st.integers(1, 40), max_size=30, unique=True)
COLUMNS = NUMBERS.map(lambda uids: array("q", sorted(uids)))


@given(NUMBERS)
def test_a_column_stays_itself_and_others_become_one(uids: list[int]) -> None:
    made = column(uids)
    assert (list(made), column(made) is made) == (uids, True)
    assert list(ascending(uids)) == sorted(uids)


@given(COLUMNS, COLUMNS)
def test_what_is_absent_is_the_difference_of_sets(these: array[int], those: array[int]) -> None:
    assert absent(these, those) == sorted(set(these) - set(those))


def test_long_columns_are_compared_across_their_parts() -> None:
    these = array("q", range(1, 20_001))
    those = array("q", (uid for uid in range(1, 30_000, 1) if uid not in {1, 4096, 4097, 20_000}))
    assert absent(these, those) == [1, 4096, 4097, 20_000]
    assert absent(those, these) == list(range(20_001, 30_000))


@given(COLUMNS, NUMBERS)
def test_what_is_found_is_named_by_both_places(those: array[int], uids: list[int]) -> None:
    model = {uid: at for at, uid in enumerate(those)}
    wanted = [(at, model[uid]) for at, uid in enumerate(uids) if uid in model]
    assert list(found_in(those, uids)) == wanted
    assert [place_of(uid, those) for uid in uids] == [model.get(uid) for uid in uids]
    assert list(places(sorted(uids), those)) == [model[uid] for uid in sorted(uids) if uid in model]


@given(COLUMNS, NUMBERS)
def test_pairs_are_a_dictionary_whoever_asks_in_whatever_order(
    keys: array[int], asked: list[int]
) -> None:
    values = array("q", (uid * 3 for uid in keys))
    pairs, model = UidPairs(keys, values), dict(zip(keys, values, strict=True))
    assert [pairs.get(uid) for uid in asked] == [model.get(uid) for uid in asked]
    assert (pairs == model, len(pairs)) == (True, len(model))


@given(st.lists(COLUMNS, max_size=8), st.data())
def test_the_last_place_of_a_uid_counts(rows: list[array[int]], data: st.DataObject) -> None:
    found, model, start = UidPlaces(), dict[int, int](), 0
    for row in rows:
        before = found.add(row)
        assert sorted(before) == sorted(model[uid] for uid in row if uid in model)
        model |= {uid: start + at for at, uid in enumerate(row)}
        start += len(row)
    assert [found.find(uid) for uid in range(42)] == [model.get(uid) for uid in range(42)]
    chosen = bytearray(start)
    for place in model.values():
        chosen[place] = data.draw(st.integers(0, 2))
    wanted = [place for _, place in sorted(model.items()) if chosen[place]]
    assert list(found.in_order(chosen)) == wanted
