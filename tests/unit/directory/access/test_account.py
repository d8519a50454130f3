"""Names stand for one person; what an identity provider says never borrows one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.directory.access.account.account import provided_name, usable_name, usable_zone
from switchover.errors import InvalidInput


@pytest.mark.parametrize("name", ["ada", "ada@contoso.example", "Ada Lovelace", "a", "x" * 63, "7"])
def test_names_of_people_are_usable(name: str) -> None:
    assert usable_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ada", "ada ", "x" * 64, "a/b", "<b>", "a\n", "a\0b", "-ada", "Ádám", "ada\u202eb"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not a usable account name"):
        usable_name(name)


def test_only_zones_that_exist_can_be_chosen() -> None:
    assert usable_zone("Europe/Brussels") == "Europe/Brussels"
    assert usable_zone("UTC") == "UTC"
    with pytest.raises(InvalidInput, match="is no time zone"):
        usable_zone("../../etc/passwd")


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("ada@contoso.example", set(), "ada@contoso.example"),
        ("Ádám Nagy", set(), "Adam-Nagy"),
        ("ada", {"ada"}, "ada-2"),
        ("Ada", {"ada", "ada-2"}, "Ada-3"),
        ("<script>", set(), "script"),
        ("日本", set(), "somebody"),
        ("", {"somebody"}, "somebody-2"),
    ],
)
def test_somebody_from_a_provider_gets_a_free_name(wanted: str, taken: set[str], name: str) -> None:
    assert provided_name(wanted, taken) == name


@given(st.text(max_size=200), st.sets(st.sampled_from(["ada", "somebody", "a"])))
def test_a_name_from_a_provider_is_always_usable_and_never_taken(
    wanted: str, taken: set[str]
) -> None:
    name = provided_name(wanted, taken)
    assert usable_name(name) == name
    assert name.lower() not in taken
