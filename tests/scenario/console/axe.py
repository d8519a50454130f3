"""axe-core in a page: what keeps people out who see, hear or move otherwise."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from playwright.async_api import Page

BAD = {"serious", "critical"}


@functools.cache
def _source() -> str:
    """Return axe-core as a script; given by evaluation, it is not what the page's policy forbids."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


async def serious_issues(page: Page, *, only: Sequence[str] = ()) -> list[str]:
    """Return the serious and critical issues of the page as it stands, each with its places.

    ``only`` are the rules to apply, all of them where it is empty.
    """
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_source())
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = list(only)
    found: dict[str, Any] = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{issue['id']} ({issue['impact']}): {issue['help']}: "
        + "; ".join(f"{node['target']} {node['failureSummary']}" for node in issue["nodes"][:4])
        for issue in found["violations"]
        if issue["impact"] in BAD
    ]
