from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    farm,
    faults_of,
    http_service,
    mail_service,
    names_service,
    server,
    service,
    stream_service,
)

from switchover.balance.virtual_service import HealthTiming
from switchover.model.platform_file.spec import Layout, TlsMode
from switchover.model.platform_file.spec_health import OnDown

MX: dict[str, dict[str, Any]] = {
    "cas1": {"address": "192.0.2.21", "runs": ["dovecot", "postfix"]},
    "cas2": {"address": "192.0.2.22", "runs": ["dovecot", "postfix"]},
}


def test_servers_have_their_own_weight_unless_the_service_says_another() -> None:
    servers = {"cas1": server(1, weight=30), "cas2": server(2, weight=40), "cas3": server(3)}
    keys = http_service(
        servers=["cas1", {"name": "cas2", "weight": 0}, {"name": "cas3", "backup": True, "max_connections": 9}]
    )  # fmt: skip
    found = farm({"mail": keys}, servers=servers).services[0].servers
    assert [(item.name, item.weight, item.backup, item.max_connections) for item in found] == [
        ("cas1", 30, False, None),
        ("cas2", 0, False, None),
        ("cas3", 100, True, 9),
    ]


@pytest.mark.parametrize(
    ("servers", "fault"),
    [
        (["cas1", "cas3"], "services.mail.servers.1: there is no server 'cas3' (did you mean 'cas2'?)"),
        (["cas1", "cas1"], "services.mail.servers.1: 'cas1' is listed twice"),
        ([{"name": "cas1", "backup": True}], "services.mail.servers: every server is a backup; leave it off one of them"),
    ],
)  # fmt: skip
def test_servers_exist_once_and_one_is_no_backup(servers: list[Any], fault: str) -> None:
    (found,) = faults_of({"mail": http_service(servers=servers)})
    assert found == fault or found.startswith(fault[:60])


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"workloads": []}, "services.mail.layout: no workloads: list what this service carries"),
        ({"workloads": ["owa", "owa"]}, "services.mail.workloads.1: the workload 'owa' is listed twice"),
        ({"workloads": ["owa", "exchange/owa"]}, "services.mail.workloads.1: the workload 'owa' is listed twice"),
        (
            {"workloads": ["owaa"]},
            "services.mail.workloads.0: the server 'cas1' does not have the workload 'owaa' (did you mean 'owa'?)",
        ),
        (
            {"workloads": ["dovecot/imap"]},
            "services.mail.workloads.0: the server 'cas1' does not have the workload 'dovecot/imap' (did you mean 'imap'?)",
        ),
        (
            {"timeouts": {"ecp": "5m"}},
            "services.mail.timeouts.ecp: 'ecp' is not a workload of this service",
        ),
        (
            {"health": {"workloads": {"ow": {}}}},
            "services.mail.health.workloads.ow: 'ow' is not a workload of this service (did you mean 'owa'?)",
        ),
    ],
)  # fmt: skip
def test_workloads_are_those_of_the_servers(keys: dict[str, Any], fault: str) -> None:
    assert faults_of({"mail": http_service(**keys)}) == [fault]


def test_a_name_for_a_workload_that_is_not_carried_is_a_fault() -> None:
    keys = names_service(
        workloads=["owa"], names={"owa": "owa.contoso.example", "ecp": "ecp.contoso.example"}
    )
    assert faults_of({"mail": keys}) == [
        "services.mail.names.ecp: 'ecp' is not a workload of this service"
    ]


def test_a_server_without_any_known_product_has_no_workloads() -> None:
    servers = {"cas1": server(1), "cas2": server(2, runs=["nothing"])}
    faults = faults_of({"mail": http_service(workloads=["owa"])}, servers=servers)
    assert faults[1] == (
        "services.mail.workloads.0: the server 'cas2' does not have the workload 'owa' (it has none)"
    )


def test_a_workload_that_two_products_of_a_server_have_must_be_told_apart() -> None:
    faults = faults_of({"mail": mail_service("submission")}, servers=MX)
    assert faults == [
        "services.mail.workloads.0: 'submission' is ambiguous on 'cas1' "
        "(write dovecot/submission or postfix/submission)"
    ]
    found = farm({"mail": mail_service("postfix/submission")}, servers=MX).services[0]
    assert found.workloads[0].workload.template == "postfix"


def test_one_service_may_stand_before_different_products_that_answer_alike() -> None:
    servers = {"cas1": server(1, runs="dovecot"), "cas2": server(2, runs="cyrus")}
    found = farm({"mail": mail_service("imaps")}, servers=servers).services[0]
    assert [item.name for item in found.servers] == ["cas1", "cas2"]


def test_one_service_can_not_stand_before_products_that_answer_differently() -> None:
    servers = {"cas1": server(1, runs="sogo"), "cas2": server(2, runs="exchange")}
    (fault,) = faults_of({"mail": http_service(workloads=["activesync"])}, servers=servers)
    assert fault == (
        "services.mail.workloads.0: 'activesync' means different things on 'cas1' (sogo) and 'cas2' "
        "(exchange) (make a service for each)"
    )


