"""The list of events as the console shows it: its filters, and each event in plain words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from switchover.balance.event import Severity
from switchover.balance.event_words import KINDS, explain, meaning_of, title_of
from switchover.edges.console.moment import read_moment
from switchover.edges.console.table import (
    Column,
    Filter,
    FilterKind,
    ListQuery,
    ListSpec,
    word_filter,
)
from switchover.model.wording import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.balance.virtual_service import Balance

MOST_HINTS = 300
"""Names offered while a filter is written; more would weigh more than the page."""
MOST_TOLD = 3
"""Names that are written out where a part of a name stands for several."""
SPEC = ListSpec(
    path="/events",
    columns=(
        Column(key="at", title="When", is_sortable=True),
        Column(key="kind", title="What"),
        Column(key="subject", title="Where"),
        Column(key="cause", title="Why"),
    ),
    filters=(
        Filter(key="service", title="Service"),
        Filter(key="workload", title="Workload"),
        Filter(key="server", title="Server"),
        Filter(
            key="kind",
            title="What",
            kind=FilterKind.CHOICE,
            choices=tuple((kind, words.title) for kind, words in KINDS.items()),
        ),
        word_filter("severity", "Severity", reversed(Severity)),
        Filter(key="since", title="From", kind=FilterKind.MOMENT),
        Filter(key="until", title="Until", kind=FilterKind.MOMENT),
    ),
    sort="-at",
)
ORDERED = frozenset({
    "drain-entered", "drain-kept", "maintenance-entered", "maintenance-kept", "server-stopping",
    "advice",
})  # fmt: skip
"""Kinds that somebody asked for."""
LEVELS = {Severity.ERROR.value: "bad", Severity.WARNING.value: "warning"}
GOOD = frozenset({"server-up", "maintenance-left", "drain-left", "drift-repaired"})
"""Kinds that tell of something put right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event as people read it; ``level`` is one of the console's states."""

    id: int
    at: datetime
    kind: str
    title: str
    meaning: str
    level: str
    service: str | None
    workload: str | None
    server: str | None
    cause: str
    explanation: str


def tell(row: Mapping[str, Any]) -> ToldEvent:
    """Return a row of the event table in words."""
    kind, cause = str(row["kind"]), plain(row["cause"])
    return ToldEvent(
        id=row["id"],
        at=row["at"],
        kind=kind,
        title=title_of(kind),
        meaning=meaning_of(kind),
        level=_level(kind, row["severity"]),
        service=row["service"],
        workload=row["workload"],
        server=row["server"],
        cause="" if _says_the_kind_again(kind, cause) else cause,
        explanation=plain(explain(kind, row["cause"], row["detail"])),
    )


def _says_the_kind_again(kind: str, cause: str) -> bool:
    return cause == kind.replace("-", " ") or cause.startswith("leaving forced")


def _level(kind: str, severity: str) -> str:
    if kind in GOOD:
        return "ok"
    return "off" if kind in ORDERED else LEVELS.get(severity, "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """The names of the platform file as it is; events may be older and name others."""

    service: tuple[str, ...] = ()
    workload: tuple[str, ...] = ()
    server: tuple[str, ...] = ()

    def hints(self) -> dict[str, tuple[str, ...]]:
        """Return what to offer while a filter is written; nothing of what is too long to offer."""
        found = {"service": self.service, "workload": self.workload, "server": self.server}
        return {key: names if len(names) <= MOST_HINTS else () for key, names in found.items()}


def known_names(balance: Balance | None) -> KnownNames:
    """Return the names of a platform file; none before there is one."""
    if balance is None:
        return KnownNames()
    workloads = (item.name for service in balance.services for item in service.workloads)
    return KnownNames(
        service=tuple(service.name for service in balance.services),
        workload=tuple(dict.fromkeys(workloads)),
        server=tuple(balance.servers),
    )


def read_filters(query: ListQuery, zone: str, known: KnownNames) -> dict[str, object]:
    """Return what the database is asked for; moments are read in the zone of who asks."""
    return {
        "service": _names(query.get("service"), known.service),
        "workload": _names(query.get("workload"), known.workload),
        "server": _names(query.get("server"), known.server),
        **_kind_and_severity(query.get("kind"), query.get("severity")),
        "since": read_moment(query.get("since"), zone),
        "until": read_moment(query.get("until"), zone),
    }


def _kind_and_severity(kind: str | None, severity: str | None) -> dict[str, object]:
    """Return one filter where two say the same, and one that nothing fits where they contradict each other.

    The database would have to look at every event of the kind to find that out.
    """
    if kind is None or severity is None:
        return {"kind": kind, "severity": severity}
    return {"kind": kind if KINDS[kind].severity == severity else []}


def _names(text: str | None, known: tuple[str, ...]) -> str | list[str] | None:
    """Return the name, or it and the known names with that part in them: people write as little as they can.

    The text itself always counts: it may be the name of a server that is gone and whose events are kept.
    """
    if text is None or text in known:
        return text
    part = text.casefold()
    found = [name for name in known if part in name.casefold()]
    return [text, *found] if found else text


def meant_names(filters: Mapping[str, object]) -> tuple[str, ...]:
    """Return a sentence for each filter that was taken for several names, so that nobody has to guess."""
    return tuple(
        _meaning(key, [str(name) for name in found])
        for key in ("service", "workload", "server")
        if isinstance(found := filters.get(key), list)
    )


def _meaning(key: str, names: list[str]) -> str:
    written, *found = names
    told = ", ".join(found[:MOST_TOLD])
    more = f" and {len(found) - MOST_TOLD:,} more" if len(found) > MOST_TOLD else ""
    title = key.capitalize()
    return f"{title} \N{LEFT DOUBLE QUOTATION MARK}{written}\N{RIGHT DOUBLE QUOTATION MARK}: {told}{more}."
