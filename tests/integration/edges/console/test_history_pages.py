"""The history: its list, one revision, differences, and the way back with its preview."""

from __future__ import annotations

import hashlib
import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from tests.builders import farm_text, http_service, server
from tests.integration.edges.console.asgi import Answer, ask, console

from switchover import clock
from switchover.balance import queries
from switchover.balance.effect import Effect, Feeling
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.balance.revision import Draft, Origin, Verb, difference
from switchover.balance.work import revisions
from switchover.balance.work.history import find_removal
from switchover.balance.work.preview import RollbackPreview
from switchover.balance.work.revisions import Outcome
from switchover.directory.access.role import Role
from switchover.edges.console.pages import history
from switchover.errors import Conflict
from switchover.store.pool import Database

HOSTILE = "<img src=x onerror=alert(1)>"
TARGET = Target(service="mail", pool="owa", server="cas1")


def draft(number: int, **changes: Any) -> Draft:
    values: dict[str, Any] = {
        "author": "ann" if number % 2 else "bob",
        "origin": Origin.FILE,
        "verb": Verb.APPLY,
        "reason": f"reason {number}",
        "text": farm_text({"mail": http_service(title=f"Mail {number}")}),
        "overrides": Overrides().changed([TARGET], state=AdminState.DRAIN),
        "files": {},
    }
    return Draft(**{**values, **changes})


async def keep(database: Database, *drafts: Draft) -> None:
    """Write revisions as they are written, without an engine."""
    now = clock.now()
    before: Draft | None = None
    async with database.transaction() as connection:
        for number, one in enumerate(drafts, 1):
            document = hashlib.sha256(one.text.encode()).hexdigest()
            await queries.insert_document(connection, document, one.text, now)
            await queries.insert_revision(
                connection,
                one,
                number=number,
                parent=number - 1 or None,
                document=document,
                diff=difference(before, one),
                summary=f"summary {number}",
                now=now,
            )
            before = one


@pytest.fixture
async def parts(database: Database) -> SimpleNamespace:
    return SimpleNamespace(database=database, wish=None)


@pytest.fixture
def admin(parts: SimpleNamespace) -> FastAPI:
    return console(balance=parts)


async def test_the_list_has_who_when_why_and_the_last_change_chosen(
    admin: FastAPI, database: Database
) -> None:
    await keep(database, *map(draft, (1, 2, 3)))
    text = (await ask(admin, "/history")).text
    assert re.findall(r">summary (\d)<", text) == ["3", "2", "1"]
    assert re.findall(r'name="(from|to)" value="(\d)" checked', text) == [
        ("to", "3"),
        ("from", "2"),
    ]
    assert "reason 3" in text
    assert "with a platform file" in text
    only_bob = (await ask(admin, "/history?author=BO")).text
    assert re.findall(r">summary (\d)<", only_bob) == ["2"]
    told = (await ask(admin, "/history?words=SON+3")).text
    assert re.findall(r">summary (\d)<", told) == ["3"]
    exported = await ask(admin, "/history?author=ann&format=csv")
    assert [line[:2] for line in exported.text.splitlines()[1:]] == ["3,", "1,"]


async def test_pages_of_the_list_go_on_after_a_number(admin: FastAPI, database: Database) -> None:
    await keep(database, *map(draft, range(1, 61)))
    first = (await ask(admin, "/history")).text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = (await ask(admin, following[1].replace("&amp;", "&"))).text
    assert re.findall(r">summary (\d+)<", second) == [str(n) for n in reversed(range(1, 11))]
    assert (await ask(admin, "/history?place=x")).status == 422


async def test_the_list_begins_with_the_first_revision_where_somebody_asks_for_that(
    admin: FastAPI, database: Database
) -> None:
    await keep(database, *map(draft, range(1, 61)))
    first = (await ask(admin, "/history?sort=created_at")).text
    assert re.findall(r'name="(from|to)" value="(\d)" checked', first) == [
        ("from", "1"),
        ("to", "2"),
    ]
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = (await ask(admin, following[1].replace("&amp;", "&"))).text
    assert re.findall(r">summary (\d+)<", second) == [str(n) for n in range(51, 61)]
    exported = await ask(admin, "/history?sort=created_at&format=csv")
    assert [line.split(",")[0] for line in exported.text.splitlines()[1:3]] == ["1", "2"]


async def test_one_revision_shows_what_it_changed_its_files_and_wishes(
    admin: FastAPI, database: Database
) -> None:
    await keep(database, draft(1), draft(2, reason=HOSTILE, author=HOSTILE))
    text = (await ask(admin, "/history/2")).text
    assert HOSTILE not in text
    assert "&lt;img src=x" in text
    assert 'class="added"' in text
    assert 'class="removed"' in text
    assert "in force" in text
    assert 'href="/servers/cas1"' in text
    older = (await ask(admin, "/history/1")).text
    assert 'href="/history/1/rollback"' in older
    assert 'href="/history/difference?from=1&amp;to=2"' in older
    fetched = await ask(admin, "/history/1/file")
    assert fetched.text == draft(1).text
    assert "platform-revision-1.yaml" in fetched.headers["content-disposition"]
    assert (await ask(admin, "/history/9")).status == 404
    assert (await ask(admin, "/history/0")).status == 422


