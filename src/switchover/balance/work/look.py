"""One look at the running engine: its servers and limits, then what it holds in memory."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from switchover.balance.certificate import fingerprints
from switchover.balance.drift import ObservedEngine, ObservedServer
from switchover.balance.overrides import AdminState
from switchover.errors import InvalidInput
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.listings import (
    parse_authorities,
    parse_chain,
    parse_fingerprint,
    parse_frontends,
    parse_list,
    parse_map,
    parse_server_limits,
)
from switchover.wire.haproxy.state import CheckFlag, parse_info, parse_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from switchover.wire.haproxy.command import Command
    from switchover.wire.haproxy.config import EngineConfig
    from switchover.wire.haproxy.listings import FrontendState
    from switchover.wire.haproxy.socket import Runtime
    from switchover.wire.haproxy.state import EngineInfo, ServerState

Parsed = TypeVar("Parsed")

ANSWER_SECONDS = 5.0
_KINDS: Mapping[str, Callable[[str], Command]] = {
    "map": runtime.show_map,
    "list": runtime.show_list,
    "certificate": runtime.show_certificate,
    "authority": runtime.show_authority,
}
_AUTHORITY = re.compile(r"\bca-file '([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """What the engine says of itself at once. ``worker_pid`` changes with each reload."""

    servers: Mapping[tuple[str, str], ObservedServer]
    server_limits: Mapping[tuple[str, str], int]
    frontends: Mapping[str, FrontendState]
    rows: tuple[ServerState, ...]
    info: EngineInfo

    @property
    def worker_pid(self) -> int:
        """Process id of the worker that takes new connections."""
        return self.info.pid


@dataclass(slots=True)
class FirstShown:
    """What a worker showed when it was first looked at, for what stands in no configuration of ours.

    A chain is remembered for each content of its file, by the fingerprints in it.
    """

    _worker: tuple[int, int] | None = None
    _chains: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = field(default_factory=dict)
    _authorities: dict[str, frozenset[str]] = field(default_factory=dict)

    def meet(self, info: EngineInfo) -> None:
        """Forget what another worker showed."""
        worker = (info.pid, info.started_at_epoch)
        if worker != self._worker:
            self.forget()
            self._worker = worker

    def forget(self) -> None:
        """Take what is shown next for right: it was just put right."""
        self._chains.clear()
        self._authorities.clear()

    def chain(self, name: str, content: tuple[str, ...], shown: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the chain that were shown first for this content."""
        return self._chains.setdefault((name, content), shown)

    def authorities(self, name: str, shown: frozenset[str]) -> frozenset[str]:
        """Return the authorities that were shown first in this file."""
        return self._authorities.setdefault(name, shown)


async def look(control: Runtime) -> EngineState:
    """Return what the running engine says of itself; raises Unavailable when it does not."""
    state, info, frontends, limits = await control.send(
        [
            runtime.show_servers_state(),
            runtime.show_info(),
            runtime.show_frontends(),
            runtime.show_server_limits(),
        ],
        timeout=ANSWER_SECONDS,
    )
    # Thousands of servers take a tenth of a second, during which pages would wait.
    return await asyncio.to_thread(_read, state.text, info.text, frontends.text, limits.text)


def _read(state: str, info: str, frontends: str, limits: str) -> EngineState:
    rows = parse_servers(state)
    return EngineState(
        servers={(row.backend, row.server): _observed(row) for row in rows},
        server_limits=parse_server_limits(limits),
        frontends={row.name: row for row in parse_frontends(frontends)},
        rows=rows,
        info=parse_info(info),
    )


async def look_inside(
    control: Runtime, state: EngineState, config: EngineConfig, first: FirstShown
) -> ObservedEngine:
    """Return ``state`` with the contents of what ``config`` names; what the engine does not know is left out."""
    commands = dict(_questions(config))
    answers = await control.send([*commands.values()], timeout=ANSWER_SECONDS) if commands else []
    texts: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    for (kind, name), answer in zip(commands, answers, strict=True):
        if answer.is_done:
            texts[kind][name] = answer.text
    first.meet(state.info)
    certificates = _parsed(texts["certificate"], parse_fingerprint)
    chains = _parsed(texts["certificate"], parse_chain)
    authorities = _parsed(texts["authority"], parse_authorities)
    return ObservedEngine(
        servers=state.servers,
        server_limits=state.server_limits,
        info=state.info,
        frontends=state.frontends,
        maps=_parsed(texts["map"], parse_map),
        lists=_parsed(texts["list"], parse_list),
        certificates=certificates,
        chains=chains,
        first_chains={
            name: first.chain(name, wanted, chain)
            for name, chain in chains.items()
            if (wanted := fingerprints(config.files[name]))[:1] == (certificates[name],)
            and len(wanted) == len(chain) + 1
        },
        authorities=authorities,
        first_authorities={
            name: first.authorities(name, shown)
            for name, shown in authorities.items()
            if name not in config.files
        },
    )


def _questions(config: EngineConfig) -> Iterator[tuple[tuple[str, str], Command]]:
    names = (config.maps, config.lists, config.certificates, _authority_names(config))
    for (kind, command), named in zip(_KINDS.items(), names, strict=True):
        for name in named:
            # Nothing can be asked of a file with a blank in its name.
            with suppress(InvalidInput):
                yield (kind, name), command(name)


def _authority_names(config: EngineConfig) -> frozenset[str]:
    """Return the files that servers are verified with, those of the operating system too."""
    return frozenset(
        name
        for backend in config.backends
        for option in backend.server_options
        for name in _AUTHORITY.findall(option)
    )


def _parsed(texts: Mapping[str, str], parse: Callable[[str], Parsed]) -> dict[str, Parsed]:
    return {name: parse(text) for name, text in texts.items()}


def _observed(row: ServerState) -> ObservedServer:
    state = AdminState.READY
    if row.is_maintenance:
        state = AdminState.MAINTENANCE
    elif row.is_draining:
        state = AdminState.DRAIN
    return ObservedServer(
        backend=row.backend,
        name=row.server,
        address=row.address,
        port=row.port,
        weight=row.weight,
        state=state,
        stopped_checks=_stopped_checks(row.check, row.agent),
        endpoints=row.endpoints,
    )


@cache
def _stopped_checks(health: CheckFlag, agent: CheckFlag) -> tuple[str, ...]:
    return tuple(
        name
        for name, flags in (("health", health), ("agent", agent))
        if CheckFlag.CONFIGURED in flags and CheckFlag.ENABLED not in flags
    )
