"""Chains to read, and to tamper with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from switchover.directory.access.role import Door
from switchover.directory.audit.chain import START, Link, digest_of, new_link
from switchover.directory.audit.entry import Entry
from switchover.directory.audit.inspection import Fault, Head, Inspection

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def entry(number: int = 1, **changed: object) -> Entry:
    given = Entry(
        actor="ada",
        origin=Door.CONSOLE,
        address="192.0.2.7",
        action="server.drain",
        subject=f"cas{number}",
        before={"mail.owa/cas1": "ready"},
        after={"mail.owa/cas1": "drain"},
        reason="disk",
    )
    return replace(given, **changed)  # type: ignore[arg-type]


def chain(length: int) -> list[Link]:
    """Return a chain in which the seal of each entry says that we wrote it."""
    links: list[Link] = []
    for number in range(1, length + 1):
        previous = links[-1].hash if links else START
        at = AT + timedelta(seconds=number)
        links.append(sealed(new_link(entry(number), number=number, at=at, previous=previous)))
    return links


def sealed(link: Link) -> Link:
    return replace(link, seal=f"ours:{link.hash}")


def is_ours(digest: str, seal: str) -> bool | None:
    key, _, told = seal.partition(":")
    return None if key == "other" else (key, told) == ("ours", digest)


def head_of(links: list[Link]) -> Head:
    return Head(number=links[-1].number, hash=links[-1].hash)


def rehashed(links: Iterable[Link]) -> list[Link]:
    """Return the links as somebody would write them who computes all hashes anew and has no key."""
    found: list[Link] = []
    for number, link in enumerate(links, start=1):
        moved = replace(link, number=number, previous=found[-1].hash if found else START)
        moved = replace(moved, hash=digest_of(moved))
        found.append(link if moved.hash == link.hash else moved)
    return found


def inspect(links: Iterable[Link], *heads: Head) -> tuple[Fault, ...]:
    inspection = Inspection(heads=heads, is_ours=is_ours)
    for link in links:
        inspection.take(link)
    return inspection.finish()


def told(links: Iterable[Link], *heads: Head) -> list[tuple[str, int, int]]:
    return [(fault.kind.value, fault.first, fault.last) for fault in inspect(links, *heads)]
