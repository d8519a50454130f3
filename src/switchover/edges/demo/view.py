"""Draws a scene for a terminal: a panel for each service, what happened, and the keys. Pure.

Every state has a mark and a word beside its colour. The panels keep their lines at any width; with
fewer lines than all of it needs, the least important go first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from switchover.edges.cli.output import STATE_MARK, STATE_STYLE, duration
from switchover.edges.demo.scene import MEANING, WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from switchover.edges.demo.happenings import Happening
    from switchover.edges.demo.scene import Board, Choice, Row, Scene

NARROW, WIDE = 96, 108
"""Below NARROW columns rates and bars are left out, from WIDE on there is room for more."""

FAINT = "bright_black"
CHOSEN = "▸"
_LONGEST_CELL = 80
_NAME_WIDTH = 6
_SERVED_WIDTH = 9
_RATE_WIDTH = 17
_BAR_WIDTH = 8
_SHORT = {"maintenance": "maint.", "unchecked": "no check"}
_SEVERITY_STYLE = {"error": "red", "warning": "yellow", "info": "green"}
_KEYS = (
    ("←↑↓→ 1-3 oaepriw", "choose"),
    ("f", "fault"),
    ("b", "break"),
    ("m", "mend"),
    ("M", "mend all"),
    ("d", "drain"),
    ("q", "quit"),
)


def draw(scene: Scene, *, width: int, height: int) -> RenderableType:
    """Return the picture of a scene for a terminal of this size."""
    tops = [board for board in scene.boards if len(board.workloads) > 1]
    lines = [board for board in scene.boards if len(board.workloads) == 1]
    panels = [_panel(board, scene.choice, width) for board in tops]
    room = height - 1 - sum(2 + 1 + len(board.rows) for board in tops)
    foot = [line for line in (_choice_line(scene), _keys_line(scene)) if line]
    room -= len(foot)
    small = [_small_panel(board, scene.choice, width) for board in lines]
    if room < 3 * len(small) + 4:
        small = []
    room -= 3 * len(small)
    about = _about(scene, width)[: max(0, room - 3)]
    happened = _happenings(scene.happenings, max(0, room - len(about)), width)
    return Group(_headline(scene, width), *panels, *small, *happened, *about, *foot)


def _headline(scene: Scene, width: int) -> RenderableType:
    left = Text(" switchover demo", style="bold")
    left.append("   ", style="default")
    if scene.broken:
        left.append("broken on the farm: " + ", ".join(scene.broken), style="bold red")
    else:
        left.append("everything on the farm works", style="green")
    right = Text(no_wrap=True)
    right.append(f"  {scene.per_second:.0f} requests/s", style="bold")
    if width >= WIDE:
        right.append(f"   served {scene.requests - scene.failed:,}")
    right.append(f"   failed {scene.failed:,}", style="yellow" if scene.failed else "default")
    if width >= NARROW:
        right.append(f"   {duration(scene.seconds)} ")
    return _ends(left, right)


def _panel(board: Board, choice: Choice | None, width: int) -> Panel:
    wide = width >= NARROW
    table = Table(box=None, show_edge=False, pad_edge=False, padding=0, expand=True)
    table.add_column("", width=_NAME_WIDTH, no_wrap=True)
    for name in board.workloads:
        table.add_column(_heading(name, choice), ratio=1, no_wrap=True, overflow="crop")
    table.add_column(Text("served", style=FAINT), width=_SERVED_WIDTH, justify="right")
    if wide:
        table.add_column(Text("now", style=FAINT), width=_RATE_WIDTH, justify="right")
    for row in board.rows:
        cells = [_cell(row, name, choice) for name in board.workloads]
        if board.verdicts == 1:
            cells[1:] = [_continued(row, name) for name in board.workloads[1:]]
        table.add_row(
            _server_name(row.server, choice),
            *cells,
            Text(f"{row.served:,}"),
            *([_share(row, board)] if wide else []),
        )
    return _framed(table, board, width)


def _small_panel(board: Board, choice: Choice | None, width: int) -> Panel:
    table = Table.grid(expand=True)
    for _ in board.rows:
        table.add_column(ratio=1, no_wrap=True)
    table.add_row(*(_small_cell(row, board.workloads[0], choice) for row in board.rows))
    return _framed(table, board, width)


def _small_cell(row: Row, workload: str, choice: Choice | None) -> Text:
    text = Text()
    text.append_text(_server_name(row.server, choice))
    text.append_text(_cell(row, workload, choice))
    text.append(f"   served {row.served:,}", style=FAINT)
    return text


def _framed(table: Table, board: Board, width: int) -> Panel:
    title = Text()
    title.append(f" {board.name}  ", style="bold")
    title.append(f"layout {board.layout} ", style="cyan")
    if width >= NARROW:
        title.append(f"· {MEANING[board.layout]} ", style=FAINT)
    counts = Text()
    counts.append(f" {board.address}   served {board.requests - board.failed:,}   ", style=FAINT)
    counts.append(f"failed {board.failed:,}", style="yellow" if board.failed else FAINT)
    counts.append(f"   moved {board.moved:,} ", style=FAINT)
    return Panel(
        table,
        title=title,
        title_align="left",
        subtitle=counts,
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="green" if board.is_whole else "yellow",
        padding=(0, 1),
    )


def _server_name(server: str, choice: Choice | None) -> Text:
    is_chosen = choice is not None and choice.server == server
    return Text(
        f"{CHOSEN if is_chosen else ' '} {server}", style="bold cyan" if is_chosen else "bold"
    )


def _heading(workload: str, choice: Choice | None) -> Text:
    if choice and choice.what in {workload, WHOLE}:
        return Text(f"{CHOSEN} {workload}", style="bold cyan")
    return Text(f"  {workload}", style=FAINT)


def _cell(row: Row, workload: str, choice: Choice | None) -> Text:
    state = row.states.get(workload, "absent")
    style = STATE_STYLE.get(state, "")
    if choice and choice.covers(row.server, workload):
        style += " underline"
    text = Text("  ")
    text.append(f"{STATE_MARK.get(state, '?')} {_SHORT.get(state, state)}", style=style)
    return text


def _continued(row: Row, workload: str) -> Text:
    """Return a cell that the verdict at the left speaks for."""
    return Text("─" * _LONGEST_CELL, style=STATE_STYLE.get(row.states.get(workload, ""), ""))


def _share(row: Row, board: Board) -> Text:
    """Return a server's share of the last seconds as a bar, and its rate."""
    total = sum(other.per_second for other in board.rows)
    filled = round(_BAR_WIDTH * row.per_second / total) if total else 0
    text = Text()
    text.append("━" * filled, style="blue")
    text.append("─" * (_BAR_WIDTH - filled), style=FAINT)
    text.append(f" {row.per_second:5.1f}/s")
    return text


