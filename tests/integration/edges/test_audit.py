"""What is done through the API and the command line stands in the audit log, with who, from where and why."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.integration.edges.lists import file_of, whole
from tests.integration.suite import Suite, lent_database, suite

from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("edges")


async def newest(at: Suite, **filters: str) -> dict[str, Any]:
    """Return the newest entry that fits."""
    found = (await at.get("/audit", limit="1", **filters))["audit"]
    assert found, filters
    return dict(found[0])


async def last_number(at: Suite) -> int:
    return int((await newest(at))["number"])


async def test_a_drain_is_an_entry_with_the_states_before_and_after(running: Suite) -> None:
    made = await running.post("/servers/cas1/drain", {"service": "imap", "reason": "new disk"})
    entry = await newest(running)
    assert (entry["action"], entry["subject"], entry["outcome"]) == ("server.drain", "cas1", "done")
    assert (entry["actor"], entry["origin"]) == ("local administrator", "api")
    assert (entry["address"], entry["reason"]) == ("127.0.0.1", "new disk")
    (target,) = entry["before"]["servers"]
    assert entry["before"]["servers"][target] == "ready"
    assert entry["after"]["servers"][target] == "drain"
    assert entry["after"]["revision"] == made["revision"]


async def test_every_change_is_one_entry_and_what_changes_nothing_is_none(running: Suite) -> None:
    before = await last_number(running)
    text = (await running.get("/revisions/0"))["text"]
    await running.apply(text)
    await running.apply(text.replace("Webmail", "Web mail"), dry_run=True)
    assert await last_number(running) == before
    applied = await running.apply(text.replace("Webmail", "Web mail"), reason="a title")
    await running.post(f"/revisions/{applied['revision'] - 1}/rollback", {"reason": "back"})
    await running.api("PUT", "/servers/cas1/weight", {"weight": 50})
    await running.api("PUT", "/servers/cas1/weight", {})
    await running.api("PUT", "/servers/cas1/advice", {"percent": 50, "seconds": 5})
    await running.api("DELETE", "/servers/cas1/advice")
    token = await running.post("/tokens", {"name": "metrics", "role": "viewer"})
    await running.api("DELETE", f"/tokens/{token['id']}")
    rows = await whole(running, "/audit", "audit", cursor="before", limit="3")
    mine = [row for row in rows if row["number"] > before]
    assert [row["action"] for row in reversed(mine)] == [
        "revision.apply",
        "revision.rollback",
        "server.weight",
        "server.weight",
        "advice.give",
        "advice.withdraw",
        "token.create",
        "token.revoke",
    ]
    assert "+" in mine[-1]["after"]["diff"]
    assert [row["number"] for row in mine] == list(range(before + 8, before, -1))
    assert token["secret"] not in json.dumps(rows)


async def test_drift_that_is_put_right_or_accepted_is_an_entry(running: Suite) -> None:
    await running.command("set server web.owa/cas1 state drain")
    await running.post("/drift/repair", {"reason": "not by me"})
    entry = await newest(running)
    assert (entry["action"], entry["reason"]) == ("drift.repair", "not by me")
    assert "web.owa/cas1" in str(entry["before"])
    await running.command("set server web.owa/cas1 state drain")
    await running.post("/drift/accept", {"reason": "let it be"})
    entry = await newest(running)
    assert (entry["action"], entry["reason"]) == ("drift.accept", "let it be")
    assert entry["after"]["servers"] == {"web.owa/cas1": "drain"}


async def test_the_command_line_says_who_runs_it_and_that_counts_as_its_word(
    running: Suite,
) -> None:
    done = await running.cli("server", "drain", "cas2", "--workload", "owa", "-m", "test")
    assert done.code == 0, done.err
    entry = await newest(running)
    assert (entry["origin"], entry["actor"]) == ("cli", "local administrator")
    assert re.match(r"cli; user=\S+; host=\S+", entry["client"])


async def test_no_header_makes_an_address(running: Suite) -> None:
    headers = {
        "Authorization": f"Bearer {running.token}",
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "Switchover-Client": "cli; user=\u202eroot" + "x" * 500,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{running.url}/api/v1/servers/cas1/maintain", headers=headers, json={"service": "imap"}
        ) as answer,
    ):
        assert answer.status in {200, 400}
    entry = await newest(running)
    assert entry["address"] == "127.0.0.1"
    assert "\u202e" not in entry["client"]
    assert len(entry["client"]) < 200


@pytest.fixture
async def unvisited(postgres: EmbeddedPostgres) -> AsyncIterator[Suite]:
    """A switchover of one's own: where many were refused a moment ago, more are only counted."""
    with lent_database(postgres) as url:
        async with suite(database=url) as found:
            yield found


