"""Servers drained, brought back and weighed from their pages, on an engine of paper."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.integration.edges.console.farm_pages import page, post
from tests.integration.edges.console.looking import Desk

from switchover import clock
from switchover.balance.overrides import AdminState
from switchover.balance.revision import Origin
from switchover.balance.work import history, revisions
from switchover.edges.console.done_notice import FRESH


async def test_the_form_shows_what_a_change_would_do_and_does_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a GET changed something")

    monkeypatch.setattr(revisions, "change_servers", never)
    text = (await page(desk, "/servers/cas1/change?action=drain")).text
    assert "This is the last server that answers for imaps of service imap" in text
    assert 'name="sure"' in text
    assert "100 % to 50 %" in text
    calm = (await page(desk, "/servers/cas1/change?action=drain&where=web")).text
    assert 'name="sure"' not in calm
    part = await page(
        desk, "/servers/cas1/change?action=weight&weight=0", hx_request="true", hx_target="preview"
    )
    assert part.text.lstrip().startswith("<section")
    assert (await page(desk, "/servers/cas1/change?action=weight&weight=999")).status == 422
    assert (await page(desk, "/servers/cas1/change?where=nope")).status == 404


class Done:
    """Takes what would be done to the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: dict[str, Any] = {}
        monkeypatch.setattr(revisions, "change_servers", self)

    async def __call__(self, _parts: Any, server: str, **values: Any) -> Any:
        self.asked = {"server": server, **values}
        return SimpleNamespace(number=7, diff="different")


async def test_a_change_is_done_with_its_reason_and_leads_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Done(monkeypatch)
    fields = {"action": "drain", "where": "web/owa", "reason": "new disk"}
    answer = await post(desk, "/servers/cas1/change", fields)
    assert (answer.status, answer.headers["location"]) == (303, "/services/web?done=7")
    assert (done.asked["server"], done.asked["service"], done.asked["workload"]) == (
        "cas1", "web", "owa",
    )  # fmt: skip
    assert done.asked["state"] is AdminState.DRAIN
    intent = done.asked["intent"]
    assert (intent.actor.name, intent.origin, intent.reason) == ("ada", Origin.CONSOLE, "new disk")
    made = SimpleNamespace(author="ada", created_at=clock.now())

    async def find(*_: Any) -> Any:
        return made

    monkeypatch.setattr(history, "get_revision", find)
    assert "revision 7" in (await page(desk, "/services/web?done=7")).text
    for changed in ({"author": "eve"}, {"created_at": clock.now() - FRESH}):
        monkeypatch.setattr(made, *next(iter(changed.items())))
        assert "revision 7" not in (await page(desk, "/services/web?done=7")).text
    everywhere = await post(desk, "/servers/cas2/change", {"action": "resume"})
    assert everywhere.headers["location"] == "/servers/cas2?done=7"


async def test_a_weight_is_changed_or_given_back_to_the_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Done(monkeypatch)
    await post(desk, "/servers/cas1/change", {"action": "weight", "where": "web", "weight": "20"})
    assert (done.asked["weight"], done.asked["reset_weight"], done.asked["state"]) == (
        20,
        False,
        None,
    )
    await post(desk, "/servers/cas1/change", {"action": "weight", "where": "web"})
    assert (done.asked["weight"], done.asked["reset_weight"]) == (None, True)


async def test_nobody_takes_the_last_server_out_without_saying_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Done(monkeypatch)
    fields = {"action": "maintain", "where": "imap", "reason": "because"}
    answer = await post(desk, "/servers/cas1/change", fields)
    assert answer.status == 409
    assert "Users would be left with nothing" in answer.text
    assert 'value="because"' in answer.text
    assert done.asked == {}
    sure = await post(desk, "/servers/cas1/change", {**fields, "sure": "yes"})
    assert sure.status == 303
    assert done.asked["state"] is AdminState.MAINTENANCE


async def test_a_reason_is_one_plain_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    Done(monkeypatch)
    fields = {"action": "drain", "where": "web", "reason": "two\nlines"}
    assert (await post(desk, "/servers/cas1/change", fields)).status == 422
