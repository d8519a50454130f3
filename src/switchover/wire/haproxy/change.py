"""Which difference between two configurations a running engine can take, and which needs a reload.

``plan_change`` compares what is loaded with what is wanted. Weights, addresses, ports, maintenance, the
contents of maps, lists and shown certificates change at run time (management guide 9.3: ``set
server``, ``commit map``, ``commit acl``, ``commit ssl cert``); everything else is the *shape* of the
configuration and needs a reload.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.wire.haproxy.config import Backend, EngineConfig, ServerLine


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWeight:
    """Give a server another weight (0 to 256)."""

    backend: str
    server: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAddress:
    """Send a server's traffic elsewhere."""

    backend: str
    server: str
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """Change a server's administrative state: ``ready``, ``drain`` or ``maint``."""

    backend: str
    server: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceMap:
    """Swap all entries of a map at once."""

    name: str
    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceList:
    """Swap all entries of a pattern list at once."""

    name: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCertificate:
    """Put another certificate and key in the place of a loaded one."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        """The name only: the content holds a private key."""
        return f"ReplaceCertificate(name={self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableFrontend:
    """Have a paused frontend listen again."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFrontendLimit:
    """Change how many connections a frontend takes at a time."""

    name: str
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableChecks:
    """Start the checks of a server again: ``health`` or ``agent``."""

    backend: str
    server: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTls:
    """Speak to a server in TLS, or in the clear."""

    backend: str
    server: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCheckPort:
    """Check a server itself and nothing elsewhere; ``port`` is 0 for the one that traffic goes to."""

    backend: str
    server: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAgentAddress:
    """Ask a server's agent there."""

    backend: str
    server: str
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServerLimit:
    """Change how many connections a server gets at a time, 0 for as many as come."""

    backend: str
    server: str
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEngineLimit:
    """Change how many connections the whole engine takes at a time."""

    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftRateLimit:
    """Take as many of ``kind`` per second as come: connections, sessions, ssl-sessions, http-compression."""

    kind: str


ServerChange = (
    SetWeight
    | SetAddress
    | SetState
    | EnableChecks
    | SetTls
    | SetCheckPort
    | SetAgentAddress
    | SetServerLimit
)
EngineChange = EnableFrontend | SetFrontendLimit | SetEngineLimit | LiftRateLimit
RuntimeChange = ServerChange | EngineChange | ReplaceMap | ReplaceList | ReplaceCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """What brings a loaded configuration to the wanted one.

    ``reload_because`` is the reason why run-time changes do not suffice, None when they do.
    """

    changes: tuple[RuntimeChange, ...] = ()
    reload_because: str | None = None

    @property
    def is_nothing(self) -> bool:
        """True when both are the same."""
        return not self.changes and self.reload_because is None


def plan_change(loaded: EngineConfig | None, wanted: EngineConfig) -> ChangePlan:
    """Return the cheapest plan from ``loaded`` (None: unknown) to ``wanted``."""
    if loaded is None:
        return ChangePlan(reload_because="it is not known what the engine has loaded")
    reason = _shape_difference(loaded, wanted)
    if reason:
        return ChangePlan(reload_because=reason)
    return ChangePlan(changes=tuple(_changes(loaded, wanted)))


def _shape_difference(loaded: EngineConfig, wanted: EngineConfig) -> str | None:
    if loaded.global_ != wanted.global_:
        return "settings of the whole engine changed"
    if loaded.frontends != wanted.frontends:
        return _named_difference("frontend", loaded.frontends, wanted.frontends)
    reason = _backend_difference(loaded.backends, wanted.backends)
    if reason:
        return reason
    for kind, before, after in (
        ("map", loaded.maps, wanted.maps),
        ("list", loaded.lists, wanted.lists),
    ):
        if set(before) != set(after):
            return f"the set of {kind}s changed"
    return _file_difference(loaded, wanted)


def _backend_difference(old: tuple[Backend, ...], new: tuple[Backend, ...]) -> str | None:
    # Most backends are the very same object; comparing and shaping a thousand lines takes longer than
    # everything else in a change at run time.
    changed = [
        (before, after) for before, after in zip(old, new, strict=False)
        if before is not after and before != after
    ]  # fmt: skip
    if len(old) == len(new) and all(_have_one_shape(*pair) for pair in changed):
        return None
    return _named_difference("backend", tuple(map(_shape, old)), tuple(map(_shape, new)))


def _have_one_shape(one: Backend, other: Backend) -> bool:
    if replace(one, servers=()) != replace(other, servers=()):
        return False
    if len(one.servers) != len(other.servers):
        return False
    return all(
        before is after or _server_shape(before) == _server_shape(after)
        for before, after in zip(one.servers, other.servers, strict=True)
    )


def _named_difference(kind: str, old: tuple[object, ...], new: tuple[object, ...]) -> str:
    before = {item.name: item for item in old}  # type: ignore[attr-defined] # frontends, backends
    after = {item.name: item for item in new}  # type: ignore[attr-defined] # both have names
    for name in (*after, *before):
        if name not in before:
            return f"{kind} {name} is new"
        if name not in after:
            return f"{kind} {name} is gone"
        if before[name] != after[name]:
            return f"{kind} {name} changed"
    return f"the order of {kind}s changed"


def _file_difference(loaded: EngineConfig, wanted: EngineConfig) -> str | None:
    if loaded.certificates != wanted.certificates or set(loaded.files) != set(wanted.files):
        return "the set of certificates or pages changed"
    for name, content in wanted.files.items():
        if name not in wanted.certificates and loaded.files[name] != content:
            return f"{name} changed"
    return None


def _shape(backend: Backend) -> Backend:
    return replace(backend, servers=tuple(_server_shape(server) for server in backend.servers))


def _server_shape(server: ServerLine) -> ServerLine:
    if server.port is None:
        return server
    return replace(server, address="", port=0, weight=0, disabled=False)


def _changes(loaded: EngineConfig, wanted: EngineConfig) -> Iterator[RuntimeChange]:
    for name in sorted(wanted.certificates):
        if loaded.files[name] != wanted.files[name]:
            yield ReplaceCertificate(name=name, content=wanted.files[name])
    for name, entries in wanted.maps.items():
        if loaded.maps[name] != entries:
            yield ReplaceMap(name=name, entries=entries)
    for name, patterns in wanted.lists.items():
        if loaded.lists[name] != patterns:
            yield ReplaceList(name=name, patterns=patterns)
    for before, after in zip(loaded.backends, wanted.backends, strict=True):
        if before is not after and before != after:
            yield from _raises_first(before, _server_changes(before, after))


def _raises_first(before: Backend, changes: Iterator[RuntimeChange]) -> list[RuntimeChange]:
    """Put raised weights before those that are cut, so that no backend is without weight in between."""
    weights = {line.name: line.weight for line in before.servers}

    def is_cut(change: RuntimeChange) -> bool:
        return isinstance(change, SetWeight) and change.weight < weights[change.server]

    return sorted(changes, key=is_cut)


def _server_changes(before: Backend, after: Backend) -> Iterator[RuntimeChange]:
    for old, new in zip(before.servers, after.servers, strict=True):
        if new.port is not None and (old.address, old.port) != (new.address, new.port):
            yield SetAddress(
                backend=after.name, server=new.name, address=new.address, port=new.port
            )
        if old.weight != new.weight:
            yield SetWeight(backend=after.name, server=new.name, weight=new.weight)
