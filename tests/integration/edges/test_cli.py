"""The command line: exit codes, JSON of every command, and the flow of an operator's day."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml
from tests.integration.edges.bad_files import BAD_FILES, key_pair, take_port
from tests.integration.edges.conftest import good_text
from tests.integration.people import PASSWORD, add_person
from tests.integration.platform_file import imaps, platform
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import eventually
from tests.integration.suite import Ended, Suite, run_cli
from typer.testing import CliRunner

from switchover import clock
from switchover.directory.access.role import Role
from switchover.edges.cli.main import build
from switchover.practice.clients import LineConnection
from switchover.practice.stories import Door

pytestmark = pytest.mark.xdist_group("edges")
Run = Callable[..., Ended]
# These run until they are stopped and print no result.
ENDLESS = {"serve", "demo", "practice serve"}
ELSEWHERE = {"copy", "probe-endpoint", "verify", "audit accept"}
"""These need mail servers, or an audit log that is broken: tests/integration/move and .../directory."""


@pytest.fixture
def run(running: Suite) -> Run:
    """Run a command as a user would, in this process (a start costs a second)."""
    runner = CliRunner()

    def call(*arguments: str, **environment: str) -> Ended:
        given = {"SWITCHOVER_DATA": str(running.data), **environment}
        done = runner.invoke(build(), arguments, env=given)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(code=done.exit_code, out=done.stdout, err=done.stderr)

    return call


@pytest.fixture
def taken_port(running: Suite) -> Iterator[None]:
    with take_port(running.address):
        yield


def commands() -> dict[str, click.Command]:
    def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), command
            return
        for name, sub in inner.items():
            yield from walk(sub, (*words, name))

    return dict(walk(typer.main.get_command(build()), ()))


def test_every_command_has_json_output_and_an_explanation() -> None:
    found = commands()
    assert len(found) > 25
    for name, command in found.items():
        assert command.help, name
        if name not in ENDLESS:
            assert "-o" in [option for one in command.params for option in one.opts], name


async def words_for(
    name: str, running: Suite, farm: PracticeFarm, directory: Path
) -> tuple[str, ...]:
    """Return arguments with which a command succeeds now."""
    file = str(directory / "farm.yaml")
    if name == "token revoke":
        return ((await running.post("/tokens", {"name": "x", "role": "viewer"}))["id"],)
    if name.startswith("account ") and name != "account list":
        return await words_for_account(name, running, directory)
    if name.startswith("practice"):
        target = () if name == "practice state" else ("cas1",)
        return (*target, "--farm", str(farm.directory))
    if name.endswith((" set", " remove")):
        return await words_for_block(name, running, directory)
    return {
        "apply": (file,),
        "check": (file,),
        "diff": (file,),
        "what-if": (file, "--down", "cas1/owa"),
        "rollback": (str((await running.get("/revisions/0"))["number"]),),
        "service show": ("web",),
        "server drain": ("cas1",),
        "server maintain": ("cas1",),
        "server resume": ("cas1",),
        "server weight": ("cas1", "50", "--service", "imap"),
        "server connections": ("cas1",),
        "audit show": ("1",),
        "token create": ("a program", "--role", "viewer"),
    }.get(name, ())


async def words_for_block(name: str, running: Suite, directory: Path) -> tuple[str, ...]:
    one, _, verb = name.partition(" ")
    value: dict[str, Any] = {"address": "192.0.2.99", "runs": ["exchange"]}
    if one == "service":
        value = {
            "address": running.address, "port": 13993, "layout": "l4", "workloads": ["imaps"],
            "servers": ["cas1"],
        }  # fmt: skip
    if verb == "remove":
        (await running.api("PUT", f"/{one}s/short-lived", {"value": value})).good()
        return ("short-lived",)
    (directory / "keys.yaml").write_text(yaml.safe_dump(value))
    return ("short-lived", str(directory / "keys.yaml"))


async def words_for_account(name: str, running: Suite, directory: Path) -> tuple[str, ...]:
    account = f"somebody {clock.new_id()[:8]}"
    file = directory / "password"
    file.write_text(PASSWORD)
    if name != "account create":
        await add_person(running, account, Role.VIEWER)
    more = {
        "account create": ("--password-file", str(file)),
        "account password": ("--password-file", str(file)),
        "account role": ("operator",),
        "account remove": ("--yes",),
    }
    return (account, *more.get(name, ()))


@pytest.mark.parametrize("name", sorted(set(commands()) - ENDLESS - ELSEWHERE))
async def test_json_output_parses_and_the_table_prints(
    running: Suite, farm: PracticeFarm, files_directory: Path, run: Run, name: str
) -> None:
    words = await words_for(name, running, farm, files_directory)
    spoken = await asyncio.to_thread(run, *name.split(), *words, "-o", "json")
    assert spoken.code == 0, spoken.err
    assert isinstance(json.loads(spoken.out), dict | list)
    words = await words_for(name, running, farm, files_directory)
    confirmed = ("--yes",) if name == "rollback" or name.endswith(" remove") else ()
    shown = await asyncio.to_thread(run, *name.split(), *words, *confirmed)
    assert shown.code == 0, shown.err
    assert shown.out.strip()
    await farm.mend()
    if name == "server weight":
        (await running.api("PUT", "/servers/cas1/weight", {"service": "imap"})).good()


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_bad_file_ends_with_2_and_names_its_fault(
    running: Suite,
    farm: PracticeFarm,
    files_directory: Path,
    taken_port: None,
    run: Run,
    name: str,
) -> None:
    bad, before = BAD_FILES[name], (await running.get("/revisions/0"))["number"]
    file = files_directory / "farm.yaml"
    file.write_text(bad.spoil(yaml.safe_load(good_text(farm, running))))
    for named, content in bad.files.items():
        (files_directory / named).write_bytes(content)
    ended = await asyncio.to_thread(run, "apply", str(file))
    assert (ended.code, ended.out) == (2, "")
    for word in bad.says:
        assert word in ended.err
    if name != "engine-refuses":
        assert re.search(rf"{re.escape(str(file))}:\d+:\d+: ", ended.err)
        assert "nothing was applied" in ended.err
    assert (await running.get("/revisions/0"))["number"] == before


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"platform: \xff\xfe\n", "UTF-8"),
        (b"x" * 50_000_000, "bytes"),
        (b"platform: a\0b\n", "1:12"),
    ],
)
async def test_a_file_that_is_no_text_ends_with_2(
    tmp_path: Path, run: Run, content: bytes, word: str
) -> None:
    file = tmp_path / "farm.yaml"
    file.write_bytes(content)
    for command in ("apply", "check", "diff"):
        ended = await asyncio.to_thread(run, command, str(file))
        assert ended.code == 2
        assert word in ended.err
        assert len(ended.err) < 1000


def test_a_rule_of_lint_is_explained_without_a_server(run: Run) -> None:
    listed = run("explain")
    assert listed.code == 0
    assert "timeout-too-short" in listed.out
    told = run("explain", "timeout-too-short")
    assert told.out.startswith("timeout-too-short\n")
    for word in ("Severity:", "Why:", "What to do:"):
        assert word in told.out
    wrong = run("explain", "timeout-to-short")
    assert (wrong.code, wrong.out) == (3, "")
    assert "did you mean timeout-too-short?" in wrong.err


async def test_exit_codes(running: Suite, farm: PracticeFarm, files_directory: Path) -> None:
    """As scripts see them: real processes, one for each code."""
    viewer = (await running.post("/tokens", {"name": "viewer", "role": "viewer"}))["secret"]
    url = {"SWITCHOVER_URL": running.url}
    # A map entry changed behind our back can not be accepted: that is written in the file.
    await running.command("add map maps/names.names strange.contoso.example owa")
    ended = await asyncio.gather(
        running.cli("status"),
        running.cli("apply", "farm.yaml", cwd=files_directory, environment={}),
        running.cli("apply", "--no-such-option", "x"),
        running.cli("service", "show", "none"),
        running.cli("export", "999999"),
        running.cli("apply", str(files_directory / "none.yaml")),
        running.cli("drift", "accept"),
        running.cli("status", environment={**url, "SWITCHOVER_TOKEN": "swo_" + "a" * 43}),
        running.cli("server", "drain", "cas1", environment={**url, "SWITCHOVER_TOKEN": viewer}),
        running.cli(
            "status",
            environment={"SWITCHOVER_URL": "http://127.0.0.1:9", "SWITCHOVER_TOKEN": viewer},
        ),
    )
    assert [one.code for one in ended] == [0, 0, 2, 3, 3, 3, 4, 5, 5, 75], ended
    for one in ended[2:]:
        assert one.err
        assert "Traceback" not in one.err
    assert "switchover history" in ended[4].err
    assert "drift repair" in ended[6].err
    assert "role" in ended[8].err
    assert "switchover serve" in ended[9].err
    await running.post("/drift/repair")


async def stay(running: Suite, door: Door) -> LineConnection:
    """Return a connection that the engine counts: one made during a reload may be the old worker's."""

    async def opened() -> LineConnection | None:
        found = await LineConnection.open(door)
        await found.read_line()
        if (await running.get("/servers/cas1/connections"))["connections"]:
            return found
        await found.close()
        return None

    return await eventually(opened, every=0.5)