def _happenings(happenings: Sequence[Happening], room: int, width: int) -> Sequence[RenderableType]:
    """Return exactly ``room`` lines: a title and the newest events."""
    if room < 2:
        return [Text("")] * room
    shown = [_happening(item, width) for item in happenings[: room - 1]]
    if not shown:
        shown = [Text(" nothing yet: every server is up", style=FAINT)]
    title = Text(" What happened, newest first", style="bold")
    return [title, *shown, *([Text("")] * (room - 1 - len(shown)))]


def _happening(item: Happening, width: int) -> Text:
    style = _SEVERITY_STYLE.get(item.severity, "")
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {item.at.astimezone():%H:%M:%S}  ", style=FAINT)
    text.append(f"{item.subject} {item.word}", style=style)
    if item.where:
        text.append(f" in {', '.join(item.where)}")
    if item.whole:
        server = item.subject.partition("/")[0]
        text.append(f", all of {server} in {', '.join(item.whole)}")
    if item.cause:
        text.append(f": {item.cause}", style=FAINT)
    text.truncate(width, overflow="ellipsis")
    return text


def _about(scene: Scene, width: int) -> list[RenderableType]:
    where = Text(f" API {scene.url} · data {scene.data} · {scene.cycle}", style=FAINT)
    where.truncate(width, overflow="ellipsis")
    second = Text(" second terminal: ", style=FAINT, no_wrap=True, overflow="ellipsis")
    second.append(f"{scene.program} practice break cas1 owa", style="default")
    return [where, _ends(second, Text(f"{scene.engine} ", style=FAINT))]


def _choice_line(scene: Scene) -> RenderableType | None:
    choice = scene.choice
    if choice is None:
        return None
    left = Text(" chosen: ", no_wrap=True)
    left.append(f"{choice.server} {choice.what}", style="bold")
    left.append("   fault: ")
    left.append(choice.fault, style="bold")
    return _ends(left, Text(f"{scene.note} ", style="cyan", no_wrap=True, overflow="ellipsis"))


def _keys_line(scene: Scene) -> Text | None:
    if scene.choice is None:
        return None
    text = Text(" ", no_wrap=True, overflow="crop")
    for key, meaning in _KEYS:
        text.append(key, style="bold cyan")
        text.append(f" {meaning}  ", style=FAINT)
    return text


def _ends(left: Text, right: Text) -> Table:
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(left, right)
    return line
