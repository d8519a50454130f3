"""Small builders for tests: platform files as text, and what the pure core makes of them.

Every builder fills in what a test does not care about, so that a test shows only what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from switchover.balance.compile import Compiled, EngineFacts, compile_engine
from switchover.balance.overrides import Overrides
from switchover.balance.resolve import resolve
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file.read import PlatformFile, read_platform_file
from switchover.wire.haproxy.render import MAIN_FILE, render_files

EXCHANGE_HTTP = (
    "owa",
    "ecp",
    "activesync",
    "ews",
    "mapi",
    "rpc",
    "oab",
    "autodiscover",
    "api",
    "powershell",
)


def server(number: int = 1, **keys: Any) -> dict[str, Any]:
    """Return the keys of an Exchange server."""
    return {"address": f"192.0.2.{10 + number}", "runs": ["exchange"], **keys}


def http_service(**keys: Any) -> dict[str, Any]:
    """Return the keys of a decrypted webmail service."""
    return {
        "address": "203.0.113.10",
        "port": 443,
        "layout": "l7",
        "names": ["mail.contoso.example"],
        "workloads": ["owa", "activesync"],
        "servers": ["cas1", "cas2"],
        "tls": {"certificate": "mail.pem"},
        **keys,
    }


def names_service(**keys: Any) -> dict[str, Any]:
    """Return the keys of a service with a host name per workload."""
    return {
        "address": "203.0.113.11",
        "port": 443,
        "layout": "l4-names",
        "names": {"owa": "owa.contoso.example", "activesync": "eas.contoso.example"},
        "servers": ["cas1", "cas2"],
        **keys,
    }


def stream_service(**keys: Any) -> dict[str, Any]:
    """Return the keys of a service that passes one port through."""
    return {
        "address": "203.0.113.12",
        "port": 443,
        "layout": "l4",
        "workloads": ["owa", "activesync"],
        "servers": ["cas1", "cas2"],
        **keys,
    }


def mail_service(workload: str = "imaps", **keys: Any) -> dict[str, Any]:
    """Return the keys of a mail service on the servers cas1 and cas2."""
    return {
        "address": "203.0.113.13",
        "port": 993,
        "layout": "l4",
        "workloads": [workload],
        "servers": ["cas1", "cas2"],
        **keys,
    }


def farm_text(
    services: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    servers: Mapping[str, Mapping[str, Any]] | None = None,
    **sections: Any,
) -> str:
    """Return a platform file; without arguments two Exchange servers and no service."""
    content: dict[str, Any] = {
        "platform": "contoso",
        "servers": dict(servers or {"cas1": server(1), "cas2": server(2)}),
        "services": dict(services or {}),
        **sections,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def farm_file(services: Mapping[str, Mapping[str, Any]] | None = None, **keys: Any) -> PlatformFile:
    """Return the platform file of :func:`farm_text`, read."""
    return read_platform_file(farm_text(services, **keys), source="farm.yaml")


def farm(services: Mapping[str, Mapping[str, Any]] | None = None, **keys: Any) -> Balance:
    """Return the platform file of :func:`farm_text`, read and resolved."""
    return resolve(farm_file(services, **keys))


def service(keys: Mapping[str, Any], *, name: str = "mail", **sections: Any) -> VirtualService:
    """Return one resolved service."""
    return farm({name: keys}, **sections).services[0]


def outcome(action: Callable[[], object]) -> tuple[Problem, ...]:
    """Return the faults that ``action`` finds, none when it succeeds; other errors travel up."""
    try:
        action()
    except InvalidInput as error:
        return error.problems
    return ()


def problems_in(text: str | bytes) -> tuple[Problem, ...]:
    """Return the faults that reading and resolving a platform file finds; fails without any."""
    with pytest.raises(InvalidInput) as caught:
        resolve(read_platform_file(text, source="farm.yaml"))
    assert caught.value.problems
    return caught.value.problems


def faults_of(services: Mapping[str, Mapping[str, Any]] | None = None, **keys: Any) -> list[str]:
    """Return the faults of a farm as ``key: message (hint)``, without their place."""
    return [
        f"{problem.path}: {problem.message}" + (f" ({problem.hint})" if problem.hint else "")
        for problem in problems_in(farm_text(services, **keys))
    ]


def engine_facts(directory: str = "/run/switchover", **changes: Any) -> EngineFacts:
    """Return facts of a machine whose sockets live in ``directory``."""
    known: dict[str, Any] = {
        "admin_socket": f"unix@{directory}/admin.sock",
        "log_socket": f"{directory}/log.sock",
        "state_file": f"{directory}/servers.state",
        "peers_socket": f"unix@{directory}/peers.sock",
        "max_connections": 2000,
        "agent_address": "127.0.0.1",
        "agent_port": 9009,
        "system_ca": "/etc/ssl/certs/ca-certificates.crt",
    }
    return EngineFacts(**{**known, **changes})


def asset_files(balance: Balance) -> dict[str, bytes]:
    """Return a placeholder for every file that the services name."""
    names: set[str] = set()
    for item in balance.services:
        names |= {*item.tls.certificate, *filter(None, [item.tls.server_ca])}
        if item.sorry:
            names |= set(filter(None, [item.sorry.page, item.sorry.certificate]))
    return {name: f"content of {name}\n".encode() for name in sorted(names)}


def compiled(
    balance: Balance,
    *,
    overrides: Overrides | None = None,
    files: Mapping[str, bytes] | None = None,
    facts: EngineFacts | None = None,
) -> Compiled:
    """Return the engine configuration of a resolved farm."""
    return compile_engine(
        balance,
        overrides or Overrides(),
        asset_files(balance) if files is None else files,
        facts or engine_facts(),
    )


def rendered(balance: Balance, **changes: Any) -> str:
    """Return the main file that the engine reads for a resolved farm."""
    return render_files(compiled(balance, **changes).config)[MAIN_FILE].decode()


def section(text: str, head: str) -> list[str]:
    """Return the lines below the section ``head`` (``backend mail.owa``), without indentation."""
    lines = [*text.splitlines(), ""]
    start = lines.index(head) + 1
    end = lines.index("", start)
    return [line.strip() for line in lines[start:end]]
