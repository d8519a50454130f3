"""Sign-in through a real identity provider, and what is refused when an answer does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
from tests.integration.oidc_provider import RealProvider, pass_provider, real_provider
from tests.integration.people import Browser, Page, add_person, browser, query
from tests.integration.processes import loopback
from tests.integration.suite import Suite, held, lent_database, suite

from switchover.directory.access.role import Role
from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("oidc")
PEOPLE = {
    "ada": {"groups": ["everybody", "mail-admins"]},
    "olga": {"groups": ["night-desk"]},
    "eve": {"groups": ["everybody"]},
    "root": {"groups": ["mail-admins"]},
    "none": {},
}


@dataclass(frozen=True, kw_only=True)
class Both:
    """A switchover and the provider it trusts."""

    suite: Suite
    provider: RealProvider


@pytest.fixture(scope="module")
def both(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    address = f"{loopback()}:8440"
    directory = tmp_path_factory.mktemp("oidc")
    with ExitStack() as stack:
        provider = stack.enter_context(real_provider(directory, f"http://{address}", PEOPLE))
        database = stack.enter_context(lent_database(postgres))
        running = stack.enter_context(
            held(
                suite(
                    "--api",
                    address,
                    database=database,
                    oidc_admin_groups="mail-admins",
                    oidc_operator_groups="night-desk; other",
                    **provider.settings,
                )
            )
        )
        yield Both(suite=running, provider=provider)


async def leave(page: Browser, back: str = "/") -> str:
    """Press the button; return where the browser is sent."""
    shown = await page.get("/sign-in")
    assert "Continue with Contoso" in shown.words
    sent = await page.get(f"/sign-in/oidc?next={back}")
    assert sent.status == 303
    return sent.location


async def come_back(page: Browser, login: str, back: str = "/") -> Page:
    return await page.get(await pass_provider(page.session, await leave(page, back), login))


def changed(address: str, **change: str | None) -> str:
    parts = urlsplit(address)
    asked = {key: value[0] for key, value in parse_qs(parts.query).items()}
    kept = {key: value for key, value in {**asked, **change}.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


async def test_a_group_gives_a_role_and_the_account_is_that_of_the_subject(both: Both) -> None:
    at = both.suite
    await add_person(at, "root", Role.ADMIN)
    async with browser(at) as page:
        entered = await come_back(page, "ada", "/account")
        assert (entered.status, entered.location) == (303, "/account")
        shown = await page.get("/account")
        assert "ada, admin" in shown.words
        assert "through the identity provider" in shown.words
        assert 'id="old"' not in shown.text
    async with browser(at) as page:
        assert (await come_back(page, "olga")).status == 303
    found = await query(
        at,
        "select name, role, issuer, subject from account where name in ('ada', 'olga') order by name",
    )
    assert found == [
        ("ada", "admin", both.provider.issuer, "ada"),
        ("olga", "operator", both.provider.issuer, "olga"),
    ]


async def test_who_comes_again_is_the_same_account_with_the_role_of_today(both: Both) -> None:
    at = both.suite
    async with browser(at) as page:
        await come_back(page, "ada")
        await query(at, "update account set role = 'viewer' where name = 'ada'")
        assert "ada, viewer" in (await page.get("/account")).words
        async with browser(at) as again:
            await come_back(again, "ada")
            assert "ada, admin" in (await again.get("/account")).words
        assert (await page.get("/account")).status == 303  # the session with the other role ended


async def test_a_provider_can_not_borrow_the_name_of_a_local_account(both: Both) -> None:
    await add_person(both.suite, "root", Role.ADMIN)
    async with browser(both.suite) as page:
        await come_back(page, "root")
        assert "root-2, admin" in (await page.get("/account")).words


@pytest.mark.parametrize("login", ["eve", "none"])
async def test_without_a_group_that_was_named_nobody_enters(both: Both, login: str) -> None:
    async with browser(both.suite) as page:
        denied = await come_back(page, login)
        assert (denied.status, "None of your groups" in denied.words) == (401, True)
        assert page.cookie("switchover") is None
    rows = await query(both.suite, "select from account where name = %s", login)
    assert rows == []


async def test_a_disabled_account_does_not_enter(both: Both) -> None:
    at = both.suite
    async with browser(at) as page:
        await come_back(page, "olga")
        (await at.api("POST", "/accounts/olga/disable", {})).good()
        assert (await page.get("/account")).status == 303
        denied = await come_back(page, "olga")
        assert (denied.status, "disabled" in denied.words) == (401, True)
        (await at.api("POST", "/accounts/olga/enable", {})).good()


async def test_its_password_and_role_are_the_provider_s(both: Both) -> None:
    async with browser(both.suite) as page:
        await come_back(page, "ada")
    for method, path, body in (
        ("PUT", "/accounts/ada/password", {"password": "four words make it"}),
        ("PUT", "/accounts/ada/role", {"role": "viewer"}),
        ("DELETE", "/accounts/ada/second-factor", None),
    ):
        assert (await both.suite.api(method, path, body)).status == 409
    async with browser(both.suite) as page:
        assert (await page.sign_in("ada")).status == 401


async def test_an_answer_is_good_once(both: Both) -> None:
    async with browser(both.suite) as page:
        address = await pass_provider(page.session, await leave(page), "ada")
        cookie = page.cookie("switchover-oidc") or ""
        assert (await page.get(address)).status == 303
        again = await page.get(address)
        assert (again.status, "does not belong" in again.words) == (401, True)
        page.session.cookie_jar.clear()
        page.take(cookie, name="switchover-oidc")
        stolen = await page.get(address)
        assert (stolen.status, "does not confirm" in stolen.words) == (401, True)


async def test_an_answer_is_good_only_in_the_browser_that_asked(both: Both) -> None:
    async with browser(both.suite) as attacker, browser(both.suite) as victim:
        address = await pass_provider(attacker.session, await leave(attacker), "ada")
        await leave(victim)
        assert (await victim.get(address)).status == 401
        assert victim.cookie("switchover") is None


@pytest.mark.parametrize(
    "change",
    [
        {"state": "another"},
        {"state": None},
        {"code": None},
        {"iss": "https://evil.example"},
        {"iss": None},
    ],
)
async def test_a_changed_answer_is_refused(both: Both, change: dict[str, str | None]) -> None:
    async with browser(both.suite) as page:
        address = await pass_provider(page.session, await leave(page), "ada")
        denied = await page.get(changed(address, **change))
        assert denied.status == 401
        assert page.cookie("switchover") is None


async def test_a_challenge_or_nonce_changed_on_the_way_is_noticed(both: Both) -> None:
    for change in ({"nonce": "another"}, {"code_challenge": "A" * 43}):
        async with browser(both.suite) as page:
            sent = changed(await leave(page), **change)
            denied = await page.get(await pass_provider(page.session, sent, "ada"))
            assert (denied.status, page.cookie("switchover")) == (401, None)


async def test_what_the_provider_refuses_is_told(both: Both) -> None:
    async with browser(both.suite) as page:
        sent = changed(await leave(page), scope="openid", prompt="none")
        denied = await page.get(await pass_provider(page.session, sent, "ada"))
        assert (denied.status, "refused" in denied.words) == (401, True)


async def test_groups_may_stand_only_at_the_user_info(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    address = f"{loopback()}:8440"
    with (
        real_provider(
            tmp_path, f"http://{address}", PEOPLE, groups_only_at_userinfo=True
        ) as provider,
        lent_database(postgres) as database,
    ):
        async with suite(
            "--api",
            address,
            database=database,
            oidc_admin_groups="mail-admins",
            **provider.settings,
        ) as at:
            await add_person(at, "root", Role.ADMIN)
            async with browser(at) as page:
                assert (await come_back(page, "ada")).status == 303
