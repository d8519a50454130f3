"""The story of ``switchover demo --once``: what must hold, step by step, and whether it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from switchover import clock
from switchover.edges.demo.claims import WHOLE_POOL, Verdict
from switchover.edges.demo.observer import Observer
from switchover.edges.demo.plan import CLIENT_TIMEOUT_SECONDS, IMAP, SERVICES, WORKLOADS
from switchover.edges.demo.steps import GRACE_SECONDS, Story, Trouble

if TYPE_CHECKING:
    from rich.console import Console

    from switchover.edges.demo.stage import Stage

PROMISED_SECONDS = 3.5
PROMISED_HANG_SECONDS = 8.0


def leaving_workload(server: str, workload: str) -> tuple[Verdict, ...]:
    """Return what must leave when one web workload of a server breaks."""
    return (
        Verdict("mail-l7", workload, server),
        Verdict("mail-names", workload, server),
        Verdict("mail-l4", WHOLE_POOL, server),
    )


def leaving_server(server: str) -> tuple[Verdict, ...]:
    """Return what must leave when a whole server breaks."""
    single = (Verdict(name, w, server) for name in SERVICES[:2] for w in WORKLOADS)
    return (*single, Verdict("mail-l4", WHOLE_POOL, server), Verdict("imap", IMAP, server))


async def tell_story(stage: Stage, console: Console) -> int:
    """Tell the story; return 0 when every claim held, else 1."""
    story = Story(stage=stage, observer=Observer(stage), console=console)
    began = clock.monotonic()
    await story.flow()
    await story.trouble(
        "Webmail on cas1 answers 503",
        Trouble(
            target="cas1/owa",
            fault="503",
            leaving=leaving_workload("cas1", "owa"),
            promised_seconds=PROMISED_SECONDS,
        ),
    )
    await story.trouble(
        "ActiveSync on cas2 hangs: it takes connections and never answers",
        Trouble(
            target="cas2/activesync",
            fault="hang",
            leaving=leaving_workload("cas2", "activesync"),
            promised_seconds=PROMISED_HANG_SECONDS,
            grace_seconds=GRACE_SECONDS + CLIENT_TIMEOUT_SECONDS,
        ),
    )
    await story.trouble(
        "cas3 refuses every connection and cuts those it had",
        Trouble(
            target="cas3",
            fault="refuse",
            leaving=leaving_server("cas3"),
            promised_seconds=PROMISED_SECONDS,
        ),
    )
    await story.drain("cas2")
    await story.reloads()
    failed = [claim for claim in story.claims if not claim.holds]
    console.print()
    console.print(
        f"[bold]{len(story.claims) - len(failed)} of {len(story.claims)} claims held[/bold], "
        f"{stage.traffic.latest.requests:,} requests in {clock.monotonic() - began:.0f} s"
    )
    for claim in failed:
        console.print(f"[bold red]✗[/bold red] {escape(claim.text)}", soft_wrap=True)
    return 1 if failed else 0