async def test_any_two_are_compared_in_both_directions(admin: FastAPI, database: Database) -> None:
    await keep(database, *map(draft, (1, 2, 3)))
    forward = (await ask(admin, "/history/difference?from=1&to=3")).text
    assert re.findall(r'class="text">    title: Mail (\d)<', forward) == ["1", "3"]
    back = (await ask(admin, "/history/difference?from=3&to=1")).text
    assert re.findall(r'class="text">    title: Mail (\d)<', back) == ["3", "1"]
    assert 'name="from" type="number" inputmode="numeric" min="1" value="3"' in back
    listed = (await ask(admin, "/history")).text
    assert 'name="to" type="number" inputmode="numeric" min="1" value=""' in listed
    latest = (await ask(admin, "/history/difference")).text
    assert "From revision 2 to 3" in latest
    assert (await ask(admin, "/history/difference?from=1&to=9")).status == 404


async def test_the_revision_that_removed_something_is_found_not_one_that_changed_it(
    database: Database, parts: Any
) -> None:
    with_spare = {"cas1": server(1), "cas2": server(2), "spare": server(3)}
    moved = {**with_spare, "spare": server(4)}
    without = {"cas1": server(1), "cas2": server(2)}
    texts = [
        farm_text({"mail": http_service()}, servers=servers)
        for servers in (with_spare, moved, without, without)
    ]
    await keep(database, *(draft(n, text=text) for n, text in enumerate(texts, 1)))
    removal = await find_removal(parts, "servers", "spare")
    assert removal is not None
    assert (removal.number, removal.author, removal.reason) == (3, "ann", "reason 3")
    assert await find_removal(parts, "services", "spare") is None
    assert await find_removal(parts, "servers", "cas1") is None
    assert await find_removal(parts, "servers", "no name") is None


async def test_who_may_not_roll_back_is_not_offered_it(
    parts: SimpleNamespace, database: Database
) -> None:
    await keep(database, *map(draft, (1, 2)))
    text = (await ask(console(Role.OPERATOR, balance=parts), "/history/1")).text
    assert "/rollback" not in text


async def test_the_page_of_a_rollback_shows_what_changes_and_asks_for_the_preview(
    admin: FastAPI, database: Database
) -> None:
    await keep(database, *map(draft, (1, 2)))
    text = (await ask(admin, "/history/1/rollback")).text
    assert 'hx-post="/history/1/preview"' in text
    assert re.findall(r'class="text">    title: Mail (\d)<', text) == ["2", "1"]
    assert "Confirm" not in text
    same = (await ask(admin, "/history/2/rollback")).text
    assert "Nothing to roll back" in same


def pretend(monkeypatch: pytest.MonkeyPatch, *, latest: int, conflict: str = "") -> list[Any]:
    """Stand in for an engine; return what it was asked to do."""
    asked: list[Any] = []
    effect = Effect(
        service="mail", workloads=("owa",), feeling=Feeling.WORSE, sentence="Half is left."
    )
    diff = "--- before\n+++ after\n@@ -1 +1 @@\n-title: Mail 2\n+title: Mail 1"

    async def preview(*_: Any, **__: Any) -> RollbackPreview:
        outcome = Outcome(number=None, diff=diff, summary="", findings=())
        return RollbackPreview(latest=latest, outcome=outcome, effects=(effect,))

    async def roll_back(_parts: Any, number: int, **given: Any) -> Outcome:
        asked.append((number, given["parent"], given["intent"].reason, given["intent"].actor.name))
        if conflict:
            raise Conflict(conflict)
        return Outcome(number=3, diff=diff, summary="", findings=())

    monkeypatch.setattr(history, "preview_rollback", preview)
    monkeypatch.setattr(revisions, "roll_back", roll_back)
    return asked


async def post(app: FastAPI, target: str, body: str) -> Answer:
    return await ask(app, target, method="POST", body=body.encode())


async def test_a_preview_tells_what_users_feel_and_can_be_confirmed(
    admin: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(database, *map(draft, (1, 2)))
    asked = pretend(monkeypatch, latest=2)
    text = (await post(admin, "/history/1/preview", "reason=why")).text
    assert "Half is left." in text
    assert 'name="parent" value="2"' in text
    assert asked == []
    done = await post(admin, "/history/1/rollback", "parent=2&reason=not+yet")
    assert (done.status, done.headers["location"]) == (303, "/history/3?done=true")
    assert asked == [(1, 2, "not yet", "ada")]


async def test_what_changed_meanwhile_is_a_conflict_with_a_new_preview(
    admin: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(database, *map(draft, (1, 2)))
    pretend(monkeypatch, latest=2, conflict="revision 2 was made meanwhile")
    answer = await post(admin, "/history/1/rollback", "parent=1&reason=kept+words")
    assert answer.status == 409
    assert "revision 2 was made meanwhile" in answer.text
    assert 'value="kept words"' in answer.text
    assert 'name="parent" value="2"' in answer.text


@pytest.mark.parametrize("body", ["reason=x", "parent=-1", "parent=x", "parent=1&reason=%1B[2J"])
async def test_a_confirmation_that_can_not_be_read_changes_nothing(
    admin: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    await keep(database, draft(1))
    asked = pretend(monkeypatch, latest=1)
    assert (await post(admin, "/history/1/rollback", body)).status == 422
    assert asked == []


async def test_before_the_first_revision_the_list_says_so(admin: FastAPI) -> None:
    assert "Nothing was applied yet" in (await ask(admin, "/history")).text
