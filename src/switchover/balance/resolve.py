"""Platform file to virtual services: names become things, every fault gets its place in the file.

Rules that need more than one key live here (a server without the workload, two services on one port,
a cookie where nothing is decrypted). Everything found is reported at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.resolve_service import ServiceResolver
from switchover.balance.shipped import shipped_templates, template_from_spec
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.model.platform_file.read import raise_problems
from switchover.model.platform_file.wording import nearest
from switchover.model.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.errors import Problem
    from switchover.model.platform_file.read import PlatformFile
    from switchover.model.platform_file.spec import ServerSpec
    from switchover.model.workload import Template


def resolve(file: PlatformFile) -> Balance:
    """Return the platform's virtual services; raises InvalidInput with every fault found."""
    problems: list[Problem] = []
    templates = _templates(file, problems)
    servers = {
        name: _server(file, name, spec, templates, problems)
        for name, spec in file.spec.servers.items()
    }
    services = []
    for name in file.spec.services:
        resolver = ServiceResolver(file, name, servers, templates)
        service = resolver.resolve()
        problems.extend(resolver.problems)
        if service is not None:
            services.append(service)
    problems.extend(_taken_twice(file, services))
    problems.extend(_internal_names(file))
    raise_problems(problems)
    return Balance(
        platform=file.spec.platform,
        engine=file.spec.engine,
        servers=servers,
        templates=templates,
        services=tuple(services),
        internal_names=tuple((item.name, item.service) for item in file.spec.internal_names),
    )


def _templates(file: PlatformFile, problems: list[Problem]) -> dict[str, Template]:
    templates = dict(shipped_templates())
    for name, spec in file.spec.templates.items():
        if name in templates:
            problems.append(
                file.problem(
                    ("templates", name),
                    f"the template {name!r} is shipped with switchover",
                    "choose another name",
                )
            )
        templates[name] = template_from_spec(name, spec)
    return templates


def _server(
    file: PlatformFile,
    name: str,
    spec: ServerSpec,
    templates: dict[str, Template],
    problems: list[Problem],
) -> Server:
    for position, template in enumerate(spec.runs):
        if template not in templates:
            problems.append(
                file.problem(
                    ("servers", name, "runs", position),
                    f"there is no template {template!r}",
                    f"known: {', '.join(sorted(templates))}",
                )
            )
    problems.extend(_proxy_protocol_faults(file, name, spec, templates))
    return Server(
        name=name,
        address=spec.address,
        site=spec.site,
        runs=tuple(dict.fromkeys(spec.runs)),
        proxy_protocol=frozenset(word.rpartition("/")[2] for word in spec.proxy_protocol),
        ports=dict(spec.ports),
        product=spec.product,
        certificate=spec.certificate,
        weight=spec.weight,
    )


def _proxy_protocol_faults(
    file: PlatformFile, name: str, spec: ServerSpec, templates: dict[str, Template]
) -> Iterator[Problem]:
    """A word that fits nothing would send no header, and the server would drop every client."""
    known: set[str] = set()
    for template in spec.runs:
        for workload in templates[template].workloads if template in templates else ():
            known |= {workload.name, f"{template}/{workload.name}", workload.protocol.value}
    for position, word in enumerate(spec.proxy_protocol):
        if known and word not in known:
            yield file.problem(
                ("servers", name, "proxy_protocol", position),
                f"{name!r} has no workload or protocol {word!r}",
                nearest(word, known),
            )


def listening_places(service: VirtualService) -> Iterator[tuple[str, int, str]]:
    """Yield every (address, port, key in the file) the service listens on."""
    own = [item.address for item in service.workloads if item.address]
    if len(own) < len(service.workloads):
        yield service.address, service.port, "port"
    for address in own:
        yield address, service.port, "names"
    if service.redirect_from:
        for address in service.listening_addresses:
            yield address, service.redirect_from, "redirect_from"


def _taken_twice(file: PlatformFile, services: list[VirtualService]) -> Iterator[Problem]:
    taken: dict[tuple[str, int], str] = {}
    for service in services:
        for address, port, key in listening_places(service):
            first = taken.get((address, port))
            taken.setdefault((address, port), service.name)
            if first is not None:
                user = "this service" if first == service.name else f"the service {first!r}"
                yield file.problem(
                    ("services", service.name, key),
                    f"{address} port {port} is already used by {user}",
                    "give one of them another address or port",
                )


def _internal_names(file: PlatformFile) -> Iterator[Problem]:
    for position, item in enumerate(file.spec.internal_names):
        if item.service not in file.spec.services:
            yield file.problem(
                ("internal_names", position, "service"), f"there is no service {item.service!r}"
            )
