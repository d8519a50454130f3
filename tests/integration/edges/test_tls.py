"""The console and the API over TLS: a certificate of one's own or of ours, and who trusts it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from cryptography import x509
from tests.integration.people import add_person, browser, open_session
from tests.integration.processes import eventually, shown_certificate
from tests.integration.server_certificate import make_certificate
from tests.integration.suite import Suite, lent_database, suite

from switchover.directory.access.role import Role
from switchover.store.embedded import EmbeddedPostgres

PUBLIC = "https://console.contoso.example:8440"


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    directory.mkdir()
    make_certificate(directory, [name, "127.0.0.1"], (-1, 90))
    return directory / "server.crt", directory / "server.key"


async def shown(at: Suite) -> bytes:
    parts = urlsplit(at.url)
    return await shown_certificate(parts.hostname or "", parts.port or 0)


async def ready(at: Suite) -> None:
    """Wait as the local command line does: it believes the certificate of the data directory."""

    async def answers() -> bool:
        assert at.process is not None
        assert at.process.poll() is None, at.tail()
        return (await at.cli("status")).code == 0

    await eventually(answers, seconds=60)


async def test_a_generated_certificate_is_trusted_by_the_local_command_line_alone(
    postgres: EmbeddedPostgres,
) -> None:
    with lent_database(postgres) as database:
        async with suite(database=database, tls="on", start=False) as at:
            at.launch()
            await ready(at)
            assert at.url.startswith("https://")
            key = at.data / "tls" / "key.pem"
            assert key.stat().st_mode & 0o777 == 0o600
            assert "tls=generated" in at.log.read_text()
            with pytest.raises(ssl.SSLError):
                await _verified(at)
            await add_person(at, "ada", Role.ADMIN)
            async with browser(at) as page:
                entered = await page.sign_in("ada")
                given = entered.headers["Set-Cookie"]
                assert given.startswith("__Host-switchover=")
                assert "; Secure" in given
                assert entered.headers["Strict-Transport-Security"] == "max-age=31536000"
                assert (await page.get("/account")).status == 200
            # Somebody else's certificate in the file: nothing is sent to what answers there.
            other, _ = certificate(at.directory / "other", "mail.contoso.example")
            shutil.copy(other, at.data / "api.pem")
            refused = await at.cli("status")
            assert (refused.code, "nothing was sent" in refused.err) == (5, True)


async def test_live_streams_and_pages_go_over_tls_side_by_side(postgres: EmbeddedPostgres) -> None:
    with lent_database(postgres) as database:
        async with suite(database=database, tls="on", start=False) as at:
            at.launch()
            await ready(at)
            secret = await open_session(at, await add_person(at, "ada", Role.ADMIN))
            trusting = ssl.create_default_context(cafile=at.data / "api.pem")
            cookies = {"Cookie": f"__Host-switchover={secret}"}
            async with (
                aiohttp.ClientSession(headers=cookies, timeout=aiohttp.ClientTimeout(30)) as client,
                contextlib.AsyncExitStack() as streams,
            ):

                async def get(path: str) -> tuple[int, bytes]:
                    async with client.get(at.url + path, ssl=trusting) as answer:
                        return answer.status, await answer.read()

                for _ in range(12):
                    live = await streams.enter_async_context(
                        client.get(f"{at.url}/live?topics=overview", ssl=trusting)
                    )
                    assert live.status == 200
                    assert (await live.content.readline()) != b""
                asset = re.search(rb"/assets/console[^\"']+\.js", (await get("/start"))[1])
                assert asset is not None
                paths = ["/", "/events", "/audit", asset[0].decode()] * 20
                answers = await asyncio.gather(*map(get, paths))
                assert {status for status, _ in answers} == {200}
                assert len({content for status, content in answers[3::4]}) == 1


async def _verified(at: Suite) -> None:
    parts = urlsplit(at.url)
    await asyncio.open_connection(
        parts.hostname, parts.port, ssl=ssl.create_default_context(), server_hostname="127.0.0.1"
    )


async def test_a_certificate_of_one_s_own_is_read_again_at_a_signal(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    crt, key = certificate(tmp_path / "one", "mail.contoso.example")
    with lent_database(postgres) as database:
        async with suite(database=database, start=False) as at:
            at.launch("--tls-certificate", str(crt), "--tls-key", str(key))
            await ready(at)
            first = await shown(at)
            assert first == ssl.PEM_cert_to_DER_cert(crt.read_text())
            crt.write_text("no certificate")
            os.kill(at.pid, signal.SIGHUP)
            await eventually(lambda: "tls=kept" in at.log.read_text())
            assert await shown(at) == first
            newer, newer_key = certificate(tmp_path / "two", "mail.contoso.example")
            shutil.copy(newer, crt)
            shutil.copy(newer_key, key)
            os.kill(at.pid, signal.SIGHUP)
            wanted = hashlib.sha256(ssl.PEM_cert_to_DER_cert(newer.read_text())).digest()

            async def is_newer() -> bool:
                return hashlib.sha256(await shown(at)).digest() == wanted

            await eventually(is_newer)
            assert (await at.cli("status")).code == 0
            assert at.terminate() == 0
            assert not (at.data / "api.pem").exists()


async def test_a_certificate_without_its_key_keeps_serve_from_starting(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    crt, _ = certificate(tmp_path / "one", "mail.contoso.example")
    _, key = certificate(tmp_path / "two", "mail.contoso.example")
    with lent_database(postgres) as database:
        async with suite(database=database, start=False) as at:
            at.launch("--tls-certificate", str(crt), "--tls-key", str(key))
            assert at.process is not None
            assert at.process.wait(60) == 2
            assert "belong together" in at.tail()


async def test_every_name_of_the_generated_certificate_opens_pages_and_the_log_says_which(
    postgres: EmbeddedPostgres,
) -> None:
    with lent_database(postgres) as database:
        async with suite(database=database, start=False) as at:
            at.launch("--api", "0.0.0.0:0")
            await ready(at)
            port = urlsplit(at.url).port
            shown = await shown_certificate("127.0.0.1", port or 0)
            found = x509.load_der_x509_certificate(shown)
            named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = named.get_values_for_type(x509.DNSName)
            assert len(names) > 1  # localhost, and what this machine is called
            async with browser(at) as page:
                target = f"https://127.0.0.1:{port}/sign-in"
                for name in names:
                    answer = await page.ask("GET", target, headers={"Host": f"{name}:{port}"})
                    assert answer.status in {200, 303}, name
                other = await page.ask("GET", target, headers={"Host": "evil.example"})
                assert other.status == 421
            opened = re.search(r"state=serving .* open=(\S+)", at.log.read_text())
            assert opened is not None
            assert urlsplit(opened[1]).hostname in names
            assert at.terminate() == 0
            at.launch("--api", "0.0.0.0:0", environment={"SWITCHOVER_PUBLIC_URL": PUBLIC})
            await ready(at)
            port = urlsplit(at.url).port
            newer = x509.load_der_x509_certificate(
                await shown_certificate("127.0.0.1", port or 0)
            ).extensions.get_extension_for_class(x509.SubjectAlternativeName)
            assert "console.contoso.example" in newer.value.get_values_for_type(x509.DNSName)
            assert f"open={PUBLIC}" in at.log.read_text()
