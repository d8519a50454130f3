"""What the engine ran before a change that may not come to be, and the way back to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.balance.drift import ENGINE_STATE
from switchover.errors import Unavailable
from switchover.wire.haproxy.change import SetState, SetWeight
from switchover.wire.haproxy.dispatch import send_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchover.balance.compile import Compiled
    from switchover.balance.drift import ObservedServer
    from switchover.balance.work.engine_room import EngineRoom


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """Where the engine stands. ``wanted`` is None where no revision says what it runs.

    Then it may run all the same, from files of a database that was lost: ``tree`` names their folder,
    ``servers`` are as they were found.
    """

    wanted: Compiled | None
    is_alive: bool = False
    tree: str | None = None
    servers: Mapping[tuple[str, str], ObservedServer] = field(default_factory=dict)


async def find_footing(engine: EngineRoom, wanted: Compiled | None) -> Footing:
    """Return where the engine stands before a change; the caller holds its lock."""
    if wanted is not None:
        return Footing(wanted=wanted)
    tree = engine.files.current_name()
    if not await engine.process.is_alive():
        return Footing(wanted=None, tree=tree)
    return Footing(wanted=None, is_alive=True, tree=tree, servers=(await engine.look()).servers)


async def go_back(engine: EngineRoom, footing: Footing) -> None:
    """Bring the engine back to where it stood; what did not run before is stopped.

    Raises Unavailable when it does not take its old files; then it goes on with the new ones.
    """
    if footing.wanted is not None:
        await engine.bring(footing.wanted)
    elif not footing.is_alive:
        await engine.withdraw(footing.tree)
    elif footing.tree is not None:
        await _read_again(engine, footing.tree)
        now = (await engine.look()).servers
        await send_changes(engine.control, tuple(changes_back(footing.servers, now)))


async def _read_again(engine: EngineRoom, tree: str) -> None:
    taken = engine.files.current_name()
    engine.loaded = None
    engine.files.forget_loaded()
    engine.files.restore(tree)
    try:
        result = await engine.process.reload()
    except Exception:
        engine.files.restore(taken)
        raise
    if not result.ok:
        engine.files.restore(taken)
        raise Unavailable(f"the engine did not go back to its files in {tree}: {result.text}")


def changes_back(
    before: Mapping[tuple[str, str], ObservedServer], now: Mapping[tuple[str, str], ObservedServer]
) -> Iterator[SetState | SetWeight]:
    """Yield what gives servers the state and weight they had; a drain shows in no file. Pure."""
    for (backend, server), old in before.items():
        found = now.get((backend, server))
        if found is None:
            continue
        if found.state is not old.state:
            yield SetState(backend=backend, server=server, state=ENGINE_STATE[old.state])
        if found.weight != old.weight:
            yield SetWeight(backend=backend, server=server, weight=old.weight)
