"""The mapping of folders is complete, reasoned, and every problem is found before the first write."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.move.folder_planning import SENT, names, plan, reasons, source, there

from switchover.move.folder_draft import Reason, SourceFolder
from switchover.move.folder_name import NameFault, TargetFacts, TargetFolder
from switchover.move.folder_plan import (
    FolderMapping,
    ProblemKind,
    WhyLeftOut,
)


def test_the_same_server_kind_keeps_every_name_without_a_reason() -> None:
    result = plan(source("INBOX", "a", "a/b", "é & ~"))
    assert names(result) == {name: name for name in ("INBOX", "a", "a/b", "é & ~")}
    assert all(not one.reasons for one in result.mappings)
    assert (result.problems, result.left_out) == ((), {})


def test_parents_are_created_before_children_and_inbox_first() -> None:
    result = plan(source("b/c/d", "b", "b/c", "INBOX/x", "a", "INBOX"))
    assert [one.source for one in result.mappings] == ["INBOX", "INBOX/x", "a", "b", "b/c", "b/c/d"]


def test_separator_and_prefix_are_translated() -> None:
    facts = TargetFacts(separator=".", prefix="INBOX.")
    result = plan(source("INBOX", "Sent", "a/b"), facts)
    assert names(result) == {"INBOX": "INBOX", "Sent": "INBOX.Sent", "a/b": "INBOX.a.b"}
    assert reasons(result, "INBOX") == ()
    assert reasons(result, "a/b") == (Reason.PREFIX, Reason.SEPARATOR)
    back = plan(source("INBOX", "INBOX.a.b", separator="."), prefix="INBOX.")
    assert names(back) == {"INBOX": "INBOX", "INBOX.a.b": "a/b"}


def test_inbox_has_one_spelling() -> None:
    result = plan(source("Inbox"), TargetFacts(separator="/", folders=there("INBOX")))
    assert names(result) == {"Inbox": "INBOX"}
    assert reasons(result, "Inbox") == (Reason.INBOX,)
    assert not result.mappings[0].is_new


def test_characters_that_the_target_does_not_take_are_replaced_and_told() -> None:
    result = plan(source("x.y/z"), TargetFacts(separator="."))
    assert names(result) == {"x.y/z": "x_y.z"}
    assert reasons(result, "x.y/z") == (Reason.CHARACTERS, Reason.SEPARATOR)


def test_a_changed_name_that_another_folder_has_gets_a_number_and_takes_its_children_along() -> (
    None
):
    folders = source("a_b", "a.b", "a.b/c", "a.b/c.d", "a:b", "a_b/c", "a_b_2")
    facts = TargetFacts(separator="/", forbidden=".:")
    result = plan(folders, facts)
    assert names(result) == {
        "a_b": "a_b",
        "a_b/c": "a_b/c",
        "a_b_2": "a_b_2",
        "a.b": "a_b_3",
        "a.b/c": "a_b_3/c",
        "a.b/c.d": "a_b_3/c_d",
        "a:b": "a_b_4",
    }
    assert result.problems == ()
    assert reasons(result, "a.b") == (Reason.CHARACTERS, Reason.TAKEN)
    assert Reason.PARENT in reasons(result, "a.b/c")
    assert names(plan(folders[::-1], facts)) == names(result)


def test_a_numbered_name_that_is_too_long_is_told() -> None:
    result = plan(source("a.b", "a_b"), TargetFacts(separator=".", longest_name=3))
    assert names(result) == {"a_b": "a_b"}
    assert [(one.kind, one.sources) for one in result.problems] == [(ProblemKind.NAME, ("a.b",))]


def test_names_that_nobody_changed_collide_and_none_of_them_is_copied() -> None:
    result = plan(source("x", "y", "c"), overrides={"x": "z", "y": "z"})
    assert names(result) == {"c": "c"}
    (problem,) = result.problems
    assert (problem.kind, problem.sources) == (ProblemKind.COLLISION, ("x", "y"))
    assert "'z'" in problem.message


def test_a_remembered_name_holds_for_the_children_and_against_a_folder_that_comes_later() -> None:
    facts = TargetFacts(separator="/", folders=there("a_b", "a.b/old"))
    folders = source("a.b", "a.b/new", "a.b/old", "a_b", "a_b/x")
    result = plan(folders, facts, remembered={"a.b": "a_b"})
    assert names(result) == {
        "a.b": "a_b",
        "a.b/new": "a_b/new",
        "a.b/old": "a.b/old",
        "a_b": "a_b_2",
        "a_b/x": "a_b_2/x",
    }
    assert reasons(result, "a.b") == (Reason.REMEMBERED,)
    assert reasons(result, "a_b") == (Reason.TAKEN,)


def test_a_name_that_is_held_for_a_folder_left_out_goes_to_no_other() -> None:
    result = plan(source("a_b", "c", "d"), held=frozenset({"a_b", "c"}), overrides={"d": "c"})
    assert names(result) == {"a_b": "a_b_2", "c": "c_2", "d": "c"}
    assert reasons(result, "a_b") == (Reason.TAKEN,)


def test_the_user_decides_before_what_is_remembered() -> None:
    folders = source("a", "a/b")
    result = plan(folders, overrides={"a": "x"}, remembered={"a": "y", "a/b": "y/b"})
    assert names(result) == {"a": "x", "a/b": "x/b"}


def test_letters_alone_can_collide() -> None:
    result = plan(source("Work", "work"), TargetFacts(separator="/", is_case_sensitive=False))
    assert [one.kind for one in result.problems] == [ProblemKind.COLLISION]
    assert names(plan(source("Work", "work"))) == {"Work": "Work", "work": "work"}


def test_inbox_keeps_its_name_against_a_folder_that_would_become_it() -> None:
    result = plan(source("INBOX", "INBOX.INBOX", separator="."), prefix="INBOX.")
    assert names(result) == {"INBOX": "INBOX"}
    assert result.problems[0].sources == ("INBOX", "INBOX.INBOX")


def test_letters_that_are_there_already_are_used_for_parents_too() -> None:
    facts = TargetFacts(separator="/", is_case_sensitive=False, folders=there("ARCHIVE", "inbox"))
    result = plan(source("Archive", "Archive/2019", "INBOX"), facts)
    assert names(result) == {"Archive": "ARCHIVE", "Archive/2019": "ARCHIVE/2019", "INBOX": "INBOX"}
    assert reasons(result, "Archive/2019") == (Reason.LETTERS,)
    assert [one.is_new for one in result.mappings] == [False, False, True]


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        (TargetFacts(separator=None), NameFault.TOO_DEEP),
        (TargetFacts(separator="/", deepest=1), NameFault.TOO_DEEP),
        (TargetFacts(separator="/", longest_name=2), NameFault.TOO_LONG),
        (TargetFacts(separator="/", reserved=frozenset({"aa"})), NameFault.RESERVED),
    ],
)
def test_a_name_that_can_not_be_is_told_and_the_rest_goes_on(
    facts: TargetFacts, fault: NameFault
) -> None:
    result = plan(source("aa/bb", "c"), facts)
    assert names(result) == {"c": "c"}
    assert [(one.kind, one.fault) for one in result.problems] == [(ProblemKind.NAME, fault)]


def test_limits_do_not_hold_for_what_is_there_already() -> None:
    facts = TargetFacts(separator="/", longest_name=2, folders=there("long name"))
    assert names(plan(source("long name"), facts)) == {"long name": "long name"}


def test_parents_without_mails_are_not_created() -> None:
    parent = SourceFolder(name="p", separator="/", is_selectable=False)
    result = plan([parent, *source("p/c")])
    assert names(result) == {"p/c": "p/c"}
    assert result.left_out == {"p": WhyLeftOut.NO_MAILBOX}


def test_a_parent_without_mails_on_the_target_becomes_a_folder() -> None:
    facts = TargetFacts(separator="/", folders=[TargetFolder(name="p", is_selectable=False)])
    assert plan(source("p"), facts).mappings == (
        FolderMapping(source="p", target="p", is_new=True),
    )


def test_subscriptions_follow_even_for_names_without_mails() -> None:
    facts = TargetFacts(
        separator=".", folders=[TargetFolder(name="b", is_subscribed=True), TargetFolder(name="c")]
    )
    folders = source("a", "b", "c", is_subscribed=True)
    folders += source("gone/x", is_selectable=False, is_subscribed=True)
    folders += source("bad//x", is_selectable=False, is_subscribed=True)
    result = plan([*folders, *source("d")], facts)
    assert {one.source: one.needs_subscription for one in result.mappings} == {
        "a": True,
        "b": False,
        "c": True,
        "d": False,
    }
    assert result.subscriptions == ("gone.x",)


PATHS = st.lists(
    st.lists(
        st.sampled_from(["INBOX", "a", "A", "a.b", "a_b", "", "é", "~x", "Sent"]),
        min_size=1,
        max_size=3,
    ),
    max_size=8,
)
FACTS = st.builds(
    TargetFacts,
    separator=st.sampled_from([".", "/", None]),
    prefix=st.just(""),
    folders=st.lists(st.sampled_from(["A", "INBOX", "a_b", "Sent"]), unique=True).map(
        lambda names: [
            TargetFolder(name=name, special_use=SENT if name == "Sent" else frozenset())
            for name in names
        ]
    ),
    is_case_sensitive=st.booleans(),
    forbidden_first=st.sampled_from(["", "~"]),
    deepest=st.integers(0, 2),
)


@given(PATHS, FACTS, st.booleans())
def test_every_folder_is_mapped_left_out_or_told(
    paths: list[list[str]], facts: TargetFacts, has_use: bool
) -> None:
    folders = source(
        *{"/".join(path) for path in paths}, special_use=SENT if has_use else frozenset()
    )
    result = plan(folders, facts)
    mapped = set(names(result))
    told = {name for problem in result.problems for name in problem.sources}
    inbox = {name for name in mapped if name.upper() == "INBOX"}
    assert mapped | told | set(result.left_out) == {one.name for one in folders}
    assert mapped & told <= inbox
    # No two folders share a target, and parents stand before children.
    targets = [facts.folded(facts.path_of(one.target)) for one in result.mappings]
    assert len(set(targets)) == len(targets)
    order = [facts.path_of(one.target) for one in result.mappings]
    assert all(order.index(path) >= order.index(path[:-1]) for path in order if path[:-1] in order)


@pytest.mark.no_cover  # it measures, and others cover the same
def test_planning_is_linear_in_folders() -> None:
    def seconds(count: int) -> float:
        folders = source(*(f"a{n}/b" for n in range(count)))
        start = time.process_time()
        assert len(plan(folders).mappings) == count
        return time.process_time() - start

    seconds(100)
    # The best of some: a collection of garbage in one of them says nothing of planning.
    many, few = (min(seconds(count) for _ in range(4)) for count in (8000, 2000))
    assert many < 16 * max(few, 0.005)
