"""Finding services and servers by part of a name, an address or a host name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.balance.virtual_service import Balance, VirtualService
    from switchover.model.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that fits: its name, and a line about it that shows why."""

    name: str
    detail: str


def find_services(balance: Balance, text: str, *, limit: int) -> list[Found]:
    """Return services with ``text`` in name, title, addresses, host names or workloads, in any case."""
    described = ((service.name, _of_service(service)) for service in balance.services)
    return _best(described, text, limit)


def find_servers(balance: Balance, text: str, *, limit: int) -> list[Found]:
    """Return servers with ``text`` in name, address, site or templates, in any case."""
    described = ((name, _of_server(server)) for name, server in balance.servers.items())
    return _best(described, text, limit)


def _of_service(service: VirtualService) -> tuple[str, ...]:
    own = [item.host for item in service.workloads if item.host]
    addresses = [f"{address}:{service.port}" for address in service.listening_addresses]
    workloads = " ".join(item.name for item in service.workloads)
    return tuple(dict.fromkeys((*addresses, service.title, *service.names, *own, workloads)))


def _of_server(server: Server) -> tuple[str, ...]:
    return (server.address, server.site or "", " ".join(server.runs))


def _best(described: Iterable[tuple[str, tuple[str, ...]]], text: str, limit: int) -> list[Found]:
    part = text.casefold()
    found = []
    for name, words in described:
        said = [word for word in words if word]
        rank = _rank(part, name, said)
        if rank is not None:
            found.append((rank, Found(name=name, detail=_detail(part, said))))
    found.sort(key=lambda pair: pair[0])
    return [item for _, item in found[:limit]]


def _rank(part: str, name: str, said: list[str]) -> int | None:
    """Return 0 for the name itself, 1 and 2 for its beginning and part, 3 for other words, None."""
    folded = name.casefold()
    if folded == part:
        return 0
    if folded.startswith(part):
        return 1
    if part in folded:
        return 2
    return 3 if any(part in word.casefold() for word in said) else None


def _detail(part: str, said: list[str]) -> str:
    """Return the first word, which says where it is, and those with the text looked for."""
    fitting = [word for word in said[1:] if part in word.casefold()]
    return " · ".join(dict.fromkeys([*said[:1], *(fitting or said[1:2])]))
