"""From groups at the provider to a role here: no group that was named, no entry. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from switchover.directory.access.role import Role

MOST_GROUPS = 5000


def groups_of(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    """Return the groups under a claim: a list of texts, or one text.

    ``claim`` is its name, which may hold dots (``https://contoso.example/groups``), else a path of names
    into objects (``realm_access.roles``). What is no text is no group.
    """
    found = claims.get(claim)
    if found is None and claim not in claims:
        found = claims
        for name in claim.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return (found,)
    if not isinstance(found, list):
        return ()
    return tuple(item for item in found[:MOST_GROUPS] if isinstance(item, str))


def role_for(groups: Collection[str], named: Mapping[Role, Collection[str]]) -> Role | None:
    """Return the greatest role that one of these groups gives, None when none does."""
    held = set(groups)
    fitting = [role for role, names in named.items() if held.intersection(names)]
    return max(fitting, key=lambda role: role.rank, default=None)


def wanted_name(claims: Mapping[str, Any]) -> str:
    """Return what somebody is called at the provider: the name they type there, else the subject."""
    for claim in ("preferred_username", "upn", "email", "name", "sub"):
        found = claims.get(claim)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return "somebody"