async def test_what_is_refused_is_an_entry(unvisited: Suite) -> None:
    running = unvisited
    token = await running.post("/tokens", {"name": "looks only", "role": "viewer"})
    assert (await running.api("POST", "/revisions", {}, token=token["secret"])).status == 403
    entry = await newest(running, outcome="refused", actor="looks only")
    assert (entry["action"], entry["subject"]) == ("access.refused", "POST /api/v1/revisions")
    assert "needs admin" in entry["reason"]
    await running.api("DELETE", f"/tokens/{token['id']}")
    # From an address of its own, because attempts of one that go too far are only counted.
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(local_addr=("127.0.0.77", 0))
        ) as session,
        session.get(
            f"{running.url}/api/v1/status", headers={"Authorization": f"Bearer {token['secret']}"}
        ) as answer,
    ):
        assert answer.status == 401
    entry = await newest(running, outcome="refused", address="127.0.0.77")
    assert (entry["actor"], entry["subject"]) == ("unknown", "GET /api/v1/status")
    assert entry["reason"] == "no valid token"
    assert token["secret"] not in json.dumps(await running.get("/audit", limit="50"))


async def test_the_log_is_proved_exported_and_proved_again_from_the_export(
    running: Suite, tmp_path: Path
) -> None:
    done = await running.cli("audit", "verify", "-o", "json")
    assert done.json["is_whole"] is True
    assert done.json["works_as"] == "switchover_app"
    end = f"{done.json['end']['number']}:{done.json['end']['hash']}"
    assert (await running.cli("audit", "verify", "--head", end)).code == 0
    assert (await running.cli("audit", "verify", "--head", f"1:{'0' * 64}")).code == 4
    assert (await running.cli("audit", "verify", "--head", "nonsense")).code == 2
    exported = await running.cli("audit", "export")
    file = tmp_path / "audit.json"
    file.write_text(exported.out)
    proved = await running.cli("audit", "verify", str(file), "--head", end)
    assert proved.code == 0, proved.out
    assert "whole" in proved.out
    file.write_text(exported.out.replace('"token.create"', '"token.revoke"', 1))
    found = await running.cli("audit", "verify", str(file), "-o", "json")
    assert found.code == 4
    assert [one["kind"] for one in json.loads(found.out)["faults"]] == ["changed"]
    file.write_text("{}")
    assert (await running.cli("audit", "verify", str(file))).code == 2


async def test_the_log_is_listed_shown_and_filtered(running: Suite) -> None:
    await running.post("/servers/cas1/drain", {"service": "imap", "reason": "=1+1"})
    listed = await running.cli("audit", "list", "-n", "5", "--action", "server")
    assert listed.code == 0
    assert "server.drain" in listed.out
    number = (await newest(running))["number"]
    shown = await running.cli("audit", "show", str(number))
    assert "=1+1" in shown.out
    assert (await running.cli("audit", "show", "999999")).code == 3
    rows = (await running.cli("audit", "list", "--subject", "cas1", "-o", "json")).json["audit"]
    assert {row["subject"] for row in rows} == {"cas1"}
    lines = await file_of(running, "/audit", action="server")
    assert lines[0]["reason"] == "'=1+1"
    none = await running.get("/audit", since="2100-01-01T00:00:00Z")
    assert none == {"audit": [], "before": None}


async def test_what_is_whole_needs_no_acceptance(running: Suite) -> None:
    done = await running.cli("audit", "accept", "-m", "just so")
    assert done.code == 4
    assert "in order" in done.err
