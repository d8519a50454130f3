"""A first copy of a whole mailbox: our command and its peers in turn, in one run."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from copying.bars import Bar, Outcome
from copying.corpus import MEDIUM, SMALL, TINY, Corpus
from copying.runs import Road, Runs, copy_once, prepared_data, road
from copying.stage import Stage
from figures import table

OURS, NEW = "switchover", "switchover, new data directory"
SLOW_SECONDS = 60.0
"""What takes longer is run once."""
QUICK_SHARE = 1 / 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the claim: round trips to both ends, where the target lies, and how many times faster."""

    key: str
    title: str
    corpus: Corpus
    bars: Mapping[str, float]
    others: Sequence[str] = ()
    source_ms: float = 0.0
    target_ms: float = 0.0
    on_disk: bool = False

    def tools(self, on: Stage) -> list[str]:
        """Return what takes part; imapsync only where it was given."""
        named = [NEW, OURS, *self.bars, *self.others]
        return [one for one in named if on.imapsync or not one.startswith("imapsync")]

    def quick(self) -> Case:
        """Return the same with the tiny mailbox and short distances."""
        return replace(
            self, corpus=TINY, source_ms=self.source_ms * QUICK_SHARE,
            target_ms=self.target_ms * QUICK_SHARE, title=f"{self.title} (quick: tiny, 4 ms)",
        )  # fmt: skip


CASES = (
    Case(
        key="loopback", title="loopback, into memory", corpus=MEDIUM, others=("imapsync tuned",),
        bars={"mbsync": 3.0, "imapsync": 12.0, "doveadm backup": 1.0},
    ),
    Case(
        key="source_far", title="80 ms to the source, into memory", corpus=MEDIUM, source_ms=80.0,
        bars={"mbsync": 3.0, "doveadm backup": 15.0},
    ),
    Case(
        key="both_far", title="80 ms to both ends, into memory", corpus=SMALL, source_ms=80.0,
        target_ms=80.0, bars={"mbsync": 6.0, "imapsync": 60.0}, others=("imapsync tuned",),
    ),
    Case(
        key="disk", title="loopback, onto the disk with fsync", corpus=MEDIUM, on_disk=True,
        bars={"mbsync": 2.0}, others=("doveadm backup",),
    ),
)  # fmt: skip


def measure_speed(on: Stage, *, rounds: int, only: Collection[str] = ()) -> Outcome:
    """Measure all cases, or those with the keys in ``only``."""
    data = prepared_data(on)
    outcome = Outcome()
    for case in CASES:
        if not only or case.key in only:
            outcome.add(_measure(on, case.quick() if on.is_quick else case, data, rounds))
    return outcome


def _measure(on: Stage, case: Case, data: Path, rounds: int) -> Outcome:
    user = on.need(case.corpus)
    runs = {tool: Runs() for tool in case.tools(on)}
    target = on.on_disk if case.on_disk else on.in_memory
    on.look_at(on.source.place(user))
    print(f"{case.title}: {case.corpus.mails:,} mails", flush=True)
    with road(on, on.source, target, source_ms=case.source_ms, target_ms=case.target_ms) as way:
        for number in range(rounds):
            # Whoever comes first in one round comes last in the next.
            for tool in list(runs)[:: -1 if number % 2 else 1]:
                if not runs[tool].spent or runs[tool].spent[-1].seconds <= SLOW_SECONDS:
                    _round(on, way, tool, user, data, runs[tool])
    _show(case, runs)
    return _outcome(case, runs)


def _round(on: Stage, way: Road, tool: str, user: str, data: Path, runs: Runs) -> None:
    fresh = on.data_directory(on.user("new"))
    copy_once(on, way, tool, user, fresh if tool == NEW else data, runs)
    shutil.rmtree(fresh, ignore_errors=True)
    last = runs.spent[-1]
    print(
        f"  {tool}: {last.seconds:.2f} s, others {last.others:.2f} cores, {runs.verdicts[-1].text()}",
        flush=True,
    )


def _show(case: Case, runs: Mapping[str, Runs]) -> None:
    ours = runs[OURS].seconds
    rows = [
        (
            tool, len(one.spent), f"{one.seconds:.2f}", f"{case.corpus.mails / one.seconds:,.0f}",
            f"{one.median('cpu'):.2f}", f"{one.median('left_cpu'):.2f}",
            f"{one.server('source'):.2f}", f"{one.server('target'):.2f}",
            f"{max(spent.peak_mib for spent in one.spent):.0f}",
            f"{max(spent.others for spent in one.spent):.2f}",
            f"{one.seconds / ours:.2f}", one.verdict(),
        )
        for tool, one in runs.items()
    ]  # fmt: skip
    head = (
        "tool", "rounds", "seconds", "mails/s", "cpu", "database", "source", "target", "MiB",
        "others", "times ours", "copy is",
    )  # fmt: skip
    table(f"{case.title}: medians of whole processes, processor seconds", head, rows)


def _outcome(case: Case, runs: Mapping[str, Runs]) -> Outcome:
    ours = runs[OURS].seconds
    return Outcome(
        figures={case.key: {tool: one.figures() for tool, one in runs.items()}},
        bars=[
            Bar(
                claim=f"{case.key}: times faster than {tool}", value=runs[tool].seconds / ours,
                bar=bar, at_least=True, unit="x",
            )
            for tool, bar in case.bars.items()
            if tool in runs
        ],
        failures=[
            f"{case.key}: {tool}: {runs[tool].fault}" for tool in (OURS, NEW) if runs[tool].fault
        ],
    )  # fmt: skip
