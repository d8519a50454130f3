"""Progress of a copy: a live table for people, a line now and then for logs, objects for programs.

Everything goes to the error output. The engine counts in a ``Tally``; a task here reads it in its own time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from switchover import clock
from switchover.edges.cli.copy.options import ProgressForm
from switchover.edges.cli.output import duration, errors, escape
from switchover.model.wording import counted, plain
from switchover.move.tally import Phase, Speed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rich.table import Table

    from switchover.move.tally import FolderTally, Sum, Tally

LIVE_SECONDS = 0.25
LINE_SECONDS = 10.0
JSON_SECONDS = 1.0
_MOST_FOLDERS = 16
_PHASES = {
    Phase.STARTING: "getting the ledger ready",
    Phase.CONNECTING: "connecting to both servers",
    Phase.LISTING: "listing folders",
    Phase.COPYING: "copying",
    Phase.FINISHING: "finishing",
}
_BEFORE = frozenset({Phase.STARTING, Phase.CONNECTING, Phase.LISTING})
Tick: TypeAlias = "Callable[[Meter], None]"


@dataclass(slots=True, kw_only=True)
class Meter:
    """A tally with the speed at which it grows, as a whole and by folder."""

    tally: Tally
    speed: Speed = field(default_factory=Speed)
    _speeds: dict[str, Speed] = field(default_factory=dict)

    def sample(self, now: float) -> None:
        """Take note of what was done by now."""
        found = self.tally.sum()
        self.speed.sample(now, found.done_mails, found.done_octets)
        for one in self.active():
            speed = self._speeds.setdefault(one.name, Speed())
            speed.sample(now, one.done_mails, one.done_octets)

    def active(self) -> list[FolderTally]:
        """Return the folders that are being copied now."""
        return [one for one in self.tally.folders.values() if one.has_begun and not one.is_over]

    def speed_of(self, one: FolderTally) -> Speed:
        """Return the speed of one folder."""
        return self._speeds.get(one.name) or Speed()


@contextlib.asynccontextmanager
async def progress_shown(tally: Tally, form: ProgressForm) -> AsyncIterator[None]:
    """Show the progress of ``tally`` until the block ends."""
    if form is ProgressForm.NONE:
        yield
        return
    meter = Meter(tally=tally)
    with contextlib.ExitStack() as stack:
        tick, seconds = _display(form, stack)
        task = asyncio.create_task(_tick(meter, tick, seconds))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _display(form: ProgressForm, stack: contextlib.ExitStack) -> tuple[Tick, float]:
    if form is ProgressForm.JSON:
        return _print_json, JSON_SECONDS
    is_dumb = os.environ.get("TERM", "dumb") == "dumb"
    if form is ProgressForm.LINES or is_dumb or not sys.stderr.isatty():
        return _print_line, LINE_SECONDS
    from rich.live import Live  # noqa: PLC0415 - start-up time, and hardly ever wanted

    live = stack.enter_context(Live(console=errors, auto_refresh=False, transient=True))
    return lambda meter: live.update(live_table(meter, errors.width), refresh=True), LIVE_SECONDS


async def _tick(meter: Meter, tick: Tick, seconds: float) -> None:
    meter.sample(clock.monotonic())
    if seconds < LINE_SECONDS:
        tick(meter)
    while True:
        await asyncio.sleep(seconds)
        meter.sample(clock.monotonic())
        tick(meter)


def _print_line(meter: Meter) -> None:
    sys.stderr.write(line(meter) + "\n")
    sys.stderr.flush()


def _print_json(meter: Meter) -> None:
    sys.stderr.write(json.dumps(as_json(meter), ensure_ascii=False) + "\n")
    sys.stderr.flush()


def line(meter: Meter) -> str:
    """Return one line for a log."""
    tally, found = meter.tally, meter.tally.sum()
    if tally.phase in _BEFORE:
        return _PHASES[tally.phase]
    parts = [
        f"{_PHASES[tally.phase]}: {found.done_mails:,} of {counted(found.mails, 'mail')}, "
        f"{_megabytes(found.done_octets)} of {_megabytes(found.octets)} MB",
        f"{meter.speed.mails_per_second:,.0f} mails/s, {_megabytes(meter.speed.octets_per_second)} MB/s",
        f"{_left(meter.speed, found)} left",
        f"{found.done_folders:,} of {counted(found.folders, 'folder')} done",
    ]
    names = ", ".join(plain(one.name) for one in meter.active()[:3])
    return "; ".join([*parts, f"now {names}"] if names else parts)


def live_table(meter: Meter, width: int) -> Table:
    """Return the table for a terminal: a row for each folder that is copied now, and one for all."""
    from rich.table import Table  # noqa: PLC0415 - start-up time

    tally, found = meter.tally, meter.tally.sum()
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    if tally.phase in _BEFORE:
        table.add_row(f"[bold]{_PHASES[tally.phase]} ...[/bold]")
        return table
    for _ in range(6 if width >= _WIDE else 5):
        table.add_column(justify="right", no_wrap=True)
    active = meter.active()
    for one in active[:_MOST_FOLDERS]:
        amount = _folder_sum(one)
        table.add_row(escape(plain(one.name)), *_cells(amount, meter.speed_of(one), width))
    if len(active) > _MOST_FOLDERS:
        table.add_row(f"[dim]and {len(active) - _MOST_FOLDERS} more[/dim]")
    title = (
        f"{_PHASES[tally.phase]}, {found.done_folders:,} of {counted(found.folders, 'folder')} done"
    )
    table.add_row(f"[bold]{title}[/bold]", *_cells(found, meter.speed, width))
    if tally.note:
        table.add_row(f"[yellow]{escape(tally.note)}[/yellow]")
    return table


_WIDE = 110
_BAR_CELLS = 20


def _cells(found: Sum, speed: Speed, width: int) -> list[str]:
    cells = [
        f"{found.done_mails:,}/{found.mails:,}",
        f"{_megabytes(found.done_octets)} MB",
        f"{speed.mails_per_second:,.0f}/s",
        f"{_megabytes(speed.octets_per_second)} MB/s",
        _left(speed, found),
    ]
    return [_bar(found), *cells] if width >= _WIDE else cells


def _bar(found: Sum) -> str:
    share = found.done_mails / found.mails if found.mails else 0.0
    full = min(_BAR_CELLS, int(share * _BAR_CELLS))
    return f"[green]{'━' * full}[/green][dim]{'━' * (_BAR_CELLS - full)}[/dim] {share:4.0%}"


def _left(speed: Speed, found: Sum) -> str:
    seconds = speed.left_seconds(found)
    return "-" if seconds is None else duration(seconds + 0.5)


def _megabytes(octets: float) -> str:
    return f"{octets / 1e6:,.1f}"


def _folder_sum(one: FolderTally) -> Sum:
    from switchover.move.tally import Sum  # noqa: PLC0415 - only its type is needed elsewhere

    return Sum(
        mails=one.mails,
        octets=one.octets or 0,
        done_mails=one.done_mails,
        done_octets=one.done_octets,
        folders=1,
        done_folders=0,
    )


def as_json(meter: Meter) -> dict[str, Any]:
    """Return progress as an object; sizes in bytes, times in seconds."""
    tally, found, speed = meter.tally, meter.tally.sum(), meter.speed
    left = speed.left_seconds(found)
    return {
        "phase": tally.phase.value,
        "mails": found.done_mails,
        "all_mails": found.mails,
        "bytes": found.done_octets,
        "all_bytes": found.octets,
        "mails_per_second": round(speed.mails_per_second, 1),
        "bytes_per_second": round(speed.octets_per_second),
        "left_seconds": None if left is None else round(left, 1),
        "folders": found.folders,
        "folders_done": found.done_folders,
        "now": [
            {
                "name": one.name,
                "mails": one.done_mails,
                "all_mails": one.mails,
                "bytes": one.done_octets,
                "all_bytes": one.octets,
            }
            for one in meter.active()
        ],
        "note": tally.note or None,
    }
