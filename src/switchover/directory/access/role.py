"""Roles, from least to most, and who has one."""

from __future__ import annotations

from dataclasses import dataclass, field
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


class Door(StrEnum):
    """Through which door somebody came in; ``CLI`` is what our command line says of itself."""

    CONSOLE = "console"
    API = "api"
    CLI = "cli"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something: the name that revisions, events and the audit log record, and the role.

    ``door``, ``address`` and ``client`` are for the audit log and decide nothing: through which door, from
    which address, and what the client says of itself. ``account_id`` is the account at the root: the actor's
    own, or the one whose token it is, however many tokens lie between. ``token_id`` is the token of one who came
    with a token. Both are None for ourselves.
    """

    name: str
    role: Role
    door: Door = field(default=Door.SYSTEM, compare=False)
    address: str = field(default="", compare=False)
    client: str = field(default="", compare=False)
    account_id: str | None = field(default=None, compare=False)
    token_id: str | None = field(default=None, compare=False)

    def require(self, role: Role) -> None:
        """Raise Refused unless the actor's role includes ``role``."""
        if not self.role.includes(role):
            raise Refused(f"this needs {role}; {self.name} has the role {self.role}")
