"""Accounts by page, route and command: the same verbs, and the last administrator stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.integration.people import PASSWORD, add_person, browser, open_session, query
from tests.integration.suite import Suite

from switchover.directory.access.role import Role

pytestmark = pytest.mark.xdist_group("edges")


@pytest.fixture
async def ada(home: Suite) -> str:
    """The only administrator; returns a cookie of hers."""
    await query(home, "delete from account")
    account = await add_person(home, "ada", Role.ADMIN)
    return await open_session(home, account)


async def test_an_administrator_makes_changes_and_removes_accounts_by_pages(
    home: Suite, ada: str
) -> None:
    async with browser(home, ada) as page:
        form = {"name": "bob@contoso.example", "role": "viewer", "password": PASSWORD}
        made = await page.post("/accounts", **form, again=PASSWORD)
        assert (made.status, made.location) == (303, "/accounts/bob%40contoso.example")
        again = await page.post(
            "/accounts", **{**form, "name": "BOB@contoso.example"}, again=PASSWORD
        )
        assert (again.status, "there is an account" in again.text) == (422, True)
        other = await page.post("/accounts", **{**form, "name": "carl"}, again="x")
        assert (other.status, "not the same" in other.text) == (422, True)
        at = made.location
        assert (await page.post(f"{at}/role", role="operator")).status == 303
        assert (await page.post(f"{at}/disable")).status == 303
        shown = await page.get(at)
        assert "disabled" in shown.words
        assert (await page.post(f"{at}/enable")).status == 303
        assert (await page.post(f"{at}/password", password=PASSWORD, again=PASSWORD)).status == 303
        listed = await page.get("/accounts?q=BOB&role=operator")
        assert "bob@contoso.example" in listed.text
        assert (await page.post(f"{at}/remove")).location == "/accounts"
        assert (await page.get(at)).status == 404


async def test_accounts_are_exported_as_they_are_listed(home: Suite, ada: str) -> None:
    await add_person(home, "=cmd", Role.VIEWER)
    async with browser(home, ada) as page:
        lines = (await page.get("/accounts?format=csv")).text.splitlines()
        assert lines[0].startswith("name,role,state,kind")
        assert [line.split(",")[0] for line in lines[1:]] == ["'=cmd", "ada"]
        assert "ada" in (await page.get("/accounts?format=json&role=admin")).text
        turned = (await page.get("/accounts?format=csv&sort=-name")).text.splitlines()[1:]
        assert [line.split(",")[0] for line in turned] == ["ada", "'=cmd"]
    csv = (await home.api("GET", "/accounts", format="csv")).body
    assert csv.splitlines()[0] == lines[0]


async def test_the_last_administrator_can_not_be_lost(home: Suite, ada: str) -> None:
    for method, path, body in (
        ("POST", "/accounts/ada/disable", {}),
        ("DELETE", "/accounts/ada", None),
        ("PUT", "/accounts/ada/role", {"role": "operator"}),
    ):
        answer = await home.api(method, path, body)
        assert answer.status == 409, path
        assert "the last local account" in answer.body["detail"]
    await add_person(home, "bob", Role.ADMIN)
    (await home.api("POST", "/accounts/bob/disable", {})).good()
    assert (await home.api("DELETE", "/accounts/ada")).status == 409
    (await home.api("POST", "/accounts/bob/enable", {})).good()
    (await home.api("DELETE", "/accounts/ada")).good()


async def test_an_account_is_made_listed_and_removed_by_command(
    home: Suite, ada: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    made = await home.cli(
        "account",
        "create",
        "carl",
        "--role",
        "operator",
        "--password-file",
        str(file),
        "-o",
        "json",
    )
    assert (made.json["name"], made.json["role"]) == ("carl", "operator")
    assert "carl" in (await home.cli("account", "list")).out
    assert "operator" in (await home.cli("account", "show", "carl")).out
    for arguments in (("role", "carl", "viewer"), ("disable", "carl"), ("enable", "carl")):
        assert (await home.cli("account", *arguments)).code == 0
    for command in ("totp-reset", "sign-out"):
        assert (await home.cli("account", command, "carl", "-o", "json")).code == 0
    changed = await home.cli("account", "password", "carl", "--password-file", str(file))
    assert "another password" in changed.out
    assert (await home.cli("account", "remove", "carl")).code == 2
    assert (await home.cli("account", "remove", "carl", "--yes")).code == 0
    assert (await home.cli("account", "show", "carl")).code == 3
    assert (await home.cli("account", "disable", "ada")).code == 4


async def test_a_password_never_comes_from_an_argument_nor_goes_to_the_log(
    home: Suite, ada: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("two\nlines\n")
    wrong = await home.cli("account", "create", "carl", "--password-file", str(file))
    assert (wrong.code, "one line" in wrong.err) == (2, True)
    asked = await home.cli("account", "create", "carl")
    assert (asked.code, "--password-file" in asked.err) == (2, True)
    short = await home.api(
        "POST", "/accounts", {"name": "carl", "role": "viewer", "password": "Tr0ub4dor&3"}
    )
    assert short.status == 422
    assert "Tr0ub4dor" not in str(short.body)
    assert "Tr0ub4dor" not in home.log.read_text()
    help_text = (await home.cli("account", "create", "--help")).out
    assert not re.search(r"--password\s", help_text)


async def test_a_token_is_made_shown_once_and_ended_on_its_page(home: Suite, ada: str) -> None:
    async with browser(home, ada) as page:
        made = await page.post("/tokens", name="from a page", role="viewer", days="2")
        found = re.search(r"swo_[A-Za-z0-9_-]{43}", made.text)
        assert found is not None
        assert (await home.api("GET", "/status", token=found[0])).status == 200
        listed = await page.get("/tokens?state=valid&q=from+a+page")
        assert found[0] not in listed.text
        action = re.search(r'href="(/tokens/[^"]+/revoke)"', listed.text)
        assert action is not None
        twice = await page.post("/tokens", name="from a page", role="viewer", days="2")
        assert (twice.status, "you made a token" in twice.words) == (422, True)
        assert (await page.post(action[1])).location == "/tokens"
        assert (await home.api("GET", "/status", token=found[0])).status == 401
        wrong = await page.post("/tokens", name="<b>", role="viewer", days="2")
        assert (wrong.status, "not a usable token name" in wrong.words) == (422, True)


async def test_times_stand_in_the_zone_of_the_account(home: Suite, ada: str) -> None:
    async with browser(home, ada) as page:
        assert (await page.post("/account/zone", zone="Mars/Olympus")).status == 422
        done = (await page.post("/account/zone", zone="Asia/Tokyo")).location
        assert done.startswith("/account?done=zone&mark=")
        assert "Times are shown in your zone." in (await page.get(done)).words
        for forged in (done.replace("zone&", "password&"), "/account?done=zone"):
            assert "Done." not in (await page.get(forged)).words
        assert 'data-zone="Asia/Tokyo"' in (await page.get("/account")).text


async def test_whatever_is_done_to_accounts_stands_in_the_audit_log(home: Suite, ada: str) -> None:
    async with browser(home, ada) as page:
        form = {"name": "carl", "role": "viewer", "password": PASSWORD, "again": PASSWORD}
        await page.post("/accounts", **form)
        for action in ("role", "disable", "enable", "sign-out", "second-factor-reset", "remove"):
            fields = {"role": "operator"} if action == "role" else {}
            assert (await page.post(f"/accounts/carl/{action}", **fields)).status == 303
    async with browser(home) as page:
        await page.sign_in("ada", "wrong password")
        await page.sign_in("wrong field pass word")
        await page.sign_in("ada")
        await page.get("/account")
        await page.post("/account/zone", zone="Asia/Tokyo")
        await page.post("/sign-out")
    entries = (await home.get("/audit", limit="12"))["audit"]
    done = [one for one in entries if one["outcome"] == "done"]
    assert [(one["action"], one["actor"], one["subject"]) for one in done][:10] == [
        ("sign-out", "ada", "ada"),
        ("account.zone", "ada", "ada"),
        ("sign-in", "ada", "ada"),
        ("account.remove", "ada", "carl"),
        ("account.second-factor-reset", "ada", "carl"),
        ("account.sign-out", "ada", "carl"),
        ("account.enable", "ada", "carl"),
        ("account.disable", "ada", "carl"),
        ("account.role", "ada", "carl"),
        ("account.create", "ada", "carl"),
    ]
    # Others of this address may have used up what is written down one by one of refused tries.
    refused = {(one["action"], one["actor"]) for one in entries if one["outcome"] != "done"}
    assert refused <= {("sign-in", "ada"), ("sign-in", "unknown")}
    assert {one["origin"] for one in done[:10]} == {"console"}
    assert "wrong field" not in str(entries)
    role = next(one for one in entries if one["action"] == "account.role")
    assert (role["before"], role["after"]) == ({"role": "viewer"}, {"role": "operator"})


async def made_by(at: Suite, maker: str, **tokens: str) -> dict[str, str]:
    """Make a token of each role in the name of somebody; return their ids by name."""
    ids = {}
    for name, role in tokens.items():
        made = await at.post("/tokens", {"name": name, "role": role})
        await query(
            at,
            "update api_token set created_by = name_of.name, account_id = name_of.id "
            "from account as name_of where name_of.name = %s and api_token.id = %s",
            maker,
            made["id"],
        )
        ids[name] = made["id"]
    return ids


async def valid_of(at: Suite, maker: str) -> list[str]:
    listed = await at.get("/tokens", maker=maker, valid="true")
    return sorted(token["name"] for token in listed["tokens"])


async def test_who_leaves_takes_the_tokens_of_their_making_along(home: Suite, ada: str) -> None:
    await add_person(home, "gus", Role.ADMIN)
    await made_by(home, "gus", big="admin", middle="operator", small="viewer")
    async with browser(home, ada) as page:
        shown = (await page.get("/accounts/gus")).words
        assert "3 valid tokens that gus made work on their own" in shown
        asked = (await page.get("/accounts/gus/change?action=role&role=operator")).words
        assert "Give gus the role operator" in asked
        assert "1 valid token that gus made end with it" in asked
        assert "big , admin" in asked
        assert "small ," not in asked
        sent = await page.post("/accounts/gus/role", role="operator", reason="night desk")
        assert sent.location == "/accounts/gus"
        assert await valid_of(home, "gus") == ["middle", "small"]
        await page.post("/accounts/gus/role", role="viewer", keep_tokens="true")
        assert await valid_of(home, "gus") == ["middle", "small"]
        assert "Some of its tokens may do more" in (await page.get("/accounts/gus")).words
        listed = (await page.get("/tokens?maker=gus&state=valid")).words
        assert "middle" in listed
        assert "big" not in listed
        asked = (await page.get("/accounts/gus/change?action=remove")).words
        assert "2 valid tokens that gus made end with it" in asked
        await page.post("/accounts/gus/remove", reason="left the company")
    assert await valid_of(home, "gus") == []
    entries = (await home.get("/audit", limit="6"))["audit"]
    assert [(one["action"], one["subject"], one["reason"]) for one in entries] == [
        ("account.remove", "gus", "left the company"),
        ("token.revoke", "small", "left the company"),
        ("token.revoke", "middle", "left the company"),
        ("account.role", "gus", ""),
        ("account.role", "gus", "night desk"),
        ("token.revoke", "big", "night desk"),
    ]
    assert {one["actor"] for one in entries} == {"ada"}
    assert all(one["client"].startswith("Python/") for one in entries)


async def test_by_route_and_command_tokens_end_with_their_maker_unless_they_are_to_stay(
    home: Suite, ada: str
) -> None:
    await add_person(home, "gus", Role.ADMIN)
    await made_by(home, "gus", one="viewer")
    kept = await home.post("/accounts/gus/disable", {"keep_tokens": True, "reason": "on leave"})
    assert (kept["state"], kept["ended_tokens"]) == ("disabled", [])
    again = await home.post("/accounts/gus/disable")
    assert [token["name"] for token in again["ended_tokens"]] == ["one"]
    await home.post("/accounts/gus/enable", {"reason": "back"})
    await made_by(home, "gus", two="admin", three="viewer")
    less = await home.cli("account", "role", "gus", "viewer", "-m", "less to do")
    assert "token two (admin) ended" in less.out
    assert "three" in (await home.cli("token", "list", "--maker", "gus")).out
    gone = await home.cli("account", "remove", "gus", "--yes", "--keep-tokens", "-o", "json")
    assert gone.json == {"removed": "gus", "ended_tokens": []}
    (left,) = (await home.get("/tokens", maker="gus", valid="true"))["tokens"]
    ended = await home.cli("token", "revoke", left["id"], "-m", "its maker left")
    assert ended.code == 0
    entries = (await home.get("/audit", limit="7"))["audit"]
    assert [(one["action"], one["reason"]) for one in entries][::6] == [
        ("token.revoke", "its maker left"),
        ("account.enable", "back"),
    ]


async def test_what_takes_rights_away_is_a_page_before_it_is_done(home: Suite, ada: str) -> None:
    await add_person(home, "gus", Role.VIEWER)
    (token_id,) = (await made_by(home, "gus", lone="viewer")).values()
    async with browser(home, ada) as page:
        shown = (await page.get("/accounts/gus")).text
        assert 'method="post" action="/accounts/gus/remove"' not in shown
        for action in ("role", "disable", "enable", "second-factor-reset", "sign-out", "remove"):
            asked = await page.get(f"/accounts/gus/change?action={action}")
            assert f'method="post" action="/accounts/gus/{action}"' in asked.text
        assert (await page.get("/accounts/gus/change?action=burn")).status == 422
        assert (await page.get("/accounts/nobody/change")).status == 404
        asked = await page.get(f"/tokens/{token_id}/revoke")
        assert "refused from the next request on" in asked.words
        assert await valid_of(home, "gus") == ["lone"]
        await page.post(f"/tokens/{token_id}/revoke", reason="not used")
        assert "there is nothing to do" in (await page.get(f"/tokens/{token_id}/revoke")).words
    (entry,) = (await home.get("/audit", limit="1"))["audit"]
    assert (entry["action"], entry["reason"]) == ("token.revoke", "not used")
