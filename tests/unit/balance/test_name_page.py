from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.balance.name_page import page_of_names
from switchover.errors import Conflict

NAMES = ("mail", "cas10", "cas2", "Imap-Mail")


def test_names_come_in_their_own_order_and_number() -> None:
    assert page_of_names(NAMES, containing=None, after=None, limit=9) == list(NAMES)
    assert page_of_names(NAMES, containing=None, after=None, limit=2) == ["mail", "cas10"]
    assert page_of_names(NAMES, containing=None, after="cas10", limit=9) == ["cas2", "Imap-Mail"]
    assert page_of_names(NAMES, containing="", after="", limit=1) == ["mail"]


def test_a_part_is_found_in_any_case() -> None:
    assert page_of_names(NAMES, containing="MAIL", after=None, limit=9) == ["mail", "Imap-Mail"]
    assert page_of_names(NAMES, containing="none", after=None, limit=9) == []
    # The place may be one that the filter leaves out.
    assert page_of_names(NAMES, containing="mail", after="cas2", limit=9) == ["Imap-Mail"]


def test_a_place_that_is_gone_is_a_conflict_and_not_a_gap() -> None:
    with pytest.raises(Conflict, match=r"'cas9'.*changed meanwhile.*from its beginning"):
        page_of_names(NAMES, containing=None, after="cas9", limit=9)


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 5))
def test_pages_reach_the_end_without_gaps_or_doubles(names: list[str], limit: int) -> None:
    seen: list[str] = []
    while page := page_of_names(
        names, containing=None, after=seen[-1] if seen else None, limit=limit
    ):
        seen += page
    assert seen == names
