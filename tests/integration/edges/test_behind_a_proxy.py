"""A real proxy that ends TLS stands in front: what is believed of it, and of one that nobody named."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.people import PASSWORD, Browser, add_person, query
from tests.integration.processes import end, eventually, loopback
from tests.integration.server_certificate import make_certificate
from tests.integration.suite import Suite, lent_suite

from switchover.directory.access.role import Role
from switchover.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("proxy")
PORT = 18443
FORGED = "203.0.113.99"
_SERVER = """
  server {{
    listen {address}:{port} ssl;
    location / {{
      proxy_pass {target};
      proxy_bind {address};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
"""


@dataclass(frozen=True, kw_only=True)
class Front:
    """A switchover and the addresses of proxies in front of it, which ask it from there.

    Its settings trust ``trusted``, have the public URL of ``public`` and say nothing of ``stranger``.
    """

    at: Suite
    trusted: str
    public: str
    stranger: str

    @contextlib.asynccontextmanager
    async def browser(self, proxy: str, source: str) -> AsyncIterator[Browser]:
        """Open a browser at ``source`` that looks through a proxy."""
        async with Browser(url=f"https://{proxy}:{PORT}", source=source) as opened:
            yield opened

    async def last_entry(self) -> tuple[str, str]:
        """Return where the last request of the audit log came from, and what became of it."""
        last = "select address, outcome from audit order by number desc limit 1"
        found = await query(self.at, last)
        return str(found[0][0]), str(found[0][1])


@contextlib.contextmanager
def nginx(directory: Path, target: str, *addresses: str) -> Iterator[None]:
    """Run nginx on these addresses, each of which is also where it asks from."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program, "nginx is not installed: run script/test-servers"
    make_certificate(directory, addresses, (-1, 90))
    servers = "".join(
        _SERVER.format(address=address, port=PORT, target=target) for address in addresses
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    (directory / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n"
        f"ssl_certificate {directory}/server.crt; ssl_certificate_key {directory}/server.key;\n"
        f"{servers}}}\n"
    )
    process = subprocess.Popen([program, "-c", str(directory / "nginx.conf")])
    try:
        yield
    finally:
        end(process)


@pytest.fixture(scope="module")
def front(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    trusted, public, stranger = loopback(), loopback(), loopback()
    settings = {"trusted_proxies": trusted, "public_url": f"https://{public}:{PORT}"}
    with (
        lent_suite(postgres, **settings) as at,
        nginx(tmp_path_factory.mktemp("nginx"), at.url, trusted, public, stranger),
    ):
        yield Front(at=at, trusted=trusted, public=public, stranger=stranger)


@pytest.fixture(autouse=True)
async def ada(front: Front) -> None:
    await eventually(lambda: is_open(front.trusted))
    await add_person(front.at, "ada", Role.ADMIN)


def is_open(address: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, PORT), timeout=1):
        return True
    return False


async def test_a_trusted_proxy_is_believed_for_whom_and_how_it_asks(front: Front) -> None:
    here = loopback()
    async with front.browser(front.trusted, here) as page:
        shown = await page.ask("GET", "/sign-in", headers={"X-Forwarded-For": FORGED})
        assert shown.headers["Strict-Transport-Security"] == "max-age=31536000"
        entered = await page.post("/sign-in", name="ada", password=PASSWORD)
        assert (entered.status, entered.location) == (303, "/")
        given = entered.headers["Set-Cookie"]
        assert given.startswith("__Host-switchover=")
        assert "; Secure" in given
        # The one who asked, not who is said to have asked before: that anybody can write.
        assert await front.last_entry() == (here, "done")
        assert (await page.get("/account")).status == 200
        strange = await page.ask(
            "POST", "/account/zone", data={"csrf": page.csrf, "zone": "UTC"},
            headers={"Origin": "https://elsewhere.example", "X-Forwarded-For": FORGED},
        )  # fmt: skip
        assert strange.status == 403
        assert await front.last_entry() == (here, "refused")


async def test_a_proxy_that_nobody_named_is_taken_for_who_asks(front: Front) -> None:
    async with front.browser(front.stranger, loopback()) as page:
        shown = await page.ask("GET", "/sign-in", headers={"X-Forwarded-For": FORGED})
        assert "Strict-Transport-Security" not in shown.headers
        assert "__Host-" not in shown.headers["Set-Cookie"]
        refused = await page.post("/sign-in", name="ada", password=PASSWORD)
        assert refused.status == 403
        assert "SWITCHOVER_PUBLIC_URL" in refused.words
        assert await front.last_entry() == (front.stranger, "refused")


async def test_the_public_url_is_enough_for_safe_cookies_and_hsts(front: Front) -> None:
    async with front.browser(front.public, loopback()) as page:
        entered = await page.sign_in("ada")
        assert entered.location == "/"
        assert entered.headers["Set-Cookie"].startswith("__Host-switchover=")
        assert entered.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert await front.last_entry() == (front.public, "done")


async def test_who_guesses_behind_a_trusted_proxy_stops_nobody_else(front: Front) -> None:
    await add_person(front.at, "guessed", Role.VIEWER)
    async with front.browser(front.trusted, loopback()) as page:
        tries = [(await page.sign_in("guessed", "a wrong password")).status for _ in range(7)]
        assert tries[:5] == [401] * 5
        assert tries[-1] == 429
    owner = loopback()
    async with front.browser(front.trusted, owner) as page:
        assert (await page.sign_in("guessed")).location == "/"
        assert await front.last_entry() == (owner, "done")
