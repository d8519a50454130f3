from __future__ import annotations

import asyncio
import imaplib
import poplib
import smtplib
from typing import TYPE_CHECKING

import pytest
from tests.integration.practice.asking import (
    MAIL_PORTS,
    NAME,
    ask_mail,
    door,
    farm_of,
    greeted,
    word,
)

from switchover.practice.clients import LineConnection, server_in
from switchover.practice.http_client import client_tls
from switchover.practice.workloads import PORT_KINDS, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.practice.farm import Farm

TLS_PORTS = [port for port in MAIL_PORTS if PORT_KINDS[port].tls]
TURNED_AWAY = {
    Protocol.IMAP: "* BYE",
    Protocol.POP3: "-ERR [SYS/TEMP]",
    Protocol.SMTP: "421 4.3.2",
    Protocol.LMTP: "421 4.3.2",
    Protocol.SIEVE: "BYE (TRYLATER)",
}
FAILING = {
    Protocol.IMAP: "a1 NO",
    Protocol.POP3: "-ERR [SYS/TEMP]",
    Protocol.SMTP: "451 4.3.0",
    Protocol.LMTP: "451 4.3.0",
    Protocol.SIEVE: "NO (TRYLATER)",
}


async def ask_all(farm: Farm, expected: dict[str, str]) -> dict[str, str]:
    asked = [ask_mail(farm, port, expected[port]) for port in MAIL_PORTS]
    answers = await asyncio.gather(*asked)
    return dict(zip(MAIL_PORTS, answers, strict=True))


def on_every_port(expected: str) -> dict[str, str]:
    return dict.fromkeys(MAIL_PORTS, expected)


def by_protocol(words: dict[Protocol, str]) -> dict[str, str]:
    return {port: words[PORT_KINDS[port].protocol] for port in MAIL_PORTS}


HEALTHY = on_every_port("ok")
EXPECTED = {
    "refuse": on_every_port("refused"),
    "hang": on_every_port("timeout"),
    "503": by_protocol(FAILING),
    "401": on_every_port("ok"),
    "421": by_protocol(TURNED_AWAY),
    "slow": on_every_port("timeout"),
    "wrong-certificate": {p: "certificate" if p in TLS_PORTS else "ok" for p in MAIL_PORTS},
    "reset": on_every_port("reset"),
    "half-open": on_every_port("timeout"),
}


