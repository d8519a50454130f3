"""A probe as one command: it needs nothing but the server and a data directory to keep the profile in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.move.probes.endpoint import probe_endpoint
from switchover.move.probes.profile_store import save_measured
from switchover.store.data_directory import prepare_data_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchover.move.probes.endpoint import ProbeOrder, ProbeReport
    from switchover.settings import Settings


async def probe_alone(
    settings: Settings, order: ProbeOrder, *, tell: Callable[[str], None] = lambda _: None
) -> tuple[ProbeReport, Path | None]:
    """Probe as ``probe_endpoint`` does and return the report and where its profile is kept."""
    prepare_data_directory(settings)
    report = await probe_endpoint(order, tell=tell)
    if report.measured is None:
        return report, None
    return report, save_measured(settings.data_dir, order.account.target, report.measured)
