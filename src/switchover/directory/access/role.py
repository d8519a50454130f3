"""Roles, from least to most."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from switchover.errors import Refused


class Role(StrEnum):
    """What somebody may do: see, operate what exists, or change everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Position in the order of power, 0 for the least."""
        return list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """True when this role may do all that ``other`` may."""
        return self.rank >= other.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something: the name that revisions and events record, and the role."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raise Refused unless the actor's role includes ``role``."""
        if not self.role.includes(role):
            raise Refused(f"{self.name} has the role {self.role}; this needs {role}")
