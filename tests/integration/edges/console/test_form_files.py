"""Files sent with a form: kept until it is applied, never shown, and nobody else's."""

from __future__ import annotations

import hashlib

import pytest
from tests.integration.edges.console.form_reading import fields_of, with_fields
from tests.integration.edges.console.form_sending import previewed, revision, send
from tests.integration.people import Browser, add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite

from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")


async def test_a_private_key_is_sent_once_and_never_shown_again(
    ada: Browser, running: Suite, farm: PracticeFarm
) -> None:
    key = farm.files["front.pem"]
    secret = next(
        line for line in key.decode().splitlines() if "-----" not in line and len(line) > 60
    )
    start = await ada.get("/add-service?start=exchange-web")
    fields = with_fields(
        fields_of(start.text, action="/add-service"),
        name="fresh", address=running.address, port="13443", names="mail.contoso.example",
        workloads=["owa"], servers=["cas1"], tls__server_ca="ca.pem", action="preview",
    )  # fmt: skip
    unusable = await send(
        ada, "/add-service", fields, file__tls__certificate=("mine.pem", b"no certificate")
    )
    assert unusable.status == 422
    assert "'mine.pem'" in unusable.words
    again = fields_of(unusable.text, action="/add-service")
    again = with_fields(again, tls__certificate="my own.pem", action="preview")
    page = await send(ada, "/add-service", again, file__tls__certificate=("other.pem", key))
    assert page.status == 200, page.words
    assert "my own.pem: mail.contoso.example" in page.words
    assert secret not in page.text
    hidden = fields_of(page.text, action="/add-service")
    back = await send(ada, "/add-service", with_fields(hidden, action="back"))
    assert secret not in back.text
    hidden = await previewed(ada, "/add-service", fields_of(back.text, action="/add-service"))
    done = await send(ada, "/add-service", with_fields(hidden, action="apply"))
    made = await revision(running)
    assert done.location == f"/services/fresh?done={made['number']}"
    assert "certificate: my own.pem" in made["text"]
    assert made["files"]["my own.pem"] == hashlib.sha256(key).hexdigest()
    twice = await send(ada, "/add-service", with_fields(hidden, action="apply"))
    assert twice.status in {409, 422}


async def test_a_file_that_others_use_is_replaced_only_when_somebody_means_it(
    ada: Browser, running: Suite, farm: PracticeFarm
) -> None:
    start = await ada.get("/add-service?start=exchange-web")
    fields = with_fields(
        fields_of(start.text, action="/add-service"),
        name="fresh", address=running.address, port="13443", names="mail.contoso.example",
        workloads=["owa"], servers=["cas1"], tls__server_ca="ca.pem", action="preview",
    )  # fmt: skip
    other = farm.files["front.pem"] + b"\n"
    page = await send(ada, "/add-service", fields, file__tls__certificate=("front.pem", other))
    assert page.status == 200, page.words
    assert "They get the file you sent too: service web" in page.words
    assert page.words.count("mail.contoso.example, autodiscover.contoso.example; valid until") >= 2
    before = await revision(running)
    hidden = fields_of(page.text, action="/add-service")
    refused = await send(ada, "/add-service", with_fields(hidden, action="apply"))
    assert (refused.status, "Say below that you mean it" in refused.words) == (409, True)
    assert await revision(running) == before

    back = await send(ada, "/add-service", with_fields(hidden, action="back"))
    renamed = with_fields(
        fields_of(back.text, action="/add-service"),
        tls__certificate="front-2.pem", action="preview",
    )  # fmt: skip
    page = await send(ada, "/add-service", renamed, file__tls__certificate=("front.pem", other))
    assert page.status == 200, page.words
    assert "They get the file you sent too" not in page.words
    both = fields_of(page.text, action="/add-service")
    await send(ada, "/add-service", with_fields(both, action="apply"))
    kept = (await revision(running))["files"]
    assert kept["front.pem"] == before["files"]["front.pem"]
    assert kept["front-2.pem"] == hashlib.sha256(other).hexdigest()
    await running.post(f"/revisions/{before['number']}/rollback")

    hidden = await previewed(
        ada, "/add-service", fields, file__tls__certificate=("front.pem", other)
    )
    await send(ada, "/add-service", with_fields(hidden, replaces="front.pem", action="apply"))
    made = await revision(running)
    assert made["files"]["front.pem"] == hashlib.sha256(other).hexdigest()


async def test_files_of_one_person_are_no_others(
    ada: Browser, running: Suite, farm: PracticeFarm
) -> None:
    fields = fields_of((await ada.get("/services/web/edit")).text, action="/services/web/edit")
    fields = with_fields(fields, tls__certificate="secret.pem")
    hidden = await previewed(
        ada, "/services/web/edit", fields, file__tls__certificate=("s.pem", farm.files["front.pem"])
    )
    account = await add_person(running, "berta-of-the-forms", Role.ADMIN)
    async with browser(running, await open_session(running, account)) as berta:
        await berta.get("/services/web/edit")
        theirs = with_fields(hidden, csrf=berta.csrf, action="apply")
        page = await send(berta, "/services/web/edit", theirs)
    assert page.status == 422
    assert "not kept any more" in page.words


async def test_a_file_that_is_refused_is_told_at_its_field_and_nothing_typed_is_lost(
    ada: Browser,
) -> None:
    path = "/services/imap/edit"
    fields = fields_of((await ada.get(path)).text, action=path)
    typed = with_fields(fields, title="Typed with care", action="preview")
    large = ("large.pem", b"x" * (1024 * 1024 + 1))
    page = await send(ada, path, typed, file__tls__certificate=large)
    assert page.status == 422
    assert "the file 'large.pem' is larger than 1,048,576 bytes" in page.words
    again = dict(fields_of(page.text, action=path))
    assert again["title"] == "Typed with care"
    forged = with_fields(fields, refused__tls__certificate="forged", action="preview")
    assert "forged" not in (await send(ada, path, forged)).words
