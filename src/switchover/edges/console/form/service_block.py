"""A service's form to the keys of the platform file, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.edges.console.form.field import (
    FieldFault,
    Plain,
    find,
    missing,
    number,
    read_fields,
    show_fields,
    shown,
    without,
)
from switchover.edges.console.form.service_fields import FIELDS, NAMES
from switchover.edges.console.form.values import Values
from switchover.errors import InvalidInput
from switchover.model.platform_file.spec import Layout
from switchover.model.platform_file.tree import read_tree
from switchover.model.platform_file.writing import entry_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN_PLACES = frozenset({("layout",), ("workloads",), ("servers",), ("persistence",)})
"""Keys with a place of their own beside the plain fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBlock:
    """What a form asks for; ``faults`` are those that the platform file's rules would tell less plainly."""

    name: str
    value: Plain
    faults: tuple[FieldFault, ...]


def read_service(values: Values) -> ReadBlock:
    """Return the block that a form asks for. Fields of another layout than the chosen are left out."""
    layout = values.get("layout")
    faults = [*_faults_of_name(values), *missing(FIELDS, values)]
    block = read_fields(FIELDS, values, layout=layout)
    # Two products may both have one of this name; the box of each says the same then.
    workloads = list(dict.fromkeys(values.all("workloads")))
    servers = [_server(values, name) for name in values.all("servers")]
    if layout not in set(Layout):
        faults.append(
            FieldFault(field="layout", message="is needed", hint="choose one of the three")
        )
    if not workloads:
        faults.append(
            FieldFault(field="workloads", message="is needed", hint="choose what it carries")
        )
    if not servers:
        faults.append(FieldFault(field="servers", message="is needed", hint="choose at least one"))
    if layout == Layout.L4_NAMES:
        block["names"] = {name: host for name in workloads if (host := _host(values, name))}
        faults += [
            FieldFault(field=f"host.{name}", message="is needed", hint="give the name clients use")
            for name in workloads
            if name not in block["names"]
        ]
    if layout != Layout.L4_NAMES or values.has("workloads_listed"):
        block["workloads"] = workloads
    block |= {"layout": layout, "servers": servers}
    _shorten_persistence(block)
    faults += _add_more(block, values)
    return ReadBlock(name=values.get("name").strip(), value=block, faults=tuple(faults))


def show_service(name: str, block: Mapping[str, Any]) -> Values:
    """Return the form of a block."""
    plain = dict(block)
    if isinstance(persistence := plain.get("persistence"), str):
        plain["persistence"] = {"kind": persistence}
    texts = show_fields(FIELDS, {**plain, "names": _listed_names(plain)})
    texts |= {"name": (name,), "layout": (str(plain.get("layout", "")),)}
    named = plain["names"] if isinstance(plain.get("names"), dict) else {}
    workloads = _listed(plain.get("workloads")) or list(named)
    texts["workloads"] = tuple(shown(item) for item in workloads)
    if plain.get("workloads"):
        texts["workloads_listed"] = ("yes",)
    for workload, host in named.items():
        given = host if isinstance(host, dict) else {"name": host}
        texts[f"host.{workload}"] = (shown(given.get("name", "")),)
        texts[f"own_address.{workload}"] = (shown(given.get("address") or ""),)
    texts |= _show_servers(_listed(plain.get("servers")))
    texts["more"] = (more_of(plain),)
    return Values(by_name={key: given for key, given in texts.items() if any(given)})


def more_of(block: Plain) -> str:
    """Return the keys that have no field in the block's layout, as they would stand in the file."""
    left = without(block, _covered(str(block.get("layout"))))
    lines = [
        line
        for key, value in left.items()
        for line in entry_lines(key, value, column=0, step=2, levels=1)
    ]
    return "\n".join(lines)


def _covered(layout: str) -> set[tuple[str, ...]]:
    """Return the paths that the form asks for elsewhere than in ``more``."""
    own = _OWN_PLACES if layout != Layout.L4_NAMES else _OWN_PLACES | {NAMES.path}
    return {*(field.path for field in FIELDS if layout in field.layouts), *own}


def _faults_of_name(values: Values) -> list[FieldFault]:
    if values.get("name").strip():
        return []
    hint = "1 to 40 characters out of a-z, 0-9 and -, such as mail"
    return [FieldFault(field="name", message="is needed", hint=hint)]


def _server(values: Values, name: str) -> Any:
    given: Plain = {"name": name}
    for key in ("weight", "max_connections"):
        if text := values.get(f"{key}.{name}").strip():
            given[key] = number(text)
    if values.has(f"backup.{name}"):
        given["backup"] = True
    return given if len(given) > 1 else name


def _host(values: Values, workload: str) -> Any:
    host = values.get(f"host.{workload}").strip()
    address = values.get(f"own_address.{workload}").strip()
    return {"name": host, "address": address} if host and address else host


def _show_servers(servers: list[Any]) -> dict[str, tuple[str, ...]]:
    texts: dict[str, tuple[str, ...]] = {}
    names = []
    for item in servers:
        given = item if isinstance(item, dict) else {"name": item}
        name = shown(given.get("name"))
        names.append(name)
        for key in ("weight", "max_connections"):
            if given.get(key) is not None:
                texts[f"{key}.{name}"] = (shown(given[key]),)
        if given.get("backup") is True:
            texts[f"backup.{name}"] = ("yes",)
    return {**texts, "servers": tuple(names)}


def _shorten_persistence(block: Plain) -> None:
    persistence = block.get("persistence")
    if isinstance(persistence, dict) and set(persistence) == {"kind"}:
        block["persistence"] = persistence["kind"]


def _add_more(block: Plain, values: Values) -> list[FieldFault]:
    text = values.get("more").strip()
    if not text:
        return []
    try:
        more = read_tree(text).value
    except InvalidInput as error:
        return [FieldFault(field="more", message=str(error))]
    if not isinstance(more, dict):
        return [
            FieldFault(field="more", message="must be keys and values", hint="timeouts: {owa: 10m}")
        ]
    twice = [path for path in _covered(values.get("layout")) if find(more, path) is not None]
    if twice:
        names = ", ".join(sorted(".".join(path) for path in twice))
        return [
            FieldFault(field="more", message=f"{names} has a field of its own", hint="use that")
        ]
    _merge(block, more)
    return []


def _merge(block: Plain, more: Plain) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(block.get(key), dict):
            _merge(block[key], value)
        else:
            block[key] = value


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _listed_names(block: Plain) -> Any:
    return None if isinstance(block.get("names"), dict) else block.get("names")
