"""The files in which others keep UIDs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.archive import uid_list
from switchover.move.archive.uid_list import LARGEST_UID, UidList

DOVECOT = "3 V1700000000 N5 G00ff\n1 :1.M1.host,S=4\n3 W77 P1 :2.M1.host:2,S\n"


def test_dovecots_list_is_read_and_written_as_it_was() -> None:
    found = uid_list.parse(DOVECOT)
    assert found is not None
    assert (found.uid_validity, found.uid_next, found.header) == (1_700_000_000, 5, "G00ff")
    assert found.by_file == {"1.M1.host,S=4": 1, "2.M1.host": 3}
    assert found.extras == {"2.M1.host": "W77 P1"}
    assert uid_list.write(found) == DOVECOT.replace(":2,S", "")
    assert found.is_whole


def test_lines_behind_raise_the_next_uid() -> None:
    found = uid_list.parse(DOVECOT + "9 :3.host\n")
    assert found is not None
    assert found.uid_next == 10
    assert found.add("4.host") == 10
    assert uid_list.lines(found, [("4.host", 10)]) == "10 :4.host\n"


def test_couriers_list_is_read_and_must_be_written_anew() -> None:
    found = uid_list.parse("1 1600000000 8\n2 1.host\n7 2.host:2,S\n")
    assert found is not None
    assert (found.uid_validity, found.uid_next, found.is_whole) == (1_600_000_000, 8, False)
    assert found.by_file == {"1.host": 2, "2.host": 7}


def test_a_line_that_a_crash_cut_off_is_no_line() -> None:
    found = uid_list.parse(DOVECOT + "9 :3.ho")
    assert found is not None
    assert (found.is_whole, found.uid_next, len(found.by_file)) == (False, 5, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3 V1 N1",
        "2 V1 N1\n",
        "3 V0 N1\n",
        "3 N1\n",
        "3 Vx N1\n",
        "3 V1 N99999999999\n",
        "3 V1 N1\n5 :a\n5 :b\n",
        "3 V1 N1\n0 :a\n",
        "3 V1 N1\nnonsense\n",
        "1 0 1\n",
        "1 1 1\n3 : \n4294967295 x\n",
    ],
)
def test_what_makes_no_sense_is_not_believed(text: str) -> None:
    assert uid_list.parse(text) is None


def test_uids_end_somewhere() -> None:
    full = UidList(uid_validity=1, uid_next=LARGEST_UID + 1)
    with pytest.raises(OverflowError, match="used up"):
        full.add("x")


@given(st.text(max_size=200))
def test_nothing_that_a_file_says_breaks_the_reading(text: str) -> None:
    uid_list.parse("3 V1 N1\n" + text)
    uid_list.parse(text)


def test_names_are_a_sequence_like_any_other() -> None:
    names = ["a", "bé", "c\udcff"]
    kept = uid_list.FileNames(names)
    assert (list(kept), kept[1], kept[1:], kept[::-1]) == (names, "bé", names[1:], names[::-1])
    for place in (-1, 3):
        with pytest.raises(IndexError):
            kept[place]