async def test_waiting_for_a_drain_ends_with_75_while_clients_stay_and_0_when_they_left(
    running: Suite, farm: PracticeFarm, run: Run
) -> None:
    await running.apply(platform(farm, {"imap": imaps(running.address, ["cas1"])}), farm.files)
    door = Door(
        service="imap", workload="imaps", address=running.address, port=10993,
        host="mail.contoso.example", tls=True, ca=farm.ca,
    )  # fmt: skip
    staying = await stay(running, door)
    waiting = ("server", "drain", "cas1", "--wait", "1")
    ended = await asyncio.to_thread(run, *waiting)
    assert ended.code == 75
    assert "still has connections" in ended.out
    listed = await asyncio.to_thread(run, "server", "connections", "cas1", "-o", "json")
    (one,) = listed.json["connections"]
    assert (one["service"], one["workload"]) == ("imap", "imaps")
    assert one["client"].startswith("127.0.0.1:")
    await staying.close()

    async def gone() -> bool:
        return not (await running.get("/servers/cas1/connections"))["connections"]

    await eventually(gone)
    assert (await asyncio.to_thread(run, *waiting)).code == 0


async def test_an_operator_s_day_from_change_to_roll_back(
    running: Suite, farm: PracticeFarm, files_directory: Path, run: Run
) -> None:
    file = files_directory / "farm.yaml"
    first = json.loads(run("export", "-o", "json").out)
    file.write_text(file.read_text().replace("Webmail", "Our webmail"))
    (files_directory / "front.pem").write_bytes(key_pair())

    shown = run("diff", str(file))
    assert "+    title: Our webmail" in shown.out
    assert json.loads(run("diff", str(file), "-o", "json").out)["revision"] is None
    assert run("apply", str(file), "-m", "new name and certificate", "--dry-run").code == 0
    assert json.loads(run("export", "-o", "json").out) == first
    applied = run("apply", str(file), "-m", "new name and certificate")
    assert f"revision {first['number'] + 1}" in applied.out
    assert "no difference" in run("diff", str(file)).out

    assert run("export").out == file.read_text()
    second = json.loads(run("export", "-o", "json").out)
    assert second["files"]["front.pem"] != first["files"]["front.pem"]
    assert second["files"]["ca.pem"] == first["files"]["ca.pem"]

    page = json.loads(run("history", "-n", "1", "-o", "json").out)
    assert page["revisions"][0]["reason"] == "new name and certificate"
    assert "new name and certificate" in run("history").out
    whole = run("history", "--show", str(second["number"]))
    assert "+    title: Our webmail" in whole.out
    assert "PRIVATE KEY" not in whole.out

    asked = CliRunner().invoke(
        build(), ["rollback", str(first["number"])], input="n\n",
        env={"SWITCHOVER_DATA": str(running.data)},
    )  # fmt: skip
    assert asked.exit_code == 1
    assert json.loads(run("export", "-o", "json").out) == second
    assert run("rollback", str(first["number"]), "--yes", "-m", "users complained").code == 0
    third = json.loads(run("export", "-o", "json").out)
    assert third == {**first, "number": second["number"] + 1}
    tree = running.settings.engine_dir / "current"
    assert (tree / "certs" / "front.pem").read_bytes() == farm.files["front.pem"]


