"""The steps of the story: each does something to the running demo and judges what followed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.markup import escape

from switchover import clock
from switchover.edges.demo.claims import (
    WHOLE_POOL,
    Claim,
    Harm,
    Verdict,
    judge_leaving,
    judge_no_failure,
    judge_window,
)
from switchover.edges.demo.observer import Observer, served
from switchover.edges.demo.plan import SERVERS, SERVICES, WORKLOADS

if TYPE_CHECKING:
    from rich.console import Console

    from switchover.edges.demo.stage import Stage

BACK_SECONDS = 6.0
FLOW_SECONDS = 5.0
DRAIN_SECONDS = 4.0
RELOADS = 5
GRACE_SECONDS = 1.5
"""After a server has left: clients that kept a connection to it notice with their next request."""

_SETTLE_SECONDS = 1.0
_CHANGED_LINE = "    tls: {mode: re-encrypt,"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A fault to put on the farm, and what must follow."""

    target: str
    fault: str
    leaving: tuple[Verdict, ...]
    promised_seconds: float
    grace_seconds: float = GRACE_SECONDS

    def may_fail(self, service: str) -> frozenset[str]:
        """Return the workloads of a service whose requests may fail while it is not out yet."""
        pools = {verdict.pool for verdict in self.leaving if verdict.service == service}
        return frozenset(WORKLOADS) if WHOLE_POOL in pools else frozenset(pools)


