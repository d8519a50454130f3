"""The shell against a real Dovecot: every way in, mails streamed both ways, and servers that fail."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
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
from tests.integration.suite import eventually

from switchover.errors import Conflict, InvalidInput, Refused
from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.commands import Resync
from switchover.wire.imap.conversation import Answered, Phase
from switchover.wire.imap.errors import CommandRefused, ConnectionLost, SignInRefused
from switchover.wire.imap.message_commands import FlagChange, NewMessage
from switchover.wire.imap.response_codes import AppendUid, CodeName, NumberCode
from switchover.wire.imap.responses import (
    BodyChunk,
    BodyEnd,
    BodyStart,
    Exists,
    Fetch,
    ListEntry,
    MailboxStatus,
    Status,
    Vanished,
)
from switchover.wire.imap.sasl import BearerToken, Mechanism, Password, dovecot_master_login
from switchover.wire.imap.shell import Append, Connection, Target, open_connection
from switchover.wire.imap.shell.stream import RECEIVED_BYTES

NONCE = "rOprNGfwEbeRWgbNEkqO"
DATE = b"17-Jul-1996 02:44:25 -0700"
SYNCHRONISING = "IMAP4rev1 UIDPLUS MULTIAPPEND SASL-IR ENABLE CONDSTORE QRESYNC"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """Return a Dovecot for tests that leave it as it is, or use folders of their own."""
    with dovecot() as running:
        yield running


@asynccontextmanager
async def signed_in(
    server: Dovecot, target: Target | None = None, lines: list[str] | None = None
) -> AsyncIterator[Connection]:
    def trace(direction: str, line: str) -> None:
        if lines is not None:
            lines.append(f"{direction} {line}")

    connection = await open_connection(target or server.plain, trace=trace)
    try:
        await connection.sign_in(server.credentials, nonce=NONCE)
        yield connection
    finally:
        await connection.close()


def mail(number: int, size: int) -> bytes:
    head = b"From: a@contoso.example\r\nSubject: mail %d\r\n\r\n" % number
    line = b"%08d The quick brown fox jumps over the lazy dog\r\n" % number
    return head + line * (size // len(line) + 1)


async def read_mails(connection: Connection, uids: bytes = b"1:*") -> list[bytes]:
    """Return the digests of mails in the open folder, which are never held."""
    request = await connection.send(
        message_commands.uid_fetch(uids, message_commands.body_fields())
    )
    digests, digest = [], hashlib.sha256()
    while request.answer is None:
        match await connection.next_event():
            case BodyStart():
                digest = hashlib.sha256()
            case BodyChunk(data):
                digest.update(data)
            case BodyEnd():
                digests.append(digest.digest())
            case _:
                pass
    connection.require(request)
    return digests


def digests_of(mails: Sequence[bytes]) -> list[bytes]:
    return [hashlib.sha256(one).digest() for one in mails]


async def append_all(connection: Connection, folder: bytes, mails: Sequence[bytes]) -> AppendUid:
    """Append mails in one command, each in pieces, and return their UIDs."""
    append = await connection.open_append(folder)
    for one in mails:
        assert await append.add(NewMessage(len(one), (b"\\Seen", b"$Label1"), DATE))
        for at in range(0, len(one), 10_000):
            await append.write(memoryview(one)[at : at + 10_000])
    request = connection.require(await connection.wait(await append.finish()))
    assert request.answer is not None
    assert isinstance(request.answer.code, AppendUid)
    return request.answer.code


# --- signing in --------------------------------------------------------------------------------


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


# --- encryption --------------------------------------------------------------------------------


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
    target = replace(server.clear, port=server.tls.port, connect_seconds=0.5)
    with pytest.raises(ConnectionLost, match=r"was not ready to talk within 0.5 s.*imaps://"):
        await open_connection(target)


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.contoso.example"])
async def test_a_server_that_is_not_there_is_told_in_words(host: str) -> None:
    with pytest.raises(ConnectionLost, match=rf"{host} port 9 can not be reached: \D+"):
        await open_connection(Target(host=host, port=9))


async def test_what_can_not_be_a_host_name_is_bad_input() -> None:
    with pytest.raises(InvalidInput, match="host name"):
        await open_connection(Target(host=f"{'x' * 70}.contoso.example", port=9))


# --- mails, both ways --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "tls", "compressed", "tls compressed"])
async def test_mails_come_back_as_they_went(server: Dovecot, way: str) -> None:
    folder = way.replace(" ", "-").encode()
    mails = [mail(number, size) for number, size in enumerate((10, 70_000, 200, 2_000_000) * 5)]
    target = server.tls if "tls" in way else server.plain
    async with signed_in(server, target) as connection:
        if "compressed" in way:
            await connection.compress()
            with pytest.raises(Conflict, match="compressed"):
                await connection.sign_out()
        await connection.run(commands.create(folder))
        found = await append_all(connection, folder, mails)
        assert found.uids.count == len(mails)
        await connection.run(commands.select(folder))
        assert await read_mails(connection) == digests_of(mails)


async def test_many_fetches_under_way_stream_in_constant_memory() -> None:
    mails = [mail(number, 500_000) for number in range(120)]
    expected = digests_of(mails)
    with dovecot() as server:
        server.put_mails(mails)
        del mails
        async with signed_in(server, server.tls) as connection:
            await connection.run(commands.examine(b"INBOX"))
            tracemalloc.start()
            fields = message_commands.body_fields()
            requests = [
                await connection.send(message_commands.uid_fetch(b"%d" % uid, fields))
                for uid in range(1, 121)
            ]
            found: dict[int, bytes] = {}
            uid, digest = 0, hashlib.sha256()
            while requests[-1].answer is None:
                match await connection.next_event():
                    case BodyStart(item=item):
                        uid, digest = item.uid or 0, hashlib.sha256()
                    case BodyChunk(data):
                        digest.update(data)
                    case BodyEnd():
                        found[uid] = digest.digest()
                    case _:
                        pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert all(request.is_ok for request in requests)
    assert [found[uid] for uid in range(1, 121)] == expected
    assert peak < 6 * 2**20


async def test_one_huge_mail_is_appended_and_read_in_constant_memory(server: Dovecot) -> None:
    size, piece = 150 * 2**20, b"0123456789abcde\n" * 4096
    body = piece.replace(b"e\n", b"\r\n")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(body)):
            yield body

    async with signed_in(server) as connection:
        await connection.run(commands.create(b"huge"))
        tracemalloc.start()
        append = message_commands.append(b"huge", NewMessage(size))
        connection.require(await connection.wait(await connection.send(append, [pieces()])))
        await connection.run(commands.examine(b"huge"))
        request = await connection.send(
            message_commands.uid_fetch(b"1:*", message_commands.body_fields())
        )
        octets = 0
        while request.answer is None:
            event = await connection.next_event()
            octets += len(event.data) if isinstance(event, BodyChunk) else 0
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert octets == size
    assert peak < 6 * 2**20


@pytest.mark.parametrize(
    ("capabilities", "waits"),
    [("LITERAL+", 0), ("LITERAL-", 1), ("", 3)],
    ids=["LITERAL+", "LITERAL-", "neither"],
)
async def test_literals_wait_for_leave_exactly_where_they_must(
    capabilities: str, waits: int
) -> None:
    mails = [mail(1, 100), mail(2, 50_000), mail(3, 3000)]
    lines: list[str] = []
    with dovecot(Options(capabilities=f"{SYNCHRONISING} {capabilities}")) as server:
        async with signed_in(server, lines=lines) as connection:
            await connection.run(commands.create(b"a"))
            lines.clear()
            await append_all(connection, b"a", mails)
            assert lines.count("< +") == waits
            await connection.run(commands.select(b"a"))
            assert await read_mails(connection) == digests_of(mails)


@pytest.mark.parametrize("capabilities", [f"{SYNCHRONISING} LITERAL+", SYNCHRONISING])
async def test_a_refused_append_leaves_the_connection_usable(capabilities: str) -> None:
    with dovecot(Options(capabilities=capabilities)) as server:
        async with signed_in(server) as connection:
            append = await connection.open_append(b"nowhere")
            if await append.add(NewMessage(5)):
                await append.write(b"a: b\n")
            if await append.add(NewMessage(5)):
                await append.write(b"a: b\n")
            request = await connection.wait(await append.finish())
            assert append.is_refused
            assert not await append.add(NewMessage(5))
            with pytest.raises(CommandRefused, match="refuses APPEND") as caught:
                connection.require(request)
            assert caught.value.status.code is not None
            assert caught.value.status.code.name == CodeName.TRYCREATE
            await connection.run(commands.create(b"somewhere"))
            await append_all(connection, b"somewhere", [mail(1, 100)])


async def test_names_that_need_a_literal_are_understood(server: Dovecot) -> None:
    raw = b'a "quoted" \\ ' + b"x" * 80
    async with signed_in(server) as connection:
        await connection.run(commands.create(raw))
        assert (await append_all(connection, raw, [mail(1, 10)])).uids.count == 1


async def test_single_appends_go_out_many_at_a_time(server: Dovecot) -> None:
    async with signed_in(server, server.tls) as connection:
        await connection.run(commands.create(b"singles"))
        requests = []
        for number in range(200):
            append = await connection.open_append(b"singles")
            body = mail(number, 1000)
            assert await append.add(NewMessage(len(body)))
            await append.write(body)
            requests.append(await append.finish())
        for request in requests:
            connection.require(await connection.wait(request))
        opened = await connection.run(commands.select(b"singles"))
        assert Exists(count=200) in opened.responses


# --- mailboxes ---------------------------------------------------------------------------------


async def test_what_changed_meanwhile_is_told_by_qresync(server: Dovecot) -> None:
    async with signed_in(server) as connection, signed_in(server) as other:
        await connection.run_all([commands.create(b"resync"), commands.enable(["QRESYNC"])])
        assert connection.conversation.enabled == {"QRESYNC"}
        await append_all(connection, b"resync", [mail(number, 10) for number in range(5)])
        opened = await connection.run(commands.select(b"resync"))
        numbers = {
            one.code.name: one.code.value
            for one in opened.responses
            if isinstance(one, Status) and isinstance(one.code, NumberCode)
        }
        await connection.run(commands.UNSELECT)
        await other.run(commands.select(b"resync"))
        await other.run(message_commands.uid_store(b"2", FlagChange.ADD, (b"\\Flagged",)))
        await other.run(message_commands.uid_store(b"4", FlagChange.ADD, (b"\\Deleted",)))
        await other.run(message_commands.uid_expunge(b"4"))
        known = Resync(
            uid_validity=numbers["UIDVALIDITY"], mod_seq=numbers["HIGHESTMODSEQ"], known_uids=b"1:5"
        )
        request = await connection.send(commands.select(b"resync", resync=known))
        changed: dict[int | None, tuple[bytes, ...] | None] = {}
        while request.answer is None:
            event = await connection.next_event()
            if isinstance(event, Fetch):
                changed |= {item.uid: item.flags for item in event.items}
        connection.require(request)
        (gone,) = [one for one in request.responses if isinstance(one, Vanished)]
    assert list(gone.uids.numbers()) == [4]
    assert gone.earlier
    assert set(changed) == {2}
    assert b"\\Flagged" in (changed[2] or ())


async def test_the_whole_inventory_comes_in_one_round_trip() -> None:
    names = [b"Archive/%d" % year for year in range(2000, 2020)]
    with dovecot() as server:
        async with signed_in(server, server.tls) as connection:
            await connection.run_all([commands.create(name) for name in names])
            await connection.run_all([commands.subscribe(name) for name in names[:5]])
            lines = commands.inventory(connection.conversation.capabilities)
            (request,) = await connection.run_all(lines)
    folders = [one for one in request.responses if isinstance(one, ListEntry)]
    statuses = {one.name: one for one in request.responses if isinstance(one, MailboxStatus)}
    assert {one.name for one in folders} == {*names, b"Archive", b"INBOX"}
    assert sum(b"\\Subscribed" in one.attributes for one in folders) == 5
    assert all(statuses[name].messages == 0 for name in names)


async def test_thousands_of_commands_and_their_answers_never_wait_for_each_other() -> None:
    with dovecot() as server:
        server.put_mails([mail(number, 10) for number in range(300)])
        async with signed_in(server, replace(server.plain, answer_seconds=10.0)) as connection:
            await connection.run(commands.examine(b"INBOX"))
            every = message_commands.uid_search()
            requests = await connection.run_all([every] * 4000)
            found = {tuple(one.numbers) for request in requests for one in request.responses}  # type: ignore[union-attr] # of Search
    assert len(requests) == 4000
    assert found == {((1, 300),)}


async def test_idle_ends_with_the_first_news_or_without(server: Dovecot) -> None:
    async with signed_in(server) as connection, signed_in(server) as other:
        await connection.run(commands.create(b"idle"))
        await connection.run(commands.select(b"idle"))
        assert not await connection.idle(0.2)
        news = asyncio.create_task(connection.idle(20.0))
        await asyncio.sleep(0.2)
        await append_all(other, b"idle", [mail(1, 10)])
        assert await news
        await connection.run(commands.NOOP)


# --- what goes wrong ---------------------------------------------------------------------------


async def start_reading(connection: Connection) -> None:
    """Ask for all mails of INBOX, and go until the first body comes."""
    await connection.run(commands.examine(b"INBOX"))
    await connection.send(message_commands.uid_fetch(b"1:*", message_commands.body_fields()))
    while not isinstance(await connection.next_event(), BodyChunk):
        pass


async def read_to_the_end(connection: Connection) -> None:
    while not isinstance(await connection.next_event(), Answered):
        pass


@pytest.mark.parametrize("way", ["plain", "tls"])
async def test_a_server_that_dies_in_mid_answer_is_an_error_at_once(way: str) -> None:
    with dovecot() as server:
        server.put_mails([mail(number, 5_000_000) for number in range(4)])
        async with signed_in(server, getattr(server, way)) as connection:
            await start_reading(connection)
            server.kill()
            with pytest.raises(ConnectionLost, match=r"closed the connection|broke") as first:
                await read_to_the_end(connection)
            with pytest.raises(ConnectionLost) as again:
                await connection.run(commands.NOOP)
            assert str(again.value) == str(first.value)


async def test_a_server_that_shuts_down_says_so() -> None:
    with dovecot() as server:
        async with signed_in(server) as connection:
            await connection.run(commands.examine(b"INBOX"))
            server.stop()
            with pytest.raises(ConnectionLost, match=r"ends the connection: .*shutting down"):
                await connection.run(commands.NOOP)


async def test_a_server_that_stops_answering_is_given_up_in_time() -> None:
    with dovecot() as server:
        server.put_mails([mail(number, 5_000_000) for number in range(4)])
        target = replace(server.plain, answer_seconds=0.5)
        async with signed_in(server, target) as connection:
            await start_reading(connection)
            server.freeze()
            try:
                with pytest.raises(ConnectionLost, match=r"did not answer within 0.5 s"):
                    await read_to_the_end(connection)
            finally:
                server.thaw()


async def write_zeros(append: Append, size: int) -> None:
    for _ in range(0, size, 2**16):
        await append.write(bytes(2**16))


async def test_a_server_that_stops_taking_what_we_send_is_given_up_in_time() -> None:
    with dovecot() as server:
        target = replace(server.plain, answer_seconds=0.5)
        async with signed_in(server, target) as connection:
            append = await connection.open_append(b"INBOX")
            await append.add(NewMessage(2**30))
            server.freeze()
            try:
                with pytest.raises(ConnectionLost, match=r"did not take our data within 0.5 s"):
                    await write_zeros(append, 2**30)
            finally:
                server.thaw()


@pytest.mark.parametrize("way", ["plain", "tls"])
async def test_a_slow_reader_holds_the_server_up_and_not_our_memory(way: str) -> None:
    mails = [mail(number, 1_000_000) for number in range(60)]
    with dovecot() as server:
        server.put_mails(mails)
        async with signed_in(server, getattr(server, way)) as connection:
            tracemalloc.start()
            await start_reading(connection)
            held = []
            for _ in range(10):
                await asyncio.sleep(0.05)
                held.append(connection._stream._inlet.octets)
            await read_to_the_end(connection)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert RECEIVED_BYTES <= held[-1] == held[-2] <= RECEIVED_BYTES + 2**19
    assert peak < 6 * 2**20


async def test_waiting_can_be_cancelled_and_taken_up_again(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        await connection.run(commands.select(b"INBOX"))
        request = await connection.send(commands.NOOP)
        for _ in range(20):
            waiting = asyncio.create_task(connection.wait(request))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert (await connection.wait(request)).is_ok
        await connection.run(commands.NOOP)


async def test_two_tasks_can_not_use_one_connection(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        first = asyncio.create_task(connection.next_event())
        await asyncio.sleep(0)
        with pytest.raises(Conflict, match="two tasks"):
            await connection.next_event()
        request = await connection.send(commands.NOOP)
        assert await first == Answered(request)


async def test_an_append_that_is_broken_off_stores_nothing_and_nothing_follows_it(
    server: Dovecot,
) -> None:
    async with signed_in(server) as connection:
        await connection.run(commands.create(b"broken"))
        append = await connection.open_append(b"broken")
        await append.add(NewMessage(100))
        await append.write(b"a: b\r\n")
        with pytest.raises(Conflict, match="not wholly sent"):
            await connection.run(commands.NOOP)
        with pytest.raises(Conflict, match="shorter"):
            await append.finish()
        with pytest.raises(ConnectionLost, match="APPEND was broken off"):
            await connection.run(commands.NOOP)
    async with signed_in(server) as connection:
        opened = await connection.run(commands.examine(b"broken"))
        assert Exists(count=0) in opened.responses


async def test_a_message_longer_than_announced_is_not_sent(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        append = await connection.open_append(b"INBOX")
        await append.add(NewMessage(3))
        with pytest.raises(Conflict, match="before is not complete"):
            await append.add(NewMessage(3))
        with pytest.raises(Conflict, match="longer"):
            await append.write(b"four")
        with pytest.raises(ConnectionLost, match="broken off"):
            await append.finish()


@pytest.mark.parametrize(("size", "words"), [(2, "longer"), (9, "shorter")])
async def test_a_streamed_literal_has_the_size_announced(
    server: Dovecot, size: int, words: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abcd"

    async with signed_in(server) as connection:
        command = message_commands.append(b"INBOX", NewMessage(size))
        with pytest.raises(Conflict, match=words):
            await connection.send(command, [pieces()])
        with pytest.raises(ConnectionLost, match="broken off"):
            await connection.run(commands.NOOP)


async def test_a_sender_that_is_cancelled_leaves_the_connection_useless(server: Dovecot) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abcd"
        await asyncio.sleep(60)

    async with signed_in(server) as connection:
        command = message_commands.append(b"INBOX", NewMessage(100))
        sending = asyncio.create_task(connection.send(command, [pieces()]))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(ConnectionLost, match="broken off"):
            await connection.run(commands.NOOP)


async def test_a_refused_command_is_told_in_the_servers_words(server: Dovecot) -> None:
    async with signed_in(server) as connection:
        with pytest.raises(CommandRefused, match=r"refuses SELECT: Mailbox doesn't exist"):
            await connection.run(commands.select(b"nowhere"))
        with pytest.raises(CommandRefused, match=r"refuses UNAUTHENTICATE"):
            await connection.sign_out()
        await connection.run(commands.NOOP)


async def test_a_closed_connection_is_closed_politely_once(server: Dovecot) -> None:
    async with signed_in(server, server.tls) as connection:
        await connection.close()
        await connection.close()
        with pytest.raises(ConnectionLost, match="is closed"):
            await connection.run(commands.NOOP)
        with pytest.raises(ConnectionLost, match="is closed"):
            await connection.next_event()
    await eventually(lambda: "Logged out" in server.said())
