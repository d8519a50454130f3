"""A server's form to the keys of the platform file, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.edges.console.form.field import (
    FieldFault,
    FormField,
    Kind,
    missing,
    number,
    read_fields,
    show_fields,
    shown,
)
from switchover.edges.console.form.service_block import ReadBlock
from switchover.edges.console.form.values import Values
from switchover.model.platform_file.spec import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = (
    FormField(
        path=("address",),
        title="Address",
        placeholder="192.0.2.11",
        hint="An IPv4 or IPv6 address that this machine reaches.",
        needed="give the server's IP address, such as 192.0.2.11",
    ),
    FormField(
        path=("site",),
        title="Site",
        placeholder="brussels",
        hint="Where it stands; what-if can take a whole site away.",
    ),
    FormField(
        path=("weight",),
        title="Weight",
        kind=Kind.NUMBER,
        placeholder="100",
        hint="Its share against the others, 0 to 256.",
    ),
    FormField(
        path=("product",),
        title="Exact version",
        placeholder="exchange-2019-cu14",
        hint="For advice that depends on it.",
    ),
    FormField(
        path=("certificate",),
        title="Certificate it presents",
        placeholder="cas1.pem",
        hint="PEM, the public part only. Compared with the one shown to clients.",
        takes="presented",
    ),
    FormField(
        path=("proxy_protocol",),
        title="Takes the PROXY protocol on",
        kind=Kind.LIST,
        placeholder="imap",
        hint="Workloads or protocols, where the server is set up for it (never Exchange).",
    ),
)
_PORTS_HINT = "one on a line: the usual port, a colon, the real one, such as 443: 8443"


def read_server(values: Values) -> ReadBlock:
    """Return the block that a form asks for."""
    faults = missing(FIELDS, values)
    if not values.get("name").strip():
        hint = "1 to 40 characters out of a-z, 0-9 and -, such as cas1"
        faults.append(FieldFault(field="name", message="is needed", hint=hint))
    block = read_fields(FIELDS, values, layout=Layout.L4)
    runs = list(values.all("runs"))
    if not runs:
        faults.append(FieldFault(field="runs", message="is needed", hint="choose what it runs"))
    block["runs"] = runs
    ports, more = _read_ports(values.get("ports"))
    if ports:
        block["ports"] = ports
    return ReadBlock(name=values.get("name").strip(), value=block, faults=(*faults, *more))


def show_server(name: str, block: Mapping[str, Any]) -> Values:
    """Return the form of a block."""
    texts = show_fields(FIELDS, dict(block))
    runs = block.get("runs") or []
    texts["name"] = (name,)
    texts["runs"] = tuple(shown(item) for item in (runs if isinstance(runs, list) else [runs]))
    ports = block.get("ports") or {}
    texts["ports"] = ("\n".join(f"{usual}: {shown(real)}" for usual, real in ports.items()),)
    return Values(by_name={key: given for key, given in texts.items() if any(given)})


def _read_ports(text: str) -> tuple[dict[str, Any], list[FieldFault]]:
    ports: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.replace(",", "\n").splitlines())):
        usual, colon, real = line.partition(":")
        if not colon or not usual.strip() or not real.strip():
            fault = FieldFault(
                field="ports", message=f"{line[:60]!r} is no pair of ports", hint=_PORTS_HINT
            )
            return {}, [fault]
        if usual.strip() in ports:
            return {}, [
                FieldFault(field="ports", message=f"the port {usual.strip()[:20]} stands twice")
            ]
        ports[usual.strip()] = number(real.strip())
    return ports, []
