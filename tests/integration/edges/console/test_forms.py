"""Servers and services by form: what a browser sends becomes the revision that file and API would make."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.integration.edges.console.form_reading import Fields, fields_of, with_fields
from tests.integration.edges.console.form_sending import previewed, revision, send
from tests.integration.people import Browser, add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite

from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")
EDIT = "/services/imap/edit"


def essence(found: dict[str, Any]) -> tuple[object, ...]:
    """What of a revision does not depend on the door it came through."""
    digest = hashlib.sha256(found["text"].encode()).hexdigest()
    return (
        digest,
        found["diff"],
        found["files"],
        found["overrides"],
        found["summary"],
        found["verb"],
    )


async def test_form_file_and_api_make_the_same_revision(
    ada: Browser, running: Suite, farm: PracticeFarm, tmp_path: Path
) -> None:
    base = await revision(running)
    fields = fields_of((await ada.get("/services/web/edit")).text, action="/services/web/edit")
    fields = with_fields(fields, title="Webmail and phones", workloads=["owa", "activesync"])
    preview = await previewed(ada, "/services/web/edit", fields)
    applied = await send(
        ada, "/services/web/edit", with_fields(preview, action="apply", reason="less")
    )
    by_form = await revision(running)
    assert applied.location == f"/services/web?done={by_form['number']}"
    told = f"in force as revision {by_form['number']}"
    assert told in (await ada.get(applied.location)).words
    assert (by_form["author"], by_form["origin"], by_form["reason"]) == (
        "ada-of-the-forms", "console", "less",
    )  # fmt: skip

    await running.post(f"/revisions/{base['number']}/rollback")
    value = {
        "title": "Webmail and phones", "address": running.address, "port": 10443, "layout": "l7",
        "names": ["mail.contoso.example", "autodiscover.contoso.example"],
        "workloads": ["owa", "activesync"], "servers": ["cas1", "cas2"],
        "tls": {"certificate": "front.pem", "server_ca": "ca.pem"}, "health": {"profile": "fast"},
    }  # fmt: skip
    (await running.api("PUT", "/services/web", {"value": value})).good()
    by_api = await revision(running)

    await running.post(f"/revisions/{base['number']}/rollback")
    (tmp_path / "farm.yaml").write_text(by_api["text"])
    for name, content in farm.files.items():
        (tmp_path / name).write_bytes(content)
    ended = await running.cli("apply", "farm.yaml", cwd=tmp_path)
    assert ended.code == 0, ended.err
    by_file = await revision(running)
    assert essence(by_form) == essence(by_api) == essence(by_file)
    assert by_form["text"] != base["text"]


async def test_a_form_that_was_not_touched_changes_nothing(ada: Browser, running: Suite) -> None:
    before = await revision(running)
    for name in ("web", "names", "imap"):
        path = f"/services/{name}/edit"
        fields = fields_of((await ada.get(path)).text, action=path)
        page = await send(ada, path, with_fields(fields, action="preview"))
        assert "the platform file says this already" in page.words
    for name in ("cas1", "cas2"):
        path = f"/servers/{name}/edit"
        fields = fields_of((await ada.get(path)).text, action=path)
        page = await send(ada, path, with_fields(fields, action="preview"))
        assert "the platform file says this already" in page.words
    assert await revision(running) == before


async def test_a_preview_shows_the_difference_and_what_is_felt_and_applies_nothing(
    ada: Browser, running: Suite
) -> None:
    before = await revision(running)
    fields = fields_of((await ada.get(EDIT)).text, action=EDIT)
    page = await send(ada, EDIT, with_fields(fields, servers=["cas1"], action="preview"))
    assert "1 server instead of 2" in page.words
    assert "cas1 is the only server" in page.words
    assert "- cas2" in page.words
    assert await revision(running) == before


async def test_going_back_and_faults_keep_what_was_typed(ada: Browser) -> None:
    fields = fields_of((await ada.get(EDIT)).text, action=EDIT)
    typed = with_fields(fields, title="IMAP & more", port="imaps", more="timeouts: {imaps: 1h}")
    page = await send(ada, EDIT, with_fields(typed, action="preview"))
    assert page.status == 422
    assert "must be a whole number, not 'imaps'" in page.words
    kept = dict(fields_of(page.text, action=EDIT))
    assert (kept["title"], kept["port"], kept["more"]) == (
        "IMAP & more", "imaps", "timeouts: {imaps: 1h}",
    )  # fmt: skip
    hidden = await previewed(ada, EDIT, with_fields(typed, port="10993"))
    page = await send(ada, EDIT, with_fields(hidden, action="back"))
    kept = dict(fields_of(page.text, action=EDIT))
    assert (kept["title"], kept["more"]) == ("IMAP & more", "timeouts: {imaps: 1h}")


async def test_a_change_by_somebody_else_is_seen_before_anything_is_applied(
    ada: Browser, running: Suite
) -> None:
    fields = fields_of((await ada.get(EDIT)).text, action=EDIT)
    hidden = await previewed(ada, EDIT, with_fields(fields, title="Mine"))
    await running.post("/servers/cas1/drain", {"service": "web"})
    theirs = await revision(running)
    page = await send(ada, EDIT, with_fields(hidden, action="apply"))
    assert page.status == 200
    assert "Somebody changed the platform meanwhile" in page.words
    assert await revision(running) == theirs
    again = fields_of(page.text, action=EDIT)
    assert (await send(ada, EDIT, with_fields(again, action="apply"))).status == 303
    assert "title: Mine" in (await revision(running))["text"]


async def test_that_a_change_is_done_is_told_only_of_a_fresh_one_of_ones_own(
    ada: Browser, running: Suite
) -> None:
    await running.post("/servers/cas1/drain", {"service": "web"})
    number = (await revision(running))["number"]
    await running.post("/servers/cas1/resume", {"service": "web"})
    for claimed in (number, number + 999):
        for page in ("/services/web", "/servers/cas1", "/services", "/servers", "/start"):
            assert "It is in force" not in (await ada.get(f"{page}?done={claimed}")).words
    assert "is in force." not in (await ada.get(f"/history/{number}?done=true")).words


async def test_a_removal_takes_only_a_plain_reason_and_keeps_it(
    ada: Browser, running: Suite
) -> None:
    path = "/services/imap/remove"
    before = await revision(running)
    fields = fields_of((await ada.get(path)).text, action=path)
    page = await send(ada, path, with_fields(fields, reason="x" * 501, action="apply"))
    assert (page.status, "at most 500 characters" in page.words) == (422, True)
    page = await send(ada, path, with_fields(fields, reason="a\x1b[2Jb", action="apply"))
    assert page.status == 422
    assert await revision(running) == before
    other = with_fields(fields, parent="0", reason="old hardware", action="apply")
    again = await send(ada, path, other)
    assert dict(fields_of(again.text, action=path))["reason"] == "old hardware"
    assert await revision(running) == before


async def test_the_comparison_follows_what_is_typed(ada: Browser) -> None:
    fields = fields_of((await ada.get("/services/web/edit")).text, action="/services/web/edit")
    headers = {"HX-Request": "true", "HX-Target": "comparison", "X-CSRF-Token": ada.csrf}
    changed = with_fields(fields, down="cas1/ews", tls__certificate="", layout="l4")
    part = await ada.ask("POST", "/service-comparison", data=changed, headers=headers)
    assert part.status == 200
    assert "<html" not in part.text
    assert "7 % of the capacity" not in part.words
    assert "l7" in part.words
    assert "chosen" in part.words
    alone = with_fields(fields, servers=["cas1"], weight__cas1="much")
    part = await ada.ask("POST", "/service-comparison", data=alone, headers=headers)
    assert "gone" in part.words
    nothing = await ada.ask(
        "POST", "/service-comparison", data=[("csrf", ada.csrf)], headers=headers
    )
    assert "Choose what the service carries" in nothing.words


async def test_a_server_comes_and_goes_by_form(ada: Browser, running: Suite) -> None:
    fields = with_fields(
        fields_of((await ada.get("/add-server")).text, action="/add-server"),
        name="cas9", address="192.0.2.99", runs=["exchange"], ports="443: 8443",
    )  # fmt: skip
    hidden = await previewed(ada, "/add-server", fields)
    done = await send(ada, "/add-server", with_fields(hidden, action="apply"))
    assert done.location.startswith("/servers/cas9?done=")
    path = "/servers/cas9/remove"
    hidden = await previewed(ada, path, fields_of((await ada.get(path)).text, action=path))
    done = await send(ada, path, with_fields(hidden, action="apply"))
    assert done.location == f"/servers?done={(await revision(running))['number']}"
    assert "in force as revision" in (await ada.get(done.location)).words
    assert "cas9" not in (await revision(running))["text"]


async def test_removing_tells_who_uses_it_at_once_and_what_is_felt_when_worked_out(
    ada: Browser, running: Suite
) -> None:
    path = "/servers/cas1/remove"
    page = await ada.get(path)
    assert "service web, service names, service imap" in page.words
    assert "1 server instead of 2" not in page.words
    page = await send(ada, path, fields_of(page.text, action=path))
    assert "service web, service names, service imap" in page.words
    assert "1 server instead of 2" in page.words, page.words
    assert "removed" in page.words
    path = "/services/imap/remove"
    page = await send(ada, path, fields_of((await ada.get(path)).text, action=path))
    assert "nobody answers at" in page.words
    fields = fields_of(page.text, action=path)
    await running.post("/servers/cas1/drain", {"service": "web"})
    again = await send(ada, path, with_fields(fields, action="apply"))
    assert "Somebody changed the platform meanwhile" in again.words
    assert (await running.api("GET", "/services/imap")).status == 200


async def test_the_page_of_a_removal_fills_in_what_is_worked_out(
    ada: Browser, running: Suite
) -> None:
    path = "/services/imap/remove"
    before = (await revision(running))["number"]
    page = await ada.get(path)
    assert 'hx-trigger="load, submit" hx-target="#preview"' in page.text
    headers = {"HX-Request": "true", "HX-Target": "preview"}
    data = dict(fields_of(page.text, action=path))
    part = await ada.ask("POST", path, data=data, headers=headers)
    assert part.status == 200
    assert "<h1>" not in part.text
    assert "nobody answers at" in part.words
    assert "parent" in dict(fields_of(part.text, action=path))
    assert (await revision(running))["number"] == before


async def test_the_only_server_of_a_service_is_not_removed(ada: Browser, running: Suite) -> None:
    fields = fields_of((await ada.get(EDIT)).text, action=EDIT)
    hidden = await previewed(ada, EDIT, with_fields(fields, servers=["cas2"]))
    await send(ada, EDIT, with_fields(hidden, action="apply"))
    path = "/servers/cas2/remove"
    page = await send(ada, path, fields_of((await ada.get(path)).text, action=path))
    assert page.status == 409
    assert "only server of imap" in page.words


async def test_the_platform_file_is_edited_as_text(
    ada: Browser, running: Suite, farm: PracticeFarm
) -> None:
    path = "/platform-file"
    before = await revision(running)
    fields = fields_of((await ada.get(path)).text, action=path)
    assert dict(fields)["text"] == before["text"]
    wrong = with_fields(fields, text=before["text"].replace("port: 10993", "port: imaps"))
    page = await send(ada, path, with_fields(wrong, action="preview"))
    assert page.status == 422
    assert "services.imap.port: must be a whole number" in page.words
    assert "port: imaps" in dict(fields_of(page.text, action=path))["text"]
    new = before["text"].replace("front.pem", "newer.pem") + "# the end\n"
    hidden = await previewed(
        ada, path, with_fields(fields, text=new), file__files=("newer.pem", farm.files["front.pem"])
    )
    done = await send(ada, path, with_fields(hidden, action="apply", reason="by hand"))
    after = await revision(running)
    assert done.location == f"{path}?done={after['number']}"
    assert "in force as revision" in (await ada.get(done.location)).words
    assert (after["text"], after["reason"], after["origin"]) == (new, "by hand", "console")
    assert (await ada.get("/platform-file/download")).text == new


async def test_who_may_not_change_reads_and_finds_no_form(running: Suite) -> None:
    account = await add_person(running, "vera-of-the-forms", Role.VIEWER)
    async with browser(running, await open_session(running, account)) as vera:
        page = await vera.get("/platform-file")
        assert page.status == 200
        assert "<textarea" not in page.text
        assert "Somebody else does this" in (await vera.get("/start")).words


async def test_odd_input_is_told_and_harms_nothing(ada: Browser, running: Suite) -> None:
    before = await revision(running)
    path = "/add-service"
    odd: list[Fields] = [
        [],
        [("name", "a.b"), ("layout", "l9")],
        [("name", "<script>"), ("more", "a: [")],
        [("name", "x" * 5000), ("port", "9" * 400), ("servers", "\u0000")],
        [("name", "new"), ("servers", "nobody"), ("workloads", "nothing"), ("layout", "l4")],
        [("reason", "two\nlines"), ("name", "new")],
        [("parent", "x"), ("upload.tls.certificate", "guess"), ("layout", "l7")],
    ]
    await ada.get(path)
    pages = await asyncio.gather(
        *(
            send(ada, path, [("csrf", ada.csrf), ("action", action), *fields])
            for fields in odd
            for action in ("preview", "apply")
        )
    )
    assert {page.status for page in pages} == {422}
    assert not any("<script>" in page.text for page in pages)
    assert await revision(running) == before
