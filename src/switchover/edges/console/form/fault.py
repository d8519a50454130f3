"""Which field of a form a fault of the platform file is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.edges.console.form.field import FieldFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.errors import Problem

_OF_A_SERVER = frozenset({"weight", "max_connections", "backup"})
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
    if section == "servers":
        return "ports" if parts[0] == "ports" else parts[0]
    match parts:
        case ["servers", position, key] if key in _OF_A_SERVER:
            return f"{key}.{_server_at(value, position)}"
        case ["names", workload, "address"]:
            return f"own_address.{workload}"
        case ["names", workload, *_] if isinstance(value.get("names"), dict):
            return f"host.{workload}"
        case [
            "names" | "workloads" | "servers" | "allow" | "deny" | "allow_restricted" as first,
            *_,
        ]:
            return first
        case ["health", "workloads", *_] | ["timeouts", *_]:
            return "more"
        case ["persistence"]:
            return "persistence.kind"
        case ["tls"]:
            return "tls.certificate"
        case ["sorry"]:
            return "sorry.page"
        case _:
            return ".".join(part for part in parts if not part.isdigit())


def without_doubles(faults: Iterable[FieldFault]) -> list[FieldFault]:
    """Return faults without those that say again, in the file's words, that something is missing."""
    found: list[FieldFault] = []
    needed = {fault.field for fault in (faults := list(faults)) if fault.message == "is needed"}
    for fault in faults:
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
