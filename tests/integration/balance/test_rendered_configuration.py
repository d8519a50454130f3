"""Whatever a platform file says: we refuse it, or the real engine accepts what we render."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, event, given, settings
from tests.builders import farm, http_service, server, stream_service
from tests.integration.balance.rendered import (
    HAPROXY,
    Certificates,
    engine,
    free_port,
    write_configuration,
)
from tests.integration.balance.tiny_servers import Answer, WebServer
from tests.platforms import (
    AUTHORITY,
    BLANK_CERTIFICATE,
    CERTIFICATE,
    PAGE,
    PRINTABLE,
    URL_PATHS,
    free_text,
    platforms,
)

from switchover.balance.resolve import resolve
from switchover.balance.virtual_service import Balance
from switchover.errors import InvalidInput
from switchover.model.platform_file.read import read_platform_file

# An example runs a process, and the failing file says it all: making it smaller would take minutes.
SETTINGS = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    return {
        CERTIFICATE: certificates.bundle("mail.contoso.example"),
        BLANK_CERTIFICATE: certificates.bundle("other.contoso.example"),
        AUTHORITY: certificates.ca,
        PAGE: b"<p>We are sorry",
    }


def ask_engine(main: Path, *options: str) -> tuple[int, list[str]]:
    """Let the engine check a file; return its exit code and what it says, but for notices."""
    command = [str(HAPROXY), "-c", *options, "-f", str(main)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    said = (checked.stdout + checked.stderr).splitlines()
    return checked.returncode, [line for line in said if line and "[NOTICE]" not in line]


def objections(balance: Balance, directory: Path, files: Mapping[str, bytes], **facts: Any) -> str:
    """Return what the engine has to say against the configuration, "" when it takes it as it is."""
    code, said = ask_engine(write_configuration(balance, directory, files, **facts))
    return "" if (code, said) == (0, ["Configuration file is valid"]) else "\n".join(said)


@given(platform=platforms())
@settings(SETTINGS, max_examples=60)
def test_every_platform_is_refused_by_us_or_accepted_by_the_engine(
    platform: dict[str, Any], files: dict[str, bytes], tmp_path: Path
) -> None:
    try:
        balance = resolve(read_platform_file(yaml.safe_dump(platform, sort_keys=False)))
    except InvalidInput:
        event("refused by us")
        return
    event("shown to the engine")
    facts = {"agent_address": "127.0.0.1", "agent_port": 9009}
    assert objections(balance, tmp_path, files, **facts) == ""


def worded(*, path: str, text: str, home: str, title: str) -> Balance:
    """Return a farm with every key whose text reaches the engine as it was written."""
    check = {"owa": {"path": path, "expect_text": text, "expect_header": "X-Up"}}
    return farm(
        {
            "mail": http_service(
                workloads=["owa"], home_path=home, title=title, health={"workloads": check},
                tls={"certificate": BLANK_CERTIFICATE, "server_ca": AUTHORITY},
            )
        }
    )  # fmt: skip


def words_read(balance: Balance, directory: Path, files: Mapping[str, bytes]) -> str:
    """Return the lines of the configuration as the engine has split them into words."""
    _, said = ask_engine(write_configuration(balance, directory, files), "-dC")
    assert not [line for line in said if line.startswith(("[ALERT]", "[WARNING]"))]
    return "\n".join(said)


@given(path=URL_PATHS, text=PRINTABLE, home=URL_PATHS, title=free_text())
@settings(SETTINGS, max_examples=40)
def test_no_text_of_the_file_becomes_anything_but_itself(
    path: str, text: str, home: str, title: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    tame = words_read(
        worded(path="/1path1", text="2text2", home="/owa/3home3", title="t"), tmp_path, files
    )
    home = f"/owa{home}"
    wild = words_read(worded(path=path, text=text, home=home, title=title), tmp_path, files)
    # The home is a log-format string, in which a percent sign is written twice.
    expected = tame.replace("/1path1", path).replace("/owa/3home3", home.replace("%", "%%"))
    assert wild == expected.replace("2text2", text)


NASTY_TEXTS = (
    "it's \"up\" # not down", "$HOME ${HOME}", "%[src] %T %% 100%", "\\ \\n \\\\", "'; x", "a,b;c`id`|", "  two  blanks  ",
)  # fmt: skip


async def test_the_engine_asks_for_and_expects_texts_literally() -> None:
    path = "/$HOME/'x'/%T/%5bsrc%5d;a=b"
    async with WebServer() as web:
        balance = farm(
            {
                f"s{number}": stream_service(
                    address="127.0.0.1", port=free_port(), workloads=["owa"], servers=["cas1"],
                    health={
                        "interval": "400ms", "fall": 1,
                        "workloads": {"owa": {"path": path, "expect_text": text, "tls": False}},
                    },
                )
                for number, text in enumerate((*NASTY_TEXTS, "missing"))
            },
            servers={"cas1": server(address="127.0.0.1", ports={443: web.port})},
        )  # fmt: skip
        web.answer = lambda _: Answer(body=" ".join(NASTY_TEXTS))
        async with engine(balance, {}) as running:
            for number in range(len(NASTY_TEXTS)):
                await running.becomes(f"s{number}.owa", "cas1", "UP")
            await running.becomes(f"s{len(NASTY_TEXTS)}.owa", "cas1", "DOWN")
        assert {request.path for request in web.requests} == {path}


@pytest.mark.parametrize("name", ["my data", "it's", 'a "b" c', "$HOME", "a#b", "a\\b", "%d"])
def test_the_data_directory_may_have_any_name(
    name: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    balance = farm({"mail": http_service(tls={"certificate": CERTIFICATE}, persistence="source")})
    directory = tmp_path / name
    facts = {"event_socket": str(directory / "events.sock")}
    assert objections(balance, directory, files, **facts) == ""
