from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.integration.practice.asking import (
    NAME,
    ask_web,
    everything_free,
    farm_of,
    open_web,
    word,
)

from switchover.practice.farm import PracticeServer
from switchover.practice.http_client import client_tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from switchover.practice.farm import Farm
    from switchover.practice.http1 import Response
    from switchover.practice.http_client import HttpConnection

VDIRS = {
    "owa": "/owa",
    "ecp": "/ecp",
    "activesync": "/Microsoft-Server-ActiveSync",
    "ews": "/EWS",
    "mapi": "/mapi",
    "rpc": "/rpc",
    "oab": "/OAB",
    "autodiscover": "/Autodiscover",
    "api": "/api",
    "powershell": "/PowerShell",
}


async def get(farm: Farm, path: str, *, method: str = "GET", **fields: str) -> Response:
    connection = await open_web(farm)
    try:
        sent = tuple((name.replace("_", "-"), value) for name, value in fields.items())
        return await connection.request(method, path, fields=sent)
    finally:
        await connection.close()


async def test_every_virtual_directory_has_its_health_page(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        for workload, path in VDIRS.items():
            response = await get(farm, f"{path}/healthcheck.htm")
            lines = response.body.decode().split("\r\n")
            assert (response.status, lines) == (200, ["200 OK<br/>", "cas1"])
            assert response.fields["x-practice-workload"] == workload
        assert {state.checks for state in farm.state() if state.workload in VDIRS} == {1}


async def test_a_page_says_who_answered_whom(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        response = await get(farm, "/owa/", X_Forwarded_For="192.0.2.7", User_Agent="test")
        facts = json.loads(response.body)
        assert (facts["server"], facts["workload"], facts["user"]) == ("cas1", "owa", None)
        assert (facts["client"], facts["forwarded_for"]) == ("127.0.0.1", "192.0.2.7")
        assert (facts["http"], facts["tls"], facts["host"]) == ("HTTP/1.1", True, NAME)
        assert response.fields["x-practice-server"] == "cas1"
        page = await get(farm, "/owa/?<b>", Accept="text/html")
        assert b"<h1>cas1: owa</h1>" in page.body
        assert b"<b>" not in page.body


async def test_a_librarys_client_understands_the_servers(tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"abc", b"de"):
            yield part

    async with farm_of(tmp_path) as farm, aiohttp.ClientSession() as session:
        place = farm.servers["cas1"]
        url = f"https://{place.address}:{place.ports['https']}/ews/x"
        for number, (data, size) in enumerate([(parts(), 5), (bytes(300_000), 300_000)], start=1):
            async with session.post(
                url, data=data, ssl=client_tls(farm.ca_path), server_hostname=NAME, expect100=True
            ) as response:
                facts = await response.json()
            assert (response.status, facts["body_bytes"]) == (200, size)
            assert facts["request"] == number  # the connection is kept


async def test_the_root_redirects_and_the_unknown_is_not_found(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        root = await get(farm, "/")
        assert (root.status, root.fields["location"]) == (302, "/owa/")
        assert (await get(farm, "/elsewhere")).status == 404


async def test_open_platforms_show_what_their_checks_look_for(tmp_path: Path) -> None:
    runs = ("sogo", "roundcube")
    web = PracticeServer(name="cas1", runs=runs, ports=everything_free("https"))
    async with farm_of(tmp_path, web) as farm:
        assert b"login-form" in (await get(farm, "/SOGo/")).body
        assert b"rcmloginuser" in (await get(farm, "/")).body
        assert "calendar-access" in (await get(farm, "/SOGo/dav/", method="OPTIONS")).fields["dav"]
        moved = await get(farm, "/.well-known/caldav")
        assert (moved.status, moved.fields["location"]) == (301, "/SOGo/dav/")
        versions = await get(farm, "/Microsoft-Server-ActiveSync", method="OPTIONS")
        assert "16.1" in versions.fields["ms-asprotocolversions"]


async def test_a_ping_is_held_until_its_heartbeat_is_over(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)
        ping = "/Microsoft-Server-ActiveSync?Cmd=Ping&HeartbeatInterval="
        loop = asyncio.get_running_loop()
        started = loop.time()
        response = await connection.request("POST", f"{ping}1")
        assert json.loads(response.body) == {"server": "cas1", "status": 1}
        assert 0.9 < loop.time() - started < 3
        await connection.close()


async def test_new_mail_ends_a_ping(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        phone, sender = await open_web(farm), await open_web(farm)
        path = "/Microsoft-Server-ActiveSync?Cmd="
        held = asyncio.create_task(phone.request("POST", f"{path}Ping&HeartbeatInterval=60"))
        await asyncio.sleep(0.1)
        assert not held.done()
        await sender.request("POST", f"{path}SendMail")
        async with asyncio.timeout(2):
            assert json.loads((await held).body)["status"] == 2
        await phone.close()
        await sender.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("refuse", "reset"),
        ("hang", "timeout"),
        ("503", "503"),
        ("401", "401"),
        ("421", "421"),
        ("slow", "timeout"),
        ("reset", "reset"),
        ("half-open", "timeout"),
    ],
)
async def test_one_broken_web_workload_leaves_the_others_on_its_port_alone(
    tmp_path: Path, fault: str, expected: str
) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1/owa", fault, 2.0)
        others = [path for name, path in VDIRS.items() if name != "owa"]
        broken, *healthy = await asyncio.gather(
            ask_web(farm, "/owa/healthcheck.htm", expected),
            *(ask_web(farm, f"{path}/healthcheck.htm") for path in others),
        )
        assert broken == expected
        assert set(healthy) == {"200"}
        farm.mend("cas1/owa")
        assert await ask_web(farm, "/owa/healthcheck.htm") == "200"


async def test_a_slow_workload_answers_after_its_delay(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1/owa", "slow", 0.2)
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await ask_web(farm, "/owa/") == "200"
        assert loop.time() - started >= 0.2


async def test_mending_answers_those_who_hang_and_wait(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        for fault in ("hang", "slow"):
            farm.break_("cas1/owa", fault, 60.0)
            waiting = asyncio.create_task(ask_web(farm, "/owa/"))
            await asyncio.sleep(0.1)
            farm.mend("cas1/owa")
            assert await waiting == "200"


async def ping(connection: HttpConnection) -> str:
    path = "/Microsoft-Server-ActiveSync?Cmd=Ping&HeartbeatInterval=60"
    return str((await connection.request("POST", path)).status)


async def test_a_long_poll_lives_into_the_fault_that_comes(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        for fault, expected in (("503", "503"), ("reset", "reset"), ("half-open", "timeout")):
            connection = await open_web(farm)

            held = asyncio.create_task(word(ping(connection), expected))
            await asyncio.sleep(0.05)
            farm.break_("cas1/activesync", fault)
            assert await held == expected
            farm.mend("cas1/activesync")
            await connection.close()


async def test_a_torn_answer_starts_well(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1/owa", "reset")
        place = farm.servers["cas1"]
        for head_is_whole, path in ((True, b"/owa/"), (False, b"/owa/healthcheck.htm")):
            reader, writer = await asyncio.open_connection(place.address, place.ports["http"])
            writer.write(b"GET %s HTTP/1.1\r\nUser-Agent: test\r\n\r\n" % path)
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
            if head_is_whole:
                await reader.readuntil(b"\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await reader.readuntil(b"\r\n\r\n")
            writer.close()


async def test_the_wrong_certificate_is_shown_for_one_name_only(tmp_path: Path) -> None:
    names = {"owa": "owa.contoso.example", "ews": "ews.contoso.example"}
    server = PracticeServer(name="cas1", ports=everything_free("https"), names=names)
    async with farm_of(tmp_path, server) as farm:
        farm.break_("cas1/owa", "wrong-certificate")
        assert await ask_web(farm, "/owa/", host=names["owa"]) == "certificate"
        assert await ask_web(farm, "/ews/", host=names["ews"]) == "200"
        farm.mend("cas1/owa")
        assert await ask_web(farm, "/owa/", host=names["owa"]) == "200"


async def test_without_names_the_wrong_certificate_takes_the_port_along(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        kept = await open_web(farm)
        farm.break_("cas1/owa", "wrong-certificate")
        assert await ask_web(farm, "/ews/") == "certificate"
        assert await ask_web(farm, "/ews/", port="http") == "200"
        assert (await kept.request("GET", "/owa/")).status == 200  # handshakes only
        await kept.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("refuse", "refused"),
        ("hang", "timeout"),
        ("503", "503"),
        ("421", "421"),
        ("wrong-certificate", "certificate"),
        ("reset", "reset"),
        ("half-open", "timeout"),
    ],
)
async def test_a_broken_server_breaks_everything_and_its_neighbour_nothing(
    tmp_path: Path, fault: str, expected: str
) -> None:
    cas1 = PracticeServer(name="cas1", ports=everything_free("https"))
    cas2 = PracticeServer(name="cas2", address="127.0.0.12", ports=everything_free("https"))
    async with farm_of(tmp_path, cas1, cas2) as farm:
        farm.break_("cas1", fault)
        paths = ("/", "/owa/", "/ews/healthcheck.htm")
        assert set(await asyncio.gather(*(ask_web(farm, path, expected) for path in paths))) == {
            expected
        }
        neighbour = await open_web(farm, server="cas2")
        assert (await neighbour.request("GET", "/owa/")).status == 200
        await neighbour.close()
        farm.mend("cas1")
        assert await ask_web(farm, "/owa/") == "200"


@pytest.mark.parametrize(
    ("fault", "expected"), [("refuse", "reset"), ("reset", "reset"), ("half-open", "timeout")]
)
async def test_open_connections_of_a_broken_server_break_too(
    tmp_path: Path, fault: str, expected: str
) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)

        async def ask() -> str:
            return str((await connection.request("GET", "/owa/")).status)

        assert await word(ask()) == "200"
        farm.break_("cas1", fault)
        assert await word(ask(), expected) == expected
        farm.mend("all")
        # A machine that came back knows the old connections no more.
        assert await word(ask()) == "reset"
        await connection.close()
        assert await ask_web(farm, "/owa/") == "200"


async def test_a_vanished_machine_sends_no_end(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1", "half-open")
        place = farm.servers["cas1"]
        reader, writer = await asyncio.open_connection(place.address, place.ports["http"])
        writer.write(b"GET /owa/ HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.read(1)
        writer.close()


async def test_a_port_of_its_own_refuses_for_real(tmp_path: Path) -> None:
    web = PracticeServer(name="cas1", runs=("roundcube",), ports=everything_free("https"))
    async with farm_of(tmp_path, web) as farm:
        farm.break_("cas1/webmail", "refuse")
        assert await ask_web(farm, "/") == "refused"
        farm.mend("cas1/webmail")
        assert await ask_web(farm, "/") == "200"


async def test_requests_checks_and_connections_are_counted_apart(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        connection = await open_web(farm)
        agent = (("User-Agent", "test"),)
        for _ in range(3):
            await connection.request("GET", "/owa/", fields=agent)
        await connection.request("GET", "/ews/healthcheck.htm", fields=agent)
        farm.break_("cas1/oab", "503")
        await connection.request("GET", "/oab/", fields=agent)
        counted = {state.workload: state for state in farm.state()}
        assert (counted["owa"].requests, counted["owa"].checks) == (3, 0)
        assert (counted["ews"].requests, counted["ews"].checks) == (0, 1)
        assert (counted["oab"].spoiled, counted["oab"].fault) == (1, "503")
        assert (counted["oab"].connections, counted["owa"].connections) == (1, 0)
        await connection.close()


async def test_those_who_give_up_waiting_leave_nothing_behind(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1/owa", "hang")
        await asyncio.gather(*(ask_web(farm, "/owa/", "timeout") for _ in range(10)))
        await asyncio.sleep(0.1)
        assert {state.connections for state in farm.state()} == {0}


async def test_a_vanished_machine_keeps_a_bounded_number_of_its_callers(tmp_path: Path) -> None:
    server = PracticeServer(name="cas1", runs=("dav",), ports=everything_free("http"))
    async with farm_of(tmp_path, server) as farm:
        farm.break_("cas1", "half-open")
        place = farm.servers["cas1"]
        callers = [
            await asyncio.open_connection(place.address, place.ports["http"]) for _ in range(270)
        ]
        await asyncio.sleep(0.1)
        assert farm.state()[0].connections == 256
        for _, writer in callers:
            writer.close()


@pytest.mark.parametrize("port", ["https", "imap"])
async def test_a_farm_stops_while_clients_hesitate(tmp_path: Path, port: str) -> None:
    web = PracticeServer(
        name="cas1", ports=everything_free(port), proxy_protocol=frozenset({"imap"} & {port})
    )
    loop = asyncio.get_running_loop()
    async with farm_of(tmp_path, web) as farm:
        place = farm.servers["cas1"]
        _, writer = await asyncio.open_connection(place.address, place.ports[port])
        await asyncio.sleep(0.1)
        stopping = loop.time()
    assert loop.time() - stopping < 0.5
    writer.close()
