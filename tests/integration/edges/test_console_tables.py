"""The table of one's own sessions: none is left out, and it pages, filters, sorts and exports as others do."""

from __future__ import annotations

import pytest
from tests.integration.people import add_person, browser, open_session, query
from tests.integration.suite import Suite

from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")
MANY = 130


@pytest.fixture
async def eve(home: Suite) -> str:
    """Somebody with many sessions; returns the cookie of one."""
    account = await add_person(home, "eve", Role.VIEWER)
    await query(
        home,
        """
        insert into session (id, hash, account_id, method, address, agent, made_at, seen_at)
        select gen_random_uuid(), encode(sha256(n::text::bytea), 'hex'), %s::uuid, 'password',
               '192.0.2.' || n, 'browser ' || n, now() - make_interval(secs => n), now()
        from generate_series(1, %s::integer) n
        """,
        account,
        MANY,
    )
    return await open_session(home, account)


async def test_own_sessions_are_all_listed_in_pages_and_files(home: Suite, eve: str) -> None:
    async with browser(home, eve) as page:
        first = await page.get("/account")
        assert f'<span class="count">{MANY + 1}</span>' in first.text
        assert "1 to 20 of 131" in first.words
        assert "121 to 131 of 131" in (await page.get("/account?page=7")).words
        oldest = (await page.get("/account?sort=made_at")).text
        assert f"browser {MANY}" in oldest
        assert "this one" not in oldest
        assert "1 to 1 of 1" in (await page.get("/account?q=192.0.2.77")).words
        lines = (await page.get("/account?format=csv&sort=-made_at")).text.splitlines()
        assert len(lines) == MANY + 2
        assert lines[1].endswith(",true")
        assert "192.0.2.130" in lines[-1]
        assert '"192.0.2.7"' in (await page.get("/account?format=json&q=browser+7")).text
