"""One running switchover with a farm behind it, shared by the tests of its API and command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.platform_file import imaps, l4_names, l7, platform
from tests.integration.practice_farm import SERVERS, PracticeFarm, practice_farm
from tests.integration.suite import Suite, lent_suite

from switchover.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm(SERVERS) as running:
        yield running


@pytest.fixture(scope="session")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres, cycle_seconds="0.5") as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    """The shared switchover with the file of ``good_text`` in force."""
    await farm.mend()
    await home.apply(good_text(farm, home), farm.files)
    await home.post("/servers/cas1/resume")
    await home.post("/servers/cas2/resume")
    return home


def good_text(farm: PracticeFarm, at: Suite) -> str:
    health = {"profile": "fast"}
    return platform(
        farm,
        {
            "web": l7(at.address, SERVERS, health=health, title="Webmail"),
            "names": l4_names(at.address, SERVERS, health=health),
            "imap": imaps(at.address, SERVERS, health=health),
        },
    )


@pytest.fixture
def files_directory(tmp_path: Path, farm: PracticeFarm, running: Suite) -> Path:
    """A folder with the platform file in force and the files it names, as an operator has it."""
    (tmp_path / "farm.yaml").write_text(good_text(farm, running))
    for name, content in farm.files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
