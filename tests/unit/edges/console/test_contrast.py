"""Colours that stand on each other can be read (WCAG 2.2, 1.4.3 and 1.4.11), in light and in dark."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from switchover.edges import console

STYLES = Path(console.__file__).parent / "assets" / "console.css"
GROUNDS = ("page", "surface", "surface-2")
LEVELS = ("ok", "warning", "bad", "off", "unknown")
WORDS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent") for ground in GROUNDS),
    *((level, ground) for level in LEVELS for ground in (*GROUNDS, f"{level}-soft")),
    *(("ink", f"{level}-soft") for level in LEVELS),
    *(("ink-2", f"{level}-soft") for level in LEVELS),
    ("ink", "surface-3"),
    ("ink", "accent-soft"),
    ("accent", "accent-soft"),
    ("accent-ink", "accent"),
]
SHAPES = [
    *((f"{level}-mark", ground) for level in LEVELS for ground in ("page", "surface")),
    *(("line-2", ground) for ground in ("page", "surface")),
    *(("focus", ground) for ground in GROUNDS),
]


@cache
def tokens() -> dict[str, tuple[str, str]]:
    found = re.findall(r"--([\w-]+): light-dark\(#(\w{6}), #(\w{6})\);", STYLES.read_text("utf-8"))
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("word", "ground"), WORDS)
def test_words_stand_out_from_their_ground(word: str, ground: str, theme: int) -> None:
    assert contrast(tokens()[word][theme], tokens()[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_shapes_and_borders_of_controls_stand_out(shape: str, ground: str, theme: int) -> None:
    assert contrast(tokens()[shape][theme], tokens()[ground][theme]) >= 3
