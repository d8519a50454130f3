from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.integration.practice.asking import ask_web, farm_of

from switchover.errors import Conflict, Corrupt, InvalidInput, NotFound, Refused, Unavailable
from switchover.practice.control import ControlServer, PracticeControl, read_control_file

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_farm_is_broken_and_mended_from_outside(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm, ControlServer(farm, tmp_path):
        control = PracticeControl.in_directory(tmp_path)
        after = {state.workload: state for state in await control.break_("cas1/owa", "slow", 1.5)}
        assert (after["owa"].fault, after["owa"].seconds) == ("slow", 1.5)
        assert after["ews"].fault is None
        await control.break_("cas1/owa", "503")
        assert await ask_web(farm, "/owa/") == "503"
        await control.mend("cas1/owa")
        assert await ask_web(farm, "/owa/") == "200"
        assert await control.state() == farm.state()


async def test_everything_can_be_broken_and_mended_at_once(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm, ControlServer(farm, tmp_path):
        control = PracticeControl.in_directory(tmp_path)
        assert {state.fault for state in await control.break_("all", "hang")} == {"hang"}
        assert {state.fault for state in await control.mend("all")} == {None}


async def test_errors_come_back_as_what_they_are(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm, ControlServer(farm, tmp_path):
        control = PracticeControl.in_directory(tmp_path)
        with pytest.raises(NotFound, match="cas9"):
            await control.break_("cas9", "hang")
        with pytest.raises(InvalidInput, match="explode"):
            await control.break_("cas1", "explode")
        with pytest.raises(InvalidInput, match="seconds"):
            await control.break_("cas1", "slow", 0)
        await control.break_("cas1", "hang")
        with pytest.raises(Conflict, match="mend cas1"):
            await control.mend("cas1/owa")


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 422), (b"[]", 422), (b'{"target": 1}', 422), (b'{"more": 1}', 422), (b"\xff", 422)],
)
async def test_bad_orders_change_nothing(tmp_path: Path, content: bytes, status: int) -> None:
    async with farm_of(tmp_path) as farm, ControlServer(farm, tmp_path) as server:
        before = farm.state()
        token = read_control_file(tmp_path).token
        async with (
            aiohttp.ClientSession(headers={"X-Practice-Token": token}) as session,
            session.post(f"{server.url}/break", data=content) as response,
        ):
            assert response.status == status
            assert (await response.json())["error"]
        assert farm.state() == before


async def test_nothing_is_done_without_the_token(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm, ControlServer(farm, tmp_path) as server:
        for token in ("", "guess", "\xe9"):
            with pytest.raises(Refused, match="token"):
                await PracticeControl(server.url, token).break_("cas1", "hang")
        with pytest.raises(Refused):
            await PracticeControl(server.url, "guess").state()
        assert {state.fault for state in farm.state()} == {None}


async def test_the_token_is_for_the_owner_only_and_goes_with_the_farm(tmp_path: Path) -> None:
    async with farm_of(tmp_path) as farm, ControlServer(farm, tmp_path):
        path = tmp_path / "control.json"
        assert path.stat().st_mode & 0o777 == 0o600
        address = read_control_file(tmp_path)
        assert address.token not in repr(address)
        control = PracticeControl.in_directory(tmp_path)
    with pytest.raises(Unavailable, match="does not answer"):
        await control.state()
    with pytest.raises(NotFound, match="no practice farm runs"):
        PracticeControl.in_directory(tmp_path)


def test_a_damaged_control_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "control.json").write_text("{")
    with pytest.raises(Corrupt, match=r"control\.json is damaged"):
        read_control_file(tmp_path)
