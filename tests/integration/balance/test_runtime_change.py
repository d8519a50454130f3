"""What a running engine can take is told to it, without a new worker, and clients feel it at once."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.integration.edges.bad_files import key_pair
from tests.integration.platform_file import imaps, l4, l4_names, l7, platform
from tests.integration.practice_farm import NAME, OTHER_NAME, SERVERS, PracticeFarm, practice_farm
from tests.integration.processes import eventually, shown_certificate
from tests.integration.suite import Suite, lent_suite

from switchover.practice.http_client import HttpConnection, client_tls
from switchover.store.embedded import EmbeddedPostgres
from switchover.wire.haproxy.change import ReplaceCertificate
from switchover.wire.haproxy.dispatch import send_changes

PORT = {"web": 10443, "names": 11443, "stream": 12443}
HERE, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"
pytestmark = pytest.mark.xdist_group("runtime_change")


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm([*SERVERS, "cas3"]) as running:
        yield running


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    with lent_suite(postgres, cycle_seconds="0.5") as found:
        yield found


@pytest.fixture
async def running(home: Suite, farm: PracticeFarm) -> Suite:
    await home.apply(farm_text(farm, home), farm.files)
    for server in SERVERS:
        await home.post(f"/servers/{server}/resume")
        (await home.api("PUT", f"/servers/{server}/weight", {})).good()
    await home.all_up()
    return home


def services(at: Suite) -> dict[str, Any]:
    fast = {"profile": "fast"}
    # The checks ask for names of their own, so those of the clients may change.
    checks = {**fast, "workloads": {name: {"host": NAME} for name in ("owa", "activesync")}}
    return {
        "web": l7(
            at.address, SERVERS, health=fast, scheduler="round-robin", allow=[HERE],
            workloads=["owa", "ews", "ecp"], allow_restricted=[ELSEWHERE],
        ),
        "names": l4_names(
            at.address, SERVERS, health=checks, deny=[ELSEWHERE], tls={"server_name": NAME}
        ),
        "stream": l4(at.address, SERVERS, health=fast, scheduler="round-robin"),
        "imap": imaps(at.address, SERVERS, health=fast),
    }  # fmt: skip


def farm_text(farm: PracticeFarm, at: Suite, **changed: dict[str, Any]) -> str:
    """The file in force, with keys of single services changed."""
    every = services(at)
    for name, keys in changed.items():
        every[name] = {**every.get(name, {}), **keys}
    return platform(farm, every, servers=farm.servers(*SERVERS))


@contextlib.asynccontextmanager
async def same_worker(at: Suite) -> AsyncIterator[list[dict[str, Any]]]:
    """Take what changes did; each must have been told to the running worker."""
    worker = (await at.info()).pid
    done: list[dict[str, Any]] = []
    yield done
    assert done
    for one in done:
        assert one["engine"]["means"] == "runtime", one["engine"]
        assert one["engine"]["commands"] >= 1
    assert (await at.info()).pid == worker
    assert await at.get("/drift") == {"drift": []}


async def server_of(
    farm: PracticeFarm, at: Suite, service: str, *, host: str = NAME, path: str = "/owa/"
) -> str:
    """Return who answers a new client, or why nobody does."""
    try:
        connection = await HttpConnection.open(
            at.address, PORT[service], host=host, tls=client_tls(farm.ca)
        )
    except (OSError, ssl.SSLError):
        return "refused"
    try:
        response = await connection.request("GET", path)
        if response.status != 200:
            return str(response.status)
        return response.fields["x-practice-server"]
    except (OSError, EOFError):
        return "refused"
    finally:
        await connection.close()


async def servers_of(farm: PracticeFarm, at: Suite, service: str, times: int = 6) -> set[str]:
    return {await server_of(farm, at, service) for _ in range(times)}


async def test_a_weight_counts_for_the_next_client(running: Suite, farm: PracticeFarm) -> None:
    weighted = {"scheduler": "weighted"}
    await running.apply(farm_text(farm, running, web=weighted, stream=weighted))
    async with same_worker(running) as done:
        body = {"weight": 0}
        done.append((await running.api("PUT", "/servers/cas1/weight", body)).good())
        for service in ("web", "stream"):
            assert await servers_of(farm, running, service) == {"cas2"}
        done.append((await running.api("PUT", "/servers/cas1/weight", {"weight": 100})).good())
        assert await servers_of(farm, running, "web") == {"cas1", "cas2"}


async def test_drain_maintenance_and_resume(running: Suite, farm: PracticeFarm) -> None:
    async with same_worker(running) as done:
        for action in ("drain", "resume", "maintain", "resume"):
            done.append(await running.post(f"/servers/cas2/{action}"))
            row = (await running.servers())["stream.all", "cas2"]
            assert row.is_draining is (action == "drain")
            assert row.is_maintenance is (action == "maintain")
            if action == "resume":
                await eventually(lambda: both_serve(farm, running))
            else:
                for service in PORT:
                    assert await servers_of(farm, running, service, times=3) == {"cas1"}


async def both_serve(farm: PracticeFarm, at: Suite) -> bool:
    return await servers_of(farm, at, "stream") == {"cas1", "cas2"}


async def test_a_workload_is_drained_alone(running: Suite, farm: PracticeFarm) -> None:
    async with same_worker(running) as done:
        body = {"service": "web", "workload": "owa"}
        done.append(await running.post("/servers/cas1/drain", body))
        assert await servers_of(farm, running, "web") == {"cas2"}
        ews = {await server_of(farm, running, "web", path="/ews/") for _ in range(6)}
        assert ews == {"cas1", "cas2"}
        assert await servers_of(farm, running, "stream") == {"cas1", "cas2"}


async def shown(at: Suite) -> bytes:
    return await shown_certificate(at.address, PORT["web"])


async def test_a_replaced_certificate_is_shown_to_new_clients_and_kept_ones_stay(
    running: Suite, farm: PracticeFarm
) -> None:
    fresh = key_pair()
    meant = ssl.PEM_cert_to_DER_cert(fresh.decode().partition("-----BEGIN PRIVATE")[0])
    kept = await HttpConnection.open(running.address, 10443, host=NAME, tls=client_tls(farm.ca))
    assert (await kept.request("GET", "/owa/")).status == 200
    async with same_worker(running) as done:
        assert await shown(running) != meant
        files = {**farm.files, "front.pem": fresh}
        done.append(await running.apply(farm_text(farm, running), files))
        assert await shown(running) == meant
        assert (await kept.request("GET", "/owa/")).status == 200
    await kept.close()
    assert (running.settings.engine_dir / "current/certs/front.pem").read_bytes() == fresh
    again = await running.apply(farm_text(farm, running, web={"timeouts": {"owa": "9m"}}))
    assert again["engine"]["means"] == "reload"
    assert await shown(running) == meant


async def test_a_certificate_too_long_for_a_command_comes_by_reload(
    running: Suite, farm: PracticeFarm
) -> None:
    fresh = key_pair() + b"".join(key_pair(key=False) for _ in range(40))
    assert len(fresh) > 15_000
    done = await running.apply(farm_text(farm, running), {**farm.files, "front.pem": fresh})
    assert done["engine"]["means"] == "reload"
    assert "a reload is needed" in done["engine"]["because"]
    meant = ssl.PEM_cert_to_DER_cert(fresh.decode().partition("-----BEGIN PRIVATE")[0])
    assert await shown(running) == meant
    assert await running.get("/drift") == {"drift": []}


async def test_repair_of_a_certificate_too_long_for_a_command_comes_by_reload_with_the_rest(
    running: Suite, farm: PracticeFarm
) -> None:
    fresh = key_pair() + b"".join(key_pair(key=False) for _ in range(40))
    await running.apply(farm_text(farm, running), {**farm.files, "front.pem": fresh})
    meant = await shown(running)
    change = ReplaceCertificate(name="certs/front.pem", content=key_pair())
    await send_changes(running.admin, [change])
    await running.command("set server web.owa/cas1 state drain")
    await running.command("disable health web.owa/cas2")
    repaired = await running.post("/drift/repair", {})
    assert {one["kind"] for one in repaired["repaired"]} == {"certificate", "state", "check"}
    assert await running.get("/drift") == {"drift": []}
    assert await shown(running) == meant
    assert not (await running.servers())["web.owa", "cas1"].is_draining


async def test_a_remark_with_dashes_is_no_certificate(running: Suite, farm: PracticeFarm) -> None:
    fresh = b"see -----BEGIN CERTIFICATE----- below\n" + key_pair()
    async with same_worker(running) as done:
        files = {**farm.files, "front.pem": fresh}
        done.append(await running.apply(farm_text(farm, running), files))
        assert await running.get("/drift") == {"drift": []}


async def test_a_host_name_of_l4_names_leads_where_it_should_at_once(
    running: Suite, farm: PracticeFarm
) -> None:
    eas = "/Microsoft-Server-ActiveSync/"
    assert await server_of(farm, running, "names", host=OTHER_NAME, path=eas) in SERVERS
    async with same_worker(running) as done:
        swapped = {"names": {"owa": OTHER_NAME, "activesync": "eas.contoso.example"}}
        done.append(await running.apply(farm_text(farm, running, names=swapped)))
        assert await server_of(farm, running, "names", host=OTHER_NAME) in SERVERS
        assert await server_of(farm, running, "names", host=NAME) == "refused"
        answer = await running.command("show map maps/names.names")
        assert "eas.contoso.example activesync" in answer


async def test_lists_of_networks_count_for_the_next_client(
    running: Suite, farm: PracticeFarm
) -> None:
    async with same_worker(running) as done:
        assert await server_of(farm, running, "web") in SERVERS
        closed = farm_text(farm, running, web={"allow": [ELSEWHERE]}, names={"deny": [HERE]})
        done.append(await running.apply(closed))
        assert await server_of(farm, running, "web") == "refused"
        assert await server_of(farm, running, "names") == "refused"
        assert await server_of(farm, running, "stream") in SERVERS
        added = farm_text(farm, running, web={"allow": [ELSEWHERE, HERE]})
        done.append(await running.apply(added))
        assert await server_of(farm, running, "web") in SERVERS
        assert await server_of(farm, running, "names") in SERVERS


async def test_a_restricted_workload_opens_for_a_network_added_to_its_list(
    running: Suite, farm: PracticeFarm
) -> None:
    async with same_worker(running) as done:
        assert await server_of(farm, running, "web", path="/ecp/") == "403"
        opened = {"allow_restricted": [ELSEWHERE, HERE]}
        done.append(await running.apply(farm_text(farm, running, web=opened)))
        assert await server_of(farm, running, "web", path="/ecp/") in SERVERS


async def test_a_server_moves_to_another_address(running: Suite, farm: PracticeFarm) -> None:
    async with same_worker(running) as done:
        servers = farm.servers(*SERVERS)
        servers["cas2"]["address"] = farm.addresses["cas3"]
        text = platform(farm, services(running), servers=servers)
        done.append(await running.apply(text))
        await eventually(lambda: served_by(farm, running, {"cas1", "cas3"}))
        done.append(await running.apply(farm_text(farm, running)))
        await eventually(lambda: served_by(farm, running, {"cas1", "cas2"}))


async def served_by(farm: PracticeFarm, at: Suite, wanted: set[str]) -> bool:
    return await servers_of(farm, at, "stream") == wanted


async def test_many_such_changes_in_one_file_are_one_revision_without_a_new_worker(
    running: Suite, farm: PracticeFarm
) -> None:
    before = (await running.get("/revisions/0"))["number"]
    files = {**farm.files, "front.pem": key_pair()}
    async with same_worker(running) as done:
        servers = [{"name": "cas1", "weight": 10}, {"name": "cas2", "weight": 200}]
        text = farm_text(
            farm, running, web={"allow": [HERE, ELSEWHERE]}, imap={"servers": servers},
        )  # fmt: skip
        done.append(await running.apply(text, files))
        assert (await running.servers())["imap.imaps", "cas2"].weight == 200
    assert done[0]["revision"] == before + 1


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"more": {"port": 13443}}, "frontend more is new"),
        ({"web": {"workloads": ["owa", "ews"]}}, "frontend web changed"),
        ({"web": {"scheduler": "least-connections"}}, "web.owa"),
        ({"stream": {"servers": ["cas1"]}}, "stream.all"),
        ({"stream": {"allow": [HERE]}}, "stream"),
    ],
)
async def test_what_changes_the_shape_takes_a_reload_and_says_why(
    running: Suite, farm: PracticeFarm, changed: dict[str, Any], because: str
) -> None:
    worker = (await running.info()).pid
    if "more" in changed:
        changed = {"more": {**l4(running.address, SERVERS), **changed["more"]}}
    done = await running.apply(farm_text(farm, running, **changed))
    assert done["engine"]["means"] == "reload"
    assert because in done["engine"]["because"]
    assert (await running.info()).pid != worker
    assert await running.get("/drift") == {"drift": []}


async def test_a_comment_is_a_revision_and_nothing_for_the_engine(
    running: Suite, farm: PracticeFarm
) -> None:
    before = await running.info()
    number = (await running.get("/revisions/0"))["number"]
    done = await running.apply(farm_text(farm, running) + "# thought about it\n")
    assert (done["revision"], done["engine"]["means"]) == (number + 1, "nothing")
    assert (await running.info()).pid == before.pid
