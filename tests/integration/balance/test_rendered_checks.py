"""The health conversations we render, held by the real engine with servers that follow a script."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.builders import farm, http_service, mail_service, server, stream_service
from tests.integration.balance.rendered import Certificates, Engine, engine, free_port, is_unchecked
from tests.integration.balance.tiny_servers import Answer, LineServer, TinyServer, WebServer

IMAP = {"a1 NOOP": "a1 OK done\n", "a2 LOGOUT": "* BYE\na2 OK\n"}
POP3 = {"CAPA": "+OK\nUIDL\n.\n", "QUIT": "+OK\n"}
SMTP = {"EHLO": "250-mx1\n250-SIZE 100\n250 STARTTLS\n", "QUIT": "221 bye\n"}
LMTP = {"LHLO": "250-mx1\n250 PIPELINING\n", "QUIT": "221 bye\n"}
SIEVE = {"NOOP": 'OK "done"\n', "LOGOUT": "OK\n"}
SIEVE_GREETING = '"IMPLEMENTATION" "Dovecot Pigeonhole"\n"STARTTLS"\nOK "Dovecot ready."\n'
PATIENT: dict[str, Any] = {"interval": "500ms", "timeout": "10s", "fall": 1, "rise": 1}
PORTS = {"imap": 143, "pop3": 110, "smtp": 25, "submission": 587, "lmtp": 24, "sieve": 4190}
RUNS = ["dovecot", "postfix"]


async def verdicts(cases: dict[str, tuple[str, TinyServer]]) -> dict[str, str]:
    """Return the verdict and reason of each case after its first check, one service per case."""
    async with AsyncExitStack() as stack:
        for _, tiny in cases.values():
            await stack.enter_async_context(tiny)
        balance = farm(
            {
                name: mail_service(
                    f"postfix/{workload}" if workload in {"smtp", "submission"} else workload,
                    address="127.0.0.1", port=free_port(), servers=[name], health=PATIENT,
                )
                for name, (workload, _) in cases.items()
            },
            servers={
                name: {"address": "127.0.0.1", "runs": RUNS, "ports": {PORTS[workload]: tiny.port}}
                for name, (workload, tiny) in cases.items()
            },
        )  # fmt: skip
        running = await stack.enter_async_context(engine(balance, {}))
        return {
            name: await verdict(running, f"{name}.{workload}", name)
            for name, (workload, _) in cases.items()
        }


async def verdict(running: Engine, backend: str, name: str) -> str:
    async with asyncio.timeout(4):
        while is_unchecked(row := await running.server(backend, name)):
            await asyncio.sleep(0.05)
    return row["status"] + " " + row["check_status"].removeprefix("* ")


async def test_right_servers_are_up_in_every_mail_protocol() -> None:
    found = await verdicts(
        {
            "imap": ("imap", LineServer("* OK [CAPABILITY IMAP4rev1] ready\n", IMAP)),
            "imap-preauth": ("imap", LineServer("* PREAUTH hello\n", IMAP)),
            "imap-news": ("imap", LineServer("* OK\n", {**IMAP, "a1 NOOP": "* 3 EXISTS\na1 OK\n"})),
            "imap-slowly": ("imap", LineServer("* PREAUTH hello\n", IMAP, piecewise=True)),
            "pop3": ("pop3", LineServer("+OK ready\n", POP3)),
            "pop3-slowly": ("pop3", LineServer("+OK ready\n", POP3, piecewise=True)),
            "smtp": ("smtp", LineServer("220 mx1 ESMTP\n", SMTP)),
            "smtp-teaser": ("smtp", LineServer("220-mx1 waits\n220 mx1 ESMTP\n", SMTP)),
            "smtp-bare": ("smtp", LineServer("220\n", {**SMTP, "EHLO": "250\n"})),
            "smtp-slowly": ("smtp", LineServer("220-mx1\n220 mx1\n", SMTP, piecewise=True)),
            "submission": ("submission", LineServer("220 mx1 ESMTP\n", SMTP)),
            "submit-slowly": ("submission", LineServer("220 mx1\n", SMTP, piecewise=True)),
            "lmtp": ("lmtp", LineServer("220 mx1 LMTP\n", LMTP)),
            "sieve": ("sieve", LineServer(SIEVE_GREETING, SIEVE)),
            "sieve-slowly": ("sieve", LineServer(SIEVE_GREETING, SIEVE, piecewise=True)),
        }
    )
    assert {name: words for name, words in found.items() if words != "UP L7OK"} == {}


async def test_wrong_servers_are_down_at_once_in_every_mail_protocol() -> None:
    found = await verdicts(
        {
            "imap-bye": ("imap", LineServer("* BYE too many connections\n")),
            "imap-bye-later": ("imap", LineServer("* OK\n", {"a1 NOOP": "* BYE going down\n"})),
            "imap-no": ("imap", LineServer("* OK\n", {"a1 NOOP": "a1 NO not now\n"})),
            "imap-bad": ("imap", LineServer("* OK\n", {"a1 NOOP": "a1 BAD what\n"})),
            "imap-closes": ("imap", LineServer("", closes=True)),
            "imap-other": ("imap", LineServer("220 this is SMTP\n")),
            "pop3-err": ("pop3", LineServer("-ERR not now\n")),
            "pop3-refuses": ("pop3", LineServer("+OK\n", {"CAPA": "-ERR not now\n"})),
            "pop3-closes": ("pop3", LineServer("", closes=True)),
            "smtp-421": ("smtp", LineServer("421 4.3.2 not now\n")),
            "smtp-554": ("smtp", LineServer("554 go away\n", closes=True)),
            "smtp-ehlo": ("smtp", LineServer("220 mx1\n", {"EHLO": "421 4.3.2 not now\n"})),
            "smtp-http": ("smtp", LineServer("HTTP/1.1 400 Bad\n", closes=True)),
            "submit-421": ("submission", LineServer("421 not now\n")),
            "submit-clear": ("submission", LineServer("220 mx1\n", {"EHLO": "250-mx1\n250 SIZE\n"})),
            "lmtp-421": ("lmtp", LineServer("421 not now\n")),
            "lmtp-502": ("lmtp", LineServer("220 mx1\n", {"LHLO": "502 what\n"})),
            "sieve-bye": ("sieve", LineServer('BYE "too many connections"\n')),
            "sieve-no": ("sieve", LineServer(SIEVE_GREETING, {"NOOP": 'NO "not now"\n'})),
        }
    )  # fmt: skip
    assert {name: words for name, words in found.items() if words != "DOWN L7RSP"} == {}


async def test_a_refusing_and_a_silent_server_are_down() -> None:
    silent = LineServer("")
    async with silent:
        balance = farm(
            {
                "mail": mail_service(
                    address="127.0.0.1", port=free_port(), workloads=["imap"],
                    health={**PATIENT, "timeout": "300ms"},
                )
            },
            servers={
                "cas1": {"address": "127.0.0.1", "runs": RUNS, "ports": {143: silent.port}},
                "cas2": {"address": "127.0.0.1", "runs": RUNS, "ports": {143: free_port()}},
            },
        )  # fmt: skip
        async with engine(balance, {}) as running:
            assert await verdict(running, "mail.imap", "cas1") == "DOWN L7TOUT"
            assert await verdict(running, "mail.imap", "cas2") == "DOWN L4CON"


def all_of(port: int, **keys: Any) -> dict[str, Any]:
    return stream_service(
        address="127.0.0.1",
        port=port,
        names=["mail.contoso.example"],
        servers=["cas1"],
        workloads=["owa", "activesync", "ews"],
        health={**PATIENT, "workloads": {"ews": {"host": "ews.contoso.example"}}},
        **keys,
    )


async def test_the_check_of_all_workloads_asks_each_under_its_own_name(
    certificates: Certificates,
) -> None:
    secured = certificates.serving("mail.contoso.example", "ews.contoso.example")
    async with WebServer(tls=secured) as web:
        balance = farm(
            {"mail": all_of(free_port(), tls={"server_ca": "ca.pem"})},
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )
        async with engine(balance, {"ca.pem": certificates.ca}) as running:
            await running.becomes("mail.all", "cas1", "UP")
            first = [(item.path, item.headers["host"], item.sni) for item in web.requests[:3]]
            assert first == [
                ("/owa/healthcheck.htm", "mail.contoso.example", "mail.contoso.example"),
                ("/Microsoft-Server-ActiveSync/healthcheck.htm",) + ("mail.contoso.example",) * 2,
                ("/EWS/healthcheck.htm", "ews.contoso.example", "ews.contoso.example"),
            ]
            assert web.connections >= 3
            for path in ("/owa", "/Microsoft", "/EWS"):
                web.answer = lambda request, path=path: Answer(  # type: ignore[misc]
                    503 if request.path.startswith(path) else 200
                )
                await running.becomes("mail.all", "cas1", "DOWN")
                web.answer = lambda _: Answer()
                await running.becomes("mail.all", "cas1", "UP")


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (("mail.contoso.example", "ews.contoso.example"), "UP L7OK"),
        (("mail.contoso.example",), "DOWN L6RSP"),
        (("somebody-else.contoso.example",), "DOWN L6RSP"),
    ],
)
async def test_the_check_of_all_workloads_verifies_each_name(
    certificates: Certificates, hosts: tuple[str, ...], status: str
) -> None:
    async with WebServer(tls=certificates.serving(*hosts)) as web:
        balance = farm(
            {"mail": all_of(free_port(), tls={"server_ca": "ca.pem"})},
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )
        async with engine(balance, {"ca.pem": certificates.ca}) as running:
            assert await verdict(running, "mail.all", "cas1") == status


async def test_an_unknown_authority_is_found_by_the_check(
    certificates: Certificates, tmp_path: Path
) -> None:
    stranger = Certificates(tmp_path)
    async with WebServer(
        tls=stranger.serving("mail.contoso.example", "ews.contoso.example")
    ) as web:
        balance = farm(
            {
                "strict": all_of(free_port(), tls={"server_ca": "ca.pem"}),
                "loose": all_of(free_port()),
            },
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )
        async with engine(balance, {"ca.pem": certificates.ca}) as running:
            assert await verdict(running, "strict.all", "cas1") == "DOWN L6RSP"
            assert await verdict(running, "loose.all", "cas1") == "UP L7OK"


async def test_a_check_may_go_to_another_port_which_each_server_maps(
    certificates: Certificates,
) -> None:
    async with WebServer("health") as one, WebServer("health") as two:
        balance = farm(
            {
                "mail": mail_service(
                    address="127.0.0.1", port=free_port(),
                    health={**PATIENT, "workloads": {"imaps": {
                        "kind": "http", "port": 5001, "tls": False, "path": "/alive",
                        "host": "health.contoso.example", "expect_text": "up: #1"}}},
                )
            },
            servers={
                "cas1": {"address": "127.0.0.1", "runs": RUNS, "ports": {993: 1, 5001: one.port}},
                "cas2": {"address": "127.0.0.1", "runs": RUNS, "ports": {993: 1, 5001: two.port}},
            },
        )  # fmt: skip
        one.answer = lambda _: Answer(body="up: #1")
        async with engine(balance, {}) as running:
            assert await verdict(running, "mail.imaps", "cas1") == "UP L7OK"
            assert await verdict(running, "mail.imaps", "cas2") == "DOWN L7RSP"
        assert {item.path for item in two.requests} == {"/alive"}


async def test_the_check_of_a_server_that_takes_the_proxy_protocol_sends_it(
    certificates: Certificates,
) -> None:
    secured = certificates.serving("mail.contoso.example")
    async with (
        LineServer("* OK ready\n", IMAP, takes_proxy=True) as clear,
        LineServer("* OK ready\n", IMAP, takes_proxy=True, tls=secured) as inside,
        LineServer("* OK ready\n", IMAP) as plain,
    ):
        balance = farm(
            {
                name: mail_service(
                    name, address="127.0.0.1", port=free_port(), health=PATIENT, servers=servers
                )
                for name, servers in (("imap", ["cas1", "cas2"]), ("imaps", ["cas1"]))
            },
            servers={
                "cas1": {
                    "address": "127.0.0.1", "runs": RUNS, "proxy_protocol": "imap",
                    "ports": {143: clear.port, 993: inside.port},
                },
                "cas2": {"address": "127.0.0.1", "runs": RUNS, "ports": {143: plain.port}},
            },
        )  # fmt: skip
        async with engine(balance, {}) as running:
            assert await verdict(running, "imap.imap", "cas1") == "UP L7OK"
            assert await verdict(running, "imap.imap", "cas2") == "UP L7OK"
            assert await verdict(running, "imaps.imaps", "cas1") == "UP L7OK"
        assert set(clear.proxied) | set(inside.proxied) <= {"local", "127.0.0.1>127.0.0.1"}
        assert clear.proxied
        assert inside.proxied


async def test_a_decrypted_service_may_be_checked_on_a_clear_port(
    certificates: Certificates,
) -> None:
    health = {**PATIENT, "workloads": {"owa": {"port": 81, "tls": False}}}
    async with WebServer() as clear:
        balance = farm(
            {
                "mail": http_service(
                    address="127.0.0.1", port=free_port(), workloads=["owa"], servers=["cas1"], health=health,
                    tls={"certificate": "mail.pem", "server_ca": "ca.pem"},
                )
            },
            servers={"cas1": server(address="127.0.0.1", ports={443: free_port(), 81: clear.port})},
        )  # fmt: skip
        files = {"mail.pem": certificates.bundle("mail.contoso.example"), "ca.pem": certificates.ca}
        async with engine(balance, files) as running:
            assert await verdict(running, "mail.owa", "cas1") == "UP L7OK"
        assert {item.sni for item in clear.requests} == {None}
