"""Flags of two servers become one spelling."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.flags import (
    FlagReader,
    PermanentFlags,
    comparable,
    flag_name,
    normalise,
    spelled,
    storable,
)

RAW_FLAGS = st.lists(st.binary(min_size=1, max_size=8), max_size=6)


def test_system_flags_take_their_spelling_and_keywords_keep_theirs() -> None:
    assert normalise([b"\\SEEN", b"$Forwarded", b"\\draft"]) == ("$Forwarded", "\\Draft", "\\Seen")


def test_recent_and_doubles_are_left_out() -> None:
    assert normalise([b"\\Recent", b"work", b"Work", b"\\Seen", b"\\seen"]) == ("\\Seen", "work")


def test_only_ascii_letters_are_folded() -> None:
    kelvin = "\N{KELVIN SIGN}".encode()
    assert len(normalise([kelvin, b"k"])) == 2


@given(RAW_FLAGS)
def test_any_bytes_survive(raw: list[bytes]) -> None:
    assert all(spelled(flag_name(item)) == item for item in raw)


@given(RAW_FLAGS)
def test_normalising_again_changes_nothing(raw: list[bytes]) -> None:
    flags = normalise(raw)
    assert normalise(flags) == flags
    assert normalise(reversed(raw)) == flags or comparable(normalise(reversed(raw))) == comparable(
        flags
    )


def test_a_reader_works_out_each_spelling_once() -> None:
    reader = FlagReader()
    first = reader[b"\\Seen", b"a"]
    assert first == ("\\Seen", "a")
    assert reader[b"\\Seen", b"a"] is first


def test_a_folder_without_permanent_flags_keeps_all() -> None:
    assert storable(("\\Seen", "x"), None) == ("\\Seen", "x")


def test_keywords_need_the_star_and_system_flags_their_name() -> None:
    open_folder = PermanentFlags.read([b"\\Seen", b"\\*"])
    assert storable(("\\Flagged", "\\Seen", "x"), open_folder) == ("\\Seen", "x")
    closed_folder = PermanentFlags.read(["\\seen", "X"])
    assert storable(("\\Flagged", "\\Seen", "x", "y"), closed_folder) == ("\\Seen", "x")


def test_spelling_and_order_do_not_matter_in_a_comparison() -> None:
    assert comparable(("Work", "\\Seen")) == comparable(("\\Seen", "work"))
