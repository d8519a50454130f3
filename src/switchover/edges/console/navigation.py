"""What stands in the menu, for whom, and which entry a path belongs to. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from switchover.directory.access.role import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the menu; ``icon`` is a name in ``icons.html``."""

    title: str
    path: str
    icon: str
    role: Role = Role.VIEWER

    def leads_to(self, path: str) -> bool:
        """True when ``path`` is this entry's page or one below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Entries under one heading."""

    title: str
    entries: tuple[Entry, ...]


SECTIONS: tuple[Section, ...] = (
    Section(
        title="Balance",
        entries=(
            Entry(title="Overview", path="/", icon="overview"),
            Entry(title="Services", path="/services", icon="service"),
            Entry(title="Servers", path="/servers", icon="server"),
            Entry(title="What-if", path="/what-if", icon="branch"),
            Entry(title="Events", path="/events", icon="event"),
            Entry(title="History", path="/history", icon="history"),
            Entry(title="Platform file", path="/platform-file", icon="edit"),
            Entry(title="Drift", path="/drift", icon="wrench"),
            Entry(title="Engine", path="/engine", icon="engine"),
        ),
    ),
    Section(
        title="Administration",
        entries=(
            Entry(title="Accounts", path="/accounts", icon="people", role=Role.ADMIN),
            Entry(title="Tokens", path="/tokens", icon="key", role=Role.ADMIN),
            Entry(title="Audit", path="/audit", icon="audit", role=Role.ADMIN),
        ),
    ),
)


def menu(role: Role) -> tuple[Section, ...]:
    """Return the sections with what somebody of this role may open; empty sections are left out."""
    found = (
        Section(
            title=section.title,
            entries=tuple(entry for entry in section.entries if role.includes(entry.role)),
        )
        for section in SECTIONS
    )
    return tuple(section for section in found if section.entries)
