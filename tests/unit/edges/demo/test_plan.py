from __future__ import annotations

from pathlib import Path

from switchover.balance.resolve import resolve
from switchover.edges.demo.plan import PREFERRED_PORTS, SERVERS, SERVICES, WORKLOADS, DemoPlan
from switchover.model.platform_file.read import read_platform_file
from switchover.practice.spec import parse_farm
from switchover.practice.stories import parse_stories

PLAN = DemoPlan(directory=Path("/tmp/switchover-demo-1000"), ports=PREFERRED_PORTS)


def test_the_platform_file_is_one_that_switchover_takes() -> None:
    parsed = read_platform_file(PLAN.platform_text(data=Path("/tmp/switchover-demo-1000/data")))
    services = {item.name: item for item in resolve(parsed).services}
    assert tuple(services) == SERVICES
    assert [len(services[name].pools()) for name in SERVICES] == [5, 5, 1, 1]


def test_the_farm_offers_what_the_platform_file_names() -> None:
    farm = parse_farm(PLAN.farm_spec())
    assert [server.name for server in farm.servers] == list(SERVERS)
    for server in farm.servers:
        assert {*WORKLOADS, "imaps"} <= set(server.workloads)


def test_clients_use_every_workload_of_every_service_at_a_bearable_pace() -> None:
    stories = parse_stories(PLAN.stories())
    doors = {(story.door.service, story.door.workload) for story in stories}
    expected = {(name, workload) for name in SERVICES[:3] for workload in WORKLOADS}
    assert doors == {*expected, ("imap", "imaps")}
    assert 60 <= sum(story.clients / story.interval_seconds for story in stories) <= 100
