"""Signing in to the console: who gets in, what a browser is told, and what ends a session."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta

import pytest
from tests.integration.people import (
    PASSWORD,
    add_person,
    browser,
    open_session,
    query,
)
from tests.integration.suite import Suite

from switchover import clock
from switchover.directory.access.account import second_factor
from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")


async def test_a_browser_without_a_session_is_led_to_sign_in_and_back(home: Suite) -> None:
    await add_person(home, "ada", Role.ADMIN)
    async with browser(home) as ada:
        page = await ada.get("/account?done=zone")
        assert (page.status, page.location) == (303, "/sign-in?next=%2Faccount%3Fdone%3Dzone")
        page = await ada.get(page.location)
        assert page.status == 200
        assert 'name="next" value="/account?done=zone"' in page.text
        page = await ada.post("/sign-in", name="ADA", password=PASSWORD, next="/account?done=zone")
        assert (page.status, page.location) == (303, "/account?done=zone")
        assert (await ada.get("/account")).status == 200
        assert (await ada.get("/sign-in")).location == "/"


async def test_the_cookie_is_out_of_reach_and_only_its_hash_is_kept(home: Suite) -> None:
    await add_person(home, "ada", Role.ADMIN)
    async with browser(home) as ada:
        page = await ada.sign_in("ada")
        given = page.headers["Set-Cookie"]
        assert re.match(r"switchover=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", given)
        secret = ada.cookie("switchover") or ""
        kept = await query(home, "select row_to_json(s)::text from session s")
        assert kept
        assert secret not in str(kept)


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_nobody_is_sent_to_another_site_after_sign_in(home: Suite, back: str) -> None:
    await add_person(home, "ada", Role.ADMIN)
    async with browser(home) as ada:
        assert (await ada.sign_in("ada", next=back)).location == "/"


async def test_wrong_name_wrong_password_and_disabled_get_the_same_answer(home: Suite) -> None:
    await add_person(home, "ada", Role.ADMIN)
    await add_person(home, "gone", Role.VIEWER)
    await query(home, "update account set disabled_at = now() where name = 'gone'")
    said = set()
    async with browser(home) as somebody:
        for name, password in (("ada", "x" * 12), ("nobody", PASSWORD), ("gone", PASSWORD)):
            page = await somebody.sign_in(name, password)
            assert page.status == 401
            said.add(re.sub(r'value="[^"]*"', "", page.text))
            assert password not in page.text
    assert len(said) == 1
    assert "The name or the password is not right" in said.pop()


async def test_guessing_is_slowed_down_and_an_administrator_lifts_it(home: Suite) -> None:
    await add_person(home, "guessed", Role.VIEWER)
    async with browser(home) as guesser:
        for _ in range(5):
            assert (await guesser.sign_in("guessed", "wrong password")).status == 401
        page = await guesser.sign_in("guessed")
        assert page.status == 429
        assert page.headers["Retry-After"] == "1" or page.headers["Retry-After"] == "2"
        assert "Too many tries" in page.text
        changed = "another four words"
        await home.api("PUT", "/accounts/guessed/password", {"password": changed})
        assert (await guesser.sign_in("guessed", changed)).status == 303


async def test_a_form_from_elsewhere_changes_nothing(home: Suite) -> None:
    ada = await add_person(home, "ada", Role.ADMIN)
    async with browser(home, await open_session(home, ada)) as page:
        token = page.csrf
        for headers, csrf in (
            ({"Origin": "https://evil.example"}, token),
            ({"Sec-Fetch-Site": "cross-site"}, token),
            ({"Sec-Fetch-Site": "same-site"}, token),
            ({"Origin": "null"}, token),
            ({}, "another"),
            ({}, ""),
        ):
            found = await page.ask(
                "POST", "/account/zone", headers=headers, data={"csrf": csrf, "zone": "Asia/Tokyo"}
            )
            assert found.status == 403, headers
        assert (await query(home, "select zone from account where name = 'ada'")) == [("UTC",)]
        header = {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin"}
        found = await page.ask(
            "POST", "/account/zone", headers=header, data={"zone": "Europe/Brussels"}
        )
        assert found.status == 303


async def test_a_sign_in_form_from_elsewhere_signs_nobody_in(home: Suite) -> None:
    await add_person(home, "ada", Role.ADMIN)
    async with browser(home) as victim:
        for headers in ({"Origin": "https://evil.example"}, {}):
            page = await victim.ask(
                "POST",
                "/sign-in",
                headers=headers,
                data={"name": "ada", "password": PASSWORD},
            )
            assert page.status == 403
            assert victim.cookie("switchover") is None


async def test_a_strange_origin_is_named_with_what_mends_it_and_recorded(home: Suite) -> None:
    olga = await add_person(home, "olga", Role.ADMIN)
    # A console behind a proxy that asks for it by another name.
    behind = {"Origin": "https://console.contoso.example", "Sec-Fetch-Site": "same-origin"}
    async with browser(home) as page:
        await page.get("/sign-in")
        form = {"csrf": page.csrf, "name": "olga", "password": PASSWORD}
        refused = await page.ask("POST", "/sign-in", headers=behind, data=form)
        code = await page.ask("POST", "/sign-in/code", headers=behind, data=form)
    async with browser(home, await open_session(home, olga)) as page:
        form = {"csrf": page.csrf, "zone": "Asia/Tokyo"}
        inside = await page.ask("POST", "/account/zone", headers=behind, data=form)
    for found in (refused, code, inside):
        assert found.status == 403
        assert "'https://console.contoso.example'" in found.words
        assert "SWITCHOVER_PUBLIC_URL" in found.words
    entries = (await home.get("/audit", limit="5"))["audit"]
    noted = {(one["action"], one["actor"], one["subject"]) for one in entries}
    assert ("access.refused", "olga", "POST /account/zone") in noted


async def test_a_page_can_ask_how_long_its_session_lasts_and_stay(home: Suite) -> None:
    async with browser(
        home, await open_session(home, await add_person(home, "ada", Role.ADMIN))
    ) as ada:
        age = "update session set seen_at = now() - interval '20 minutes' where agent = 'a test'"
        await query(home, age)
        for _ in range(2):  # asking does not keep it open
            told = json.loads((await ada.get("/session")).text)
            assert 590 <= told["seconds"] <= 600
        assert (told["name"], told["csrf"]) == ("ada", ada.csrf)
        kept = await ada.ask("POST", "/session", headers={"X-CSRF-Token": ada.csrf})
        assert json.loads(kept.text)["seconds"] >= 1790
        assert json.loads((await ada.get("/session")).text)["seconds"] >= 1780
        assert (await ada.ask("POST", "/session")).status == 403


async def test_signing_out_ends_the_session_on_the_server(home: Suite) -> None:
    await add_person(home, "ada", Role.ADMIN)
    async with browser(home) as ada:
        await ada.sign_in("ada")
        secret = ada.cookie("switchover") or ""
        await ada.get("/account")
        page = await ada.post("/sign-out")
        assert (page.status, page.location) == (303, "/sign-in")
        assert ada.cookie("switchover") is None
    async with browser(home, secret) as thief:
        assert (await thief.get("/account")).status == 303
        late = await thief.post("/account/zone", zone="Europe/Brussels")
        assert (late.status, late.location) == (401, "")
        assert "your session has ended" in late.words
        assert "go back to the page" in late.words
        part = await thief.ask("POST", "/account/zone", headers={"HX-Request": "true"})
        assert (part.status, part.headers["hx-retarget"]) == (401, "#notices")
        assert "hx-redirect" not in part.headers


@pytest.mark.parametrize(
    ("change", "statement"),
    [
        ("idle", "update session set seen_at = now() - interval '31 minutes'"),
        ("old", "update session set made_at = now() - interval '12 hours'"),
        ("disabled", "update account set disabled_at = now() where name = 'eve'"),
        ("waits for its code", "update session set awaits_code = true"),
    ],
)
async def test_a_session_ends_by_itself(home: Suite, change: str, statement: str) -> None:
    eve = await add_person(home, "eve", Role.VIEWER)
    async with browser(home, await open_session(home, eve)) as page:
        assert (await page.get("/account")).status == 200
        where = "" if "where" in statement else f" where account_id = '{eve}'"
        await query(home, statement + where)
        assert (await page.get("/account")).status == 303, change


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/accounts/eve/role", {"role": "operator"}),
        ("PUT", "/accounts/eve/password", {"password": "another four words"}),
        ("POST", "/accounts/eve/disable", {}),
        ("DELETE", "/accounts/eve/second-factor", None),
        ("DELETE", "/accounts/eve/sessions", None),
        ("DELETE", "/accounts/eve", None),
    ],
)
async def test_what_takes_rights_away_ends_sessions_at_once(
    home: Suite, method: str, path: str, body: dict[str, str] | None
) -> None:
    await add_person(home, "root", Role.ADMIN)
    eve = await add_person(home, "eve", Role.VIEWER)
    async with browser(home, await open_session(home, eve)) as page:
        assert (await page.get("/account")).status == 200
        (await home.api(method, path, body)).good()
        assert (await page.get("/account")).status == 303


async def test_a_new_password_of_one_s_own_ends_all_sessions_but_this(home: Suite) -> None:
    eve = await add_person(home, "eve", Role.VIEWER)
    async with (
        browser(home, await open_session(home, eve)) as here,
        browser(home, await open_session(home, eve)) as there,
    ):
        form = {"old": PASSWORD, "new": "another four words", "again": "another four words"}
        page = await here.post("/account/password", **{**form, "old": "wrong"})
        assert (page.status, "not your password" in page.text) == (422, True)
        page = await here.post("/account/password", **{**form, "again": "x"})
        assert (page.status, "not the same" in page.text) == (422, True)
        assert (await there.get("/account")).status == 200
        assert (await here.post("/account/password", **form)).status == 303
        assert (await here.get("/account")).status == 200
        assert (await there.get("/account")).status == 303


async def test_somebody_sees_and_ends_their_sessions_and_no_others(home: Suite) -> None:
    eve = await add_person(home, "eve", Role.VIEWER)
    ada = await add_person(home, "ada", Role.ADMIN)
    other = await open_session(home, eve, address="192.0.2.77")
    hers = await open_session(home, ada)
    ids = dict(await query(home, "select account_id::text, id::text from session order by made_at"))
    async with browser(home, await open_session(home, eve)) as page:
        shown = await page.get("/account")
        assert "192.0.2.77" in shown.words
        assert (await page.post(f"/account/sessions/{ids[ada]}/end")).status == 404
        assert (await page.post("/account/sessions/end-others")).status == 303
        assert (await page.get("/account")).status == 200
    async with browser(home, other) as page:
        assert (await page.get("/account")).status == 303
    async with browser(home, hers) as page:
        assert (await page.get("/account")).status == 200


async def enrol(home: Suite, name: str) -> tuple[bytes, list[str]]:
    """Add a second factor by the pages; return its secret and the recovery codes."""
    async with browser(home) as page:
        await page.sign_in(name)
        await page.get("/account")
        assert (await page.post("/account/second-factor")).location == "/account/second-factor"
        shown = await page.get("/account/second-factor")
        spelled = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", shown.text)
        assert spelled is not None
        secret = decode(spelled[1])
        at, right = "/account/second-factor/confirm", code_of(secret)
        assert (await page.post(at, code="000000", password=PASSWORD)).status == 422
        for wrong in ("", "not the password"):
            refused = await page.post(at, code=right, password=wrong)
            assert (refused.status, "not your password" in refused.text) == (422, True)
        confirmed = await page.post(at, code=right, password=PASSWORD)
        codes = re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}", confirmed.text)
        assert len(codes) == 10
        return secret, codes


def decode(spelled: str) -> bytes:
    return base64.b32decode(spelled.replace(" ", ""))


def code_of(secret: bytes, *, steps: int = 0) -> str:
    moment = clock.now() + timedelta(seconds=30 * steps)
    return second_factor._totp(secret).generate(int(moment.timestamp())).decode()


async def test_a_second_factor_is_asked_for_and_no_code_works_twice(home: Suite) -> None:
    await add_person(home, "tess", Role.VIEWER)
    secret, codes = await enrol(home, "tess")
    kept = await query(
        home,
        "select a.totp_secret, string_agg(c.hash, ' ') from account a "
        "join recovery_code c on c.account_id = a.id where a.name = 'tess' group by 1",
    )
    assert secret not in bytes(kept[0][0])
    assert not any(code in str(kept) for code in codes)
    async with browser(home) as page:
        assert (await page.sign_in("tess")).location == "/sign-in/code?next=%2F"
        assert (await page.get("/account")).status == 303
        asked = await page.get("/sign-in/code")
        assert re.search(r"There are [0-9] min .* left to give it", asked.words)
        # By the database, because another half minute may have begun meanwhile.
        ((step,),) = await query(home, "select totp_step from account where name = 'tess'")
        once = second_factor._totp(secret).generate(step * second_factor.STEP_SECONDS).decode()
        used = await page.post("/sign-in/code", code=once)
        assert (used.status, "used before" in used.text) == (401, True)
        fresh = code_of(secret, steps=1)
        assert (await page.post("/sign-in/code", code=fresh)).status == 303
        assert (await page.get("/account")).status == 200
    async with browser(home) as page:
        await page.sign_in("tess")
        await page.get("/sign-in/code")
        assert (await page.post("/sign-in/code", code=fresh)).status == 401
        assert (await page.post("/sign-in/code", code=codes[0].lower())).status == 303
    async with browser(home) as page:
        await page.sign_in("tess")
        await page.get("/sign-in/code")
        assert (await page.post("/sign-in/code", code=codes[0])).status == 401


async def test_a_code_needs_the_session_that_waits_for_it(home: Suite) -> None:
    await add_person(home, "tess", Role.VIEWER)
    _, codes = await enrol(home, "tess")
    async with browser(home) as page:
        await page.sign_in("tess")
        await page.get("/sign-in/code")
        await query(home, "update session set made_at = made_at - interval '5 minutes'")
        late = await page.post("/sign-in/code", code=codes[1])
        assert (late.status, "took too long" in late.text) == (401, True)
    async with browser(home) as page:
        assert (await page.get("/sign-in/code")).location == "/sign-in"
        await page.get("/sign-in")
        assert (await page.post("/sign-in/code", code=codes[1])).status == 401


async def test_codes_are_not_guessed_even_with_the_password(home: Suite) -> None:
    await add_person(home, "tess", Role.VIEWER)
    await enrol(home, "tess")
    statuses = []
    async with browser(home) as page:
        for _ in range(4):
            await page.sign_in("tess")
            await page.get("/sign-in/code")
            statuses += [(await page.post("/sign-in/code", code="123456")).status for _ in "12"]
    assert statuses.count(401) <= 6
    assert 429 in statuses
    (await home.api("DELETE", "/accounts/tess/second-factor")).good()


async def test_a_lost_second_factor_is_removed_by_its_owner_or_reset(home: Suite) -> None:
    await add_person(home, "tess", Role.VIEWER)
    _, codes = await enrol(home, "tess")
    async with browser(home) as page:
        await page.sign_in("tess")
        await page.get("/sign-in/code")
        await page.post("/sign-in/code", code=codes[0])
        await page.get("/account")
        again = await page.post("/account/second-factor/codes", password=PASSWORD)
        assert codes[1] not in again.text
        assert (await page.post("/account/second-factor/remove", password="x")).status == 422
        assert (await page.post("/account/second-factor/remove", password=PASSWORD)).status == 303
    async with browser(home) as page:
        assert (await page.sign_in("tess")).location == "/"


async def test_a_request_that_no_person_made_does_not_keep_a_session_open(home: Suite) -> None:
    eve = await add_person(home, "eve", Role.VIEWER)
    secret = await open_session(home, eve)
    old = "update session set seen_at = now() - interval '20 minutes'"
    await query(home, old)
    async with browser(home, secret) as page:
        await page.get("/account")
    seen = f"select now() - seen_at < interval '1 minute' from session where account_id = '{eve}' and ended_at is null"
    assert (True,) in await query(home, seen)


async def test_pages_before_sign_in_hold_what_every_page_holds(home: Suite) -> None:
    await add_person(home, "ada", Role.ADMIN)
    async with browser(home) as page:
        found = await page.get("/sign-in")
        assert "default-src 'none'" in found.headers["Content-Security-Policy"]
        assert found.headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in found.headers


async def test_nobody_chooses_the_address_they_are_seen_from(home: Suite) -> None:
    eve = await add_person(home, "eve", Role.VIEWER)
    forged = {"X-Forwarded-For": "192.0.2.66", "X-Forwarded-Proto": "https"}
    async with browser(home) as page:
        await page.get("/sign-in")
        form = {"csrf": page.csrf, "name": "eve", "password": PASSWORD}
        entered = await page.ask("POST", "/sign-in", headers=forged, data=form)
        assert entered.headers["Set-Cookie"].startswith("switchover=")
    seen = f"select address from session where account_id = '{eve}' order by made_at desc limit 1"
    assert await query(home, seen) == [("127.0.0.1",)]