async def test_healthy_servers_pass_the_check_of_every_protocol(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        assert await ask_all(farm, HEALTHY) == HEALTHY
        await asyncio.sleep(0.05)
        states = [state for state in farm.state() if state.workload in MAIL_PORTS]
        assert {(state.checks, state.requests) for state in states} == {(1, 0)}


@pytest.mark.parametrize("fault", EXPECTED)
async def test_every_fault_shows_on_every_mail_port(tmp_path: Path, fault: str) -> None:
    async with farm_of(tmp_path) as farm:
        for port in MAIL_PORTS:
            farm.break_(f"cas1/{port}", fault, 1.0)
        assert await ask_all(farm, EXPECTED[fault]) == EXPECTED[fault]
        for port in MAIL_PORTS:
            farm.mend(f"cas1/{port}")
        assert await ask_all(farm, HEALTHY) == HEALTHY


async def test_one_broken_mail_port_leaves_the_others_alone(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1/imaps", "hang")
        expected = {**HEALTHY, "imaps": "timeout"}
        assert await ask_all(farm, expected) == expected


@pytest.mark.parametrize("port", MAIL_PORTS)
async def test_greeting_and_noop_name_the_server(tmp_path: Path, port: str) -> None:
    async with farm_of(tmp_path) as farm:
        lines, greeting = await greeted(farm, port)
        assert server_in(greeting) == "cas1"
        is_imap = PORT_KINDS[port].protocol is Protocol.IMAP
        assert server_in(await lines.ask("a1 NOOP" if is_imap else "NOOP")) == "cas1"
        await lines.close()


async def signed_in(farm: Farm) -> LineConnection:
    lines, _ = await greeted(farm, "imaps")
    assert (await lines.ask_tagged('LOGIN "ann" "practice"')).startswith("OK")
    return lines


@pytest.mark.parametrize(
    ("fault", "meanwhile", "after"),
    [
        ("refuse", "reset", "reset"),
        ("hang", "timeout", "OK"),
        ("503", "NO", "OK"),
        ("401", "OK", "OK"),
        ("421", "BYE", "closed or reset"),
        ("slow", "OK", "OK"),
        ("wrong-certificate", "OK", "OK"),
        ("reset", "reset", "reset"),
        ("half-open", "timeout", "reset"),
    ],
)
async def test_a_held_session_meets_the_fault_too(
    tmp_path: Path, fault: str, meanwhile: str, after: str
) -> None:
    async with farm_of(tmp_path) as farm:
        lines = await signed_in(farm)

        async def noop() -> str:
            return (await lines.ask_tagged("NOOP")).split()[0]

        assert await word(noop()) == "OK"
        farm.break_("cas1/imaps", fault)
        assert await word(noop(), meanwhile) == meanwhile
        farm.mend("cas1/imaps")
        await asyncio.sleep(0.05)
        assert await word(noop()) in after.split(" or ")
        await lines.close()


async def test_idle_is_held_until_done(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        lines = await signed_in(farm)
        await lines.send("a1 IDLE")
        assert (await lines.read_line()).startswith("+ ")
        await asyncio.sleep(0.2)
        await lines.send("DONE")
        assert (await lines.read_line()).startswith("a1 OK")
        assert (await lines.ask_tagged("SELECT INBOX")).startswith("OK")
        states = {state.workload: state for state in farm.state()}
        assert (states["imaps"].requests, states["imaps"].connections) == (3, 1)
        await lines.close()


async def test_a_client_library_reads_mail_over_starttls(tmp_path: Path) -> None:
    def read(address: str, port: int, ca: Path) -> tuple[str, list[bytes | None]]:
        context = client_tls(ca)
        context.check_hostname = False  # the library checks the address it was given
        with imaplib.IMAP4(address, port) as client:
            client.starttls(context)
            client.authenticate("PLAIN", lambda _: b"\0ann\0practice")
            _, count = client.select("INBOX")
            return client.noop()[0], count

    async with farm_of(tmp_path) as farm:
        place = farm.servers["cas1"]
        found = await asyncio.to_thread(read, place.address, place.ports["imap"], farm.ca_path)
        assert found == ("OK", [b"0"])


async def test_a_client_library_fetches_mail_over_stls(tmp_path: Path) -> None:
    def fetch(address: str, port: int, ca: Path) -> tuple[int, int]:
        client = poplib.POP3(address, port)
        client.stls(client_tls(ca))
        client.user("ann")
        client.pass_("practice")
        count = client.stat()
        client.quit()
        return count

    async with farm_of(tmp_path) as farm:
        place = farm.servers["cas1"]
        count = await asyncio.to_thread(fetch, place.address, place.ports["pop3"], farm.ca_path)
        assert count == (0, 0)


@pytest.mark.parametrize(
    ("library", "port"), [(smtplib.SMTP, "submission"), (smtplib.LMTP, "lmtp")]
)
async def test_a_client_library_hands_mail_over_with_starttls(
    tmp_path: Path, library: type[smtplib.SMTP], port: str
) -> None:
    def send(address: str, number: int, ca: Path) -> dict[str, tuple[int, bytes]]:
        with library(address, number, "client.contoso.example") as client:
            client.ehlo_or_helo_if_needed()
            assert client.has_extn("starttls")
            client.starttls(context=client_tls(ca))
            client.ehlo_or_helo_if_needed()
            assert not client.has_extn("starttls")
            if port == "submission":
                client.login("ann", "practice")
            message = b"Subject: x\r\n\r\n.\r\nhi"
            return client.sendmail("ann@contoso.example", ["bob@contoso.example"], message)

    async with farm_of(tmp_path) as farm:
        place = farm.servers["cas1"]
        refused = await asyncio.to_thread(send, place.address, place.ports[port], farm.ca_path)
        assert refused == {}


async def test_lmtp_answers_once_for_each_recipient(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        lines, _ = await greeted(farm, "lmtp")
        for command in ("LHLO probe", "MAIL FROM:<a@x>", "RCPT TO:<b@x>", "RCPT TO:<c@x>"):
            assert (await lines.ask(command)).startswith("250")
        assert (await lines.ask("DATA")).startswith("354")
        assert (await lines.ask("Subject: x\r\n\r\nhi\r\n.")).startswith("250")
        assert (await lines.read_reply()).startswith("250")
        assert (await lines.ask("QUIT")).startswith("221")
        await lines.close()


async def test_sieve_says_its_capabilities_again_after_starttls(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        place = farm.servers["cas1"]
        reader, writer = await asyncio.open_connection(place.address, place.ports["sieve"])
        assert b'"STARTTLS"' in await reader.readuntil(b"\nOK")
        await reader.readline()
        writer.write(b"STARTTLS\r\n")
        assert (await reader.readline()).startswith(b"OK")
        await writer.start_tls(client_tls(farm.ca_path), server_hostname=NAME)
        again = await reader.readuntil(b"\nOK")
        assert b'"IMPLEMENTATION"' in again
        assert b"STARTTLS" not in again
        writer.close()


@pytest.mark.parametrize("sign_in", ['LOGIN "ann" "guess"', "LOGIN ann", "AUTHENTICATE PLAIN AAAA"])
async def test_wrong_credentials_sign_nobody_in(tmp_path: Path, sign_in: str) -> None:
    async with farm_of(tmp_path) as farm:
        lines, _ = await greeted(farm, "imaps")
        await lines.send(f"a1 {sign_in}")
        if sign_in.endswith("AAAA"):
            assert (await lines.read_line()).startswith("+")
            await lines.send("AAAA")
        assert (await lines.read_line()).startswith("a1 NO [AUTHENTICATIONFAILED]")
        await lines.close()


async def test_401_refuses_sign_in_and_nothing_else(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm:
        farm.break_("cas1/imaps", "401")
        lines, _ = await greeted(farm, "imaps")
        assert (await lines.ask_tagged('LOGIN "ann" "practice"')).startswith("NO")
        assert (await lines.ask_tagged("NOOP")).startswith("OK")
        await lines.close()


async def test_an_unknown_command_is_answered_and_a_line_without_end_is_not(
    tmp_path: Path,
) -> None:
    async with farm_of(tmp_path) as farm:
        lines = await LineConnection.open(door(farm, "smtp"))
        await lines.read_line()
        assert (await lines.ask("XYZZY")).startswith("500")
        assert (await lines.ask("")).startswith("500")

        async def flood() -> str:
            await lines.send("x" * 200_000)
            return await lines.read_line()

        assert await word(flood()) in {"reset", "closed"}
        await lines.close()
