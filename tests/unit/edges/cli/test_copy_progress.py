"""What progress shows follows from the tally, at any width."""

from __future__ import annotations

import pytest
from rich.console import Console

from switchover.edges.cli.copy.progress import Meter, as_json, line, live_table
from switchover.move.tally import Phase, Tally


def meter() -> Meter:
    tally = Tally(phase=Phase.COPYING)
    tally.expect("Sent", 100)
    tally.begin(
        "A [bold]name[/bold] \x1b[31m that is much longer than the room for it", 1000, 8_000_000
    )
    found = Meter(tally=tally)
    found.sample(0.0)
    tally.move(next(iter(tally.folders.keys() - {"Sent"})), 500, 4_000_000)
    found.sample(10.0)
    return found


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_fits_and_obeys_no_folder_name(width: int) -> None:
    console = Console(width=width, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as shown:
        console.print(live_table(meter(), width))
    text = shown.get()
    assert all(len(one) <= width for one in text.splitlines())
    assert "\x1b[31m" not in text
    if width > 40:
        assert "500/1,000" in text
        assert "50/s" in text


def test_a_line_for_logs_tells_what_is_left() -> None:
    text = line(meter())
    assert "copying: 500 of 1,100 mails, 4.0 of 8.8 MB; 50 mails/s, 0.4 MB/s; " in text
    assert text.isprintable()


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.CONNECTING, Phase.LISTING])
def test_before_anything_is_known_the_phase_is_all_there_is(phase: Phase) -> None:
    empty = Meter(tally=Tally(phase=phase))
    assert line(empty)
    assert live_table(empty, 80).row_count == 1


def test_the_object_for_programs_holds_everything() -> None:
    found = as_json(meter())
    assert (found["mails"], found["all_mails"], found["folders"]) == (500, 1100, 2)
    assert found["mails_per_second"] == 50.0
    assert found["left_seconds"] == pytest.approx(12.0, abs=0.5)
    assert len(found["now"]) == 1
