"""The watch that every story relies on hears what it should: each kind of fault, on a page made for it."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Route
from tests.scenario.console.axe import serious_issues
from tests.scenario.console.browser import watched

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("console")]

HOME = "http://console.contoso.example"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
)


async def faults_of(browser: Browser, body: str, *, policy: str = POLICY) -> list[str]:
    """Return what the watch hears on a page with this body."""

    async def answer(route: Route) -> None:
        if route.request.url != f"{HOME}/":
            await route.fulfill(status=500, body="broken")
            return
        html = f"<!doctype html><html lang=en><title>A page</title><body>{body}"
        headers = {"Content-Security-Policy": policy, "Content-Type": "text/html"}
        await route.fulfill(status=200, body=html, headers=headers)

    async with watched(browser, HOME) as (page, watch):
        await page.route("**/*", answer)
        await page.goto("/")
        await page.wait_for_timeout(200)
        heard = watch.unexpected()
        watch.expect(".")
    return heard


@pytest.mark.parametrize(
    ("body", "policy", "word"),
    [
        ("<script>let a = 1</script>", POLICY, "script-src"),
        ("<p style='color: red'>red</p>", POLICY, "style-src"),
        ("<img src='https://elsewhere.example/a.png' alt=''>", POLICY, "img-src"),
        (
            "<img src='https://elsewhere.example/a.png' alt=''>",
            "img-src *",
            "request to elsewhere: https://elsewhere.example/a.png",
        ),
        ("<script>throw new Error('of ours')</script>", "img-src *", "of ours"),
        ("<script>console.error('look here')</script>", "img-src *", "look here"),
        ("<img src='/broken.png' alt=''>", POLICY, "answer 500: http://console.contoso.example"),
    ],
)
async def test_a_fault_in_a_page_is_heard(
    browser: Browser, body: str, policy: str, word: str
) -> None:
    heard = await faults_of(browser, body, policy=policy)
    assert any(word in fault for fault in heard), heard


async def test_a_page_without_fault_is_left_in_peace(browser: Browser) -> None:
    assert await faults_of(browser, "<h1>Good</h1><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''>", policy="img-src data:") == []  # fmt: skip


async def test_axe_finds_what_keeps_people_out(browser: Browser) -> None:
    async with watched(browser, HOME) as (page, _):
        await page.set_content("<title>A page</title><img src='data:,'><button></button>")
        found = " ".join(await serious_issues(page))
    for rule in ("image-alt", "button-name", "html-has-lang"):
        assert rule in found
