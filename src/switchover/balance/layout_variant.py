"""A virtual service in the other layouts: what it would be there, whether it can be, what it costs.

A variant keeps everything a layout can keep (servers, weights, scheduler, limits) and drops what it
can not: a cookie becomes the source address where nothing is decrypted, a sorry page is shown with the
certificate at hand. Names and certificates that a layout needs and the service does not have are left
out of the variant and told in its cost; nothing of that changes who is in rotation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchover.balance.virtual_service import ALL_WORKLOADS
from switchover.model.platform_file.spec import Layout, PersistenceKind, TlsMode
from switchover.model.workload import ExtendedProtection, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.virtual_service import CarriedWorkload, VirtualService


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutCost:
    """What a layout asks for: whether it decrypts, how many host names, and that in sentences."""

    decrypts: bool
    names: int
    sentences: tuple[str, ...]

    @property
    def short(self) -> str:
        """``7 names, no key here`` or ``1 name, key here, more processor time``."""
        names = f"{self.names} name{'' if self.names == 1 else 's'}"
        return names + (", key here, more processor time" if self.decrypts else ", no key here")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutVariant:
    """A virtual service as it is in one layout; ``is_current`` marks the one in the file."""

    service: VirtualService
    is_current: bool

    @property
    def layout(self) -> Layout:
        """The layout of this variant."""
        return self.service.layout

    @property
    def label(self) -> str:
        """``l7``, ``l4-names``, ``l4 (health owa)``; plain ``l4`` where there is nothing to choose."""
        if self.layout is not Layout.L4 or len(self.service.workloads) == 1:
            return self.layout.value
        return f"{self.layout.value} (health {self.service.health_workload})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A layout that a service can not have, or gains nothing from, with the reason."""

    layout: Layout
    reason: str


def variants_of(service: VirtualService) -> tuple[LayoutVariant, ...]:
    """Return the service in every layout that makes sense, in the order l4, l4-names, l7.

    Layout l4 comes twice when there is more than one workload: judged by all of them, and by one
    (the configured one, else the first). The service as it is is always among them, unchanged.
    """
    variants = [
        LayoutVariant(service=wanted, is_current=wanted is service)
        for wanted in _wanted(service)
        if wanted is service or why_not(service, wanted.layout) is None
    ]
    return tuple(variants)


def left_out_of(service: VirtualService) -> tuple[LeftOut, ...]:
    """Return the layouts that ``variants_of`` leaves out, each with its reason."""
    return tuple(
        LeftOut(layout=layout, reason=reason)
        for layout in Layout
        if layout is not service.layout and (reason := why_not(service, layout)) is not None
    )


def _wanted(service: VirtualService) -> Iterator[VirtualService]:
    chosen = service.health_workload
    if chosen == ALL_WORKLOADS:
        chosen = service.workloads[0].name
    healths = (ALL_WORKLOADS, chosen) if len(service.workloads) > 1 else (service.health_workload,)
    for health in healths:
        yield in_layout(service, Layout.L4, health_workload=health)
    yield in_layout(service, Layout.L4_NAMES)
    yield in_layout(service, Layout.L7)


def in_layout(
    service: VirtualService, layout: Layout, *, health_workload: str = ALL_WORKLOADS
) -> VirtualService:
    """Return the service in ``layout``; the very same object when it already is.

    Does not ask whether the layout makes sense (``why_not``). ``health_workload`` counts in l4 only.
    """
    if layout is not Layout.L4:
        health_workload = ALL_WORKLOADS
    if layout is service.layout and health_workload == service.health_workload:
        return service
    if layout is service.layout:
        return replace(service, health_workload=health_workload)
    changed = replace(service, layout=layout, health_workload=health_workload)
    changed = _decrypted(changed) if layout is Layout.L7 else _passed_through(changed)
    if layout is Layout.L4_NAMES:
        workloads = tuple(_named(service, item) for item in service.workloads)
    else:
        workloads = tuple(replace(item, host=None, address=None) for item in service.workloads)
    return replace(changed, workloads=workloads)


def why_not(service: VirtualService, layout: Layout) -> str | None:
    """Return why the service can not have ``layout`` or gains nothing from it; None when it may."""
    if layout is Layout.L4:
        return _why_not_l4(service)
    if layout is Layout.L7:
        return _why_not_l7(service)
    if len(service.workloads) == 1:
        return "with one workload, a name for each workload changes nothing"
    return None


