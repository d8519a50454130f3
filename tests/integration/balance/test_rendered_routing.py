"""Where the real engine leads requests and connections."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import farm, names_service, server, stream_service
from tests.integration.balance.decrypting import (
    HOST,
    QUICK,
    behind,
    decrypted,
    files,
    led_to,
)
from tests.integration.balance.rendered import Certificates, connect, engine, free_port, get
from tests.integration.balance.tiny_servers import Answer, WebServer

PATHS: list[tuple[str, str | int]] = [
    ("/owa", "owa"),
    ("/owa/", "owa"),
    ("/OWA/x?a=b", "owa"),
    ("/owa?next=/../ecp", "owa"),
    ("/owa/%252e%252e/ecp", "owa"),
    ("/owa//x", "owa"),
    ("/%6fwa/x", "owa"),
    ("/Microsoft-Server-ActiveSync?User=a&DeviceId=b", "activesync"),
    ("/owafoo", 404),
    ("/exchange", 404),
    ("/o", 404),
    ("/", 302),
    ("/ecp/", 403),
    ("//ecp", 403),
    ("/%65cp/x", 403),
    ("/ECP", 403),
    ("/\\ecp", 403),
    ("/%5cecp/", 403),
    ("http://mail.contoso.example/ecp/", 403),
    ("/owa/../ecp", 400),
    ("/owa/..", 400),
    ("/owa/%2e%2e/ecp", 400),
    ("/owa/%2E./ecp", 400),
    ("/owa/..%2fecp", 400),
    ("/owa/..%5cecp", 400),
    ("/owa\\..\\ecp", 400),
    ("/owa/./x", 400),
    ("/owa/%u002e%u002e/ecp", 400),
    ("/%u0065cp", 400),
    ("/owa/%zz", 400),
    ("/owa/%", 400),
    ("*", 400),
]


async def test_a_path_leads_to_its_workload_however_it_is_written(
    certificates: Certificates,
) -> None:
    port = free_port()
    async with WebServer(tls=certificates.serving(HOST)) as web:
        balance = farm(
            {
                "mail": decrypted(
                    port, workloads=["owa", "activesync", "ecp"], allow_restricted="127.0.0.9"
                )
            },
            servers=behind(web),
        )
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.owa", "cas1", "UP")
            found: list[tuple[str, str | int]] = []
            for path, _ in PATHS:
                before = await led_to(running, "mail")
                reply = await get(path, port, tls=certificates.trusting(), sni=HOST)
                after = await led_to(running, "mail")
                led = [name for name in after if after[name] > before[name]]
                found.append((path, led[0] if led else reply.status))
            assert found == PATHS
            paths = [item.path for item in web.traffic]
            assert paths[:3] == ["/owa", "/owa/", "/OWA/x?a=b"]


async def test_restricted_workloads_answer_the_sources_that_may_use_them(
    certificates: Certificates,
) -> None:
    port = free_port()
    async with WebServer(tls=certificates.serving(HOST)) as web:
        balance = farm(
            {"mail": decrypted(port, workloads=["owa", "ecp"], allow_restricted="127.0.0.9")},
            servers=behind(web),
        )
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.ecp", "cas1", "UP")
            trusting: dict[str, Any] = {"tls": certificates.trusting(), "sni": HOST}
            inside = await get("/ecp/", port, source="127.0.0.9", **trusting)
            outside = await get("/ecp/", port, source="127.0.0.8", **trusting)
            assert (inside.status, outside.status) == (200, 403)
            assert (await get("/owa/", port, source="127.0.0.8", **trusting)).status == 200


async def test_a_workload_that_owns_the_root_does_not_open_a_restricted_one(
    certificates: Certificates,
) -> None:
    port = free_port()
    own = {
        "title": "Own",
        "workloads": {
            "web": {"title": "Web", "protocol": "http", "port": 80, "transport": "clear", "paths": ["/"]},
            "admin": {
                "title": "Admin", "protocol": "http", "port": 80, "transport": "clear",
                "paths": ["/admin"], "restricted": True,
            },
        },
    }  # fmt: skip
    async with WebServer() as web:
        balance = farm(
            {"mail": decrypted(port, workloads=["web", "admin"], allow_restricted="127.0.0.9")},
            servers={"cas1": {"address": "127.0.0.1", "runs": "own", "ports": {80: web.port}}},
            templates={"own": own},
        )
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.web", "cas1", "UP")
            for path in ("/admin", "//admin", "/%61dmin", "/ADMIN/x", "/\\admin", "/x/../admin",
                         "/./admin", "/%2e/admin", "/x/..\\admin", "/%2fadmin"):  # fmt: skip
                reply = await get(path, port, tls=certificates.trusting(), sni=HOST)
                assert reply.status in {400, 403}, path
            for path in ("/", "/administration", "/x/admin"):
                assert (await get(path, port, tls=certificates.trusting(), sni=HOST)).status == 200


async def test_servers_learn_the_client_and_never_what_it_claims_to_be(
    certificates: Certificates,
) -> None:
    port = free_port()
    async with WebServer(tls=certificates.serving(HOST)) as web:
        balance = farm({"mail": decrypted(port)}, servers=behind(web))
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.owa", "cas1", "UP")
            client = await connect(port, tls=certificates.trusting(), sni=HOST, source="127.0.0.7")
            lies = {"X-Forwarded-For": "192.0.2.1", "x-forwarded-proto": "http"}
            assert (await client.ask("/owa/", headers=lies)).status == 200
            client.close()
            (request,) = web.traffic
            assert request.headers["x-forwarded-for"] == "127.0.0.7"
            assert request.headers["x-forwarded-proto"] == "https"
            assert request.headers["host"] == HOST
            assert request.sni == HOST


@pytest.mark.parametrize("home", ["/owa/", "/owa/a%20b'c", "/owa/%T$HOME"])
async def test_the_root_leads_home_and_home_is_taken_literally(
    certificates: Certificates, home: str
) -> None:
    port = free_port()
    balance = farm(
        {"mail": decrypted(port, home_path=home)},
        servers={"cas1": server(address="127.0.0.1", ports={443: free_port()})},
    )
    async with engine(balance, files(certificates)):
        reply = await get("/", port, tls=certificates.trusting(), sni=HOST)
        assert (reply.status, reply.headers["location"]) == (302, home)


@pytest.mark.parametrize("sorry", [None, {"page": "sorry.html"}])
async def test_without_a_server_the_decrypted_service_shows_a_page(
    certificates: Certificates, sorry: dict[str, Any] | None
) -> None:
    port, hidden = free_port(), free_port()
    keys = {"title": "Post & <Brief>", "sorry": sorry} if sorry else {"title": "Post & <Brief>"}
    balance = farm(
        {"mail": decrypted(port, **keys)},
        servers={"cas1": server(address="127.0.0.1", ports={443: hidden})},
    )
    async with engine(balance, files(certificates)) as running:
        await running.becomes("mail.owa", "cas1", "DOWN")
        reply = await get("/owa/", port, tls=certificates.trusting(), sni=HOST)
        assert reply.status == 503
        assert reply.headers["retry-after"] == "30"
        assert ("We are sorry" if sorry else "Post &amp; &lt;Brief>") in reply.body


async def test_a_workload_without_a_server_is_sorry_while_the_others_answer(
    certificates: Certificates,
) -> None:
    port = free_port()
    async with WebServer(tls=certificates.serving(HOST)) as web:
        web.answer = lambda request: Answer(503 if request.path.startswith("/owa") else 200)
        balance = farm({"mail": decrypted(port)}, servers=behind(web))
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.owa", "cas1", "DOWN")
            await running.becomes("mail.activesync", "cas1", "UP")
            keys: dict[str, Any] = {"tls": certificates.trusting(), "sni": HOST}
            assert (await get("/owa/", port, **keys)).status == 503
            assert (await get("/Microsoft-Server-ActiveSync", port, **keys)).status == 200


@pytest.mark.parametrize("layout", ["l4", "l4-names"])
async def test_a_layout_that_does_not_decrypt_shows_its_page_with_a_certificate_of_its_own(
    certificates: Certificates, layout: str
) -> None:
    port = free_port()
    sorry = {"page": "sorry.html", "certificate": "mail.pem"}
    keys: dict[str, Any] = {"address": "127.0.0.1", "port": port, "health": QUICK, "sorry": sorry}
    service = (
        stream_service(names=[HOST], workloads=["owa"], servers=["cas1"], **keys)
        if layout == "l4"
        else names_service(names={"owa": HOST}, servers=["cas1"], **keys)
    )
    async with WebServer(tls=certificates.serving(HOST)) as web:
        web.answer = lambda _: Answer(503)
        balance = farm({"mail": service}, servers=behind(web))
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.owa", "cas1", "DOWN")
            client = await connect(port, tls=certificates.trusting(), sni=HOST)
            reply = await client.ask("/owa/")
            assert (reply.status, reply.body) == (503, "<p>We are sorry")
            # A kept connection would be shown the page long after the servers are back.
            assert (await client.ask("/owa/")).status == 0
            client.close()
            web.answer = lambda _: Answer(200, "back")
            await running.becomes("mail.owa", "cas1", "UP")
            assert (await get("/owa/", port, tls=certificates.trusting(), sni=HOST)).body == "back"


@pytest.mark.parametrize("layout", ["l4", "l7"])
async def test_a_sorry_server_takes_over_and_gives_back(
    certificates: Certificates, layout: str
) -> None:
    port = free_port()
    apology = certificates.serving(HOST) if layout == "l4" else None
    async with (
        WebServer(tls=certificates.serving(HOST)) as web,
        WebServer("sorry", tls=apology) as sorry,
    ):
        keys: dict[str, Any] = {
            "sorry": {"address": "127.0.0.1", "port": sorry.port},
            "persistence": "source",
        }
        service = (
            decrypted(port, workloads=["owa"], **keys)
            if layout == "l7"
            else stream_service(
                address="127.0.0.1",
                port=port,
                workloads=["owa"],
                servers=["cas1"],
                health=QUICK,
                **keys,
            )
        )
        balance = farm({"mail": service}, servers=behind(web))
        web.answer = lambda _: Answer(503)
        async with engine(balance, files(certificates)) as running:
            await running.becomes("mail.owa", "cas1", "DOWN")
            trusting: dict[str, Any] = {"tls": certificates.trusting(), "sni": HOST}
            assert (await get("/owa/", port, **trusting)).body == "sorry /owa/"
            web.answer = lambda _: Answer(200, "back")
            await running.becomes("mail.owa", "cas1", "UP")
            assert (await get("/owa/", port, **trusting)).body == "back"


async def test_the_redirector_keeps_known_names_and_forged_ones_lead_to_the_first(
    certificates: Certificates,
) -> None:
    port, plain = free_port(), free_port()
    balance = farm(
        {"mail": decrypted(port, names=[HOST, "b.contoso.example"], redirect_from=plain)},
        servers={"cas1": server(address="127.0.0.1", ports={443: free_port()})},
    )
    async with engine(balance, files(certificates)):
        for host, expected in (
            (HOST, HOST),
            ("B.contoso.example:80", "b.contoso.example"),
            ("evil.example", HOST),
            ("evil.example#", HOST),
            ("", HOST),
            (f"{HOST}.evil.example", HOST),
        ):
            reply = await get("/owa/?a=%0d%0ab", plain, host=host)
            assert reply.status in {302, 400}, host
            if reply.status == 302:
                assert reply.headers["location"] == f"https://{expected}:{port}/owa/?a=%0d%0ab"


async def test_the_redirector_listens_wherever_the_service_does(
    certificates: Certificates,
) -> None:
    port, plain = free_port(), free_port()
    names = {
        "owa": {"name": "owa.contoso.example", "address": "127.0.0.2"},
        "activesync": "eas.contoso.example",
    }
    keys: dict[str, Any] = {"address": "127.0.0.1", "port": port, "redirect_from": plain}
    balance = farm({"mail": names_service(names=names, **keys)})
    async with engine(balance, {}):
        for address in ("127.0.0.1", "127.0.0.2"):
            reply = await get("/x", plain, address=address, host="owa.contoso.example")
            assert reply.headers["location"] == f"https://owa.contoso.example:{port}/x"
