"""What the user wishes and what folders are for decides where they go, and which are left out."""

from __future__ import annotations

import pytest
from tests.unit.move.folder_planning import SENT, TRASH, names, plan, reasons, source

from switchover.move.folder_draft import Reason, SourceFolder
from switchover.move.folder_name import TargetFacts, TargetFolder
from switchover.move.folder_plan import (
    ProblemKind,
    WhyLeftOut,
)


def test_a_special_use_leads_to_the_folder_that_has_it() -> None:
    facts = TargetFacts(separator="/", folders=[TargetFolder(name="Sent", special_use=SENT)])
    result = plan(source("Sent Items", special_use=SENT), facts)
    assert names(result) == {"Sent Items": "Sent"}
    assert reasons(result, "Sent Items") == (Reason.SPECIAL_USE,)
    assert not result.mappings[0].is_new


@pytest.mark.parametrize(
    ("folders", "on_target"),
    [
        # Its own name is there: nobody's folder is renamed.
        (source("Sent Items", special_use=SENT), ["Sent", "Sent Items"]),
        # Another folder of the source has that name.
        (source("Sent Items", special_use=SENT) + source("Sent"), ["Sent"]),
        # Two folders claim the use.
        (source("Sent Items", "Sent Mail", special_use=SENT), ["Sent"]),
    ],
)
def test_a_special_use_that_would_be_a_guess_changes_no_name(
    folders: list[SourceFolder], on_target: list[str]
) -> None:
    uses = [
        TargetFolder(name=n, special_use=SENT if n == "Sent" else frozenset()) for n in on_target
    ]
    result = plan(folders, TargetFacts(separator="/", folders=uses))
    assert names(result) == {one.name: one.name for one in folders}


def test_the_user_decides_before_a_special_use() -> None:
    facts = TargetFacts(separator="/", folders=[TargetFolder(name="Sent", special_use=SENT)])
    result = plan(source("Out", special_use=SENT), facts, overrides={"Out": "Old/Out"})
    assert names(result) == {"Out": "Old/Out"}


def test_new_folders_are_created_with_their_use_once() -> None:
    facts = TargetFacts(
        separator="/", creates_special_use=True, folders=[TargetFolder(name="T", special_use=TRASH)]
    )
    folders = [
        *source("Sent", "Sent 2", special_use=SENT),
        *source("Bin", special_use=TRASH | {"\\Junk"}),
        *source("All", special_use=frozenset({"\\All"})),
    ]
    result = plan(folders, facts)
    assert {one.source: one.create_use for one in result.mappings} == {
        "All": None,
        "Bin": None,
        "Sent": "\\Sent",
        "Sent 2": None,
    }
    assert names(result)["Bin"] == "T"


def test_a_target_that_can_not_create_with_a_use_is_not_asked_to() -> None:
    assert plan(source("Sent", special_use=SENT)).mappings[0].create_use is None


def test_virtual_folders_are_left_out_unless_named() -> None:
    starred = source("Starred", special_use=frozenset({"\\Flagged"}))
    all_mail = source("All", special_use=frozenset({"\\All"}))
    assert plan(starred + all_mail).left_out == {"Starred": WhyLeftOut.VIRTUAL}
    assert names(plan(starred, folders=("Starred",))) == {"Starred": "Starred"}
    assert plan(all_mail, virtual_uses=frozenset({"\\All"})).left_out == {"All": WhyLeftOut.VIRTUAL}


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (("a",), {"a"}),
        (("a*",), {"a", "a/b", "a/b/c"}),
        (("a/*",), {"a/b", "a/b/c"}),
        (("inbox*",), {"INBOX", "INBOX/x"}),
        (("[Gmail]/All",), {"[Gmail]/All"}),
        (("?",), {"a", "A"}),
    ],
)
def test_folders_are_chosen_by_name_or_glob(patterns: tuple[str, ...], chosen: set[str]) -> None:
    folders = source("INBOX", "INBOX/x", "a", "A", "a/b", "a/b/c", "[Gmail]/All")
    result = plan(folders, folders=patterns)
    assert set(names(result)) == chosen
    assert set(result.left_out.values()) == {WhyLeftOut.NOT_CHOSEN}


def test_patterns_may_use_slashes_whatever_the_separator() -> None:
    folders = source("INBOX.a.b", "INBOX.c", separator=".")
    assert set(names(plan(folders, prefix="INBOX.", folders=("a/b",)))) == {"INBOX.a.b"}
    assert set(names(plan(folders, prefix="INBOX.", folders=("INBOX.c",)))) == {"INBOX.c"}


def test_exclusion_wins_over_choice() -> None:
    result = plan(source("a", "b"), folders=("*",), excluded=("b", "nothing*"))
    assert (names(result), result.left_out) == ({"a": "a"}, {"b": WhyLeftOut.EXCLUDED})
    assert result.problems == ()


def test_a_choice_or_an_override_that_fits_nothing_is_told() -> None:
    result = plan(source("a"), folders=("a", "Sentt"), overrides={"b": "c"})
    assert [(one.kind, one.sources) for one in result.problems] == [
        (ProblemKind.UNMATCHED, ("Sentt",)),
        (ProblemKind.UNMATCHED, ("b",)),
    ]


def test_an_override_takes_the_children_along_and_the_nearest_counts() -> None:
    folders = source("Old", "Old/2018", "Old/2019", "Old/2019/x.y", "New")
    result = plan(
        folders,
        TargetFacts(separator="."),
        overrides={"Old": "Archive.Old", "Old/2019": "Last"},
    )
    assert names(result) == {
        "Old": "Archive.Old",
        "Old/2018": "Archive.Old.2018",
        "Old/2019": "Last",
        "Old/2019/x.y": "Last.x_y",
        "New": "New",
    }
    assert reasons(result, "Old") == (Reason.OVERRIDE,)
    assert reasons(result, "Old/2018") == (Reason.PARENT,)


def test_an_override_that_the_target_does_not_take_is_told() -> None:
    facts = TargetFacts(separator="/", forbidden="*")
    result = plan(source("a", "b"), facts, overrides={"a": "x*", "b": "y//z"})
    assert [(one.kind, one.sources) for one in result.problems] == [
        (ProblemKind.OVERRIDE, ("a",)),
        (ProblemKind.NAME, ("b",)),
    ]


def test_an_override_can_end_a_collision() -> None:
    folders = source("a.b", "a_b")
    result = plan(folders, TargetFacts(separator="."), overrides={"a.b": "other"})
    assert names(result) == {"a.b": "other", "a_b": "a_b"}
