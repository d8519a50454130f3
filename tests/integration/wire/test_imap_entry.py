"""Every way into a real Dovecot: mechanisms, tokens, certificates and TLS."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from tests.integration.imap_servers import (
    MASTER,
    MASTER_PASSWORD,
    PASSWORD,
    PORT,
    USER,
    Dovecot,
    Options,
    dovecot,
)
from tests.integration.oauth import OAUTH, accept_tokens, token
from tests.integration.wire.dialogue import NONCE, signed_in

from switchover.errors import Conflict, InvalidInput, Refused
from switchover.wire.imap import commands
from switchover.wire.imap.conversation import Phase
from switchover.wire.imap.errors import ConnectionLost, SignInRefused
from switchover.wire.imap.response_codes import CodeName
from switchover.wire.imap.sasl import BearerToken, Mechanism, Password, dovecot_master_login
from switchover.wire.imap.shell import Target, open_connection


@pytest.mark.parametrize(
    ("mechanism", "name"),
    [
        (Mechanism.PLAIN, "plain"),
        (Mechanism.LOGIN, "login"),
        (Mechanism.SCRAM_SHA_1, "scram-sha-1"),
        (Mechanism.SCRAM_SHA_256, "scram-sha-256"),
    ],
)
@pytest.mark.parametrize("initial", [True, False])
async def test_each_mechanism_signs_in(mechanism: Mechanism, name: str, initial: bool) -> None:
    capabilities = "IMAP4rev1 LITERAL+ SASL-IR" if initial else "IMAP4rev1 LITERAL+"
    lines: list[str] = []
    with dovecot(Options(mechanisms=(name,), capabilities=capabilities)) as server:
        for target in (server.tls, server.clear):
            connection = await open_connection(target, trace=lambda *line: lines.append(str(line)))
            assert await connection.sign_in(server.credentials, nonce=NONCE) is mechanism
            assert connection.conversation.phase is Phase.SIGNED_IN
            assert connection.is_encrypted
            await connection.run(commands.NOOP)
            await connection.close()
        wrong = replace(server.credentials, password="incorrect horse")
        connection = await open_connection(server.tls)
        with pytest.raises(SignInRefused, match=r"does not let user@contoso\.example in"):
            await connection.sign_in(wrong, nonce=NONCE)
        assert await connection.sign_in(server.credentials, nonce=NONCE) is mechanism
        await connection.close()
        assert f"method={name.upper()}" in server.said()
    told = "".join(lines)
    assert base64.b64encode(PASSWORD.encode()).decode() not in told
    assert PASSWORD not in told


async def test_a_wrong_password_is_said_once_in_the_clear_not_in_every_way(server: Dovecot) -> None:
    connection = await open_connection(server.tls)
    with pytest.raises(SignInRefused) as caught:
        await connection.sign_in(Password(user=USER, password="wrong horse"), nonce=NONCE)
    assert "SCRAM-SHA-256" in str(caught.value)
    assert "PLAIN" in str(caught.value)
    assert "LOGIN" not in str(caught.value)
    assert "wrong horse" not in str(caught.value)
    assert caught.value.status.code is not None
    assert caught.value.status.code.name == CodeName.AUTHENTICATIONFAILED
    await connection.close()


async def test_a_password_that_scram_can_not_carry_is_sent_in_another_way() -> None:
    with dovecot() as server:
        users = server.directory / "users"
        users.write_text(f"{USER}:{{PLAIN}}private \ue000\n")
        connection = await open_connection(server.tls)
        credentials = Password(user=USER, password="private \ue000")
        assert await connection.sign_in(credentials, nonce=NONCE) is Mechanism.PLAIN
        await connection.close()
    with dovecot(Options(mechanisms=("scram-sha-256",), plaintext=False)) as server:
        connection = await open_connection(server.plain)
        with pytest.raises(InvalidInput, match="forbids"):
            await connection.sign_in(credentials, nonce=NONCE)
        await connection.close()


async def test_a_master_user_opens_the_mailbox_of_another(server: Dovecot) -> None:
    by_name = Password(user=dovecot_master_login(USER, MASTER), password=MASTER_PASSWORD)
    by_identity = Password(user=MASTER, password=MASTER_PASSWORD, acting_as=USER)
    for credentials in (by_name, by_identity):
        connection = await open_connection(server.tls)
        await connection.sign_in(credentials, nonce=NONCE)
        await connection.run(commands.examine(b"INBOX"))
        await connection.close()
    assert f"master={MASTER}" not in by_name.user
    assert server.said().count(f"user=<{USER}>") >= 2


async def test_capabilities_are_those_of_after_the_sign_in(server: Dovecot) -> None:
    connection = await open_connection(server.tls)
    assert "AUTH=PLAIN" in connection.conversation.capabilities
    assert "UIDPLUS" not in connection.conversation.capabilities
    await connection.sign_in(server.credentials, nonce=NONCE)
    assert "AUTH=PLAIN" not in connection.conversation.capabilities
    assert "UIDPLUS" in connection.conversation.capabilities
    with pytest.raises(Conflict, match="signed in"):
        await connection.sign_in(server.credentials, nonce=NONCE)
    await connection.close()


@pytest.mark.parametrize(
    ("mechanism", "name"),
    [(Mechanism.XOAUTH2, "xoauth2"), (Mechanism.OAUTHBEARER, "oauthbearer")],
)
async def test_tokens_sign_in_and_an_expired_one_is_worth_a_new_one(
    mechanism: Mechanism, name: str
) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    options = Options(mechanisms=(name,), more=OAUTH)
    with dovecot(options) as server:
        accept_tokens(server, key)
        connection = await open_connection(server.tls)
        expired = BearerToken(user=USER, token=token(USER, key, seconds=-60))
        with pytest.raises(SignInRefused) as caught:
            await connection.sign_in(expired, nonce=NONCE)
        assert caught.value.token_refusal is not None
        assert caught.value.token_refusal.status in {"invalid_token", "401"}
        fresh = BearerToken(user=USER, token=token(USER, key))
        assert await connection.sign_in(fresh, nonce=NONCE) is mechanism
        await connection.run(commands.NOOP)
        await connection.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(names=("elsewhere.contoso.example",)), "IP address mismatch"),
        (Options(valid_days=(-30, -1)), "expired"),
        (Options(valid_days=(1, 30)), "not yet valid"),
    ],
)
async def test_a_bad_certificate_is_refused_in_words(options: Options, words: str) -> None:
    with dovecot(options) as server:
        for target in (server.tls, server.clear):
            with pytest.raises(Refused, match=rf"certificate of 127.* is not trusted: .*{words}"):
                await open_connection(target)


async def test_an_unknown_authority_is_refused(server: Dovecot) -> None:
    for target in (server.tls, server.clear):
        with pytest.raises(Refused, match=r"certificate of .* is not trusted: .*(self|issuer)"):
            await open_connection(replace(target, context=None))


async def test_the_clear_connection_becomes_tls_before_anything_else(server: Dovecot) -> None:
    lines: list[str] = []
    async with signed_in(server, server.clear, lines) as connection:
        assert connection.is_encrypted
        sent = [line for line in lines if line.startswith(">")]
        assert sent[0] == "> S1 STARTTLS"
    assert "TLS" in server.said()


async def test_nothing_is_said_in_the_clear_unless_that_is_allowed() -> None:
    with dovecot(Options(mechanisms=("plain",), more="ssl = no")) as server:
        with pytest.raises(Refused, match="offers no STARTTLS"):
            await open_connection(server.clear)
        async with signed_in(server, server.plain) as connection:
            assert not connection.is_encrypted


async def test_a_server_that_wants_no_secret_in_the_clear_gets_none() -> None:
    with dovecot(Options(mechanisms=("plain",), plaintext=False)) as server:
        connection = await open_connection(server.plain)
        with pytest.raises(Refused, match="LOGINDISABLED"):
            await connection.sign_in(server.credentials, nonce=NONCE)
        await connection.close()


async def test_tls_at_a_port_for_starttls_is_refused_with_advice(server: Dovecot) -> None:
    with pytest.raises(Refused, match=f"port {PORT} does not begin with TLS: use imap://"):
        await open_connection(replace(server.tls, port=PORT))


async def test_a_port_for_tls_says_nothing_in_the_clear(server: Dovecot) -> None:
    target = replace(server.clear, port=server.tls.port, connect_seconds=4)
    with pytest.raises(Refused, match=r"begins with TLS: use imaps://"):
        await open_connection(target)


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.contoso.example"])
async def test_a_server_that_is_not_there_is_told_in_words(host: str) -> None:
    with pytest.raises(ConnectionLost, match=rf"{host} port 9 can not be reached: \D+"):
        await open_connection(Target(host=host, port=9))


async def test_what_can_not_be_a_host_name_is_bad_input() -> None:
    with pytest.raises(InvalidInput, match="host name"):
        await open_connection(Target(host=f"{'x' * 70}.contoso.example", port=9))