def test_a_fault_of_ours_ends_with_70(tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import switchover.edges.cli.main as main\n"
        "def run():\n    raise RuntimeError('nobody foresaw this')\n"
        "main.run = run\n"
    )
    ended = run_cli("status", environment={"PYTHONPATH": str(tmp_path)})
    assert ended.code == 70
    assert "nobody foresaw this" in ended.err


def test_version_and_help_need_nothing_that_runs() -> None:
    version: Any = CliRunner().invoke(build(), ["--version"])
    assert re.fullmatch(r"switchover \S+\n", version.stdout)
    assert "Real servers" in CliRunner().invoke(build(), ["server", "--help"]).stdout


def test_one_service_is_set_with_the_files_beside_its_keys(
    running: Suite, farm: PracticeFarm, run: Run, tmp_path: Path
) -> None:
    keys = {
        "address": running.address, "port": 13443, "layout": "l7", "workloads": ["owa"],
        "names": ["mail.contoso.example"], "servers": ["cas1"],
        "tls": {"certificate": "alone.pem", "server_ca": "ca.pem"},
    }  # fmt: skip
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump(keys) + "# minimum: 1.2\n")
    (tmp_path / "alone.pem").write_bytes(farm.files["front.pem"])
    words = ("service", "set", "alone", str(tmp_path / "keys.yaml"))
    told = run(*words, "--dry-run")
    assert "+  alone:" in told.out
    assert run(*words, "-m", "for a test", "-o", "json").json["revision"]
    assert run("history", "-n", "1", "-o", "json").json["revisions"][0]["reason"] == "for a test"
    unasked = run("service", "remove", "alone")
    assert unasked.code != 0
    assert "-  alone:" in unasked.out
    assert run("service", "remove", "alone", "--yes").code == 0
    assert run("service", "show", "alone").code == 3
    assert run("server", "remove", "cas1", "--yes").code == 4
    (tmp_path / "keys.yaml").write_text("- a list")
    assert run(*words).code == 2
