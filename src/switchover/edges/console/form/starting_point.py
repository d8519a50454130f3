"""What a new service can begin with: for each product, its web side and each of its mail protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.model.platform_file.spec import Layout
from switchover.model.workload import Protocol, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchover.edges.console.form.field import Plain
    from switchover.model.server import Server
    from switchover.model.workload import Template, Workload

_SAYS = {
    Transport.TLS: "encrypted from the first byte",
    Transport.STARTTLS: "begins in the clear, STARTTLS passes through",
    Transport.CLEAR: "in the clear",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingPoint:
    """A service to begin with. ``key`` names it in addresses: ``exchange-web``, ``dovecot-imaps``."""

    key: str
    template: str
    title: str
    line: str
    name: str
    port: int
    layout: Layout
    workloads: tuple[str, ...]

    def block(self, servers: Mapping[str, Server]) -> Plain:
        """Return the keys it begins with: all servers that run the product."""
        return {
            "port": self.port,
            "layout": self.layout.value,
            "workloads": list(self.workloads),
            "servers": [name for name, server in servers.items() if self.template in server.runs],
        }


def starting_points(templates: Iterable[Template]) -> tuple[StartingPoint, ...]:
    """Return the starting points of all templates, web sides first within each."""
    return tuple(point for template in templates for point in _of(template))


def _of(template: Template) -> Iterator[StartingPoint]:
    web = [item for item in template.workloads if item.protocol is Protocol.HTTP]
    by_port: dict[int, list[Workload]] = {}
    for item in web:
        by_port.setdefault(item.port, []).append(item)
    for position, (port, workloads) in enumerate(by_port.items()):
        # What is for administrators only is added by who wants it.
        carried = [item for item in workloads if not item.restricted] or workloads
        has_paths = all(item.paths for item in carried)
        yield StartingPoint(
            key=f"{template.name}-web" if position == 0 else f"{template.name}-web-{port}",
            template=template.name,
            title=carried[0].title if len(carried) == 1 else f"Web: {len(carried)} workloads",
            line=f"port {port}, {', '.join(item.name for item in carried)}",
            name="mail" if template.name == "exchange" else template.name,
            port=port,
            layout=Layout.L7 if has_paths else Layout.L4,
            workloads=tuple(item.name for item in carried),
        )
    for item in template.workloads:
        if item.protocol is not Protocol.HTTP:
            yield StartingPoint(
                key=f"{template.name}-{item.name}",
                template=template.name,
                title=item.title,
                line=f"port {item.port}, {_SAYS[item.transport]}",
                name=item.name,
                port=item.port,
                layout=Layout.L4,
                workloads=(item.name,),
            )
