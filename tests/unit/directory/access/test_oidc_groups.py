"""A role comes from a group that was named, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from switchover.directory.access.oidc.groups import groups_of, role_for, wanted_name
from switchover.directory.access.role import Role

NAMED = {
    Role.VIEWER: ("mail-readers",),
    Role.OPERATOR: ("mail-desk", "night"),
    Role.ADMIN: ("CN=mail admins,OU=groups,DC=contoso,DC=example",),
}


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"groups": ["a", "b"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({"groups": ["a", 7, None, ["b"]]}, "groups", ("a",)),
        ({"https://contoso.example/groups": ["a"]}, "https://contoso.example/groups", ("a",)),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"realm_access": "x"}, "realm_access.roles", ()),
        ({"groups": {"a": True}}, "groups", ()),
        ({"groups": None}, "groups", ()),
        ({}, "groups", ()),
    ],
)
def test_groups_are_texts_under_a_claim(
    claims: dict[str, Any], claim: str, groups: tuple[str, ...]
) -> None:
    assert groups_of(claims, claim) == groups


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ((), None),
        (("everybody",), None),
        (("MAIL-READERS",), None),
        (("mail-readers",), Role.VIEWER),
        (("mail-readers", "night"), Role.OPERATOR),
        (("CN=mail admins,OU=groups,DC=contoso,DC=example", "mail-readers"), Role.ADMIN),
    ],
)
def test_the_greatest_role_of_the_groups_counts_and_no_group_gives_none(
    groups: tuple[str, ...], role: Role | None
) -> None:
    assert role_for(groups, NAMED) is role


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": " ada ", "email": "x", "sub": "1"}, "ada"),
        ({"email": "ada@contoso.example", "sub": "1"}, "ada@contoso.example"),
        ({"preferred_username": 7, "sub": "abc"}, "abc"),
        ({}, "somebody"),
    ],
)
def test_somebody_is_called_as_the_provider_calls_them(claims: dict[str, Any], name: str) -> None:
    assert wanted_name(claims) == name
