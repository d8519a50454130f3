from __future__ import annotations

import pytest
from tests.builders import (
    farm,
    http_service,
    mail_service,
    names_service,
    service,
    stream_service,
)

from switchover.balance.virtual_service import PROFILES
from switchover.model.platform_file.spec_health import HealthProfile


def test_a_service_is_found_by_its_name() -> None:
    balance = farm({"mail": http_service()})
    assert balance.find_service("mail") is balance.services[0]
    assert balance.find_service("web") is None


def test_workloads_and_servers_of_a_service_are_found_by_name() -> None:
    found = service(http_service())
    assert found.find_workload("owa") is found.workloads[0]
    assert found.find_workload("ecp") is None
    assert found.find_server("cas2") is found.servers[1]
    assert found.find_server("cas3") is None


def test_layout_l4_has_one_verdict_for_all_that_a_server_runs() -> None:
    (pool,) = service(stream_service()).pools()
    assert (pool.label, pool.backend) == ("all", "mail.all")
    assert [item.name for item in pool.workloads] == ["owa", "activesync"]


def test_a_single_workload_gives_its_name_to_the_verdict() -> None:
    (pool,) = service(mail_service()).pools()
    assert pool.backend == "mail.imaps"


@pytest.mark.parametrize("keys", [http_service(), names_service()])
def test_the_other_layouts_judge_each_workload_on_its_own(keys: dict[str, object]) -> None:
    pools = service(keys).pools()
    assert [pool.backend for pool in pools] == ["mail.owa", "mail.activesync"]
    assert [len(pool.workloads) for pool in pools] == [1, 1]


def test_a_service_knows_what_it_speaks_and_whether_it_reads_along() -> None:
    assert service(http_service()).is_http
    assert service(http_service()).is_decrypted
    assert not service(mail_service()).is_http
    assert not service(mail_service()).is_decrypted
    assert service(http_service()).sees_requests
    assert not service(mail_service()).sees_requests


def test_a_service_listens_on_each_address_once() -> None:
    assert service(http_service()).listening_addresses == ("203.0.113.10",)
    own = {"name": "owa.contoso.example", "address": "203.0.113.20"}
    assert service(names_service(names={"owa": own})).listening_addresses == ("203.0.113.20",)
    both = {"owa": own, "activesync": "eas.contoso.example"}
    assert service(names_service(names=both)).listening_addresses == (
        "203.0.113.11",
        "203.0.113.20",
    )


@pytest.mark.parametrize(
    ("profile", "wrong_answer", "silence"),
    [(HealthProfile.DEFAULT, 3.5, 8.0), (HealthProfile.FAST, 1.5, 3.0)],
)
def test_both_profiles_keep_what_is_promised(
    profile: HealthProfile, wrong_answer: float, silence: float
) -> None:
    timing = PROFILES[profile]
    # The first failure falls due within an interval; the others follow at the fast one.
    doubts = (timing.fall - 1) * timing.fast_interval
    assert timing.interval + doubts <= wrong_answer
    assert timing.interval + doubts + timing.fall * timing.timeout <= silence
    # HAProxy gives a check one interval to connect (tcpcheck.c), and the timeout to answer.
    assert timing.timeout <= timing.interval
