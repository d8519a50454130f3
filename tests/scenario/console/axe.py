"""axe-core in a page: what keeps people out who see, hear or move otherwise."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from playwright.async_api import Page

BAD = {"serious", "critical"}


@functools.cache
def _source() -> str:
    """Return axe-core as a script; given by evaluation, it is not what the page's policy forbids."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


async def serious_issues(page: Page) -> list[str]:
    """Return the serious and critical issues of the page as it stands, each with its places."""
    await page.evaluate(_source())
    found: dict[str, Any] = await page.evaluate(
        "() => axe.run(document, {resultTypes: ['violations']})"
    )
    return [
        f"{issue['id']} ({issue['impact']}): {issue['help']}: "
        + "; ".join(f"{node['target']} {node['failureSummary']}" for node in issue["nodes"][:4])
        for issue in found["violations"]
        if issue["impact"] in BAD
    ]
