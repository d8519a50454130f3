"""Refused names teach as little as explains them, and names of earlier runs come back where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.folder_draft import Reason
from switchover.move.folder_plan import FolderMapping, FolderPlan
from switchover.move.name_learning import (
    accepted_names,
    held_names,
    remembered_names,
    suspected_characters,
)


@pytest.mark.parametrize(
    ("refused", "taken", "suspected"),
    [
        ([("Emoji 😀.x!",)], [], "😀"),
        ([("a.b!",)], [], "."),
        ([("a*b", "c?d")], [], "*?"),
        ([("a.b",), ("x😀",), ("y!",)], [], "!.😀"),
        ([("Größe_1-2 x",)], [], ""),
        ([("a.b!",)], [("1.2",)], "!"),
        ([("a.b!",)], [("1.2", "x!")], ""),
        ([], [("1.2",)], ""),
    ],
)
def test_the_rarest_kind_in_a_refused_name_is_suspected_first(
    refused: list[tuple[str, ...]], taken: list[tuple[str, ...]], suspected: str
) -> None:
    assert suspected_characters(refused, taken) == suspected


TEXTS = st.text("aé1._- !*😀", max_size=6)
NAMES = st.lists(st.lists(TEXTS, min_size=1, max_size=3).map(tuple), max_size=5)


@given(NAMES, NAMES)
def test_no_character_of_a_name_that_is_there_is_ever_suspected(
    refused: list[tuple[str, ...]], taken: list[tuple[str, ...]]
) -> None:
    found = set(suspected_characters(refused, taken))
    assert not found & set("".join("".join(path) for path in taken))
    assert "_" not in found


@dataclass(frozen=True, kw_only=True)
class Planned:
    source: str
    target: str
    is_new: bool = True
    reasons: tuple[Reason, ...] = ()


def plan(*folders: Planned) -> FolderPlan:
    mappings = tuple(
        FolderMapping(source=one.source, target=one.target, is_new=one.is_new, reasons=one.reasons)
        for one in folders
    )
    return FolderPlan(mappings=mappings, left_out={}, problems=())


def test_only_what_would_be_created_anew_gets_the_name_of_an_earlier_run() -> None:
    before = {"a.b": "a_b", "c.d": "c_d", "gone.x": "gone_x", "p": "both", "q": "both", "s": "s"}
    planned = plan(
        Planned(source="a.b", target="a.b"),
        Planned(source="c.d", target="c.d", is_new=False),
        Planned(source="gone.x", target="gone.x"),
        Planned(source="p", target="p"),
        Planned(source="s", target="s"),
        Planned(source="fresh", target="fresh"),
    )
    there = {"a_b", "c_d", "both", "s"}
    assert remembered_names(planned, before, there) == {"a.b": "a_b"}


def test_a_name_is_held_for_a_folder_that_is_left_out_this_time() -> None:
    before = {"a.b": "a_b", "c.d": "c_d", "e.f": "e_f", "gone.x": "gone_x", "e_f": "e_f"}
    planned = plan(*(Planned(source=name, target=name) for name in ("a_b", "e_f", "gone_x")))
    there, sources = {"a_b", "c_d", "e_f", "gone_x"}, ["a.b", "c.d", "e.f", "a_b", "e_f", "gone_x"]
    assert held_names(planned, before, there, sources) == {"a_b"}


def test_names_that_were_chosen_and_taken_are_kept_for_the_next_round() -> None:
    planned = plan(
        Planned(source="a/b", target="a_b", reasons=(Reason.CHARACTERS,)),
        Planned(source="c/d", target="c_d", reasons=(Reason.CHARACTERS,)),
        Planned(source="e", target="e"),
    )
    assert accepted_names(planned, {"c/d"}) == {"a/b": "a_b"}
