"""Servers that play tricks while we sign in or turn to TLS: nothing secret goes to them."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import replace

import pytest
from tests.integration.wire.scripted import STRANGER, Client, Script, connected, refusing, serving

from switchover.errors import Refused, SwitchoverError
from switchover.wire.imap import commands
from switchover.wire.imap.errors import (
    ConnectionLost,
    SignInRefused,
    TryLater,
)
from switchover.wire.imap.sasl import Mechanism, Password
from switchover.wire.imap.shell import open_connection

pytestmark = pytest.mark.timeout(60)

NONCE = "rOprNGfwEbeRWgbNEkqO"
PASSWORD = Password(user="user", password="correct horse")


async def sign_in(script: Script, password: Password = PASSWORD) -> Mechanism:
    async with connected(script) as connection:
        return await connection.sign_in(password, nonce=NONCE)


NO_SCRAM = STRANGER.replace(b" AUTH=SCRAM-SHA-256", b"")
LOGIN_ONLY = b"* OK [CAPABILITY IMAP4rev1 LITERAL+] hello\r\n"


async def test_a_server_that_repeats_the_password_does_not_get_it_into_errors_and_traces() -> None:
    lines: list[str] = []
    echo = base64.b64encode(b"\0user\0correct horse")
    script = refusing(
        b"{tag} NO bad: LOGIN user correct horse, " + echo + b"\r\n", greeting=NO_SCRAM
    )
    async with serving(script) as target:
        connection = await open_connection(target, trace=lambda *line: lines.append(str(line)))
        with pytest.raises(SignInRefused) as caught:
            await connection.sign_in(PASSWORD, nonce=NONCE)
        await connection.close()
    told = str(caught.value) + "".join(lines)
    assert "bad: LOGIN user ***" in told
    assert "correct horse" not in told
    assert echo.decode() not in told


async def test_the_login_command_is_the_last_way() -> None:
    script = refusing(b"{tag} OK [CAPABILITY IMAP4rev1] in\r\n", greeting=LOGIN_ONLY)
    assert await sign_in(script) is Mechanism.LOGIN_COMMAND


async def test_a_mechanism_that_is_announced_and_unknown_is_passed_over() -> None:
    script = refusing(
        b"{tag} BAD what?\r\n", b"{tag} BAD what?\r\n", b"{tag} OK in\r\n",
        b"* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n", greeting=NO_SCRAM,
    )  # fmt: skip
    assert await sign_in(script) is Mechanism.LOGIN_COMMAND


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((b"+ A\r\n", b"{tag} BAD cancelled\r\n"), "not base64"),
        ((b"+ bj1v\r\n", b"{tag} BAD cancelled\r\n"), "SCRAM"),
        (
            (b"+ " + base64.b64encode(b"r=x,s=QQ==,i=1") + b"\r\n", b"{tag} BAD\r\n"),
            "not an answer",
        ),
        ((b"{tag} OK come in\r\n",), "without proving"),
    ],
)
async def test_a_server_that_can_not_do_scram_gets_nothing_else(
    lines: tuple[bytes, ...], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await sign_in(refusing(*lines))


async def test_a_server_that_let_us_in_without_proof_is_not_used() -> None:
    async with connected(refusing(b"{tag} OK come in\r\n")) as connection:
        with pytest.raises(Refused):
            await connection.sign_in(PASSWORD, nonce=NONCE)
        with pytest.raises(ConnectionLost, match="without proving"):
            await connection.run(commands.NOOP)


async def test_challenges_without_end() -> None:
    async def script(client: Client) -> None:
        await client.say(NO_SCRAM)
        await client.hear()
        await client.flood(b"+ YWJj\r\n")

    async with serving(script) as target:
        connection = await open_connection(replace(target, stall_seconds=0.5))
        with pytest.raises(SwitchoverError, match=r"keeps talking|asked on"):
            await connection.sign_in(PASSWORD, nonce=NONCE)
        await connection.close()


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (b"NO [UNAVAILABLE] try again in 2 minutes", 120.0),
        (b"NO [LIMIT] too many logins", None),
        (b"BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
    ],
)
async def test_not_now_is_not_never(answer: bytes, seconds: float | None) -> None:
    with pytest.raises(TryLater, match="lets nobody in now") as caught:
        await sign_in(refusing(b"{tag} " + answer + b"\r\n"))
    assert caught.value.back_off_seconds == seconds


async def test_the_next_user_may_use_the_same_connection() -> None:
    async def script(client: Client) -> None:
        await client.say(STRANGER.replace(b"AUTH=SCRAM-SHA-256", b"UNAUTHENTICATE"))
        for _ in range(2):
            for answer in (b"OK [CAPABILITY IMAP4rev1 UNAUTHENTICATE] in", b"OK as you were"):
                tag, _ = await client.hear()
                await client.say(tag + b" " + answer + b"\r\n")
            tag, _ = await client.hear()
            await client.say(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK\r\n")

    async with connected(script) as connection:
        await connection.sign_in(PASSWORD, nonce=NONCE)
        await connection.sign_out()
        assert not connection.conversation.knows_capabilities
        await connection.sign_in(replace(PASSWORD, user="another"), nonce=NONCE)


OFFERS = b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello\r\n"


async def secure(script: Script) -> None:
    async with serving(script) as target:
        demands = replace(target, allow_plaintext=False, context=ssl.create_default_context())
        await (await open_connection(demands)).close()


@pytest.mark.parametrize(
    "injected", [b"* OK [CAPABILITY IMAP4rev1] trust me\r\n", b"S2 OK\r\n", b"x", b"\r\n"]
)
async def test_what_is_put_behind_the_ok_to_starttls_is_an_attack(injected: bytes) -> None:
    with pytest.raises(Refused, match="somebody interferes"):
        await secure(refusing(b"{tag} OK begin\r\n" + injected, greeting=OFFERS))


async def test_what_comes_in_the_clear_a_little_later_is_no_tls() -> None:
    async def script(client: Client) -> None:
        await client.say(OFFERS)
        tag, _ = await client.hear()
        await client.say(tag + b" OK begin\r\n")
        await asyncio.sleep(0.05)
        await client.say(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] trust me\r\n")

    with pytest.raises(Refused, match="is not TLS: somebody may interfere"):
        await secure(script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (refusing(greeting=b"* PREAUTH welcome\r\n"), "signs us in before TLS"),
        (refusing(greeting=b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n"), "no STARTTLS"),
        (
            refusing(b"* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n", greeting=b"* OK hello\r\n"),
            "no STARTTLS",
        ),
        (refusing(b"{tag} NO not today\r\n", greeting=OFFERS), "not today"),
    ],
)
async def test_nothing_is_said_without_tls_where_it_is_demanded(script: Script, words: str) -> None:
    with pytest.raises(Refused, match=words):
        await secure(script)


async def test_a_server_that_leaves_within_the_handshake() -> None:
    async def script(client: Client) -> None:
        await client.say(OFFERS)
        tag, _ = await client.hear()
        await client.say(tag + b" OK begin\r\n")
        client.writer.close()

    with pytest.raises(ConnectionLost):
        await secure(script)


async def test_a_handshake_that_never_ends() -> None:
    async with serving(refusing(b"{tag} OK begin\r\n", greeting=OFFERS)) as target:
        demands = replace(target, allow_plaintext=False, connect_seconds=0.3)
        with pytest.raises(ConnectionLost, match=r"within 0.3 s"):
            await open_connection(demands)


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (
            b"* BYE too many connections, try again in 30 seconds\r\n",
            "does not let us in: too many",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no IMAP server: 'SSH-2.0-OpenSSH_9.2'"),
        (b"+OK POP3 ready\r\n", "no IMAP server"),
        (b"\x15\x03\x03\x00\x02\x02\x28\n", "no IMAP server"),
    ],
)
async def test_what_does_not_greet_us(greeting: bytes, words: str) -> None:
    async with serving(refusing(greeting=greeting)) as target:
        with pytest.raises(ConnectionLost, match=words) as caught:
            await open_connection(target)
    assert caught.value.back_off_seconds in {None, 30.0}
