"""A rollback and the end of drift through pages, with a real engine and its audit log behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.edges.console.form_reading import fields_of, with_fields
from tests.integration.people import Browser, add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite

from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")


@pytest.fixture
async def ada(running: Suite, farm: PracticeFarm) -> AsyncIterator[Browser]:
    """The browser of an administrator."""
    account = await add_person(running, "ada-who-goes-back", Role.ADMIN)
    async with browser(running, await open_session(running, account)) as opened:
        yield opened
    await running.apply(good_text(farm, running), farm.files)


async def test_going_back_is_looked_at_confirmed_and_written_down(
    running: Suite, farm: PracticeFarm, ada: Browser
) -> None:
    before = (await running.get("/revisions/0"))["number"]
    changed = good_text(farm, running).replace("title: Webmail", "title: Changed")
    assert changed != good_text(farm, running)
    await running.apply(changed, farm.files)
    await running.post("/servers/cas1/drain", {"service": "web", "reason": "night"})
    path = f"/history/{before}/rollback"
    page = await ada.ask("GET", path)
    assert "title: Webmail" in page.text
    preview = await ada.ask(
        "POST",
        f"/history/{before}/preview",
        data=dict(fields_of(page.text, action=f"/history/{before}/preview")),
    )
    assert "2 servers with 100 % of the capacity instead of 50 %." in preview.text
    confirmed = with_fields(fields_of(preview.text, action=path), reason="it was better before")
    await running.post("/servers/cas1/resume", {"service": "web"})
    conflict = await ada.ask("POST", path, data=dict(confirmed))
    assert (conflict.status, "was made meanwhile" in conflict.text) == (409, True)
    again = with_fields(fields_of(conflict.text, action=path))
    assert dict(again)["reason"] == "it was better before"
    await ada.ask("POST", path, data=dict(again))
    latest = await running.get("/revisions/0")
    assert latest["text"] == (await running.get(f"/revisions/{before}"))["text"]
    assert (latest["author"], latest["verb"], latest["reason"]) == (
        "ada-who-goes-back",
        "rollback",
        "it was better before",
    )


async def test_drift_is_shown_with_its_cause_and_ended_by_either_button(
    running: Suite, ada: Browser
) -> None:
    await running.command("set server web.owa/cas2 state drain")
    await running.event(kind="drift", server="cas2")
    page = await ada.ask("GET", "/drift")
    assert '<td data-label="Is">drain</td>' in page.text
    fields = with_fields(fields_of(page.text, action="/drift/repair"), reason="not ours")
    await ada.ask("POST", "/drift/repair", data=dict(fields))
    repaired = await running.event(kind="drift-repaired", server="cas2")
    assert repaired["detail"]["reason"] == "not ours"
    await running.command("set server web.owa/cas2 weight 30")
    await running.event(kind="drift", server="cas2", containing="weight is 30")
    page = await ada.ask("GET", "/drift")
    fields = with_fields(fields_of(page.text, action="/drift/accept"), reason="the night shift")
    await ada.ask("POST", "/drift/accept", data=dict(fields))
    latest = await running.get("/revisions/0")
    assert (latest["verb"], latest["reason"]) == ("accept", "the night shift")
    events = await ada.ask("GET", "/events?server=cas2&kind=drift-repaired")
    assert "By ada-who-goes-back: not ours." in events.text
