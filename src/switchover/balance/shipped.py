"""The templates that come with switchover, read from their data files once."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from switchover.errors import Corrupt, InvalidInput
from switchover.model.platform_file.read import read_template
from switchover.model.workload import Check, CheckKind, Protocol, Template, Workload

if TYPE_CHECKING:
    from switchover.model.platform_file.spec_health import CheckSpec, TemplateSpec, WorkloadSpec


@cache
def shipped_templates() -> dict[str, Template]:
    """Return the shipped templates by name."""
    templates = {}
    for file in sorted(
        resources.files("switchover.balance").joinpath("templates").iterdir(), key=str
    ):
        name = file.name.removesuffix(".yaml")
        try:
            templates[name] = template_from_spec(
                name, read_template(file.read_bytes(), source=file.name)
            )
        except InvalidInput as error:
            raise Corrupt(f"the shipped template {name} is broken: {error}") from error
    return templates


def template_from_spec(name: str, spec: TemplateSpec) -> Template:
    """Return a template with each workload's check filled in from its protocol."""
    return Template(
        name=name,
        title=spec.title,
        workloads=tuple(
            _workload(name, workload, values) for workload, values in spec.workloads.items()
        ),
    )


def _workload(template: str, name: str, spec: WorkloadSpec) -> Workload:
    return Workload(
        name=name,
        template=template,
        title=spec.title,
        protocol=spec.protocol,
        port=spec.port,
        transport=spec.transport,
        check=refined_check(Check(kind=_check_kind(spec.protocol)), spec.check),
        clear_port=spec.clear_port,
        paths=tuple(path.lower().rstrip("/") or "/" for path in spec.paths),
        server_timeout_seconds=spec.server_timeout,
        needs_seconds=spec.needs or 0.0,
        needs_reason=spec.needs_reason,
        extended_protection=spec.extended_protection,
        windows_authentication=spec.windows_authentication,
        restricted=spec.restricted,
        without_it=spec.without_it,
    )


def _check_kind(protocol: Protocol) -> CheckKind:
    return CheckKind(protocol.value)


def refined_check(check: Check, spec: CheckSpec | None) -> Check:
    """Return ``check`` with what ``spec`` says differently."""
    if spec is None:
        return check
    return Check(
        kind=spec.kind or check.kind,
        method=spec.method or check.method,
        path=spec.path or check.path,
        host=spec.host or check.host,
        expect_status=tuple(spec.expect_status) if spec.expect_status else check.expect_status,
        expect_header=spec.expect_header or check.expect_header,
        expect_text=spec.expect_text or check.expect_text,
        port=spec.port or check.port,
        tls=check.tls if spec.tls is None else spec.tls,
    )
