"""The board of switches on the what-if page: sites, servers and their workloads, on or off. Pure.

Every combination is an address: the switches that are off stand in it as ``down=cas1``,
``down=cas2/owa`` and ``down=site:ghent``, in the words of the command line.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from switchover.balance.outage import SITE_PREFIX, item_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchover.balance.outage import BrokenWorkload
    from switchover.balance.virtual_service import Balance
    from switchover.model.server import Server

MOST_SERVERS = 40
"""Switches of more servers at once would be a wall; a service, a site or a name narrows the board."""
Carried = tuple[str, str]
"""A workload by template and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Something that can be clicked off: ``value`` stands in the address.

    ``is_covered`` is True where it is off because of what it belongs to. ``now`` is a word for why it takes
    no new clients at present, empty where it does.
    """

    value: str
    label: str
    is_off: bool
    is_covered: bool = False
    now: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRow:
    """A server with its switch and one for each workload of a service, None where it has not that one."""

    server: Switch
    site: str
    workloads: tuple[Switch | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What to show: columns are names of workloads; ``elsewhere`` is off and on no row of the board."""

    sites: tuple[Switch, ...]
    columns: tuple[str, ...]
    rows: tuple[ServerRow, ...]
    elsewhere: tuple[str, ...]
    hidden: int


def lay_out(
    balance: Balance,
    down: Iterable[str],
    *,
    now: Mapping[BrokenWorkload, str] = MappingProxyType({}),
    service: str = "",
    containing: str = "",
    most: int = MOST_SERVERS,
) -> Board:
    """Return the board of a platform with ``down`` off, for one service or for servers of some name.

    ``now`` has words for what takes no new clients at present.
    """
    off = _Off(frozenset(down), now)
    carried = _carried(balance, service)
    part = containing.casefold()
    names = [name for name in balance.servers if name in carried and part in name.casefold()]
    shown = names[:most]
    columns = list(dict.fromkeys(column for name in shown for column in carried[name]))
    rows = tuple(
        _row(balance, balance.servers[name], carried[name], columns, off) for name in shown
    )
    sites = tuple(_site_switches(balance, off.values))
    on_board = {switch.value for switch in (*sites, *_switches(rows))}
    return Board(
        sites=sites,
        columns=_labels(columns),
        rows=rows,
        elsewhere=tuple(sorted(off.values - on_board)),
        hidden=len(names) - len(shown),
    )


def _carried(balance: Balance, service: str) -> Mapping[str, list[Carried]]:
    """Return the workloads of each server that a service carries, in the order of the services."""
    found: defaultdict[str, dict[Carried, None]] = defaultdict(dict)
    for one in balance.services:
        if service in {"", one.name}:
            wanted = [(item.workload.template, item.name) for item in one.workloads]
            for real in one.servers:
                found[real.name].update(dict.fromkeys(wanted))
    return {name: list(workloads) for name, workloads in found.items()}


def _row(
    balance: Balance, server: Server, carried: list[Carried], columns: list[Carried], off: _Off
) -> ServerRow:
    is_site_off = off.has_site(server, "")
    is_off = is_site_off or server.name in off.values

    def switch(column: Carried) -> Switch | None:
        if column not in carried:
            return None
        value = item_text(balance, server.name, *column)
        covered = is_off or off.has_site(server, column[1])
        return Switch(
            value=value, label=column[1], is_off=covered or value in off.values,
            is_covered=covered, now=off.now.get((server.name, *column), ""),
        )  # fmt: skip

    own = Switch(value=server.name, label=server.name, is_off=is_off, is_covered=is_site_off)
    return ServerRow(
        server=own, site=server.site or "", workloads=tuple(switch(column) for column in columns)
    )


@dataclass(frozen=True, slots=True)
class _Off:
    """What is off, as it stands in the address, and what does not serve anyway."""

    values: frozenset[str]
    now: Mapping[BrokenWorkload, str]

    def has_site(self, server: Server, workload: str) -> bool:
        """True when the whole site of a server is off, or this workload at the whole site."""
        place = f"{SITE_PREFIX}{server.site}"
        return server.site is not None and "/".join(filter(None, (place, workload))) in self.values


def _labels(columns: list[Carried]) -> tuple[str, ...]:
    names = Counter(name for _, name in columns)
    return tuple(f"{template}/{name}" if names[name] > 1 else name for template, name in columns)


def _switches(rows: Iterable[ServerRow]) -> Iterator[Switch]:
    for row in rows:
        yield row.server
        yield from (switch for switch in row.workloads if switch)


def _site_switches(balance: Balance, off: frozenset[str]) -> Iterator[Switch]:
    for site in sorted({server.site for server in balance.servers.values() if server.site}):
        value = f"{SITE_PREFIX}{site}"
        yield Switch(value=value, label=site, is_off=value in off)
