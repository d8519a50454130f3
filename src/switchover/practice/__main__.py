"""Runs a practice farm, or traffic, in a process of its own: ``python -m switchover.practice``.

``--spec FILE --directory DIR`` runs a farm and prints one line of JSON when every port is open.
``--stories FILE`` plays traffic and prints one line of JSON a second. Both end on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, SwitchoverError
from switchover.practice.control import CONTROL_FILE, ControlServer
from switchover.practice.farm import Farm
from switchover.practice.json_input import read_json
from switchover.practice.spec import parse_farm
from switchover.practice.stories import parse_stories
from switchover.practice.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.practice.traffic import TrafficSnapshot

_REPORT_SECONDS = 1.0
_BAD_INPUT, _UNAVAILABLE = 2, 75


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes; return the exit code: 0 ended cleanly, 2 bad input, 75 no port."""
    options = _parser().parse_args(arguments)
    _allow_many_connections()
    try:
        asyncio.run(_run(options))
    except InvalidInput as error:
        return _complain(error, _BAD_INPUT)
    except SwitchoverError as error:
        return _complain(error, _UNAVAILABLE)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m switchover.practice", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--spec", type=Path, help="JSON file that describes the farm")
    what.add_argument("--stories", type=Path, help="JSON file that describes the traffic")
    parser.add_argument("--directory", type=Path, help="where certificates and control.json go")
    parser.add_argument(
        "--follow-parent", action="store_true", help="end when the starting process has gone"
    )
    return parser


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    watch = asyncio.create_task(_follow_parent(stop)) if options.follow_parent else None
    try:
        if options.stories:
            await _play_traffic(options.stories, stop)
        else:
            await _run_farm(options.spec, options.directory, stop)
    finally:
        if watch:
            watch.cancel()


async def _run_farm(spec: Path, directory: Path | None, stop: asyncio.Event) -> None:
    if directory is None:
        raise InvalidInput("--spec needs --directory as well")
    farm = Farm(parse_farm(_read(spec)), directory)
    async with farm, ControlServer(farm, directory) as control:
        servers = {
            server.name: {
                "address": server.address,
                "ports": server.ports,
                "certificate": str(server.certificate.bundle),
            }
            for server in farm.servers.values()
        }
        _say(
            {
                "servers": servers,
                "ca": str(farm.ca_path),
                "front": str(farm.front.bundle) if farm.front else None,
                "control": control.url,
                "control_file": str(directory / CONTROL_FILE),
            }
        )
        await stop.wait()


async def _play_traffic(stories: Path, stop: asyncio.Event) -> None:
    async with Traffic(parse_stories(_read(stories))) as traffic:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _REPORT_SECONDS)
            _say(_plain(traffic.snapshot()))


async def _follow_parent(stop: asyncio.Event) -> None:
    """Stop when the starting process has died: an orphan would keep the ports of the next farm."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing announces a parent's death
        await asyncio.sleep(_REPORT_SECONDS)
    stop.set()


def _plain(snapshot: TrafficSnapshot) -> dict[str, object]:
    failures = [
        {**dataclasses.asdict(failure), "at": failure.at.isoformat()}
        for failure in snapshot.failures
    ]
    tallies = [dataclasses.asdict(tally) for tally in snapshot.tallies]
    return {"at": snapshot.at.isoformat(), "tallies": tallies, "failures": failures}


def _read(path: Path) -> object:
    try:
        return read_json(path.read_bytes(), source=str(path))
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


def _say(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _complain(error: SwitchoverError, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
