"""Pages of the audit log: list with filters, one entry, the proof; for administrators alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from tests.integration.edges.console.asgi import ask, console

from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.audit import work
from switchover.directory.audit.entry import Entry, Outcome
from switchover.store.notary import Notary
from switchover.store.pool import Database

GRACE = Actor(name="grace", role=Role.OPERATOR, door=Door.CLI, address="192.0.2.8", client="cli")


@pytest.fixture
async def log(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    notary = Notary(tmp_path / "secret.key", tmp_path / "audit.head")
    async with Database(database_url, notary=notary) as database:
        await work.record_alone(
            database,
            Entry.by(
                GRACE,
                "revision.apply",
                "revision 1",
                before={"revision": None},
                after={"revision": 1, "diff": "--- before\n+++ after\n@@ -1 +1 @@\n+layout: l7"},
                reason="<script>alert(1)</script>",
            ),
        )
        await work.record_alone(
            database, Entry.by(GRACE, "access.refused", "GET /tokens", outcome=Outcome.REFUSED)
        )
        yield database


@pytest.fixture
def app(log: Database) -> FastAPI:
    return console(Role.ADMIN, database=log)


async def test_the_list_shows_who_did_what_and_filters(app: FastAPI) -> None:
    whole = await ask(app, "/audit")
    assert whole.status == 200
    assert whole.text.count('href="/audit/') >= 2
    assert "<script>alert" not in whole.text
    assert "&lt;script&gt;alert" in whole.text
    some = await ask(app, "/audit?outcome=refused&actor=grace")
    assert "access.refused" in some.text
    assert "revision.apply" not in some.text
    parts = await ask(app, "/audit?actor=GRA&action=refus&subject=tok")
    assert "access.refused" in parts.text
    assert "revision.apply" not in parts.text
    none = await ask(app, "/audit?since=2100-01-01T00:00")
    assert "Nothing fits these filters" in none.text


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "place=x",
        "outcome=unheard",
        "format=xml",
        "since=0001-01-01T00:00%2B14:00",
    ],
)
async def test_what_makes_no_sense_is_told(app: FastAPI, query: str) -> None:
    assert (await ask(app, f"/audit?{query}")).status == 422


async def test_the_oldest_entry_stands_first_where_somebody_asks_for_that(app: FastAPI) -> None:
    def order(text: str) -> list[str]:
        return re.findall("revision.apply|access.refused", text)

    assert order((await ask(app, "/audit")).text) == ["access.refused", "revision.apply"]
    oldest = await ask(app, "/audit?sort=at")
    assert order(oldest.text) == ["revision.apply", "access.refused"]
    assert order((await ask(app, "/audit?sort=at&place=1")).text) == ["access.refused"]
    file = await ask(app, "/audit?sort=at&format=csv")
    assert order(file.text) == ["revision.apply", "access.refused"]


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_the_list_is_exported_as_it_is_filtered(app: FastAPI, form: str) -> None:
    file = await ask(app, f"/audit?outcome=refused&format={form}")
    assert file.status == 200
    assert "switchover-audit-" in file.headers["content-disposition"]
    assert "access.refused" in file.text
    assert "revision.apply" not in file.text


async def test_an_entry_shows_what_was_before_and_after(app: FastAPI) -> None:
    shown = await ask(app, "/audit/1")
    assert shown.status == 200
    assert "layout: l7" in shown.text
    assert "not proved" in shown.text
    assert "192.0.2.8" in shown.text
    assert (await ask(app, "/audit/99")).status == 404


async def prove(app: FastAPI) -> str:
    """Begin a proof and return the page when it has ended."""
    begun = await ask(app, "/audit/proof", method="POST", body=b"csrf=x")
    assert (begun.status, begun.headers["location"]) == (303, "/audit/proof")
    await app.state.proof.ended()
    return (await ask(app, "/audit/proof")).text


async def test_a_broken_log_is_shown_and_can_be_accepted(
    app: FastAPI, log: Database, database_url: str
) -> None:
    assert "The log is whole" in await prove(app)
    superuser = database_url.replace("user=switchover", "user=postgres")
    async with await psycopg.AsyncConnection.connect(superuser) as connection:
        await connection.execute("alter table audit disable trigger all")
        await connection.execute("update audit set actor = 'ada' where number = 1")
    assert "entry 1 was changed" in await prove(app)
    for reason in (b"reason=+", b"reason=a%1B%5B2Jb"):
        blank = await ask(app, "/audit/proof/accept", method="POST", body=reason)
        assert (blank.status, "Not accepted." in blank.text) == (422, True)
        assert "entry 1 was changed" in blank.text
    answer = await ask(app, "/audit/proof/accept", method="POST", body=b"reason=restored+on+Monday")
    assert (answer.status, answer.headers["location"]) == (303, "/audit/proof")
    await app.state.proof.ended()
    accepted = await ask(app, "/audit/proof")
    assert "The log is whole" in accepted.text
    assert "entry 1 was changed" in accepted.text
    newest = (await work.list_entries(log, filters={}, limit=1))[0]
    assert (newest["action"], newest["reason"]) == ("audit.accept", "restored on Monday")


async def test_the_page_of_the_proof_reads_nothing_by_itself(app: FastAPI) -> None:
    shown = await ask(app, "/audit/proof")
    assert "It was not proved since switchover started" in shown.text
    assert not app.state.proof.is_running
    assert app.state.proof.last is None


async def test_one_proof_at_a_time_is_under_way_and_tells_how_far_it_is(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, begun = asyncio.Event(), 0

    async def verify(database: Database, *, tell: Callable[[int], None]) -> work.Verdict:
        nonlocal begun
        begun += 1
        tell(1)
        await over.wait()
        return await verdict_of(database)

    verdict_of = work.verify
    monkeypatch.setattr(work, "verify", verify)
    for _ in range(2):
        await ask(app, "/audit/proof", method="POST", body=b"csrf=x")
    while not begun:
        await asyncio.sleep(0.01)
    shown = await ask(app, "/audit/proof/progress", hx_request="true", hx_target="proof")
    assert "1 of 2 entries" in shown.text
    assert "<html" not in shown.text
    early = await ask(app, "/audit/proof/accept", method="POST", body=b"reason=why")
    assert early.status == 409
    over.set()
    await app.state.proof.ended()
    assert begun == 1
    assert "The log is whole" in (await ask(app, "/audit/proof/progress")).text


async def test_a_proof_that_comes_to_no_end_says_why(app: FastAPI, log: Database) -> None:
    await log.close()
    assert "It came to no verdict" in await prove(app)
    nothing = await ask(app, "/audit/proof/accept", method="POST", body=b"reason=why")
    assert nothing.status == 303


@pytest.mark.parametrize("path", ["/audit", "/audit/1", "/audit/proof"])
async def test_nobody_without_a_session_sees_any_of_it(log: Database, path: str) -> None:
    answer = await ask(console(None, database=log), path)
    assert answer.status in {303, 307, 401, 403}
    assert "grace" not in answer.text
