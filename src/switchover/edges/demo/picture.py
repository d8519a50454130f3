"""The live view as an SVG file, taken from a running demo while webmail on cas1 is broken."""

from __future__ import annotations

import asyncio
import html
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from switchover.edges.demo.scene import Choice
from switchover.edges.demo.view import draw

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.edges.demo.scene import Scene
    from switchover.edges.demo.stage import Stage
    from switchover.edges.demo.watch import Watcher

WIDTH, HEIGHT = 110, 31
QUIET_SECONDS, DOWN_SECONDS, BACK_SECONDS, BROKEN_SECONDS = 6.0, 4.0, 9.0, 9.0

FONTS = "ui-monospace, 'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"
THEME = TerminalTheme(
    (16, 20, 27),
    (214, 220, 228),
    [
        (52, 60, 72),
        (244, 112, 103),
        (87, 196, 128),
        (229, 181, 88),
        (97, 165, 250),
        (196, 142, 248),
        (86, 194, 214),
        (214, 220, 228),
    ],
    [
        (128, 138, 152),
        (255, 138, 128),
        (120, 220, 155),
        (245, 205, 120),
        (130, 187, 255),
        (214, 170, 255),
        (120, 215, 232),
        (255, 255, 255),
    ],
)


async def take_picture(stage: Stage, watcher: Watcher, file: Path) -> None:
    """Let a server fail and come back, break webmail on cas1, and write what the terminal shows then."""
    await asyncio.sleep(QUIET_SECONDS)
    await stage.farm.break_("cas3", "refuse")
    await asyncio.sleep(DOWN_SECONDS)
    await stage.farm.mend("cas3")
    await asyncio.sleep(BACK_SECONDS)
    await stage.farm.break_("cas1/owa", "503")
    await asyncio.sleep(BROKEN_SECONDS)
    scene = await watcher.look(choice=Choice(), note="cas1/owa is broken now (503)")
    await asyncio.to_thread(
        file.write_text, render_svg(replace(scene, program="switchover")), "utf-8"
    )


def render_svg(scene: Scene) -> str:
    """Return a scene as SVG that needs nothing from any other host. Pure."""
    console = Console(
        record=True,
        width=WIDTH,
        height=HEIGHT,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(draw(scene, width=WIDTH, height=HEIGHT))
    svg = console.export_svg(title="switchover demo", theme=THEME, unique_id="demo")
    return _without_foreign_fonts(svg)


def _without_foreign_fonts(svg: str) -> str:
    """Return Rich's picture without the fonts it would fetch from another host."""
    without = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    without = re.sub(r"\s*<!--.*?-->", "", without, flags=re.DOTALL)
    without = re.sub(
        r'x="([0-9.]+)" y="([0-9.]+)" textLength="([0-9.]+)"([^>]*)>((?:&#160;)+)([^<]+)',
        _shift,
        without,
    )
    return without.replace("Fira Code, monospace", FONTS).replace("arial", "sans-serif")


def _shift(found: re.Match[str]) -> str:
    """Return a text without its leading blanks, which some renderers drop without moving the rest."""
    x, y, length, rest, blanks, text = found.groups()
    size = float(length) / len(html.unescape(blanks + text))
    before = blanks.count("&") * size
    moved, left = float(x) + before, float(length) - before
    return f'x="{moved:g}" y="{y}" textLength="{left:g}"{rest}>{text}'
