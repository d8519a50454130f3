"""Names are taken apart and written anew without losing a level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.folder_name import INBOX, NameFault, TargetFacts, path_of, utf8_length

LEVELS = st.lists(st.text("abcXY é&~", min_size=1, max_size=5), min_size=1, max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("name", "separator", "prefix", "path"),
    [
        ("INBOX", "/", "", ("INBOX",)),
        ("inbox", ".", "INBOX.", ("INBOX",)),
        ("inbox/Sub", "/", "", ("INBOX", "Sub")),
        ("INBOX.Sent", ".", "INBOX.", ("Sent",)),
        ("inbox.Sent.2019", ".", "INBOX.", ("Sent", "2019")),
        ("INBOX.", ".", "INBOX.", ("INBOX", "")),
        ("a.b", "/", "", ("a.b",)),
        ("a.b", None, "", ("a.b",)),
        ("~mail/x", "/", "~mail/", ("x",)),
        ("x//y", "/", "", ("x", "", "y")),
    ],
)
def test_a_name_is_taken_apart(
    name: str, separator: str, prefix: str, path: tuple[str, ...]
) -> None:
    assert path_of(name, separator, prefix) == path


@given(LEVELS, st.sampled_from(["/", ".", "\\"]), st.sampled_from(["", "INBOX", "~mail"]))
def test_a_path_written_is_read_back(path: tuple[str, ...], separator: str, prefix: str) -> None:
    facts = TargetFacts(separator=separator, prefix=prefix and prefix + separator)
    assert facts.path_of(facts.name_of(path)) == path


def test_inbox_stands_outside_every_prefix() -> None:
    assert TargetFacts(separator=".", prefix="INBOX.").name_of((INBOX,)) == INBOX
    assert TargetFacts(separator="/", prefix="mail/").name_of((INBOX, "x")) == "INBOX/x"


def test_children_of_inbox_stand_beside_the_others_where_all_are_below_it() -> None:
    facts = TargetFacts(separator=".", prefix="INBOX.")
    assert facts.name_of((INBOX, "x")) == facts.name_of(("x",)) == "INBOX.x"


def test_names_fold_as_the_target_folds_them() -> None:
    sensitive = TargetFacts(separator="/")
    assert sensitive.folded(("A",)) != sensitive.folded(("a",))
    deaf = TargetFacts(separator="/", is_case_sensitive=False, composes_unicode=True)
    assert deaf.folded(("CAFÉ",)) == deaf.folded(("cafe\u0301",))


def test_characters_that_are_not_taken_are_replaced() -> None:
    facts = TargetFacts(separator=".", forbidden='"', forbidden_first="~", is_blank_tidy=True)
    assert facts.cleaned(('a.b"c', "~x~", "  y  z ", "t\tu"), "_") == ("a_b_c", "~x~", "y z", "t_u")
    assert facts.cleaned(("~x~", "y"), "_") == ("_x~", "y")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (("INBOX",), None),
        (("a", "b"), None),
        (("a", ""), NameFault.EMPTY_LEVEL),
        (("",), NameFault.EMPTY_LEVEL),
        (("INBOX", "a"), NameFault.INBOX_CHILD),
        (("Files",), NameFault.RESERVED),
        (("a", "Files"), None),
        (("a", "b", "c"), NameFault.TOO_DEEP),
        (("éééééé",), NameFault.TOO_LONG),
        (("aaaaaaaaa", "aaaaaaaaa"), NameFault.TOO_LONG),
    ],
)
def test_limits_of_the_target_are_known_before(
    path: tuple[str, ...], fault: NameFault | None
) -> None:
    facts = TargetFacts(
        separator="/",
        reserved=frozenset({"files"}),
        has_inbox_children=False,
        deepest=2,
        longest_level=10,
        longest_name=15,
    )
    found = facts.fault(path)
    assert (found and found[0]) == fault


def test_a_flat_server_has_one_level() -> None:
    assert TargetFacts(separator=None).fault(("a", "b")) == (
        NameFault.TOO_DEEP,
        "2 levels, the target takes 1",
    )


def test_lengths_are_measured_as_the_target_does() -> None:
    facts = TargetFacts(separator="/", longest_name=3, length_of=len)
    assert facts.fault(("ééé",)) is None
    assert utf8_length("é\udcff") == 3
