"""What a new user runs into on the first day, and what is said then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.platform_file import l4_names, platform
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import eventually
from tests.integration.suite import Suite

pytestmark = pytest.mark.xdist_group("edges")


@pytest.fixture
async def paused(running: Suite) -> AsyncIterator[Suite]:
    """A switchover whose webmail somebody has closed over the engine's socket."""
    await running.command("disable frontend web")
    yield running
    await running.post("/drift/repair")


async def test_applying_what_is_in_force_tells_of_drift(
    paused: Suite, farm: PracticeFarm, files_directory: Path
) -> None:
    said = await paused.cli("apply", str(files_directory / "farm.yaml"))
    assert said.code == 0
    assert "nothing to change" in said.out
    assert "1 difference between what runs and the wish: see switchover drift show" in said.out
    (sentence,) = (await paused.apply(good_text(farm, paused), farm.files))["drift"]
    assert "web" in sentence
    await paused.post("/drift/repair")
    assert (await paused.apply(good_text(farm, paused), farm.files))["drift"] == []


async def test_a_closed_service_is_shown_closed(paused: Suite) -> None:
    states = {row["name"]: row["state"] for row in (await paused.get("/services"))["services"]}
    assert states == {"web": "closed", "names": "open", "imap": "open"}
    listed, shown, status = await asyncio.gather(
        paused.cli("service", "list"), paused.cli("service", "show", "web"), paused.cli("status")
    )
    assert listed.out.count("(takes no connections)") == listed.out.count("web ")
    assert "(takes no connections)" in shown.out
    assert "service web takes no connections at its frontend web: it is paused" in status.out


async def test_drift_ends_with_4_only_for_those_who_ask(paused: Suite) -> None:
    plain, asked = await asyncio.gather(
        paused.cli("drift", "show"), paused.cli("drift", "show", "--exit-code", "-o", "json")
    )
    assert (plain.code, asked.code) == (0, 4)
    await paused.post("/drift/repair")
    assert (await paused.cli("drift", "show", "--exit-code")).code == 0


async def test_taking_out_the_last_server_is_told(running: Suite) -> None:
    first = await running.post("/servers/cas1/drain", {"service": "web"})
    assert first["warnings"] == []
    last = await running.cli("server", "maintain", "cas2", "--service", "web")
    assert last.code == 0
    assert "no server is left for owa, " in last.out
    assert " of service web" in last.out
    again = await running.cli("server", "maintain", "cas2", "--service", "web", "-o", "json")
    (warning,) = again.json["warnings"]
    assert warning.endswith("of service web")
    # At once: status looks itself, however long ago the last sample was.
    assert warning in (await running.get("/status"))["warnings"]
    for name in ("cas1", "cas2"):
        back = await running.post(f"/servers/{name}/resume")
    assert back["warnings"] == []


async def test_a_second_process_on_the_same_data_is_told_of_the_first(running: Suite) -> None:
    port = running.url.rpartition(":")[2]
    ended = await running.cli("serve", "--api", f"127.0.0.1:{port}")
    assert ended.code == 4, ended.err
    assert f"process id {running.pid}" in ended.err
    assert str(running.data) in ended.err


async def test_a_spoiled_token_ends_with_2_and_stays_secret(running: Suite) -> None:
    where = {"SWITCHOVER_URL": running.url}
    fine = await running.cli(
        "status", environment={**where, "SWITCHOVER_TOKEN": f"{running.token}\r"}
    )
    assert fine.code == 0, fine.err
    for odd in (f"{running.token}\rx", f"é{running.token}"):
        ended = await running.cli("status", environment={**where, "SWITCHOVER_TOKEN": odd})
        assert ended.code == 2
        assert "SWITCHOVER_TOKEN is not a usable token" in ended.err
        assert running.token not in ended.err + ended.out
    lost = await running.cli(
        "status", environment={"SWITCHOVER_URL": "hallo", "SWITCHOVER_TOKEN": running.token}
    )
    assert (lost.code, "is no URL" in lost.err) == (2, True)


async def test_a_reason_is_one_plain_line(running: Suite) -> None:
    for path in ("/servers/cas1/resume", "/drift/repair", "/drift/accept", "/revisions/1/rollback"):
        for reason in ("two\nlines", "\x1b[2J", "a\u202eb"):
            answer = await running.api("POST", path, {"reason": reason})
            assert answer.status == 422, path
            assert "control characters" in answer.body["detail"]
    ended = await running.cli("server", "drain", "cas1", "-m", "\x1b[31mred")
    assert (ended.code, "control characters" in ended.err, "\x1b" in ended.err) == (2, True, False)


async def test_a_name_that_can_be_none_gets_a_sentence(running: Suite) -> None:
    for name in ("", "a/b", "../status"):
        ended = await running.cli("server", "drain", name)
        assert ended.code == 2
        assert "is no name; write it as in the platform file" in ended.err
    answer = await running.api("POST", "/servers/a%2Fb/drain", {})
    assert answer.status == 404
    assert "nothing is served at" in answer.body["detail"]


async def test_nothing_is_said_of_applying_where_nothing_would_have_been(
    running: Suite, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("platform: x\n")
    for words in (("check",), ("what-if",), ("diff",), ("apply", "--dry-run")):
        ended = await running.cli(*words, str(file))
        assert (ended.code, "1 fault" in ended.err) == (2, True)
        assert "applied" not in ended.err
    assert "1 fault; nothing was applied" in (await running.cli("apply", str(file))).err


async def test_one_is_counted_as_one(running: Suite, farm: PracticeFarm, tmp_path: Path) -> None:
    text = platform(farm, {"names": l4_names(running.address, ["cas1"])})
    (tmp_path / "farm.yaml").write_text(text)
    checked = await running.cli("check", str(tmp_path / "farm.yaml"))
    assert ": 2 servers, 1 service, " in checked.out
    await running.command("disable frontend web")

    async def told() -> bool:
        return "1 difference:" in (await running.get("/status"))["cycle"]

    await eventually(told)
    await running.post("/drift/repair")
