"""Which field of a form a fault of the platform file is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.edges.console.form.field import FieldFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.errors import Problem

_OF_A_SERVER = frozenset({"weight", "max_connections", "backup"})
_WHOLE = frozenset(
    {"workloads", "allow", "deny", "allow_restricted", "ports", "runs", "proxy_protocol"}
)
_FIRST_OF = {"persistence": "persistence.kind", "tls": "tls.certificate", "sorry": "sorry.page"}
"""Where a fault of a whole section is told."""
_MISSING = "the key "


def faults_of(
    problems: Iterable[Problem], section: str, name: str, value: Mapping[str, Any]
) -> list[FieldFault]:
    """Return each problem with its field; "" for what is about no field of this form."""
    return [
        FieldFault(
            field=field_of(problem.path, section, name, value),
            message=problem.message,
            hint=problem.hint,
        )
        for problem in problems
    ]


def field_of(path: str, section: str, name: str, value: Mapping[str, Any]) -> str:
    """Return the field of a path: ``services.mail.servers.0.weight`` is ``weight.cas1``."""
    below = f"{section}.{name}"
    if path == below:
        return "name"
    if not path.startswith(f"{below}."):
        return ""
    parts = path.removeprefix(f"{below}.").split(".")
    if parts[0] in _WHOLE:
        return parts[0]
    if parts[0] == "timeouts" or parts[:2] == ["health", "workloads"]:
        return "more"
    if section == "services" and parts[0] in {"servers", "names"}:
        return _field_of_entry(parts, value)
    key = ".".join(part for part in parts if not part.isdigit())
    return _FIRST_OF.get(key, key)


def _field_of_entry(parts: list[str], value: Mapping[str, Any]) -> str:
    """Return the field of what is listed: one server's weight, one workload's name."""
    first, entry, key = [*parts, "", ""][:3]
    if first == "servers":
        return f"{key}.{_server_at(value, entry)}" if key in _OF_A_SERVER else first
    if not isinstance(value.get("names"), dict) or not entry:
        return first
    return f"own_address.{entry}" if key == "address" else f"host.{entry}"


def without_doubles(faults: Iterable[FieldFault]) -> list[FieldFault]:
    """Return faults without those that say again, in the file's words, that something is missing."""
    found: list[FieldFault] = []
    listed = list(faults)
    needed = {fault.field for fault in listed if fault.message == "is needed"}
    for fault in listed:
        is_again = fault.field == "name" and fault.message.startswith(_MISSING)
        is_again |= fault.field in needed and fault.message != "is needed"
        if not is_again and fault not in found:
            found.append(fault)
    return found


def _server_at(value: Mapping[str, Any], position: str) -> str:
    servers = value.get("servers")
    if not isinstance(servers, list) or not position.isdigit() or int(position) >= len(servers):
        return ""
    item = servers[int(position)]
    return str(item.get("name") if isinstance(item, dict) else item)
