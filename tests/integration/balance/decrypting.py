"""Services that decrypt, and servers behind them."""

from __future__ import annotations

from typing import Any

from tests.builders import http_service, server
from tests.integration.balance.rendered import Certificates, Engine
from tests.integration.balance.tiny_servers import WebServer

HOST = "mail.contoso.example"
# The engine gives a check one interval to connect and shake hands, so less would fail on a busy machine.
QUICK: dict[str, Any] = {"interval": "400ms", "timeout": "2s", "fall": 1, "rise": 1}


def decrypted(port: int, **keys: Any) -> dict[str, Any]:
    return http_service(
        address="127.0.0.1",
        port=port,
        servers=["cas1"],
        health=QUICK,
        **{"tls": {"certificate": "mail.pem", "server_ca": "ca.pem"}, **keys},
    )


def behind(*webs: WebServer, **keys: Any) -> dict[str, dict[str, Any]]:
    return {
        f"cas{number}": server(address="127.0.0.1", ports={443: web.port, 80: web.port}, **keys)
        for number, web in enumerate(webs, start=1)
    }


def files(certificates: Certificates) -> dict[str, bytes]:
    return {
        "mail.pem": certificates.bundle(HOST),
        "ca.pem": certificates.ca,
        "sorry.html": b"<p>We are sorry",
    }


async def led_to(running: Engine, service: str) -> dict[str, int]:
    """Return how many sessions each backend of the service has had."""
    rows = (await running.command("show stat -1 2 -1")).splitlines()[1:]
    found = [row.split(",") for row in rows if row.startswith(f"{service}.")]
    return {row[0].removeprefix(f"{service}."): int(row[7]) for row in found}