def test_timing_comes_from_the_profile_then_the_service_then_the_workload() -> None:
    keys = http_service(
        health={
            "profile": "fast", "fall": 3, "workloads": {"owa": {"interval": "5s", "timeout": "4s", "rise": 1}}
        }
    )  # fmt: skip
    owa, activesync = service(keys).workloads
    assert activesync.timing == HealthTiming(
        interval=0.8, timeout=0.7, fall=3, rise=2, fast_interval=0.2
    )
    assert owa.timing == HealthTiming(interval=5.0, timeout=4.0, fall=3, rise=1, fast_interval=0.2)


def test_the_default_timing_is_the_promised_one() -> None:
    assert service(http_service()).workloads[0].timing == HealthTiming(
        interval=2.0, timeout=2.0, fall=2, rise=2, fast_interval=0.5
    )


def test_a_shorter_interval_shortens_the_fast_one_too() -> None:
    keys = http_service(health={"interval": "300ms"})
    assert service(keys).workloads[0].timing.fast_interval == pytest.approx(0.3)
    keys = http_service(health={"interval": "300ms", "fast_interval": "400ms"})
    assert service(keys).workloads[0].timing.fast_interval == pytest.approx(0.4)


@pytest.mark.parametrize("key", ["owa", "exchange/owa"])
@pytest.mark.parametrize("carried", ["owa", "exchange/owa"])
def test_keys_of_a_workload_may_name_its_template_or_not(key: str, carried: str) -> None:
    if (key, carried) == ("exchange/owa", "owa"):
        assert "is not a workload" in faults_of({"mail": http_service(timeouts={key: "5m"})})[0]
        return
    keys = http_service(
        workloads=[carried], timeouts={key: "7m"}, health={"workloads": {key: {"path": "/x"}}}
    )
    (owa,) = service(keys).workloads
    assert owa.server_timeout_seconds == 420.0
    assert owa.workload.check.path == "/x"


@pytest.mark.parametrize("key", ["owa", "exchange/owa"])
def test_the_name_of_a_workload_may_leave_its_template_out(key: str) -> None:
    keys = names_service(workloads=["exchange/owa"], names={key: "owa.contoso.example"})
    assert service(keys).workloads[0].host == "owa.contoso.example"


def test_timeouts_come_from_the_template_unless_the_service_says_another() -> None:
    found = service(http_service(timeouts={"owa": "5m"}))
    assert [item.server_timeout_seconds for item in found.workloads] == [300.0, 3660.0]


def test_a_service_is_called_by_its_name_until_it_gets_a_title() -> None:
    assert service(http_service()).title == "mail"
    assert service(http_service(title="Mail for all")).title == "Mail for all"


@pytest.mark.parametrize(
    ("keys", "mode"),
    [
        (http_service(), TlsMode.RE_ENCRYPT),
        (http_service(tls={"mode": "offload", "certificate": "mail.pem"}), TlsMode.OFFLOAD),
        (stream_service(), TlsMode.PASS_THROUGH),
        (names_service(), TlsMode.PASS_THROUGH),
    ],
)
def test_tls_ends_where_the_layout_says(keys: dict[str, Any], mode: TlsMode) -> None:
    found = service(keys)
    assert found.tls_mode is mode
    assert found.is_decrypted is (found.layout is Layout.L7)


def test_http_2_is_off_where_a_workload_signs_in_with_windows() -> None:
    assert service(http_service()).http2 is False
    assert service(http_service(http2=True)).http2 is True
    servers = {"cas1": server(1, runs="sogo")}
    keys = http_service(workloads=["web"], servers=["cas1"])
    assert service(keys, servers=servers).http2 is True
    assert service({**keys, "http2": False}, servers=servers).http2 is False


@pytest.mark.parametrize(
    ("keys", "on_down"),
    [
        (mail_service(), OnDown.CLOSE),
        (mail_service(health={"on_down": "keep"}), OnDown.KEEP),
        (names_service(names={"imaps": "i.example", "pop3s": "p.example"}), OnDown.CLOSE),
        (names_service(), OnDown.KEEP),
        (stream_service(), OnDown.KEEP),
        (stream_service(health={"on_down": "close"}), OnDown.CLOSE),
        (http_service(), OnDown.KEEP),
    ],
)
def test_only_a_failed_mail_server_lets_go_of_its_sessions(
    keys: dict[str, Any], on_down: OnDown
) -> None:
    assert service(keys).on_down is on_down


def test_live_traffic_is_watched_unless_told_otherwise() -> None:
    assert service(http_service()).observe
    assert not service(http_service(health={"observe": False})).observe


def test_the_root_leads_to_webmail_where_webmail_is_carried() -> None:
    assert service(http_service()).home_path == "/owa/"
    assert service(http_service(home_path="/owa/x")).home_path == "/owa/x"
    assert service(http_service(workloads=["ews"])).home_path is None
    assert service(stream_service()).home_path is None


def test_the_names_of_workloads_are_the_names_of_the_service() -> None:
    assert service(names_service()).names == ("owa.contoso.example", "eas.contoso.example")
    assert service(stream_service(names=["mail.contoso.example"])).names == (
        "mail.contoso.example",
    )
    assert service(stream_service()).names == ()
