"""The API: changes and their history, errors as problem details, its own description."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator, MutableMapping
from typing import Any, cast

import pytest
import yaml
from tests.integration.edges.bad_files import BAD_FILES, key_pair, take_port
from tests.integration.edges.conftest import good_text
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import eventually, shown_certificate
from tests.integration.suite import Answer, Suite

from switchover.app import Switchover
from switchover.edges.api.server import create_app


@pytest.fixture
def taken_port(running: Suite) -> Iterator[socket.socket]:
    with take_port(running.address) as taken:
        yield taken


async def whole_state(at: Suite) -> dict[str, Any]:
    """Return what a refused change must leave alone."""
    engine = at.settings.engine_dir
    return {
        "revision": (await at.get("/revisions/0"))["number"],
        "master": (await at.processes()).master.pid,
        "worker": (await at.info()).pid,
        "link": str((engine / "current").readlink()),
        "files": {
            str(path.relative_to(engine / "current")): path.read_bytes()
            for path in sorted((engine / "current").resolve().rglob("*"))
            if path.is_file()
            for path in [engine / "current" / path.relative_to((engine / "current").resolve())]
        },
        "servers": {
            key: (row.address, row.port, row.weight, row.admin)
            for key, row in (await at.servers()).items()
        },
    }


def assert_problem(answer: Answer, status: int, *words: str) -> None:
    assert answer.content_type == "application/problem+json"
    assert answer.status == status == answer.body["status"], answer.body
    assert answer.body["type"] == "about:blank"
    text = json.dumps(answer.body)
    for word in words:
        assert word in text, f"{word!r} is not in {text}"


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_bad_file_is_refused_with_its_fault_and_changes_nothing(
    running: Suite, farm: PracticeFarm, taken_port: socket.socket, name: str
) -> None:
    bad = BAD_FILES[name]
    before = await whole_state(running)
    text = bad.spoil(yaml.safe_load(good_text(farm, running)))
    answer = await running.try_apply(text, {**farm.files, **bad.files}, source="farm.yaml")
    assert_problem(answer, 422, *bad.says)
    assert answer.body["title"] == "InvalidInput"
    if name != "engine-refuses":
        problems = answer.body["problems"]
        assert problems
        for problem in problems:
            assert problem["source"] == "farm.yaml"
            assert problem["line"] >= 1
            assert problem["column"] >= 1
    assert await whole_state(running) == before
    assert await running.get("/drift") == {"drift": []}


async def test_the_secret_of_a_refused_certificate_stays_secret(
    running: Suite, farm: PracticeFarm
) -> None:
    bad = BAD_FILES["certificate-with-password"]
    text = bad.spoil(yaml.safe_load(good_text(farm, running)))
    answer = await running.try_apply(text, {**farm.files, **bad.files})
    told = json.dumps(answer.body) + running.log.read_text()
    assert "PRIVATE KEY" not in told
    for line in bad.files["other.pem"].decode().splitlines()[1:-1]:
        assert line not in told


async def test_a_huge_file_is_refused_before_it_is_read(running: Suite) -> None:
    before = await whole_state(running)
    assert_problem(await running.try_apply("x" * 50_000_000), 422, "8388608")
    assert await whole_state(running) == before


async def test_bodies_that_are_no_json_or_not_base64_are_problems_too(running: Suite) -> None:
    text = {"text": "platform: x", "files": {"a.pem": "***"}}
    assert_problem(await running.api("POST", "/revisions", text), 422, "a.pem", "base64")
    assert_problem(await running.api("POST", "/revisions", {"nothing": 1}), 422, "body.text")
    extra = {"reason": "x", "colour": "red"}
    assert_problem(await running.api("POST", "/servers/cas1/drain", extra), 422, "colour")


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("GET", "/services/none", 404, "switchover service list"),
        ("GET", "/revisions/999999", 404, "switchover history"),
        ("GET", "/revisions/999999/text", 404, "switchover history"),
        ("GET", "/nothing-here", 404, "Not Found"),
        ("POST", "/services", 405, "Method Not Allowed"),
        ("POST", "/servers/cas3/drain", 404, "did you mean 'cas"),
        ("POST", "/servers/cas1/explode", 422, "drain"),
        ("GET", "/servers/cas3/connections", 404, "did you mean 'cas"),
        ("POST", "/revisions/999999/rollback", 404, "switchover history"),
        ("GET", "/revisions/abc", 422, "number"),
        ("GET", "/revisions/99999999999999999999", 404, "switchover history"),
        ("GET", "/events?limit=0", 422, "limit"),
        ("GET", "/events?since=yesterday", 422, "since"),
        ("GET", "/what-if?down=cas9", 422, "cas9"),
        ("DELETE", "/tokens/none", 404, "switchover token list"),
        ("DELETE", "/tokens/\0", 404, "switchover token list"),
    ],
)
async def test_every_error_is_a_problem_with_a_sentence(
    running: Suite, method: str, path: str, status: int, word: str
) -> None:
    body = {} if method == "POST" else None
    path, _, query = path.partition("?")
    pairs = dict([query.split("=")]) if query else {}
    assert_problem(await running.api(method, path, body, **pairs), status, word)


async def test_a_change_written_against_an_older_revision_is_a_conflict(
    running: Suite, farm: PracticeFarm
) -> None:
    latest = (await running.get("/revisions/0"))["number"]
    text = good_text(farm, running).replace("Webmail", "Our webmail")
    answer = await running.try_apply(text, parent=latest - 1 if latest > 1 else latest + 1)
    assert_problem(answer, 409, f"revision {latest} was made meanwhile", "switchover history")
    done = await running.try_apply(text, parent=latest)
    assert done.good()["revision"] == latest + 1


async def test_two_changes_at_once_become_two_revisions(running: Suite) -> None:
    latest = (await running.get("/revisions/0"))["number"]
    answers = await asyncio.gather(
        *(
            running.api("PUT", f"/servers/{server}/weight", {"service": "imap", "weight": weight})
            for server, weight in (("cas1", 11), ("cas2", 12))
        )
    )
    assert {answer.good()["revision"] for answer in answers} == {latest + 1, latest + 2}
    servers = await running.servers()
    assert servers["imap.imaps", "cas1"].weight == 11
    assert servers["imap.imaps", "cas2"].weight == 12
    for server in ("cas1", "cas2"):
        (await running.api("PUT", f"/servers/{server}/weight", {"service": "imap"})).good()


async def test_history_tells_who_changed_what_and_why(running: Suite, farm: PracticeFarm) -> None:
    before = (await running.get("/revisions/0"))["number"]
    text = good_text(farm, running).replace("Webmail", "History's webmail")
    await running.apply(text, reason="a better name")
    page = await running.get("/revisions", limit="1")
    newest = page["revisions"][0]
    assert newest["number"] == before + 1
    assert (newest["author"], newest["verb"], newest["reason"]) == (
        "local administrator", "apply", "a better name",
    )  # fmt: skip
    assert page["before"] == newest["number"]
    following = await running.get("/revisions", limit="1", before=str(page["before"]))
    assert following["revisions"][0]["number"] == before
    whole = await running.get(f"/revisions/{newest['number']}")
    assert whole["text"] == text
    assert "+    title: History's webmail" in whole["diff"]
    assert await running.get("/revisions/0/text") == text
    diff = (await running.get(f"/revisions/{before}/diff/{newest['number']}"))["diff"]
    assert "-    title: Webmail" in diff
    assert await running.get(f"/revisions/{before}/diff/{before}") == {"diff": ""}


async def test_a_change_that_changes_nothing_makes_no_revision(
    running: Suite, farm: PracticeFarm
) -> None:
    before = (await running.get("/revisions/0"))["number"]
    done = await running.apply(good_text(farm, running), farm.files)
    assert (done["revision"], done["diff"], done["engine"]["means"]) == (before, "", "nothing")
    assert (await running.get("/revisions/0"))["number"] == before


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    running: Suite, farm: PracticeFarm
) -> None:
    before = await whole_state(running)
    text = good_text(farm, running).replace("Webmail", "Dry webmail")
    done = await running.apply(text, dry_run=True)
    assert (done["revision"], done["engine"]) == (None, None)
    assert "+    title: Dry webmail" in done["diff"]
    await running.post(f"/revisions/{before['revision']}/rollback", {"dry_run": True})
    assert await whole_state(running) == before


async def test_rolling_back_brings_file_certificate_drains_and_weights_back(
    running: Suite, farm: PracticeFarm
) -> None:
    await running.post("/servers/cas2/drain", {"service": "web", "workload": "owa"})
    (await running.api("PUT", "/servers/cas1/weight", {"service": "imap", "weight": 7})).good()
    good = (await running.get("/revisions/0"))["number"]
    shown = await shown_certificate(running.address, 10443)

    files = {**farm.files, "front.pem": key_pair()}
    text = good_text(farm, running).replace("Webmail", "Another webmail")
    await running.apply(text, files)
    await running.post("/servers/cas2/resume")
    (await running.api("PUT", "/servers/cas1/weight", {"service": "imap", "weight": 9})).good()
    assert await shown_certificate(running.address, 10443) != shown

    done = await running.post(f"/revisions/{good}/rollback", {"reason": "as it was"})
    assert await running.get("/revisions/0/text") == good_text(farm, running)
    latest = await running.get("/revisions/0")
    assert (latest["number"], latest["verb"], latest["reason"]) == (
        done["revision"], "rollback", "as it was",
    )  # fmt: skip
    servers = await running.servers()
    assert servers["web.owa", "cas2"].is_draining
    assert servers["imap.imaps", "cas1"].weight == 7
    assert await shown_certificate(running.address, 10443) == shown
    assert await running.get("/drift") == {"drift": []}
    (await running.api("PUT", "/servers/cas1/weight", {"service": "imap"})).good()


async def test_services_and_servers_show_wish_and_observation(
    running: Suite, farm: PracticeFarm
) -> None:
    await farm.break_("cas1/ews", "503")
    await running.post("/servers/cas2/drain", {"service": "web", "workload": "owa"})

    async def seen() -> dict[str, Any] | None:
        body = await running.get("/services/web")
        states = {(s["server"], s["workload"]): s for p in body["pools"] for s in p["servers"]}
        return states if states["cas1", "ews"]["state"] == "down" else None

    states = await eventually(seen)
    assert states is not None
    assert states["cas1", "ews"]["reason"].startswith("wrong status 503")
    assert states["cas1", "owa"]["state"] == "up"
    assert (states["cas2", "owa"]["state"], states["cas2", "owa"]["wanted"]) == ("drain", "drain")
    listed = {server["name"]: server for server in (await running.get("/servers"))["servers"]}
    assert listed["cas1"]["address"] == farm.addresses["cas1"]
    assert {pool["service"] for pool in listed["cas1"]["pools"]} == {"web", "names", "imap"}
    predicted = await running.get("/what-if", down="cas1")
    assert predicted


async def test_openapi_describes_every_route_and_is_valid(running: Suite) -> None:
    document = await running.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/services", "/api/v1/revisions", "/metrics"} <= set(document["paths"])
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    used = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert used <= defined
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        errors = {code: said for code, said in operation["responses"].items() if code >= "400"}
        assert {"400", "422", "503"} <= set(errors)
        assert all(set(said["content"]) == {"application/problem+json"} for said in errors.values())
    needing = [o for o in operations if o["operationId"] != "get_health_api_v1_health_get"]
    assert all(operation["security"] for operation in needing)


async def test_the_published_schema_accepts_the_file_in_force(running: Suite) -> None:
    schema = await running.get("/schema")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "services" in schema["properties"]


async def test_engine_configuration_holds_no_secret(running: Suite, farm: PracticeFarm) -> None:
    text = await running.get("/engine/configuration")
    assert "frontend web" in text
    assert "PRIVATE KEY" not in text


async def test_a_fault_nobody_foresaw_is_a_problem_that_tells_nothing_of_the_inside() -> None:
    broken = create_app(cast("Switchover", None))
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/services", "query_string": b"",
        "headers": [], "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    with pytest.raises(AttributeError):  # goes on to the server, which logs it
        await broken(scope, receive, send)
    body = json.loads(sent[1]["body"])
    assert (sent[0]["status"], body["status"], body["title"]) == (500, 500, "Fault")
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert "NoneType" not in str(body)
