"""The what-if page: any combination in the address, what users feel in each layout, with and without HTMX."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from tests.builders import farm, http_service, mail_service, server
from tests.integration.edges.console.asgi import ask, console
from tests.unit.balance.engine_rows import row, snapshot_of

from switchover.balance.overrides import Overrides
from switchover.balance.snapshot import Snapshot
from switchover.balance.virtual_service import Balance
from switchover.balance.work import preview
from switchover.directory.access.role import Role
from switchover.wire.haproxy.statistics import Row

SERVERS = {"cas1": server(1, site="brussels"), "cas2": server(2, site="ghent")}


class Seen:
    """A board that always shows the same rows."""

    rows: tuple[Row, ...] = ()

    def __init__(self, balance: Balance) -> None:
        self.balance = balance

    async def look(self) -> Snapshot:
        return snapshot_of(self.balance, self.rows)


def application(monkeypatch: pytest.MonkeyPatch, **services: Any) -> FastAPI:
    wish = SimpleNamespace(balance=farm(services, servers=SERVERS), overrides=Overrides())

    async def load(_parts: Any) -> Any:
        return wish

    monkeypatch.setattr(preview, "load_wish", load)
    return console(Role.VIEWER, balance=None, board=Seen(wish.balance))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    return application(
        monkeypatch, mail=http_service(title="Webmail <b>"), imap=mail_service(title="IMAP")
    )


def checked(text: str) -> list[str]:
    return re.findall(r'name="down" value="([^"]+)" checked', text)


async def test_the_address_holds_any_combination(page: FastAPI) -> None:
    text = (await ask(page, "/what-if?down=cas1&down=cas2/owa&down=site:ghent")).text
    assert checked(text) == ["site:ghent", "cas1", "cas1/owa", "cas1/activesync", "cas1/imaps",
                             "cas2", "cas2/owa", "cas2/activesync", "cas2/imaps"]  # fmt: skip
    # What is off with something else is not sent again.
    assert re.findall(r'value="([^"]+)" checked>', text) == ["site:ghent", "cas1"]


async def test_every_layout_is_told_for_each_workload_with_the_recommendation(
    page: FastAPI,
) -> None:
    text = (await ask(page, "/what-if?down=cas1/owa")).text
    assert "Webmail &lt;b&gt;" in text
    assert re.findall(r'<th scope="col"[^>]*>(l4[^<]*|l7)', text)[:4] == [
        "l7",
        "l4 (health all)",
        "l4 (health owa)",
        "l4-names",
    ]
    assert "A user notices nothing while 50 % of the capacity is enough." in text
    assert "Keep l7: with l4 (health all), 1 healthy workload would leave" in text
    assert "Lost needlessly" in text
    assert "1 other service: imap." in text


async def test_htmx_gets_the_board_and_the_answer_and_nothing_else(page: FastAPI) -> None:
    part = (await ask(page, "/what-if?down=cas1", hx_request="true", hx_target="what-if")).text
    assert "<html" not in part
    assert "<h1>" not in part
    assert checked(part)
    assert 'aria-label="What users would feel"' in part


async def test_each_thing_can_be_put_back_by_a_link(page: FastAPI) -> None:
    text = (await ask(page, "/what-if?down=cas1/owa&down=cas2&q=cas")).text
    links = {
        link.replace("&amp;", "&") for link in re.findall(r'class="chip" href="([^"]+)"', text)
    }
    assert links == {"/what-if?down=cas2&q=cas", "/what-if?down=cas1%2Fowa&q=cas"}


async def test_what_is_gone_from_the_platform_file_is_told_and_left_out(page: FastAPI) -> None:
    answer = await ask(page, "/what-if?down=cas9&down=cas1/%3Cscript%3E&down=cas2")
    assert answer.status == 200
    assert "there is no server &#39;cas9&#39;" in answer.text
    assert "<script>" not in answer.text.replace('<script src="/assets', "")
    assert "cas2" in checked(answer.text)


async def test_a_service_narrows_the_board_and_keeps_what_is_off_elsewhere(page: FastAPI) -> None:
    text = (await ask(page, "/what-if?service=imap&down=cas1/owa")).text
    assert '<input type="hidden" name="down" value="cas1/owa">' in text
    assert "cas2/owa" not in text
    assert "No server of that name" in (await ask(page, "/what-if?q=zzz")).text


async def test_while_all_is_on_it_tells_which_single_server_would_hurt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = application(
        monkeypatch, mail=http_service(), lonely=http_service(port=8443, servers=["cas2"])
    )
    text = (await ask(page, "/what-if")).text
    assert "50 % of the capacity left" in text
    assert "sorry page" in text
    assert "lonely: owa, activesync" in text
    assert re.findall(r'without <a href="/what-if\?down=(\w+)"', text) == ["cas2", "cas1"]


@pytest.mark.parametrize("query", ["&".join(["down=cas1"] * 501), "down=%00", "q=" + "x" * 201])
async def test_what_can_not_be_read_is_told(page: FastAPI, query: str) -> None:
    assert (await ask(page, f"/what-if?{query}")).status == 422


async def test_of_many_services_the_worst_are_told_in_full_and_the_chosen_one_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = {f"mail{number:02d}": http_service(port=8000 + number) for number in range(20)}
    page = application(
        monkeypatch, **many, lonely=http_service(servers=["cas1"]), last=http_service(port=9000)
    )
    text = (await ask(page, "/what-if?down=cas1&service=last")).text
    told = re.findall(r'<article class="card" aria-labelledby="answer-([^"]+)"', text)
    assert (len(told), told[:2]) == (12, ["last", "lonely"])
    assert 'href="/what-if?down=cas1&amp;service=mail19"' in text


async def test_what_is_down_now_counts_until_all_is_supposed_well(
    page: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [("owa", "DOWN"), ("activesync", "DRAIN")]
    rows = tuple(row(f"mail.{workload}", "cas1", status) for workload, status in away)
    monkeypatch.setattr(Seen, "rows", rows)
    text = (await ask(page, "/what-if")).text
    assert "cas1/owa, and counted as down below" in text
    assert "Webmail &lt;b&gt;" in text
    assert ">down</span>" in text
    assert ">drained</span>" in text
    assert "Everything is on" not in text
    assert "If one of them goes too" in text
    # With the other one off as well nobody is left for webmail.
    both = (await ask(page, "/what-if?down=cas2")).text
    alone = (await ask(page, "/what-if?down=cas2&well=true")).text
    assert "No server is left." in both
    assert "No server is left." not in alone
    assert "not counted: you suppose that all is well" in alone
    assert 'name="well" value="true"' in alone
