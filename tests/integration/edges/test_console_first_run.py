"""A console without accounts is claimed by who reads the log, and by nobody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.people import PASSWORD, browser, query
from tests.integration.suite import Suite, lent_database, suite

from switchover.store.embedded import EmbeddedPostgres


@pytest.fixture
async def fresh(postgres: EmbeddedPostgres) -> AsyncIterator[Suite]:
    with lent_database(postgres) as url:
        async with suite(database=url) as found:
            yield found


async def test_only_the_code_from_the_log_makes_the_first_account(fresh: Suite) -> None:
    told = re.search(r"console=unclaimed code=([A-Z2-7-]+)", fresh.log.read_text())
    assert told is not None
    form = {"name": "ada", "password": PASSWORD, "again": PASSWORD}
    async with browser(fresh) as page:
        assert (await page.get("/account")).location == "/sign-in?next=%2Faccount"
        assert (await page.get("/sign-in")).location == "/first-run"
        asked = await page.get("/first-run")
        assert "no account yet" in asked.words
        assert "data-browser-zone" in asked.text
        form["zone"] = "Europe/Brussels"
        wrong = await page.post("/first-run", **form, code="AAAA-BBBB")
        assert "<option selected>Europe/Brussels" in wrong.text
        assert "data-browser-zone" not in wrong.text
        odd = await page.post("/first-run", **{**form, "zone": "Mars/Olympus"}, code=told[1])
        assert (odd.status, "no time zone" in odd.words) == (422, True)
        assert (wrong.status, "not the code of this switchover" in wrong.words) == (422, True)
        # Mistakes of who has the code are no guesses, and the code need not be typed again.
        for _ in range(12):
            typed = await page.post("/first-run", **{**form, "again": "other"}, code=told[1])
            assert (typed.status, f'value="{told[1]}"' in typed.text) == (422, True)
        assert "AAAA-BBBB" not in wrong.text
        assert await query(fresh, "select count(*) from account") == [(0,)]
        made = await page.post("/first-run", **form, code=told[1].lower())
        assert made.status == 303
        own = await page.get("/account")
        assert (own.status, 'data-zone="Europe/Brussels"' in own.text) == (200, True)
        assert 'data-offered-zone="Europe/Brussels" hidden' in own.text
        assert (await page.get("/first-run")).location == "/sign-in"
    async with browser(fresh) as late:
        await late.get("/sign-in")
        again = await late.post("/first-run", **{**form, "name": "eve"}, code=told[1])
        assert again.location == "/sign-in"
    assert await query(fresh, "select name, role from account") == [("ada", "admin")]


async def test_the_local_command_line_claims_a_console_too(fresh: Suite, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    made = await fresh.cli(
        "account", "create", "ada", "--role", "admin", "--password-file", str(file)
    )
    assert made.code == 0, made.err
    async with browser(fresh) as page:
        assert (await page.get("/first-run")).location == "/sign-in"
        assert (await page.sign_in("ada")).location == "/"
