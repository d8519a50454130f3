"""What the engine's configuration takes from this machine: sockets, the user of its workers, limits."""

from __future__ import annotations

import hashlib
import os
import pwd
from typing import TYPE_CHECKING

from switchover.balance.compile import EngineFacts
from switchover.balance.probes.machine import descriptor_limit, find_ca_bundle

if TYPE_CHECKING:
    from switchover.settings import Settings

ENGINE_USERS = ("haproxy", "nobody")
ENGINE_GROUPS = {"haproxy": "haproxy", "nobody": "nogroup"}
"""Users that the engine's workers may become when we are root, the first that exists."""


def read_engine_facts(settings: Settings, agent_port: int) -> EngineFacts:
    """Return what the engine's configuration takes from this machine and the settings."""
    run = settings.run_dir
    user = _engine_user() if settings.is_root else None
    return EngineFacts(
        admin_socket=f"unix@{run}/engine.sock",
        log_socket=f"{run}/log.sock",
        event_socket=f"{run}/events.sock",
        state_file=str(settings.engine_dir / "servers.state"),
        peers_socket=f"unix@{run}/peers.sock",
        max_connections=_max_connections(),
        agent_address="127.0.0.1",
        agent_port=agent_port,
        system_ca=str(find_ca_bundle() or "/etc/ssl/certs/ca-certificates.crt"),
        user=user,
        group=ENGINE_GROUPS[user] if user else None,
        open_files=descriptor_limit(),
        threads=os.cpu_count() or 1,
        token=hashlib.sha256(os.fsencode(settings.data_dir)).hexdigest()[:8],
    )


def _engine_user() -> str | None:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ENGINE_USERS if name in names), None)


def _max_connections() -> int:
    """The most that fits the descriptor limit: two for each connection, a quarter kept for the rest."""
    limit = descriptor_limit()
    reserve = min(20_000, limit // 4)
    return max(100, min(100_000, (limit - reserve) // 2))
