"""Running it again: nothing has changed, or one mail in a hundred has.

The claim is about the work: from the first connection to the last answer, with the store open already. So
this process holds the store open, as a running switchover would, and the command tells how long its work
took; the whole process, with the store open and with one that it starts itself, is shown beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from copying.bars import Bar, Outcome
from copying.changes import change
from copying.corpus import MEDIUM, TINY, WIDE, Corpus
from copying.runs import Road, Runs, job_of, judge, prepared_data, road, run_tool
from copying.servers import Dovecot, running
from copying.stage import Stage
from copying.tools import TOOLS, Job
from figures import table
from switchover.settings import read_settings
from switchover.store.borrowed import borrow_database

OURS, MIRROR, PEER = "switchover", "switchover --delete", "mbsync"
ROUNDS_LEAST = 5
OLD_SOURCE, OLD_TARGET = 6, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mailbox, and how many seconds an unchanged run may take at which round trip to both ends."""

    key: str
    title: str
    corpus: Corpus
    bars: Mapping[float, float]
    condstore: bool = True
    changed: bool = False

    def quick(self) -> Case:
        wide = replace(WIDE, name="wide-quick", mails=400, folders=40)
        far = max(self.bars)
        return replace(
            self, corpus=wide if self.corpus.folders else TINY, bars={far / 20: self.bars[far]},
            title=f"{self.title} (quick: less)",
        )  # fmt: skip


