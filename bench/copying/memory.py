"""Peak resident memory of our process: a very large mail, and a folder of very many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from copying.bars import Bar, Outcome
from copying.changes import change
from copying.corpus import DEEP, LARGE, Corpus
from copying.runs import Road, Runs, job_of, judge, prepared_data, road, run_tool
from copying.stage import Stage
from copying.tools import TOOLS
from figures import table

BAR_MIB = 120.0
OURS = "switchover --delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mailbox, and who copies it; peers only where that takes no minutes."""

    key: str
    title: str
    corpus: Corpus
    peers: tuple[str, ...]

    def quick(self) -> Case:
        return replace(
            self, corpus=_QUICK[self.key], title=f"{self.title} (quick: less)", peers=self.peers[:1]
        )


CASES = (
    Case(key="large", title="a mail of 300 MiB", corpus=LARGE, peers=("mbsync", "doveadm backup")),
    # mbsync takes more than seven minutes for these.
    Case(
        key="deep", title="200,000 mails in one folder", corpus=DEEP, peers=("doveadm backup",)
    ),
)  # fmt: skip
_QUICK = {
    "large": replace(LARGE, name="large-quick", large_mib=20),
    "deep": replace(DEEP, name="deep-quick", mails=1000),
}


def measure_memory(on: Stage) -> Outcome:
    """Measure each case: the first copy, one that finds nothing to do, and the increment after it."""
    data = prepared_data(on)
    outcome = Outcome()
    for case in CASES:
        outcome.add(_measure(on, case.quick() if on.is_quick else case, data))
    return outcome


def _measure(on: Stage, case: Case, data: Path) -> Outcome:
    user = on.need(case.corpus)
    runs: dict[str, dict[str, Runs]] = {}
    print(f"memory: {case.title}", flush=True)
    with road(on, on.source, on.in_memory) as way:
        for tool in (OURS, *case.peers):
            runs[tool] = _copy_thrice(on, way, tool, user, data)
            print(f"  {tool}: {_peaks(runs[tool])} MiB", flush=True)
    return _outcome(case, runs)


def _copy_thrice(on: Stage, way: Road, tool: str, user: str, data: Path) -> dict[str, Runs]:
    """Copy, copy again while nothing has changed, let some mails arrive and some change, copy again."""
    changing = on.clone(user)
    users = (changing, on.user("copy"))
    job = job_of(on, way, tool, users, data)
    phases: Mapping[str, Callable[[], object]] = {
        "first": lambda: None,
        "unchanged": lambda: None,
        "increment": lambda: change(way.source.place(changing)),
    }
    found = {}
    for phase, prepare in phases.items():
        prepare()
        found[phase] = Runs()
        spent = run_tool(on, way, job, TOOLS[tool])
        found[phase].note(spent, judge(on, way, users, is_changing=True))
    on.forget(way.source, changing)
    on.forget(way.target, users[1])
    return found


def _peaks(runs: Mapping[str, Runs]) -> str:
    return ", ".join(f"{phase} {one.median('peak_mib'):.0f}" for phase, one in runs.items())


def _outcome(case: Case, runs: Mapping[str, Mapping[str, Runs]]) -> Outcome:
    rows = [
        (
            f"{tool}, {phase}", f"{one.median('peak_mib'):.0f}", f"{one.seconds:.2f}", one.verdict(),
        )
        for tool, phases in runs.items()
        for phase, one in phases.items()
    ]  # fmt: skip
    table(f"Peak resident memory: {case.title}", ("tool", "MiB", "seconds", "copy is"), rows)
    return Outcome(
        figures={
            f"memory_{case.key}": {
                tool: {phase: one.figures() for phase, one in phases.items()}
                for tool, phases in runs.items()
            }
        },
        bars=[
            Bar(
                claim=f"memory: {case.title}, {phase}", value=one.median("peak_mib"), bar=BAR_MIB,
                unit=" MiB",
            )
            for phase, one in runs[OURS].items()
        ],
        failures=[
            f"memory {case.key}, {phase}: {one.fault}"
            for phase, one in runs[OURS].items()
            if one.fault
        ],
    )  # fmt: skip
