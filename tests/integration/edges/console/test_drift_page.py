"""The drift page: what the last cycle found, and the two ways to end it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from tests.integration.edges.console.asgi import ask, console

from switchover import clock
from switchover.balance.drift import Drift, DriftKind
from switchover.balance.overrides import Target
from switchover.balance.work import drift
from switchover.balance.work.cycle import CycleReport
from switchover.directory.access.role import Role
from switchover.errors import Conflict
from switchover.settings import ListenAddress

STATE = Drift(
    kind=DriftKind.STATE,
    subject="mail.owa/cas1",
    wanted="ready",
    found="<drain>",
    target=Target(service="mail", pool="owa", server="cas1"),
)
ADDRESS = Drift(kind=DriftKind.ADDRESS, subject="mail.owa/cas2", wanted="a", found="b")
ENGINE = Drift(kind=DriftKind.SURPLUS, subject="the engine", wanted="not running", found="running")


class PlayedCycle:
    """A cycle that found these differences and remembers what it was told to do."""

    def __init__(self, *drifts: Drift, revision: int | None = 4) -> None:
        self.report = CycleReport(
            at=clock.now(), sentence="revision 4: told", revision=revision, drifts=drifts
        )
        self.told: list[Any] = []

    async def repair(self, **given: Any) -> tuple[Drift, ...]:
        given.pop("announce")  # writes the audit log, in a database
        self.told.append(given)
        if self.report.revision is None and not given["stop_engine"]:
            raise Conflict("the engine is running")
        return self.report.drifts


def application(cycle: Any, role: Role = Role.OPERATOR) -> FastAPI:
    settings = SimpleNamespace(
        api=ListenAddress(host="127.0.0.1", port=8440), cycle_seconds=2.0, public_url=None
    )
    return console(role, cycle=cycle, settings=settings, balance=None)


async def test_each_difference_is_told_with_what_should_be() -> None:
    text = (await ask(application(PlayedCycle(STATE, ADDRESS)), "/drift")).text
    assert "&lt;drain&gt;" in text
    assert "mail.owa/cas2" in text
    assert 'href="/servers/cas1"' in text
    assert 'action="/drift/repair"' in text
    assert 'action="/drift/accept"' in text


async def test_differences_are_narrowed_sorted_and_had_as_a_file() -> None:
    app = application(PlayedCycle(STATE, ADDRESS))
    some = (await ask(app, "/drift?kind=address")).text
    assert "mail.owa/cas2" in some
    assert "&lt;drain&gt;" not in some
    assert "Nothing fits these filters" in (await ask(app, "/drift?q=cas9")).text
    text = (await ask(app, "/drift?format=csv&sort=-found")).text
    assert text.splitlines() == [
        "kind,subject,service,workload,server,wanted,found",
        "address,mail.owa/cas2,,,,a,b",
        "state,mail.owa/cas1,mail,owa,cas1,ready,<drain>",
    ]
    waiting = application(SimpleNamespace(report=None))
    assert (await ask(waiting, "/drift?format=json")).text == "[]\n"


async def test_a_viewer_reads_and_is_offered_nothing() -> None:
    text = (await ask(application(PlayedCycle(STATE), Role.VIEWER), "/drift")).text
    assert '<form method="post" action="/drift' not in text
    assert "An operator can put it right" in text


async def test_what_can_only_be_changed_in_the_file_is_not_offered_for_acceptance() -> None:
    text = (await ask(application(PlayedCycle(ADDRESS)), "/drift")).text
    assert 'action="/drift/accept"' not in text


async def test_repair_says_who_and_why_and_how_much() -> None:
    cycle = PlayedCycle(STATE, ADDRESS)
    app = application(cycle)
    done = await ask(app, "/drift/repair", method="POST", body=b"reason=night+shift")
    assert done.status == 303
    told = "/drift?done=repaired&count=2"
    assert done.headers["location"].startswith(f"{told}&mark=")
    assert cycle.told == [{"author": "ada", "reason": "night shift", "stop_engine": False}]
    assert "2 differences put right." in (await ask(app, done.headers["location"])).text
    more = done.headers["location"].replace("count=2", "count=999")
    for forged in (told, f"{told}&mark=", f"{told}&mark=%C3%A9", more):
        assert "put right." not in (await ask(app, forged)).text


async def test_an_engine_that_nobody_ordered_is_stopped_only_when_said_so() -> None:
    app = application(PlayedCycle(ENGINE, revision=None))
    assert 'name="stop_engine"' in (await ask(app, "/drift")).text
    kept = await ask(app, "/drift/repair", method="POST", body=b"reason=")
    assert (kept.status, "the engine is running" in kept.text) == (409, True)
    done = await ask(app, "/drift/repair", method="POST", body=b"stop_engine=true")
    assert done.status == 303


async def test_acceptance_is_a_revision_with_its_reason_or_a_conflict_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []

    async def accept(*_: Any, intent: Any) -> tuple[Drift, ...]:
        told.append((intent.actor.name, intent.origin.value, intent.reason))
        if intent.reason == "stubborn":
            raise Conflict("this is written in the platform file")
        return (STATE,)

    monkeypatch.setattr(drift, "accept", accept)
    app = application(PlayedCycle(STATE))
    done = await ask(app, "/drift/accept", method="POST", body=b"reason=because")
    assert done.status == 303
    assert done.headers["location"].startswith("/drift?done=accepted&count=1&mark=")
    refused = await ask(app, "/drift/accept", method="POST", body=b"reason=stubborn")
    assert (refused.status, "written in the platform file" in refused.text) == (409, True)
    assert told == [("ada", "drift", "because"), ("ada", "drift", "stubborn")]


async def test_no_drift_is_good_news_and_before_the_first_cycle_nothing_is_known() -> None:
    assert "No drift" in (await ask(application(PlayedCycle()), "/drift")).text
    waiting = application(SimpleNamespace(report=None))
    assert "Not looked yet" in (await ask(waiting, "/drift")).text
