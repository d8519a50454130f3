"""Real servers behind the layouts: Dovecot, Postfix and nginx from Debian, PROXY protocol on.

Web runs in all three, IMAP passed through, by its own name and decrypted; protocols that begin in the
clear (Sieve, LMTP, SMTP) can only be passed through. The clients come from an address of their own, and each server's own log must name it.
"""

from __future__ import annotations

import asyncio
import imaplib
import poplib
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.processes import eventually, loopback, short_directory
from tests.integration.real.debian_servers import (
    HTTPS_PORT,
    PASSWORD,
    PORTS,
    SMTP_PORT,
    Place,
    require_root,
    start_dovecot,
    start_nginx,
    start_postfix,
)
from tests.integration.suite import Suite, suite

from switchover.practice.certificates import PracticeAuthority

pytestmark = pytest.mark.timeout(180)

WEB, DAV, MAIL = "webmail.contoso.example", "dav.contoso.example", "mail.contoso.example"
NAMES = (WEB, DAV, MAIL)
TEMPLATE = {
    "title": "Web mail of this platform",
    "workloads": {
        "webmail": {
            "title": "Web mail",
            "protocol": "http",
            "transport": "tls",
            "port": 443,
            "paths": ["/webmail"],
            "check": {"path": "/webmail/", "expect_text": "rcmloginuser"},
        },
        "caldav": {
            "title": "Calendars",
            "protocol": "http",
            "transport": "tls",
            "port": 443,
            "paths": ["/dav"],
            "check": {"method": "OPTIONS", "path": "/dav/", "expect_header": "DAV"},
        },
    },
}


@dataclass(kw_only=True)
class RealFarm:
    """Two servers with everything on them, switchover in front, and a client's address."""

    places: dict[str, Place]
    running: Suite
    front: str
    client: str
    trust: ssl.SSLContext

    def said(self, program: str) -> str:
        return "".join(place.said(program) for place in self.places.values())

    def connect(self, port: int, *, name: str | None = None) -> socket.socket:
        """Connect to a service from the client's own address."""
        plain = socket.create_connection((self.front, port), 10, source_address=(self.client, 0))
        return self.trust.wrap_socket(plain, server_hostname=name) if name else plain

    def ask_web(self, port: int, name: str, path: str, method: str = "GET") -> tuple[int, str]:
        """Ask one page over TLS as a client would, verifying the certificate."""
        with self.connect(port, name=name) as connection:
            connection.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return int(answer.split(" ", 2)[1]), answer


@contextmanager
def _places(directory: Path, authority: PracticeAuthority) -> Iterator[dict[str, Place]]:
    places = {}
    try:
        for name in ("mx1", "mx2"):
            home = directory / name
            home.mkdir(mode=0o755)
            files = authority.issue(name, (f"{name}.contoso.example", *NAMES))
            place = Place(
                name=name,
                address=loopback(),
                directory=home,
                certificate=files.certificate,
                key=files.key,
            )
            places[name] = place
            start_dovecot(place)
            start_postfix(place)
            start_nginx(place)
        yield places
    finally:
        for place in places.values():
            place.stop()


def _service(address: str, port: int, layout: str, **keys: Any) -> dict[str, Any]:
    return {"address": address, "port": port, "layout": layout, "servers": ["mx1", "mx2"], **keys}


def _platform(places: dict[str, Place], front: str) -> str:
    tls = {"certificate": "front.pem", "server_ca": "ca.pem"}
    ports = {**PORTS, 25: SMTP_PORT, 443: HTTPS_PORT}
    services = {
        "imaps": _service(front, 20993, "l4", workloads="imaps"),
        "imap": _service(front, 20143, "l4", workloads="imap"),
        "pop3s": _service(front, 20995, "l4", workloads="pop3s"),
        "sieve": _service(front, 24190, "l4", workloads="sieve"),
        "lmtp": _service(front, 20024, "l4", workloads="lmtp"),
        "smtp": _service(front, 20025, "l4", workloads="smtp"),
        "mail-names": _service(
            front,
            22993,
            "l4-names",
            names={"imaps": MAIL, "pop3s": WEB},
            tls={"server_ca": "ca.pem"},
        ),
        "imaps-open": _service(front, 21993, "l7", workloads="imaps", names=[MAIL], tls=tls),
        "web-one": _service(front, 20443, "l4", workloads=["webmail", "caldav"], names=[WEB]),
        "web-names": _service(
            front,
            21443,
            "l4-names",
            names={"webmail": WEB, "caldav": DAV},
            tls={"server_ca": "ca.pem"},
        ),
        "web": _service(front, 22443, "l7", workloads=["webmail", "caldav"], names=[WEB], tls=tls),
    }
    return yaml.safe_dump(
        {
            "platform": "contoso",
            "templates": {"portal": TEMPLATE},
            "servers": {
                name: {
                    "address": place.address,
                    "runs": ["dovecot", "postfix", "portal"],
                    "ports": ports,
                    "proxy_protocol": ["imap", "pop3", "sieve", "smtp", "http"],
                }
                for name, place in places.items()
            },
            "services": services,
        },
        sort_keys=False,
    )


@asynccontextmanager
async def real_farm() -> AsyncIterator[RealFarm]:
    require_root()
    with short_directory(on_disk=True) as directory:  # Postfix takes no mail in memory
        (directory / "ca").mkdir()
        authority = PracticeAuthority(directory / "ca")
        front = authority.issue("front", NAMES)
        front_address = loopback()
        with _places(directory, authority) as places:
            async with suite() as running:
                files = {
                    "front.pem": front.bundle.read_bytes(),
                    "ca.pem": authority.path.read_bytes(),
                }
                await running.apply(_platform(places, front_address), files)
                await running.all_up()
                yield RealFarm(
                    places=places,
                    running=running,
                    front=front_address,
                    client=loopback(),
                    trust=ssl.create_default_context(cafile=authority.path),
                )


