"""Checking a platform file without a database or engine: faults, lint, and live facts when asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from switchover import clock
from switchover.balance.assets import check_assets
from switchover.balance.lint import lint
from switchover.balance.lint.facts import live_targets
from switchover.balance.probes.live_facts import ask_live
from switchover.balance.probes.machine import read_machine_facts, with_current_addresses
from switchover.balance.resolve import resolve
from switchover.model.platform_file.read import raise_problems
from switchover.settings import read_settings
from switchover.wire.haproxy.binary import find_binary, read_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchover.balance.lint import Finding, MachineFacts
    from switchover.balance.virtual_service import Balance
    from switchover.model.platform_file.read import PlatformFile


async def _read_machine() -> MachineFacts:
    binary, _ = find_binary(read_settings(os.environ).haproxy)
    return await read_machine_facts(await read_version(binary), binary)


async def check_file(
    file: PlatformFile,
    read_files: Callable[[Balance], Mapping[str, bytes]],
    *,
    live: bool,
    here: bool = False,
) -> tuple[tuple[Finding, ...], Balance]:
    """Return the findings of a file and what it describes; raises InvalidInput with every fault.

    ``read_files`` brings the certificates and pages that it names. Nothing is asked of the network
    unless ``live``; ``here`` says that this machine is the balancer, so its addresses, its limit on open
    files and its engines count too.
    """
    balance = resolve(file)
    checked = check_assets(file, balance, read_files(balance))
    raise_problems(list(checked.problems))
    facts = await ask_live(live_targets(balance)) if live else None
    machine = with_current_addresses(await _read_machine(), balance) if live or here else None
    findings = lint(balance, checked.assets, live=facts, machine=machine, now=clock.now())
    return findings, balance