def cost_of(service: VirtualService) -> LayoutCost:
    """Return what the service's layout costs, in short sentences."""
    names = max(1, len(service.names))
    if service.layout is Layout.L4_NAMES:
        names = len(service.workloads)
    sentences = {
        Layout.L4: _l4_cost,
        Layout.L4_NAMES: _l4_names_cost,
        Layout.L7: _l7_cost,
    }[service.layout](service)
    return LayoutCost(decrypts=service.is_decrypted, names=names, sentences=tuple(sentences))


def _why_not_l4(service: VirtualService) -> str | None:
    ports = sorted({item.workload.port for item in service.workloads})
    if len(ports) > 1:
        listed = " and ".join(str(port) for port in ports)
        return f"it passes one port, and these workloads use {listed}"
    if len({item.workload.check.kind for item in service.workloads}) > 1:
        return "one check can not mix HTTP and other conversations"
    return None


def _why_not_l7(service: VirtualService) -> str | None:
    if service.is_http:
        return _paths_in_the_way(service)
    if len(service.workloads) > 1:
        return "a decrypted mail service carries one workload"
    if service.workloads[0].workload.transport is not Transport.TLS:
        name = service.workloads[0].name
        return f"{name} begins in the clear, and STARTTLS can not be decrypted"
    return None


def _paths_in_the_way(service: VirtualService) -> str | None:
    owners: dict[str, str] = {}
    for item in service.workloads:
        if not item.workload.paths:
            return f"{item.name} has no path to route by"
        for path in item.workload.paths:
            first = owners.setdefault(path, item.name)
            if first != item.name:
                return f"{first} and {item.name} share the path {path}"
    return None


def _decrypted(service: VirtualService) -> VirtualService:
    return replace(service, tls_mode=TlsMode.RE_ENCRYPT)


def _passed_through(service: VirtualService) -> VirtualService:
    """Drop what needs a look inside; the sorry page borrows the certificate the service had."""
    shown = service.tls.certificate
    sorry, persistence = service.sorry, service.persistence
    if sorry and sorry.page and not sorry.certificate and shown:
        sorry = sorry.model_copy(update={"certificate": shown[0]})
    if persistence.kind is PersistenceKind.COOKIE:
        persistence = persistence.model_copy(update={"kind": PersistenceKind.SOURCE})
    return replace(
        service,
        tls=service.tls.model_copy(update={"certificate": []}),
        tls_mode=TlsMode.PASS_THROUGH,
        sorry=sorry,
        persistence=persistence,
    )


def _named(service: VirtualService, item: CarriedWorkload) -> CarriedWorkload:
    if item.host or not service.names:
        return item
    domain = service.names[0].partition(".")[2] or service.names[0]
    return replace(item, host=f"{item.name}.{domain}")


def _l4_cost(service: VirtualService) -> Iterator[str]:
    yield "Decrypts nothing: clients see the servers' own certificate; the balancer needs none."
    yield "One name, and the least processor time."
    if len(service.workloads) == 1:
        return
    if service.health_workload == ALL_WORKLOADS:
        yield "One verdict per server: a single broken workload takes the whole server out."
    else:
        yield (
            f"Only {service.health_workload} is checked: when another workload breaks, its users "
            "go on meeting the broken server."
        )


def _l4_names_cost(service: VirtualService) -> Iterator[str]:
    yield "Decrypts nothing: clients see the servers' own certificate; the balancer needs none."
    clear = [
        item.name
        for item in service.workloads
        if item.workload.transport is not Transport.TLS and item.address is None
    ]
    if clear:
        yield f"An own address for {', '.join(clear)}: no name can be seen before TLS begins."
    yield (
        f"A name for each workload ({len(service.workloads)}), in DNS, in the clients' settings and "
        "in the servers' certificates."
    )
    if service.is_http:
        yield (
            "One certificate for each name, or HTTP/1.1 only at the servers: with HTTP/2 a browser "
            "may reuse a connection for another name of the same certificate."
        )
    yield "Hardly more processor time than l4."


def _l7_cost(service: VirtualService) -> Iterator[str]:
    yield "Decrypts: the balancer holds the certificate and its key, and must renew them."
    protected = [
        item.name
        for item in service.workloads
        if item.workload.extended_protection is not ExtendedProtection.OFF
    ]
    if protected and service.tls_mode is TlsMode.OFFLOAD:
        yield "Extended Protection must be off: it refuses TLS that ends at the balancer."
    elif protected:
        yield "Extended Protection wants the same certificate at the balancer and at the servers."
    if service.is_http:
        yield "One name is enough: requests are routed by path."
    yield "About twice the processor time of l4 per request, several times per new connection."
