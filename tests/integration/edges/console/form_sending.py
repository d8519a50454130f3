"""Sends forms as browsers do, and looks at the revisions that come of them."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
from tests.integration.edges.console.form_reading import Fields, fields_of, with_fields
from tests.integration.people import Browser, Page
from tests.integration.suite import Suite

from switchover.edges.api.limits import takes_files


async def send(at: Browser, path: str, fields: Fields, **files: tuple[str, bytes]) -> Page:
    """Post a form as browsers do, with files where there are any."""
    data = aiohttp.FormData(default_to_multipart=takes_files(path), quote_fields=False)
    for name, text in fields:
        data.add_field(name, text.replace("\n", "\r\n"))
    for name, (sent, content) in files.items():
        data.add_field(name.replace("__", "."), io.BytesIO(content), filename=sent)
    return await at.ask("POST", path, data=data)


async def previewed(at: Browser, path: str, fields: Fields, **files: tuple[str, bytes]) -> Fields:
    """Send a form and return the fields of its preview."""
    page = await send(at, path, with_fields(fields, action="preview"), **files)
    assert page.status == 200, page.words
    return fields_of(page.text, action=path)


async def revision(at: Suite) -> dict[str, Any]:
    found: dict[str, Any] = await at.get("/revisions/0")
    return found
