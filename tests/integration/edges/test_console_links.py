"""Every link on every page leads somewhere, for every role."""

from __future__ import annotations

import re
from collections import deque
from html import unescape
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp
import pytest
from tests.integration.people import add_person, open_session
from tests.integration.suite import Suite

from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")
_LINK = re.compile(r'<a\b[^>]*\shref="([^"]+)"')
_SHAPE = re.compile(r"/(?:\d+|admin-\w+|operator-\w+|viewer-\w+|cas\d|web|names|imap)(?=/|$)")
SAME_ADDRESSES = 3
"""How many addresses that differ only in a name or in their query are looked at."""


def shape(path: str) -> str:
    """Return an address without what is different for each thing of one kind."""
    return _SHAPE.sub("/*", urlsplit(path).path)


@pytest.mark.parametrize("role", Role)
async def test_every_link_leads_somewhere(running: Suite, role: Role) -> None:
    person = await add_person(running, f"{role}-walker", role)
    cookies = {"switchover": await open_session(running, person)}
    waiting, seen, broken = deque([("/", "the beginning"), ("/nowhere", "")]), set(), []
    counts: dict[str, int] = {}
    async with aiohttp.ClientSession(cookies=cookies) as session:
        while waiting:
            path, source = waiting.popleft()
            counts[shape(path)] = counts.get(shape(path), 0) + 1
            if path in seen or counts[shape(path)] > SAME_ADDRESSES:
                continue
            seen.add(path)
            async with session.get(running.url + path, allow_redirects=False) as answer:
                page = await answer.text()
            # Events tell of servers and services that the platform may not have any more.
            is_past = answer.status == 404 and source.startswith("/events")
            if answer.status not in {200, 303, 409} and source and not is_past:
                broken.append(f"{answer.status} {path} on {source}")
            if answer.content_type == "text/html":
                links = {
                    urldefrag(urljoin(path, unescape(link)))[0] for link in _LINK.findall(page)
                }
                waiting.extend((link, path) for link in sorted(links) if link.startswith("/"))
    assert not broken
    assert len(seen) > 20
