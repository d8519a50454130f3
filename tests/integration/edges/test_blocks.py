"""One service or server by the API: the same revisions as a file, and everybody else's lines untouched."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from tests.integration.edges.conftest import good_text
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite

pytestmark = pytest.mark.xdist_group("edges")


@pytest.fixture
async def commented(running: Suite, farm: PracticeFarm) -> AsyncIterator[Suite]:
    """A switchover whose platform file has comments."""
    text = good_text(farm, running).replace("services:", "# what clients use\nservices:  # all")
    await running.apply(text, farm.files)
    yield running
    await running.apply(good_text(farm, running), farm.files)


async def imap_of(at: Suite) -> dict[str, Any]:
    return {
        "address": at.address, "port": 10993, "layout": "l4", "names": ["mail.contoso.example"],
        "workloads": ["imaps"], "servers": ["cas1", "cas2"], "health": {"profile": "fast"},
    }  # fmt: skip


async def test_a_changed_service_is_a_revision_with_only_its_lines(commented: Suite) -> None:
    before = await commented.get("/revisions/0")
    value = {**await imap_of(commented), "title": "IMAP for all"}
    done = (
        await commented.api("PUT", "/services/imap", {"value": value, "reason": "a title"})
    ).good()
    after = await commented.get("/revisions/0")
    assert done["revision"] == after["number"] == before["number"] + 1
    assert (after["origin"], after["reason"], after["verb"]) == ("api", "a title", "apply")
    assert after["text"] == before["text"].replace(
        "  imap:\n", "  imap:\n    title: IMAP for all\n"
    )
    assert done["lost_comments"] == []
    again = (await commented.api("PUT", "/services/imap", {"value": value})).good()
    assert again["revision"] == after["number"]
    assert not again["diff"]


async def test_a_dry_run_changes_nothing_and_says_all(commented: Suite) -> None:
    before = await commented.get("/revisions/0")
    value = {**await imap_of(commented), "servers": ["cas1"]}
    told = (await commented.api("PUT", "/services/imap", {"value": value, "dry_run": True})).good()
    assert told["revision"] is None
    assert "-    - cas2" in told["diff"]
    assert "single-server" in {finding["code"] for finding in told["findings"]}
    assert await commented.get("/revisions/0") == before


async def test_what_was_changed_meanwhile_is_a_conflict(commented: Suite) -> None:
    number = (await commented.get("/revisions/0"))["number"]
    body = {"value": await imap_of(commented), "parent": number - 1}
    assert (await commented.api("PUT", "/services/imap", body)).status == 409
    assert (await commented.api("DELETE", "/services/imap", parent=str(number - 1))).status == 409


async def test_every_fault_has_its_path_and_nothing_is_changed(commented: Suite) -> None:
    before = await commented.get("/revisions/0")
    value = {**await imap_of(commented), "port": "imaps", "colour": "blue"}
    answer = await commented.api("PUT", "/services/imap", {"value": value})
    assert answer.status == 422
    assert {problem["path"] for problem in answer.body["problems"]} == {
        "services.imap.port", "services.imap.colour",
    }  # fmt: skip
    assert await commented.get("/revisions/0") == before


async def test_a_service_comes_with_its_certificate_and_goes(
    commented: Suite, farm: PracticeFarm
) -> None:
    before = await commented.get("/revisions/0")
    value = {
        "address": commented.address, "port": 13443, "layout": "l7", "workloads": ["owa"],
        "names": ["mail.contoso.example"], "servers": ["cas1"],
        "tls": {"certificate": "own.pem", "server_ca": "ca.pem"},
    }  # fmt: skip
    missing = await commented.api("PUT", "/services/own", {"value": value, "is_new": True})
    assert missing.status == 422
    assert "own.pem" in missing.body["detail"]
    files = {"own.pem": base64.b64encode(farm.files["front.pem"]).decode()}
    body = {"value": value, "is_new": True, "files": files}
    (await commented.api("PUT", "/services/own", body)).good()
    assert (await commented.get("/services/own"))["port"] == 13443
    assert (await commented.api("PUT", "/services/own", body)).status == 409
    (await commented.api("DELETE", "/services/own", reason="not needed")).good()
    assert (await commented.api("DELETE", "/services/own")).status == 404
    after = await commented.get("/revisions/0")
    assert (after["text"], after["files"]) == (before["text"], before["files"])
    assert after["reason"] == "not needed"


async def test_a_renamed_server_keeps_its_services_and_its_drain(commented: Suite) -> None:
    before = await commented.get("/revisions/0")
    await commented.post("/servers/cas2/drain", {"service": "imap"})
    servers = {row["name"]: row for row in (await commented.get("/servers"))["servers"]}
    value = {
        "address": servers["cas2"]["address"],
        "runs": ["exchange"],
        "ports": _ports(before["text"]),
    }
    body = {"value": value, "old_name": "cas2"}
    (await commented.api("PUT", "/servers/front2", body)).good()
    after = await commented.get("/revisions/0")
    assert after["text"] == before["text"].replace("cas2", "front2")
    assert after["overrides"]["imap.imaps/front2"] == {"state": "drain", "weight": None}
    assert not any("cas2" in target for target in after["overrides"])


async def test_a_server_goes_from_its_services_only_when_asked_to(commented: Suite) -> None:
    refused = await commented.api("DELETE", "/servers/cas2")
    assert refused.status == 409
    assert "service web" in refused.body["detail"]
    told = (
        await commented.api("DELETE", "/servers/cas2", everywhere="true", dry_run="true")
    ).good()
    assert "-    - cas2" in told["diff"]


@pytest.mark.parametrize("name", ["Bad", "all", "a.b", "x" * 41, "%0a"])
async def test_a_name_that_no_service_may_have_is_refused(commented: Suite, name: str) -> None:
    body = {"value": await imap_of(commented)}
    assert (await commented.api("PUT", f"/services/{name}", body)).status == 422


def _ports(text: str) -> dict[str, int]:
    ports = yaml.safe_load(text)["servers"]["cas2"].get("ports", {})
    return {str(usual): real for usual, real in ports.items()}
