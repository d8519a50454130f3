"""Names of files in a Maildir."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.archive import maildir_name as name

KEYWORDS = [b"work", b"$Forwarded"]


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("1.M2P3.host,S=4:2,FS", ("1.M2P3.host,S=4", "FS")),
        ("1.M2P3.host", ("1.M2P3.host", "")),
        ("1.host:1,experimental", ("1.host", "")),
    ],
)
def test_a_name_is_taken_apart(file: str, parts: tuple[str, str]) -> None:
    assert name.split(file) == parts


def test_letters_are_flags_and_keywords() -> None:
    assert name.flags_of("FRSTDab", KEYWORDS) == (
        b"\\Draft", b"\\Flagged", b"\\Answered", b"\\Seen", b"\\Deleted", b"work", b"$Forwarded",
    )  # fmt: skip
    assert name.flags_of("Pz", []) == (b"$Forwarded",)
    assert name.flags_of("Pb", KEYWORDS) == (b"$Forwarded",)
    assert name.letters_of((b"\\SEEN", b"WORK"), KEYWORDS, "PXb") == "SXa"


@given(st.sets(st.sampled_from([b"\\Seen", b"\\Draft", b"\\Deleted", *KEYWORDS])))
def test_flags_come_back(flags: set[bytes]) -> None:
    assert set(name.flags_of(name.letters_of(flags, KEYWORDS), KEYWORDS)) == flags


def test_sizes_are_believed_where_they_stand() -> None:
    assert name.announced_size("1.M2.host,S=4,W=5", "W") == 5
    assert name.announced_size("1.M2.host,S=4", "W") is None


def test_mails_are_ordered_by_delivery() -> None:
    files = ["9.host", "10.M5.host", "10.M40.host", "odd"]
    assert sorted(files, key=name.order) == ["odd", "9.host", "10.M5.host", "10.M40.host"]


def test_keywords_have_numbers_and_there_are_26() -> None:
    text = b"0 work\n3 later\nx y\n99 none\n77\n26 beyond\n"
    assert name.parse_keywords(text) == [b"work", b"", b"", b"later"]
    assert name.format_keywords([b"work", b"", b"", b"later"]) == b"0 work\n3 later\n"
    known, lost = name.added_keywords([b"work", b"", b"x"], [b"WORK", b"new", b"\\Seen", b"more"])
    assert (known, lost) == ([b"work", b"new", b"x", b"more"], [])
    full = [b"k%d" % number for number in range(26)]
    assert name.added_keywords(full, [b"one", b"k3"]) == (full, [b"one"])


def test_a_name_is_joined() -> None:
    assert name.joined("1.host", "FS") == "1.host:2,FS"
