"""Platform files for the servers of a practice farm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from tests.integration.practice_farm import NAME, OTHER_NAME, PracticeFarm


def platform(
    farm: PracticeFarm,
    services: Mapping[str, Mapping[str, Any]],
    *,
    servers: Mapping[str, Any] | None = None,
    **sections: Any,
) -> str:
    """Return a platform file for the servers of a farm."""
    return yaml.safe_dump(
        {
            "platform": "contoso",
            "engine": {"agent_interval": "1s"},
            "servers": dict(servers or farm.servers()),
            "services": dict(services),
            **sections,
        },
        sort_keys=False,
    )


def l7(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service that decrypts, verifies the servers, and routes by path."""
    return {
        "address": address,
        "port": 10443,
        "layout": "l7",
        "names": [NAME, OTHER_NAME],
        "workloads": ["owa", "activesync", "ews"],
        "servers": list(servers),
        "tls": {"certificate": "front.pem", "server_ca": "ca.pem"},
        **keys,
    }


def l4_names(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service that passes TLS through, with a host name per workload."""
    return {
        "address": address,
        "port": 11443,
        "layout": "l4-names",
        "names": {"owa": NAME, "activesync": OTHER_NAME},
        "servers": list(servers),
        **keys,
    }


def l4(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service that passes one port through with one verdict per server."""
    return {
        "address": address,
        "port": 12443,
        "layout": "l4",
        "names": [NAME],
        "workloads": ["owa", "activesync"],
        "servers": list(servers),
        **keys,
    }


def imaps(address: str, servers: Sequence[str], **keys: Any) -> dict[str, Any]:
    """Return a service for IMAP over TLS, passed through."""
    return {
        "address": address,
        "port": 10993,
        "layout": "l4",
        "names": [NAME],
        "workloads": ["imaps"],
        "servers": list(servers),
        **keys,
    }
