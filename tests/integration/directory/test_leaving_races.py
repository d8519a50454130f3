"""Who leaves has no way in left: tokens of an account, those that tokens made, those made at that moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

import switchover.store.migrations
from switchover import clock
from switchover.directory.access import queries
from switchover.directory.access.account.account import Account
from switchover.directory.access.account.work import changes, leaving, reading
from switchover.directory.access.account.work.parts import AccessParts
from switchover.directory.access.memory import TokenMemory
from switchover.directory.access.oidc.work import Identity, sign_in_provided
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.session.session import Limits, Visitor
from switchover.directory.access.sign_in.outcome import Denied, Opened
from switchover.directory.access.token import new_token, token_hash
from switchover.directory.access.work import create_token, find_actor, list_tokens
from switchover.directory.audit.work import Refusals
from switchover.errors import Conflict, Refused
from switchover.settings import OidcSettings, read_settings
from switchover.store.pool import Database
from switchover.store.seal import Sealer

PASSWORD = "four words make it"
ROOT = Actor(name="root", role=Role.ADMIN)
HERE = Visitor(address="192.0.2.1", agent="a test")


@pytest.fixture
async def parts(database: Database, tmp_path: Path) -> AccessParts:
    made = AccessParts(
        database=database,
        sealer=Sealer.open(tmp_path / "secret.key"),
        limits=Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12)),
        refusals=Refusals(database),
    )
    await add(made, "last")
    return made


@pytest.fixture
def oidc() -> OidcSettings:
    settings = read_settings(
        {
            "HOME": "/root",
            "SWITCHOVER_PUBLIC_URL": "https://console.contoso.example",
            "SWITCHOVER_OIDC_ISSUER": "https://login.contoso.example",
            "SWITCHOVER_OIDC_CLIENT_ID": "switchover",
            "SWITCHOVER_OIDC_ADMIN_GROUPS": "admins",
            "SWITCHOVER_OIDC_OPERATOR_GROUPS": "desk",
        }
    ).oidc
    assert settings is not None
    return settings


async def add(parts: AccessParts, name: str) -> Account:
    return await changes.create_account(parts, name, Role.ADMIN, PASSWORD, actor=ROOT)


async def add_token(parts: AccessParts, name: str, actor: Actor, role: Role = Role.ADMIN) -> Actor:
    """Return who comes with a new token."""
    fresh = await create_token(parts.database, name, role, actor=actor, valid_days=1)
    found = await find_actor(parts.database, TokenMemory(), fresh.secret)
    assert found is not None
    return found


async def valid(parts: AccessParts) -> list[str]:
    return sorted(token.name for token in await list_tokens(parts.database, is_valid=True))


async def test_tokens_made_by_tokens_end_with_the_account_at_their_root(
    parts: AccessParts,
) -> None:
    ada = await add(parts, "ada")
    first = await add_token(parts, "first", ada.actor)
    second = await add_token(parts, "second", first)
    await add_token(parts, "third", second, Role.VIEWER)
    shown = await list_tokens(parts.database, account="Ada", is_valid=True)
    assert [token.name for token in shown] == ["third", "second", "first"]
    await leaving.change_role(parts, "ada", Role.OPERATOR, actor=ROOT)
    assert await valid(parts) == ["third"]
    await leaving.remove_account(parts, "ada", actor=ROOT)
    assert await valid(parts) == []


async def test_what_is_only_named_like_an_account_stays(parts: AccessParts) -> None:
    bob, ada = await add(parts, "bob"), await add(parts, "ada")
    named = await add_token(parts, "ada", bob.actor)
    await add_token(parts, "program", named)
    assert await list_tokens(parts.database, account="ada") == []
    assert (await leaving.remove_account(parts, ada.name, actor=ROOT)).tokens == ()
    assert await valid(parts) == ["ada", "program"]


@pytest.mark.parametrize("way", ["remove", "disable", "role"])
async def test_no_token_is_made_behind_the_back_of_who_takes_rights_away(
    parts: AccessParts, way: str
) -> None:
    for number in range(4):
        ada = await add(parts, f"ada{number}")
        token = await add_token(parts, "first", ada.actor)
        leave = {
            "remove": lambda name: leaving.remove_account(parts, name, actor=ROOT),
            "disable": lambda name: leaving.disable_account(parts, name, actor=ROOT),
            "role": lambda name: leaving.change_role(parts, name, Role.VIEWER, actor=ROOT),
        }[way]
        made = (
            create_token(parts.database, f"t{n}", Role.ADMIN, actor=actor, valid_days=1)
            for n, actor in enumerate((ada.actor, token, ada.actor, token))
        )
        ended = await asyncio.gather(*made, leave(ada.name), return_exceptions=True)
        assert {type(one).__name__ for one in ended[:-1]} <= {"NewToken", "Refused"}
        assert not isinstance(ended[-1], BaseException)
        assert await valid(parts) == []
        for actor in (ada.actor, token):
            with pytest.raises(Refused, match="has lost that right meanwhile"):
                await create_token(parts.database, "late", Role.ADMIN, actor=actor, valid_days=1)


async def test_a_token_that_is_being_made_by_a_token_is_waited_for(parts: AccessParts) -> None:
    ada = await add(parts, "ada")
    first = await add_token(parts, "first", ada.actor)
    now = clock.now()
    child = new_token(
        "child", Role.ADMIN, created_by="first", now=now, expires_at=None, account_id=ada.id
    )
    async with parts.database.transaction() as connection:
        assert await queries.hold_token(connection, str(first.token_id), ["admin"], now)
        await queries.insert_token(connection, child.token, str(token_hash(child.secret)))
        leave = asyncio.create_task(leaving.remove_account(parts, "ada", actor=ROOT))
        await asyncio.sleep(0.3)
        assert not leave.done()
    assert [token.name for token in (await leave).tokens] == ["child", "first"]
    assert await valid(parts) == []


async def test_fewer_groups_at_the_provider_end_the_tokens_too(
    parts: AccessParts, oidc: OidcSettings
) -> None:
    parts.issuer = oidc.issuer

    async def enter(*groups: str) -> Opened | Denied:
        identity = Identity(issuer=oidc.issuer, subject="7", name="olga", groups=groups)
        entered = await sign_in_provided(parts, oidc, identity, HERE)
        assert isinstance(entered, Opened | Denied)
        return entered

    assert isinstance(await enter("admins"), Opened)
    olga = await reading.get_account(parts, "olga")
    first = await add_token(parts, "first", olga.actor)
    await add_token(parts, "second", first)
    await add_token(parts, "watch", first, Role.VIEWER)
    assert isinstance(await enter("admins"), Opened)
    assert await valid(parts) == ["first", "second", "watch"]
    assert isinstance(await enter("desk"), Opened)
    assert await valid(parts) == ["watch"]
    assert isinstance(await enter(), Denied)
    assert await valid(parts) == []


async def test_a_form_that_is_sent_twice_makes_one_token(parts: AccessParts) -> None:
    ada = await add(parts, "ada")

    async def send() -> object:
        return await create_token(
            parts.database,
            "backup",
            Role.VIEWER,
            actor=ada.actor,
            valid_days=1,
            once_within=timedelta(minutes=10),
        )

    ended = await asyncio.gather(send(), send(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["Conflict", "NewToken"]
    assert await valid(parts) == ["backup"]
    with pytest.raises(Conflict, match="its secret was shown then"):
        await send()


async def test_tokens_of_before_belong_to_the_account_their_maker_names(parts: AccessParts) -> None:
    ada, local = await add(parts, "ada"), await add(parts, "switchover")
    await add_token(parts, "hers", ada.actor)
    await add_token(parts, "local administrator", local.actor)
    await add_token(parts, "of nobody", Actor(name="gone", role=Role.ADMIN))
    await add_token(parts, "older", ada.actor)
    steps = Path(str(switchover.store.migrations.__file__)).parent
    text = (steps / "versions" / "v0009_token_roots.sql").read_text("utf-8")
    fill = text[text.index("update api_token") :]
    async with parts.database.transaction() as connection:
        await connection.execute("update api_token set account_id = null")
        await connection.execute(
            "update api_token set created_at = '2020-01-01' where name = 'older'"
        )
        await connection.execute(fill.encode())
    listed = await list_tokens(parts.database)
    assert {token.name: token.account_id for token in listed} == {
        "hers": ada.id,
        "local administrator": None,
        "of nobody": None,
        "older": None,
    }
