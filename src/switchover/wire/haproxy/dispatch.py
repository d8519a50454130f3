"""Sends run-time changes to the engine: maps, lists and certificates in their several steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, NotFound
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.change import (
    EnableChecks,
    EnableFrontend,
    LiftRateLimit,
    ReplaceCertificate,
    ReplaceList,
    ReplaceMap,
    SetAddress,
    SetAgentAddress,
    SetCheckPort,
    SetEngineLimit,
    SetFrontendLimit,
    SetServerLimit,
    SetState,
    SetTls,
    SetWeight,
)
from switchover.wire.haproxy.command import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.wire.haproxy.change import EngineChange, RuntimeChange, ServerChange
    from switchover.wire.haproxy.command import Command, Outcome
    from switchover.wire.haproxy.socket import Runtime


async def send_changes(
    control: Runtime, changes: Sequence[RuntimeChange], *, timeout: float = 5.0
) -> None:
    """Send every change, single commands in one batch.

    Raises InvalidInput at the first change the engine refuses (those before it stand; the caller
    reloads, or the next cycle reports what differs), NotFound for a server it does not have.
    """
    single: list[Command] = []
    for change in changes:
        match change:
            case ReplaceMap():
                await _replace_map(control, change, timeout)
            case ReplaceList():
                await _replace_list(control, change, timeout)
            case ReplaceCertificate():
                await _replace_certificate(control, change, timeout)
            case EnableFrontend() | SetFrontendLimit() | SetEngineLimit() | LiftRateLimit():
                single.append(_engine_command(change))
            case _:
                single.append(_server_command(change))
    if single:
        _require(await control.send(single, timeout=timeout))


def _engine_command(change: EngineChange) -> Command:
    match change:
        case EnableFrontend():
            return runtime.enable_frontend(change.name)
        case SetFrontendLimit():
            return runtime.set_frontend_limit(change.name, change.connections)
        case SetEngineLimit():
            return runtime.set_engine_limit(change.connections)
        case LiftRateLimit():
            return runtime.lift_rate_limit(change.kind)


def _server_command(change: ServerChange) -> Command:
    backend, server = change.backend, change.server
    match change:
        case SetWeight():
            return runtime.set_weight(backend, server, change.weight)
        case SetAddress():
            return runtime.set_address(backend, server, change.address, change.port)
        case SetState():
            return runtime.set_mode(backend, server, runtime.ServerMode(change.state))
        case EnableChecks():
            return runtime.enable_checks(backend, server, runtime.CheckKind(change.check))
        case SetTls():
            return runtime.set_tls(backend, server, on=change.on)
        case SetCheckPort():
            return runtime.set_check_port(backend, server, change.port)
        case SetAgentAddress():
            return runtime.set_agent_address(backend, server, change.address, change.port)
        case SetServerLimit():
            return runtime.set_server_limit(backend, server, change.connections)


async def _replace_map(control: Runtime, change: ReplaceMap, timeout: float) -> None:
    (prepared,) = await control.send([runtime.prepare_map(change.name)], timeout=timeout)
    _require([prepared])
    version = runtime.map_version(prepared)
    commands = runtime.fill_map(change.name, version, change.entries)
    _require(
        await control.send([*commands, runtime.commit_map(change.name, version)], timeout=timeout)
    )


async def _replace_list(control: Runtime, change: ReplaceList, timeout: float) -> None:
    (prepared,) = await control.send([runtime.prepare_list(change.name)], timeout=timeout)
    _require([prepared])
    version = runtime.map_version(prepared)
    commands = runtime.fill_list(change.name, version, change.patterns)
    _require(
        await control.send([*commands, runtime.commit_list(change.name, version)], timeout=timeout)
    )


async def _replace_certificate(
    control: Runtime, change: ReplaceCertificate, timeout: float
) -> None:
    staged = runtime.set_certificate(change.name, change.content.decode("ascii", "replace"))
    _require(await control.send([staged], timeout=timeout))
    outcomes = await control.send([runtime.commit_certificate(change.name)], timeout=timeout)
    if not outcomes[0].is_done:
        await control.send([runtime.abort_certificate(change.name)], timeout=timeout)
    _require(outcomes)


def _require(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.fault in {Fault.NO_SUCH_SERVER, Fault.NO_SUCH_BACKEND}:
            raise NotFound(f"the engine does not have it: {outcome.command.line}")
        if not outcome.is_done:
            raise InvalidInput(f"the engine refused {outcome.command.line!r}: {outcome.text[:200]}")