@dataclass(slots=True, kw_only=True)
class Story:
    """The steps; each prints its title first and its claims as they are judged."""

    stage: Stage
    observer: Observer
    console: Console
    claims: list[Claim] = field(default_factory=list)
    steps: int = 0

    def begin(self, title: str) -> None:
        """Print a step's title."""
        self.steps += 1
        self.console.print(f"\n[bold]{self.steps}  {escape(title)}[/bold]", soft_wrap=True)

    def judge(self, *claims: Claim) -> None:
        """Print claims and keep them."""
        for claim in claims:
            mark = "[green]✓[/green]" if claim.holds else "[bold red]✗[/bold red]"
            self.console.print(f"   {mark} {escape(claim.text)}", soft_wrap=True)
        self.claims += claims

    async def flow(self) -> None:
        """Everything is up and nothing fails."""
        self.begin("Three servers behind four services, steady clients")
        before = await self.observer.account()
        await asyncio.sleep(FLOW_SECONDS)
        after = await self.observer.account()
        verdicts = await self.observer.verdicts()
        harm = Harm.between(before, after)
        up = sum(state == "up" for state in verdicts.values())
        self.judge(
            Claim(holds=up == len(verdicts), text=f"{up} of {len(verdicts)} verdicts are up"),
            judge_no_failure(harm, f"in {FLOW_SECONDS:g} s"),
        )
        for service in SERVICES:
            servers = {
                server
                for tally in after.tallies
                if tally.service == service
                for server in tally.servers
            }
            text = f"{service}: answers come from {', '.join(sorted(servers)) or 'nobody'}"
            self.judge(Claim(holds=servers == set(SERVERS), text=text))

    async def trouble(self, title: str, trouble: Trouble) -> None:
        """A fault takes out what it must and nothing else; mended, everything is back."""
        self.begin(title)
        before = await self.observer.account()
        began, began_at = clock.monotonic(), clock.now()
        await self.stage.farm.break_(trouble.target, trouble.fault)
        patience = trouble.promised_seconds + _SETTLE_SECONDS
        record = await self.observer.until_left(trouble.leaving, began, patience_seconds=patience)
        await self.observer.watch(record, began, seconds=trouble.grace_seconds + _SETTLE_SECONDS)
        self.judge(*judge_leaving(record, trouble.leaving, within_seconds=trouble.promised_seconds))
        harm = Harm.between(before, await self.observer.account())
        for service in SERVICES:
            out = max(
                (record.left.get(v, 0.0) for v in trouble.leaving if v.service == service),
                default=0.0,
            )
            claim = judge_window(
                harm,
                service,
                trouble.may_fail(service),
                began=began_at,
                until_seconds=out + trouble.grace_seconds,
            )
            self.judge(claim)
        await self.mend(trouble)

    async def mend(self, trouble: Trouble) -> None:
        """Mend; everything comes back, gets requests again, and nothing fails."""
        before = await self.observer.account()
        await self.stage.farm.mend(trouble.target)
        self.judge(await self._back("mended"))
        back = await self.observer.account()
        await asyncio.sleep(_SETTLE_SECONDS)
        after = await self.observer.account()
        server, _, workload = trouble.target.partition("/")
        count = served(after, server, workload) - served(back, server, workload)
        self.judge(
            Claim(holds=count > 0, text=f"{trouble.target} answers again: {count} requests"),
            judge_no_failure(Harm.between(before, after), "since it was mended"),
        )

    async def drain(self, server: str) -> None:
        """A drain takes no new clients and disturbs nobody."""
        self.begin(f"{server} is drained for maintenance, with its clients on it")
        before = await self.observer.account()
        outcome = await self.stage.api.post(f"/servers/{server}/drain", {"reason": "the demo"})
        engine = outcome["engine"]
        text = f"drained by a {engine['means']} command in {engine['seconds'] * 1000:.0f} ms"
        self.judge(Claim(holds=engine["means"] == "runtime", text=text))
        drained = await self.observer.account()
        await asyncio.sleep(DRAIN_SECONDS)
        after = await self.observer.account()
        states = {s for v, s in (await self.observer.verdicts()).items() if v.server == server}
        fresh = served(after, server, service="mail-l7") - served(
            drained, server, service="mail-l7"
        )
        stayed = served(after, server, service="imap") - served(drained, server, service="imap")
        self.judge(
            Claim(holds=states == {"drain"}, text=f"{server} says {' and '.join(sorted(states))}"),
            Claim(holds=fresh == 0, text=f"mail-l7: {server} got {fresh} requests while drained"),
            Claim(holds=stayed > 0, text=f"imap: its sessions stayed ({stayed} commands answered)"),
        )
        await self.stage.api.post(f"/servers/{server}/resume", {"reason": "the demo"})
        self.judge(await self._back("taken back"))
        harm = Harm.between(before, await self.observer.account())
        self.judge(judge_no_failure(harm, "while it was drained and taken back"))

    async def _back(self, word: str) -> Claim:
        """Wait until every verdict is up, and claim it."""
        record, seconds = await self.observer.until_up(patience_seconds=BACK_SECONDS + 2)
        text = (
            f"{word}: everything was up again after {seconds:.1f} s (promised {BACK_SECONDS:g} s)"
        )
        return Claim(holds=record.all_up and seconds <= BACK_SECONDS, text=text)

    async def reloads(self) -> None:
        """Changes that need a reload, and the way back, fail no request."""
        self.begin(f"The platform file changes {RELOADS} times, each a reload of the engine")
        latest = await self.stage.api.get("/revisions?limit=1")
        first = latest["revisions"][0]["number"]
        text = await self.stage.api.get(f"/revisions/{first}/text")
        before = await self.observer.account()
        took = []
        for number in range(RELOADS):
            changed = text.replace(
                _CHANGED_LINE, f"    timeouts: {{owa: {11 + number}m}}\n{_CHANGED_LINE}"
            )
            outcome = await self.stage.apply(changed, reason=f"change {number + 1} of the demo")
            if outcome["engine"]["means"] == "reload":
                took.append(outcome["engine"]["seconds"] * 1000)
            await asyncio.sleep(_SETTLE_SECONDS)
        middle = sorted(took)[len(took) // 2] if took else 0
        self.judge(
            Claim(
                holds=len(took) == RELOADS,
                text=f"{len(took)} reloads, {middle:.0f} ms each (median)",
            ),
            judge_no_failure(
                Harm.between(before, await self.observer.account()),
                "meanwhile, IMAP sessions included",
            ),
        )
        await self.roll_back(first, text)

    async def roll_back(self, first: int, text: str) -> None:
        """The first revision comes back whole."""
        self.begin(f"Roll back to revision {first}")
        before = await self.observer.account()
        outcome = await self.stage.api.post(
            f"/revisions/{first}/rollback", {"reason": "the demo ends"}
        )
        now = await self.stage.api.get("/revisions/0/text")
        await asyncio.sleep(_SETTLE_SECONDS)
        drift = (await self.stage.api.get("/drift"))["drift"]
        record, _ = await self.observer.until_up(patience_seconds=_SETTLE_SECONDS)
        self.judge(
            Claim(
                holds=now == text,
                text=f"revision {outcome['revision']} holds the file of revision {first}, byte for byte",
            ),
            Claim(
                holds=record.all_up and not drift,
                text=f"every verdict is up, {len(drift)} differences between wish and engine",
            ),
            judge_no_failure(Harm.between(before, await self.observer.account()), "meanwhile"),
        )