CASES = (
    Case(
        key="usual", title="10,000 mails in 17 folders", corpus=MEDIUM, bars={0.0: 0.1, 80.0: 0.8},
        changed=True,
    ),
    Case(
        key="wide", title="100,000 mails in 200 folders, QRESYNC", corpus=WIDE,
        bars={0.0: 1.0, 80.0: 2.0},
    ),
    Case(
        key="wide_old", title="100,000 mails in 200 folders, neither CONDSTORE nor QRESYNC",
        corpus=WIDE, bars={0.0: 10.0, 80.0: 10.0}, condstore=False,
    ),
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Seen:
    """Of one case at one distance. ``cold`` starts its store, ``warm`` finds it open; None: not measured."""

    round_trip_ms: float
    bar: float
    first: Runs = field(default_factory=Runs)
    cold: Runs = field(default_factory=Runs)
    warm: Runs = field(default_factory=Runs)
    peer: Runs | None = None
    changed: dict[str, Runs] = field(default_factory=dict)


def measure_delta(on: Stage, *, rounds: int) -> Outcome:
    """Measure every case at every distance."""
    data = prepared_data(on)
    outcome = Outcome()
    for case in CASES[::2] if on.is_quick else CASES:
        chosen = case.quick() if on.is_quick else case
        least = 1 if on.is_quick else ROUNDS_LEAST
        outcome.add(_measure(on, chosen, data, max(rounds, least)))
    return outcome


def _measure(on: Stage, case: Case, data: Path, rounds: int) -> Outcome:
    user = on.need(case.corpus)
    print(f"delta: {case.title}", flush=True)
    seen = []
    with _servers(on, case) as (source, target):
        peer = _first_of_peer(on, source, target, user) if case.condstore else None
        for ms, bar in case.bars.items():
            with road(on, source, target, source_ms=ms, target_ms=ms) as way:
                one = Seen(round_trip_ms=ms, bar=bar)
                _unchanged(on, way, one, (user, data, rounds))
                if peer is not None:
                    one.peer = _peer_again(on, way, peer, rounds)
                if case.changed:
                    one.changed = _changed(on, way, user, data)
                seen.append(one)
        if peer is not None:
            on.forget(target, peer.target.user)
    _show(case, seen)
    return _outcome(case, seen)


@contextlib.contextmanager
def _servers(on: Stage, case: Case) -> Iterator[tuple[Dovecot, Dovecot]]:
    """Give the servers of a case: of the same mailboxes, but older, where CONDSTORE is missing."""
    if case.condstore:
        yield on.source, on.in_memory
        return
    with (
        running(on.without_condstore(on.source, OLD_SOURCE)) as source,
        running(on.without_condstore(on.in_memory, OLD_TARGET)) as target,
    ):
        yield source, target


def _unchanged(on: Stage, way: Road, seen: Seen, what: tuple[str, Path, int]) -> None:
    """Copy, then run it again with nothing to do, in turn with a store of its own and an open one."""
    user, data, rounds = what
    users = (user, on.user("delta"))
    job = job_of(on, way, OURS, users, data)
    seen.first.note(run_tool(on, way, job, TOOLS[OURS]), judge(on, way, users))
    for _ in range(rounds):
        seen.cold.note(run_tool(on, way, job, TOOLS[OURS]))
        with _open_store(data):
            seen.warm.note(run_tool(on, way, job, TOOLS[OURS]))
    on.forget(way.target, users[1])
    print(
        f"  {seen.round_trip_ms:g} ms: first copy {seen.first.seconds:.2f} s, {seen.first.verdict()}; "
        f"again {seen.warm.own_seconds:.3f} s of work",
        flush=True,
    )


@contextlib.contextmanager
def _open_store(data: Path) -> Iterator[None]:
    """Keep the store of a data directory open, as another command of it would."""
    with asyncio.Runner() as runner:
        held = contextlib.AsyncExitStack()
        settings = read_settings(os.environ, data=data)
        runner.run(held.enter_async_context(borrow_database(settings)))
        try:
            yield
        finally:
            runner.run(held.aclose())


def _first_of_peer(on: Stage, source: Dovecot, target: Dovecot, user: str) -> Job:
    """Let the peer copy without any distance; it knows both ends by its own state, not by addresses."""
    with road(on, source, target) as way:
        job = job_of(on, way, PEER, (user, on.user("peer")), on.data_directory("unused"))
        spent = run_tool(on, way, job, TOOLS[PEER])
    print(f"  {PEER}: first copy {spent.seconds:.2f} s without distance", flush=True)
    return job


def _moved(way: Road, job: Job) -> Job:
    """Return the same job over this road."""
    source, target = way.places(job.source.user, job.target.user)
    return replace(job, source=source, target=target)


def _peer_again(on: Stage, way: Road, job: Job, rounds: int) -> Runs:
    runs = Runs()
    for _ in range(rounds):
        runs.note(run_tool(on, way, _moved(way, job), TOOLS[PEER]))
    return runs


def _changed(on: Stage, way: Road, user: str, data: Path) -> dict[str, Runs]:
    """Change a hundredth of a mailbox that both have copied, and let both follow."""
    changing = on.clone(user)
    users = (changing, on.user("changed"))
    ours = job_of(on, way, MIRROR, users, data)
    run_tool(on, way, ours, TOOLS[MIRROR])
    peer = _first_of_peer(on, way.source, way.target, changing)
    change(way.source.place(changing))
    found = {MIRROR: Runs(), PEER: Runs()}
    with _open_store(data):
        spent = run_tool(on, way, ours, TOOLS[MIRROR])
    found[MIRROR].note(spent, judge(on, way, users, is_changing=True))
    spent = run_tool(on, way, _moved(way, peer), TOOLS[PEER])
    both = (changing, peer.target.user)
    found[PEER].note(spent, judge(on, way, both, is_changing=True))
    on.forget(way.source, changing)
    for name in (users[1], peer.target.user):
        on.forget(way.target, name)
    return found


def _show(case: Case, seen: list[Seen]) -> None:
    rows = []
    for one in seen:
        far = f"{one.round_trip_ms:g} ms"
        rows += [
            (f"{far}, store open", *_columns(one.warm), ""),
            (f"{far}, store not running", *_columns(one.cold), ""),
        ]
        if one.peer is not None:
            rows.append((f"{far}, {PEER}", f"{one.peer.seconds:.3f}", "", "", ""))
        rows += [
            (f"{far}, 1 % changed, {tool}", *_columns(runs), runs.verdict())
            for tool, runs in one.changed.items()
        ]
    head = ("", "whole process", "its work", "start and store", "copy is")
    table(f"Run again: {case.title}, medians in seconds", head, rows)


def _columns(runs: Runs) -> tuple[str, str, str]:
    if not runs.own:
        return f"{runs.seconds:.3f}", "", ""
    rest = runs.seconds - runs.own_seconds
    return f"{runs.seconds:.3f}", f"{runs.own_seconds:.3f}", f"{rest:.3f}"


def _outcome(case: Case, seen: list[Seen]) -> Outcome:
    outcome = Outcome()
    for one in seen:
        key = f"delta_{case.key}_{one.round_trip_ms:g}ms"
        parts = {"first": one.first, "store_open": one.warm, "store_starts": one.cold}
        peer = {PEER: one.peer} if one.peer is not None else {}
        changed = {f"changed {tool}": runs for tool, runs in one.changed.items()}
        outcome.figures[key] = {
            name: runs.figures() for name, runs in {**parts, **peer, **changed}.items()
        }
        outcome.bars.append(
            Bar(claim=f"{key}: work, seconds", value=one.warm.own_seconds, bar=one.bar, unit=" s")
        )
        outcome.failures += [f"{key}: {sentence}" for sentence in _faults(one)]
    return outcome


def _faults(seen: Seen) -> Iterator[str]:
    if seen.first.fault:
        yield f"first copy: {seen.first.fault}"
    for spent in (*seen.cold.spent, *seen.warm.spent):
        if not spent.is_good:
            yield f"with nothing to do: {spent.trouble()}"
        elif copied := json.loads(spent.said)["copied"]:
            yield f"{copied} mails copied with nothing to do"
    if MIRROR in seen.changed and seen.changed[MIRROR].fault:
        yield f"1 % changed: {seen.changed[MIRROR].fault}"
