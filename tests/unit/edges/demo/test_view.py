from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from tests.unit.edges.demo.demo_answers import account, event, service, tally

from switchover.edges.demo.happenings import group_events
from switchover.edges.demo.picture import render_svg
from switchover.edges.demo.plain import snapshot_lines
from switchover.edges.demo.plan import WORKLOADS
from switchover.edges.demo.scene import Choice, Scene, build_boards
from switchover.edges.demo.view import draw

SINGLE = {workload: (workload,) for workload in WORKLOADS}
SCENE = Scene(
    boards=build_boards(
        [
            service("mail-l7", "l7", SINGLE, cas1_owa="down"),
            service("mail-names", "l4-names", SINGLE, cas1_owa="maintenance"),
            service("mail-l4", "l4", {"all": WORKLOADS}, cas1_all="falling"),
            service("imap", "l4", {"imaps": ("imaps",)}),
        ],
        account(tally("mail-l7", "owa", cas1=1000, cas2=2345, failed=4), at=10),
        account(at=0),
    ),
    happenings=group_events(
        [event("server-down", f"mail-l7/owa/cas{n}", cause="a cause " * 30) for n in range(20)]
    ),
    broken=("cas1/owa 503",),
    cycle="revision 1: in order",
    engine="HAProxy 2.8.25",
    url="http://127.0.0.1:8440",
    data="/tmp/switchover-demo-1000/data",
    seconds=75.0,
    choice=Choice(),
    note="cas1/owa is broken now (503)",
)


def lines_of(scene: Scene, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO())
    with console.capture() as drawn:
        console.print(draw(scene, width=width, height=height))
    return drawn.get().rstrip("\n").split("\n")


@pytest.mark.parametrize(
    ("width", "height"), [(100, 30), (80, 24), (80, 30), (120, 40), (200, 60), (100, 27)]
)
def test_the_picture_fills_the_terminal_and_no_more(width: int, height: int) -> None:
    lines = lines_of(SCENE, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for name in ("mail-l7", "mail-names", "mail-l4", "q quit"):
        assert name in text


def test_each_state_has_a_mark_and_a_word() -> None:
    text = "\n".join(lines_of(SCENE, 100, 30))
    for state in ("✖ down", "● up", "■ maint.", "◐ falling"):
        assert state in text


def test_without_keys_there_is_no_line_about_them() -> None:
    assert "quit" not in "\n".join(lines_of(replace(SCENE, choice=None), 100, 30))


def test_the_svg_asks_no_other_host_and_names_its_texts() -> None:
    svg = render_svg(SCENE)
    hosts = set(re.findall(r"https?://([^/\"<&]+)", svg))
    assert hosts == {"www.w3.org", "127.0.0.1:8440"}
    assert "@font-face" not in svg
    assert "decrypted" in svg


def test_a_plain_snapshot_says_what_is_not_up() -> None:
    first, l7, names, l4, imap = snapshot_lines(SCENE)
    assert "broken on the farm: cas1/owa 503" in first
    assert "served   3,345  failed    4" in l7
    assert l7.endswith("✖ cas1/owa down")
    assert names.endswith("■ cas1/owa maintenance")
    assert l4.endswith("◐ cas1 falling")
    assert imap.endswith("every server up")
