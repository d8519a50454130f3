from __future__ import annotations

import pytest

from switchover.directory.access.role import Role
from switchover.edges.console.navigation import SECTIONS, Entry, menu


def paths(role: Role) -> set[str]:
    return {entry.path for section in menu(role) for entry in section.entries}


def test_everybody_sees_what_the_role_opens_and_nothing_above() -> None:
    assert {"/", "/services", "/servers", "/events", "/history"} <= paths(Role.VIEWER)
    assert "/accounts" not in paths(Role.OPERATOR)
    assert "/accounts" in paths(Role.ADMIN)
    assert paths(Role.VIEWER) <= paths(Role.OPERATOR) <= paths(Role.ADMIN)


def test_a_section_without_entries_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = tuple(
        section
        for section in SECTIONS
        if any(entry.role is Role.ADMIN for entry in section.entries)
    )
    assert alone
    assert all(section.entries for section in menu(Role.VIEWER))


@pytest.mark.parametrize(
    ("path", "asked", "leads"),
    [
        ("/", "/", True),
        ("/", "/services", False),
        ("/services", "/services", True),
        ("/services", "/services/mail", True),
        ("/services", "/services-of-others", False),
    ],
)
def test_an_entry_is_current_for_its_page_and_those_below(
    path: str, asked: str, *, leads: bool
) -> None:
    assert Entry(title="x", path=path, icon="x").leads_to(asked) is leads
