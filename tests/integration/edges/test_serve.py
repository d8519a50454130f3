"""What ``switchover serve`` leaves on the machine: who may read it, and that no secret shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg
import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.people import add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import loopback
from tests.integration.suite import Suite, held, lent_database, run_cli, suite

from switchover.app import Switchover
from switchover.directory.access.role import Role
from switchover.edges.api.server import create_app, list_routes
from switchover.edges.readers import is_for_programs
from switchover.edges.serve import bind_api
from switchover.settings import read_settings
from switchover.store.embedded import EmbeddedPostgres

PASSWORD = "a-password-nobody-may-see"
pytestmark = pytest.mark.xdist_group("serve")


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_database(postgres) as database:
        url = database.replace("switchover@", f"switchover:{PASSWORD}@")
        with held(suite(database=url, cycle_seconds="0.5")) as found:
            yield found


@pytest.fixture
async def used(home: Suite, farm: PracticeFarm) -> Suite:
    """A switchover that was used: applied, changed, refused, restarted."""
    if home.process is None or home.process.poll() is not None:
        await home.start()
    await home.apply(good_text(farm, home), farm.files)
    files = {**farm.files, "front.pem": farm.files["front.pem"] + b"\n"}
    await home.apply(good_text(farm, home), files)
    await home.try_apply(good_text(farm, home).replace("front.pem", "ca.pem"), farm.files)
    await home.post("/servers/cas1/drain", {"reason": "for the history"})
    await home.post("/servers/cas1/resume")
    return home


def secrets_of(at: Suite, farm: PracticeFarm) -> list[str]:
    """Return what must show nowhere: the token, the sealing key, every line of the private key."""
    key = farm.files["front.pem"].decode().partition("-----BEGIN PRIVATE KEY-----\n")[2]
    lines = key.partition("-----END")[0].splitlines()
    assert len(lines) >= 2
    sealing = [
        word
        for word in (at.data / "secret.key").read_text("utf-8", "replace").split()
        if len(word) > 20
    ]
    return [PASSWORD, at.token, *lines, *sealing]


def assert_no_secret(text: str, secrets: list[str], where: str) -> None:
    assert "PRIVATE KEY" not in text, where
    for secret in secrets:
        assert secret not in text, where


def everything_below(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in sorted(directory.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            yield path, path.lstat()


async def test_files_with_secrets_are_for_their_owner_alone(
    used: Suite, farm: PracticeFarm
) -> None:
    secrets = [secret.encode() for secret in secrets_of(used, farm)]
    seen = set()
    for path, found in everything_below(used.data):
        if not stat.S_ISREG(found.st_mode):
            continue
        content = path.read_bytes()
        holds_secret = b"PRIVATE KEY" in content or any(one in content for one in secrets)
        if holds_secret:
            seen.add(path.name)
            assert stat.S_IMODE(found.st_mode) == 0o600, path
            assert found.st_uid == os.geteuid(), path
    assert {"admin.token", "secret.key", "front.pem"} <= seen


async def test_directories_let_others_pass_at_most_and_the_engine_s_not_even_that(
    used: Suite,
) -> None:
    assert stat.S_IMODE(used.data.stat().st_mode) & 0o077 in {0o00, 0o11}
    for path, found in everything_below(used.settings.engine_dir):
        if stat.S_ISDIR(found.st_mode):
            assert stat.S_IMODE(found.st_mode) & 0o022 == 0, path
    trees = used.settings.engine_dir / "trees"
    assert stat.S_IMODE(trees.stat().st_mode) == 0o700
    for tree in trees.iterdir():
        for path, found in everything_below(tree):
            if stat.S_ISREG(found.st_mode):
                assert stat.S_IMODE(found.st_mode) == 0o600, path


async def test_sockets_are_closed_to_other_users(used: Suite) -> None:
    found = {
        path.name: stat.S_IMODE(mode.st_mode)
        for path, mode in everything_below(used.settings.run_dir)
        if stat.S_ISSOCK(mode.st_mode)
    }
    assert found == {
        "engine.sock": 0o600,
        "events.sock": 0o600,
        "log.sock": 0o600,
        "master.sock": 0o600,
    }


async def test_no_secret_shows_in_the_log_or_in_the_list_of_processes(
    used: Suite, farm: PracticeFarm
) -> None:
    secrets = secrets_of(used, farm)
    assert_no_secret(used.log.read_text(), secrets, "the log")
    for messages in used.settings.engine_dir.glob("*.messages"):
        assert_no_secret(messages.read_text(), secrets, "what the engine printed")
    shown = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            assert_no_secret(arguments, secrets, f"the arguments of process {entry.name}")
            shown += str(used.data) in arguments
    assert shown >= 2  # switchover itself and the engine


EXAMPLE = {
    "token_id": "none",
    "service": "web",
    "server": "cas1",
    "number": "0",
    "older": "1",
    "newer": "0",
    "account": "ada",
    "name": "ada",
    "file": "none",
}


async def test_no_secret_shows_in_any_answer_of_the_api(used: Suite, farm: PracticeFarm) -> None:
    secrets = secrets_of(used, farm)
    await add_person(used, "ada", Role.ADMIN)
    asked = 0
    for path, route in list_routes(create_app(cast("Switchover", None))):
        if "GET" in route.methods and is_for_programs(path):
            target = path.removeprefix("/api/v1").format(**EXAMPLE)
            answer = await used.api("GET", target)
            assert answer.status in {200, 404}, (target, answer.body)
            assert_no_secret(json.dumps(answer.body), secrets, target)
            asked += answer.status == 200
    assert asked > 15


async def test_no_secret_shows_on_any_page(used: Suite, farm: PracticeFarm) -> None:
    account = await add_person(used, "ada", Role.ADMIN)
    session = await open_session(used, account)
    secrets = [*secrets_of(used, farm), session]
    asked = 0
    async with browser(used, session) as opened:
        for path, route in list_routes(create_app(cast("Switchover", None))):
            if "GET" in route.methods and not is_for_programs(path):
                page = await opened.get(path.format(**EXAMPLE))
                assert page.status in {200, 303, 404, 409, 422}, (path, page.text)
                assert_no_secret(page.text, secrets, path)
                asked += page.status == 200
    assert asked > 4


async def test_no_secret_leaves_by_the_command_line(used: Suite, farm: PracticeFarm) -> None:
    secrets = secrets_of(used, farm)
    for command in (
        ("export",),
        ("export", "-o", "json"),
        ("history", "--show", "1"),
        ("status",),
        ("token", "list", "-o", "json"),
    ):
        ended = await used.cli(*command)
        assert ended.code == 0, ended.err
        assert_no_secret(ended.out + ended.err, secrets, " ".join(command))


async def test_keys_lie_sealed_in_the_database(used: Suite, farm: PracticeFarm) -> None:
    secrets = secrets_of(used, farm)
    dsn = used.environment["SWITCHOVER_DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        names = await connection.execute(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
        tables = [row[0] for row in await names.fetchall()]
        assert {"asset", "api_token", "revision", "event"} <= set(tables)
        for table in tables:
            found = await connection.execute(f'select * from "{table}"'.encode())
            for row in await found.fetchall():
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    assert b"PRIVATE KEY" not in raw, table
                    assert not any(secret.encode() in raw for secret in secrets), table


async def test_an_unreachable_database_is_named_without_its_password(farm: PracticeFarm) -> None:
    nowhere = f"postgresql://switchover:{PASSWORD}@127.0.0.1:9/nowhere"
    async with suite(database=nowhere, start=False) as at:
        at.launch()
        async with asyncio.timeout(20):
            while "database=away" not in at.tail():
                await asyncio.sleep(0.05)
        assert "127.0.0.1:9/nowhere" in at.tail()
        assert PASSWORD not in at.log.read_text()
        assert at.terminate() == 0


async def test_interrupted_from_the_keyboard_it_ends_cleanly(used: Suite) -> None:
    assert used.process is not None
    used.process.send_signal(signal.SIGINT)
    assert used.process.wait(20) == 0
    assert "state=stopped" in used.tail()
    await used.start()


async def test_a_taken_api_port_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((loopback(), 0))
        taken.listen()
        host, port = taken.getsockname()
        ended = run_cli("serve", "--data", str(tmp_path / "data"), "--api", f"{host}:{port}")
    assert ended.code == 75
    assert f"{host}:{port}" in ended.err
    assert "--api" in ended.err
    assert not (tmp_path / "data").exists()


async def test_small_answers_are_sent_at_once(tmp_path: Path) -> None:
    sent_at_once: list[int] = []

    class Look(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted = transport.get_extra_info("socket")
            sent_at_once.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    settings = read_settings({}, data=tmp_path, api=f"{loopback()}:0")
    listening = bind_api(settings)
    server = await asyncio.get_running_loop().create_server(Look, sock=listening)
    async with server:
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert sent_at_once == [1]


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "word"),
    [
        (("--api", "nonsense"), {}, 2, "--api"),
        (("--haproxy", "/nothing"), {}, 2, "--haproxy"),
        ((), {"SWITCHOVER_CYCLE_SECONDS": "never"}, 2, "SWITCHOVER_CYCLE_SECONDS"),
        ((), {"SWITCHOVER_DATABASE_URL": f"mysql://u:{PASSWORD}@h/x"}, 2, "postgresql://"),
        (("--data", "/proc/nothing"), {}, 5, "/proc/nothing"),
        (("--haproxy", "/bin/true"), {}, 2, "/bin/true is no HAProxy"),
    ],
)
def test_settings_that_can_not_be_used_are_named(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], code: int, word: str
) -> None:
    given = {"SWITCHOVER_DATA": str(tmp_path / "data"), "SWITCHOVER_API": "127.0.0.1:0"}
    ended = run_cli("serve", *arguments, environment={**given, **environment})
    assert (ended.code, word in ended.err) == (code, True), ended
    assert PASSWORD not in ended.err
    assert "Traceback" not in ended.err
