"""One server or service put into a platform file, or taken out of it; the rest of the text stays as it is.

What else must change with it does: references to a server or service that gets another name, and, when
asked to, mentions of one that is removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.model.platform_file.read import read_plain
from switchover.model.platform_file.rewrite import Rewritten, rewrite
from switchover.model.platform_file.scalars import as_written
from switchover.model.platform_file.spelling import keep_spelling
from switchover.model.platform_file.tree import read_kept_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchover.model.platform_file.spec import ServerSpec, ServiceSpec
    from switchover.model.platform_file.tree import Path

Plain = dict[str, Any]


class Section(StrEnum):
    """Where blocks stand that can be changed one at a time."""

    SERVERS = "servers"
    SERVICES = "services"

    @property
    def one(self) -> str:
        """What a block is called: ``server`` or ``service``."""
        return self.value.removesuffix("s")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBlock:
    """A server or service to add or change.

    ``value`` has the keys of the platform file. ``old_name`` is its name until now where it gets another
    one. ``is_new`` refuses a name that is taken. ``platform`` names the platform in a file that begins
    with this block.
    """

    section: Section
    name: str
    value: Mapping[str, Any]
    old_name: str | None = None
    is_new: bool = False
    platform: str = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlock:
    """A server or service to remove; ``everywhere`` also removes what mentions it."""

    section: Section
    name: str
    everywhere: bool = False


def put_block(text: str, put: PutBlock) -> Rewritten:
    """Return the text with the block in it.

    Raises InvalidInput with every fault of the block (paths, no lines: it stands in no text yet),
    NotFound without a block of the old name, Conflict for a name that is taken.
    """
    root = _plain_root(text) or {"platform": put.platform, "servers": {}}
    blocks: Plain = root.get(put.section) or {}
    before = put.old_name or put.name
    _require_name(put, blocks)
    value = _without_nothing(dict(put.value))
    spec = read_block(put.section, put.name, value)
    if before in blocks:
        value = keep_spelling(
            blocks[before], value, read_block(put.section, before, blocks[before]), spec
        )
    value = {key: value[key] for key in type(spec).model_fields if key in value}
    blocks = {put.name if key == before else key: old for key, old in blocks.items()}
    wanted = {**root, put.section.value: {**blocks, put.name: value}}
    renamed: dict[Path, str] = {}
    if before != put.name:
        renamed = {(put.section.value, before): put.name}
        wanted = _mentioning(wanted, put.section, lambda name: put.name if name == before else name)
    return rewrite(text, wanted, renamed=renamed)


def remove_block(text: str, removal: RemoveBlock) -> Rewritten:
    """Return the text without the block.

    Raises NotFound without such a block, Conflict where others mention it and ``everywhere`` is not
    set, or where a service would be left without servers.
    """
    root = _plain_root(text)
    section, name = removal.section, removal.name
    blocks: Plain = root.get(section) or {}
    if name not in blocks:
        raise NotFound(f"there is no {section.one} {name!r}")
    users = mentions(root, section, name)
    if users and not removal.everywhere:
        raise Conflict(f"{name!r} is used by {', '.join(users)}; remove it there as well")
    wanted = {**root, section.value: {key: old for key, old in blocks.items() if key != name}}
    wanted = _mentioning(wanted, section, lambda other: None if other == name else other)
    if bare := [key for key, value in _services(wanted).items() if not value["servers"]]:
        raise Conflict(
            f"{name!r} is the only server of {', '.join(bare)}; remove these services first, or give "
            "them another server"
        )
    return rewrite(text, wanted)


def find_block(text: str, section: Section, name: str) -> Plain | None:
    """Return a block's plain values, None when there is none."""
    found: Plain | None = (_plain_root(text).get(section) or {}).get(name)
    return found


def read_block(section: Section, name: str, value: Mapping[str, Any]) -> ServerSpec | ServiceSpec:
    """Return what a block means; raises InvalidInput with the path of every fault."""
    plain = {"platform": "mail", "servers": {}, section.value: {name: value}}
    spec = read_plain(plain).spec
    return spec.servers[name] if section is Section.SERVERS else spec.services[name]


def mentions(root: Mapping[str, Any], section: Section, name: str) -> list[str]:
    """Return who mentions a block: ``service mail``, ``internal name mail.contoso.example``."""
    if section is Section.SERVERS:
        return [
            f"service {key}"
            for key, service in _services(root).items()
            if any(_name_in(item) == name for item in _listed(service.get("servers")))
        ]
    return [
        f"internal name {item['name']}"
        for item in root.get("internal_names") or ()
        if _written(item["service"]) == name
    ]


def _plain_root(text: str) -> Plain:
    root = read_kept_tree(text).value
    if root is None:
        return {}
    if not isinstance(root, dict):
        raise InvalidInput("the file must be a mapping of keys")
    return root


def _require_name(put: PutBlock, blocks: Plain) -> None:
    one = put.section.one
    if put.old_name is not None and put.old_name not in blocks:
        raise NotFound(f"there is no {one} {put.old_name!r}")
    is_other = put.is_new or (put.old_name is not None and put.old_name != put.name)
    if is_other and put.name in blocks:
        raise Conflict(f"there is a {one} {put.name!r} already; choose another name")


def _without_nothing(value: Any) -> Any:
    """Leave out keys that say nothing (null), as the file would."""
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


def _mentioning(root: Plain, section: Section, named: Callable[[str], str | None]) -> Plain:
    """Return the file with each mention of a block under its new name, or without it for None."""
    if section is Section.SERVERS:
        services = {
            key: {**service, "servers": _renamed(service.get("servers"), named)}
            for key, service in _services(root).items()
        }
        return {**root, "services": services} if services else root
    internal = [
        item if now == _written(item["service"]) else {**item, "service": now}
        for item in root.get("internal_names") or ()
        if (now := named(_written(item["service"]))) is not None
    ]
    return {**root, "internal_names": internal} if "internal_names" in root else root


def _renamed(servers: Any, named: Callable[[str], str | None]) -> Any:
    """``servers`` is as it is written: a name may stand alone, and be a number."""
    if not isinstance(servers, list):
        now = named(_written(servers))
        return servers if now == _written(servers) else now
    kept = []
    for item in servers:
        name = _name_in(item)
        now = named(name)
        if now == name:
            kept.append(item)
        elif now is not None:
            kept.append({**item, "name": now} if isinstance(item, dict) else now)
    return kept


def _written(value: Any) -> str:
    """Return a name as it is written; ``123`` is read as a number."""
    return str(as_written(value))


def _name_in(item: Any) -> str:
    return _written(item.get("name") if isinstance(item, dict) else item)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _services(root: Mapping[str, Any]) -> dict[str, Plain]:
    return root.get("services") or {}
