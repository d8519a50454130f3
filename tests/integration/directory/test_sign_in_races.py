"""What two people do at the same moment, and how much strangers can make us do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import argon2
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from switchover import clock
from switchover.directory.access.account import password as passwords
from switchover.directory.access.account.account import Account
from switchover.directory.access.account.work import changes, leaving, second_factor
from switchover.directory.access.account.work.hashing import Hashing
from switchover.directory.access.account.work.parts import AccessParts
from switchover.directory.access.oidc.work import Identity, sign_in_provided
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.session.session import Limits, Visitor
from switchover.directory.access.session.work import (
    find_open,
    find_session,
    list_sessions,
    recall_session,
)
from switchover.directory.access.sign_in.near import MOST_READS
from switchover.directory.access.sign_in.outcome import CodeNeeded, Denied, Opened
from switchover.directory.access.sign_in.throttle import Kind, keys_of
from switchover.directory.access.sign_in.work import confirm_code, sign_in
from switchover.directory.audit.work import Refusals
from switchover.errors import Conflict, Refused, Unavailable
from switchover.settings import OidcSettings, read_settings
from switchover.store.pool import Database
from switchover.store.seal import Sealer

PASSWORD = "four words make it"
ROOT = Actor(name="root", role=Role.ADMIN)
HERE = Visitor(address="192.0.2.1", agent="a test")


@pytest.fixture
def parts(database: Database, tmp_path: Path) -> AccessParts:
    return AccessParts(
        database=database,
        sealer=Sealer.open(tmp_path / "secret.key"),
        limits=Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12)),
        refusals=Refusals(database),
    )


async def add(parts: AccessParts, name: str, role: Role = Role.ADMIN) -> Account:
    return await changes.create_account(parts, name, role, PASSWORD, actor=ROOT)


async def test_two_administrators_can_not_disable_each_other_at_once(parts: AccessParts) -> None:
    for name in ("ada", "bob"):
        await add(parts, name)
    ended = await asyncio.gather(
        *(leaving.disable_account(parts, name, actor=ROOT) for name in ("ada", "bob")),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in ended) == ["Conflict", "Left"]


async def test_a_console_is_claimed_once(parts: AccessParts) -> None:
    code = parts.first_code.text
    claims = [
        changes.create_first_account(parts, name, PASSWORD, code=code, visitor=HERE)
        for name in ("ada", "eve")
    ]
    ended = await asyncio.gather(*claims, return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["Account", "Conflict"]


async def test_a_code_opens_one_session_even_at_the_same_moment(parts: AccessParts) -> None:
    ada = await add(parts, "ada")
    secret = await second_factor.begin(parts, ada)

    def code(steps: int = 0) -> str:
        moment = clock.now() + timedelta(seconds=30 * steps)
        return TOTP(secret, 6, SHA1(), 30).generate(int(moment.timestamp())).decode()

    await second_factor.confirm(parts, ada, code(), PASSWORD, keep_session="", actor=ROOT)
    waiting = await asyncio.gather(*(sign_in(parts, "ada", PASSWORD, HERE) for _ in range(3)))
    fresh = code(1)
    outcomes = await asyncio.gather(
        *(
            confirm_code(parts, one.new.secret, fresh, HERE)
            for one in waiting
            if isinstance(one, CodeNeeded)
        )
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Denied", "Denied", "Opened"]


async def test_no_session_opens_behind_a_change_that_ends_them_all(parts: AccessParts) -> None:
    await add(parts, "root")
    for number in range(5):
        account = await add(parts, f"ada{number}")
        entered, _ = await asyncio.gather(
            sign_in(parts, account.name, PASSWORD, HERE),
            changes.set_password(parts, account.name, "another four words", actor=ROOT),
        )
        assert await list_sessions(parts, account) == []
        if isinstance(entered, Opened):
            assert await find_session(parts, entered.new.secret) is None


async def test_a_name_that_does_not_exist_costs_as_much_as_a_wrong_password(
    parts: AccessParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(parts, "ada")
    asked = []
    real = passwords.is_password

    def count(kept: str, password: str) -> bool:
        asked.append(kept)
        return real(kept, password)

    monkeypatch.setattr(passwords, "is_password", count)
    for name in ("ada", "nobody", "x" * 500, "a\0b", ""):
        denied = await sign_in(parts, name, "wrong password", HERE)
        assert isinstance(denied, Denied)
        assert denied.sentence == "The name or the password is not right."
    assert asked[0] != passwords.NOBODY
    assert asked[1:] == [passwords.NOBODY] * 4


async def test_a_password_kept_with_older_parameters_is_hashed_anew_at_sign_in(
    parts: AccessParts,
) -> None:
    ada = await add(parts, "ada")
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with parts.database.transaction() as connection:
        await connection.execute("update account set password_hash = %s", (old,))
    assert isinstance(await sign_in(parts, "ada", PASSWORD, HERE), Opened)
    async with parts.database.transaction() as connection:
        cursor = await connection.execute(
            "select password_hash from account where id = %s", (ada.id,)
        )
        row = await cursor.fetchone()
    assert row is not None
    assert not passwords.is_outdated(row[0])
    assert isinstance(await sign_in(parts, "ada", PASSWORD, HERE), Opened)


async def test_strangers_can_not_make_us_hash_without_end() -> None:
    hashing = Hashing(at_once=1, waiting=2)
    tries = [hashing.fits(None, "any password") for _ in range(10)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(one, Unavailable) for one in ended] == [False] * 3 + [True] * 7
    assert await hashing.fits(None, "\ud800") is False
    assert await hashing.fits(await hashing.make(PASSWORD), "x" * 5000) is False


async def test_an_account_of_another_case_is_the_same_account(parts: AccessParts) -> None:
    await add(parts, "Ada")
    with pytest.raises(Conflict, match="there is an account 'Ada'"):
        await add(parts, "ada")
    assert isinstance(await sign_in(parts, " ADA ", PASSWORD, HERE), Opened)


async def test_an_account_gets_in_although_a_stranger_keeps_its_address_shut(
    parts: AccessParts,
) -> None:
    for name in ("ada", "bob"):
        await add(parts, name)
    assert isinstance(await sign_in(parts, "ada", PASSWORD, HERE), Opened)
    now = clock.monotonic()
    for number in range(Kind.ADDRESS.value.free + 1):
        parts.throttle.enter(keys_of(f"name{number}", HERE.address, is_known=False), now)
        now += parts.throttle.enter(((Kind.ADDRESS, HERE.address),), now)
    assert isinstance(await sign_in(parts, "bob", PASSWORD, HERE), Denied)
    assert isinstance(await sign_in(parts, "ada", PASSWORD, HERE), Opened)
    await changes.set_password(parts, "bob", "another four words", actor=ROOT)
    assert isinstance(await sign_in(parts, "bob", "another four words", HERE), Opened)


async def test_tries_within_a_pause_ask_the_database_once_a_minute(
    parts: AccessParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(parts, "ada")
    assert isinstance(await sign_in(parts, "ada", PASSWORD, HERE), Opened)
    now = clock.monotonic()
    for _ in range(Kind.ADDRESS.value.free + 20):  # until the pause is longer than this test
        now += parts.throttle.enter(((Kind.ADDRESS, HERE.address),), now)
    asked = 0
    opened = Database.transaction

    def counted(self: Database, *arguments: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return opened(self, *arguments, **more)

    async def silent(*_: Any, **__: Any) -> None:
        return None

    monkeypatch.setattr(Database, "transaction", counted)
    monkeypatch.setattr(parts.refusals, "note", silent)
    flood = [sign_in(parts, f"name{number}", PASSWORD, HERE) for number in range(20)]
    assert all(isinstance(one, Denied) for one in await asyncio.gather(*flood))
    for number in range(20):
        await sign_in(parts, f"name{number}", PASSWORD, HERE)
    assert 1 <= asked <= MOST_READS
    assert isinstance(await sign_in(parts, "ada", PASSWORD, HERE), Opened)


def oidc_settings() -> OidcSettings:
    settings = read_settings(
        {
            "HOME": "/root",
            "SWITCHOVER_PUBLIC_URL": "https://console.contoso.example",
            "SWITCHOVER_OIDC_ISSUER": "https://login.contoso.example",
            "SWITCHOVER_OIDC_CLIENT_ID": "switchover",
            "SWITCHOVER_OIDC_ADMIN_GROUPS": "admins",
        }
    ).oidc
    assert settings is not None
    return settings


async def test_sessions_of_a_provider_that_is_not_in_the_settings_any_more_are_refused(
    parts: AccessParts,
) -> None:
    settings = oidc_settings()
    identity = Identity(issuer=settings.issuer, subject="7", name="olga", groups=("admins",))
    parts.issuer = settings.issuer
    opened = await sign_in_provided(parts, settings, identity, HERE)
    assert isinstance(opened, Opened)
    found = await find_session(parts, opened.new.secret)
    assert found is not None
    for issuer in (None, "https://other.contoso.example"):
        parts.issuer = issuer
        assert await find_session(parts, opened.new.secret) is None
        assert await find_open(parts, [opened.new.session.id]) == set()
        assert await list_sessions(parts, found[1]) == []
        assert recall_session(parts, opened.new.secret) is None
    parts.issuer = settings.issuer
    assert await find_open(parts, [opened.new.session.id]) == {opened.new.session.id}


async def test_only_an_administrator_takes_a_role_away(parts: AccessParts) -> None:
    for name in ("ada", "bob"):
        await add(parts, name)
    lin = Actor(name="lin", role=Role.OPERATOR)
    with pytest.raises(Refused):
        await leaving.change_role(parts, "ada", Role.VIEWER, actor=lin)


@pytest.mark.parametrize("groups", [("admins",), ("strangers",)])
async def test_a_try_while_the_database_is_away_ends_nobody_s_look_from_memory(
    parts: AccessParts, tmp_path: Path, groups: tuple[str, ...]
) -> None:
    settings = oidc_settings()
    parts.issuer = settings.issuer
    olga = Identity(issuer=settings.issuer, subject="7", name="olga", groups=("admins",))
    opened = await sign_in_provided(parts, settings, olga, HERE)
    assert isinstance(opened, Opened)
    assert await find_session(parts, opened.new.secret) is not None
    eve = Identity(issuer=settings.issuer, subject="8", name="eve", groups=groups)
    nowhere = f"host={tmp_path}/nowhere dbname=switchover"
    async with Database(nowhere, patience_seconds=0.2, wait_seconds=0.2) as parts.database:
        with pytest.raises(Unavailable):
            await sign_in_provided(parts, settings, eve, HERE)
    assert recall_session(parts, opened.new.secret) is not None
