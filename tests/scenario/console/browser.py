"""Debian's Chromium, headless, with a watch that hears every fault a browser notices."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    async_playwright,
)

PROGRAMS = ("chromium", "chromium-browser")
WIDTH, HEIGHT = 1280, 900
PATIENCE_MS = 10_000.0
# A page that goes away ends its event stream; that is no fault.
GIVEN_UP = "net::ERR_ABORTED"
# Nor what HTMX says of a request that it was waiting for when the page was left.
LEFT = re.compile("htmx:(sendAbort|afterRequest)")
# The document's policy forbids what it does not allow; here every refusal becomes a line we hear.
TELL_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', event => console.error(
  `content security policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass(kw_only=True)
class Watch:
    """What went wrong in the pages of one context.

    ``homes`` are the origins that may be asked; ``expected`` are patterns of messages that a story
    provokes on purpose, such as the answer to a form that is wrong.
    """

    homes: set[str]
    expected: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._note(f"exception: {error.error}"))
        context.on("request", self._see_request)
        context.on("requestfailed", self._see_failure)
        context.on("response", self._see_response)

    def expect(self, pattern: str) -> None:
        """Say that messages like this are part of the story."""
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        return [
            fault
            for fault in self.faults
            if not any(re.search(pattern, fault) for pattern in self.expected)
        ]

    def _note(self, fault: str) -> None:
        self.faults.append(fault)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"} and not LEFT.search(message.text):
            self._note(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _see_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"data", "blob"}:
            return
        if f"{parts.scheme}://{parts.netloc}" not in self.homes:
            self._note(f"request to elsewhere: {request.url}")

    def _see_failure(self, request: Request) -> None:
        if request.failure != GIVEN_UP:
            self._note(f"request failed: {request.url}: {request.failure}")

    def _see_response(self, response: Response) -> None:
        if response.status >= 500:
            self._note(f"answer {response.status}: {response.url}")


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Debian's Chromium; elsewhere the one that Playwright brings."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def watched(
    browser: Browser,
    home: str,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    scheme: str = "light",
    javascript: bool = True,
    state: dict[str, object] | None = None,
    zone: str = "UTC",
) -> AsyncIterator[tuple[Page, Watch]]:
    """Open a page in a context of its own; whoever leaves has seen no fault."""
    context = await browser.new_context(
        base_url=home,
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=javascript,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id=zone,
        ignore_https_errors=True,
        storage_state=state,  # type: ignore[arg-type]
    )
    context.set_default_timeout(PATIENCE_MS)
    watch = Watch(homes={home})
    watch.attach(context)
    if javascript:
        await context.add_init_script(TELL_VIOLATIONS)
    try:
        yield await context.new_page(), watch
        faults = watch.unexpected()
        assert not faults, "\n".join(faults)
    finally:
        await context.close()