class _FromClient:
    """Makes the standard library's mail clients connect through an open socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection


class _Imap(_FromClient, imaplib.IMAP4):
    def __init__(self, connection: socket.socket) -> None:
        _FromClient.__init__(self, connection)
        imaplib.IMAP4.__init__(self)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self.connection


class _Pop(_FromClient, poplib.POP3):
    def __init__(self, connection: socket.socket) -> None:
        _FromClient.__init__(self, connection)
        poplib.POP3.__init__(self, "")

    def _create_socket(self, timeout: float) -> socket.socket:
        return self.connection


class _Smtp(_FromClient, smtplib.SMTP):
    def __init__(self, connection: socket.socket) -> None:
        _FromClient.__init__(self, connection)
        smtplib.SMTP.__init__(self, "client.contoso.example", 25)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.connection


async def test_real_servers_work_behind_the_layouts_that_suit_them_and_see_the_clients_address() -> (
    None
):
    async with real_farm() as farm:
        await asyncio.to_thread(_use_mail, farm)
        await asyncio.to_thread(_use_web, farm)
        seen_by_dovecot = f"rip={farm.client}"
        await eventually(lambda: farm.said("dovecot").count(seen_by_dovecot) >= 5)
        logins = [line for line in farm.said("dovecot").splitlines() if seen_by_dovecot in line]
        for service in ("imap-login", "pop3-login", "managesieve-login"):
            assert any(service in line for line in logins), (service, logins)
        await eventually(lambda: f"connect from unknown[{farm.client}]" in farm.said("postfix"))
        web = [line for line in farm.said("nginx").splitlines() if line.startswith(farm.client)]
        assert len(web) >= 6, farm.said("nginx")
        # Decrypted requests also name the client in a header, for programs behind nginx.
        assert any(line.startswith(f"{farm.client} {farm.client} ") for line in web)


def _use_mail(farm: RealFarm) -> None:
    for port, name in ((20993, MAIL), (21993, MAIL), (22993, MAIL), (20143, None)):
        imap = _Imap(farm.connect(port, name=name))
        imap.login("anna", PASSWORD)
        assert imap.select("INBOX")[0] == "OK"
        imap.logout()
    pop = _Pop(farm.connect(20995, name=MAIL))
    pop.user("anna")
    pop.pass_(PASSWORD)
    assert pop.stat() == (0, 0)
    pop.quit()
    with farm.connect(24190) as sieve:
        file = sieve.makefile("rwb")
        _until_ok(file)
        token = "AGFubmEAcHJhY3RpY2U="  # \0anna\0practice
        file.write(f'AUTHENTICATE "PLAIN" "{token}"\r\n'.encode())
        file.flush()
        _until_ok(file)
        file.write(b"LISTSCRIPTS\r\nLOGOUT\r\n")
        file.flush()
        _until_ok(file)
    with farm.connect(20024) as lmtp:
        file = lmtp.makefile("rwb")
        assert file.readline().startswith(b"220")
        file.write(b"LHLO client.contoso.example\r\nQUIT\r\n")
        file.flush()
        assert file.readline().startswith(b"250")
    smtp = _Smtp(farm.connect(20025))
    smtp.starttls(context=_unverified())
    refused = smtp.sendmail("anna@contoso.example", ["rooms@contoso.example"], "Subject: hi\n\nhi")
    assert refused == {}
    # A relay rule by address sees the client, not the balancer: no open relay through us.
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.sendmail("anna@contoso.example", ["someone@fabrikam.example"], "Subject: hi\n\nhi")
    smtp.quit()


def _until_ok(file: Any) -> None:
    while not (line := file.readline()).startswith(b"OK"):
        assert line, "the server closed"
        assert not line.startswith((b"NO", b"BYE")), line


def _unverified() -> ssl.SSLContext:
    # STARTTLS goes through untouched; which of two servers answers is not known here.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _use_web(farm: RealFarm) -> None:
    for port, name, path, method in (
        (20443, WEB, "/webmail/", "GET"),
        (20443, WEB, "/dav/", "OPTIONS"),
        (21443, WEB, "/webmail/", "GET"),
        (21443, DAV, "/dav/", "OPTIONS"),
        (22443, WEB, "/webmail/", "GET"),
        (22443, WEB, "/dav/", "OPTIONS"),
    ):
        status, answer = farm.ask_web(port, name, path, method)
        assert status == 200, (port, answer)
        assert "mx" in answer


async def test_a_real_server_that_dies_leaves_and_its_clients_are_served_by_the_other() -> None:
    async with real_farm() as farm:
        farm.places["mx1"].kill("dovecot")
        await eventually(lambda: _is_down(farm.running, "imaps.imaps", "mx1"), seconds=5)
        rows = await farm.running.servers()
        for pool in ("smtp.smtp", "web.webmail", "web.caldav", "web-names.webmail"):
            assert rows[pool, "mx1"].operation == 2, f"{pool} left with Dovecot"
        await asyncio.to_thread(_sign_in_often, farm)
        assert "Layer4" in (await farm.running.event(kind="server-down", server="mx1"))["cause"]


async def _is_down(running: Suite, pool: str, server: str) -> bool:
    return (await running.servers())[pool, server].operation == 0


def _sign_in_often(farm: RealFarm) -> None:
    for _ in range(10):
        imap = _Imap(farm.connect(20993, name=MAIL))
        imap.login("anna", PASSWORD)
        imap.logout()
