from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    engine_facts,
    farm,
    http_service,
    mail_service,
    names_service,
    rendered,
    section,
    server,
    service,
    stream_service,
)

from switchover.balance.compile_backend import joint_timing, judged_workloads, server_port
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.balance.virtual_service import HealthTiming

TLS = {"certificate": "mail.pem", "server_ca": "ca.pem"}
NO_AGENT = engine_facts(agent_address=None, agent_port=None)


def backend(keys: dict[str, Any], pool: str = "owa", **sections: Any) -> list[str]:
    text = rendered(farm({"mail": keys}, **sections), facts=NO_AGENT)
    return section(text, f"backend mail.{pool}")


def defaults(keys: dict[str, Any], pool: str = "owa", **sections: Any) -> str:
    return next(
        line for line in backend(keys, pool, **sections) if line.startswith("default-server")
    )


def servers(keys: dict[str, Any], pool: str = "owa", **sections: Any) -> list[str]:
    return [line for line in backend(keys, pool, **sections) if line.startswith("server ")]


def test_a_web_pool_keeps_connections_to_those_who_signed_in() -> None:
    lines = backend(http_service())
    assert lines[:6] == [
        "mode http",
        "balance leastconn",
        "timeout server 600000ms",
        "http-reuse safe",
        "timeout tunnel 1h",
        "errorfile 503 pages/mail.sorry.http",
    ]
    assert not [line for line in lines if "http-server-close" in line or "httpclose" in line]


def test_a_stream_pool_notices_clients_and_servers_that_vanish() -> None:
    lines = backend(stream_service(), "all")
    assert lines[:5] == [
        "mode tcp",
        "balance leastconn",
        "timeout server 3660000ms",
        "option srvtcpka",
        "timeout server-fin 30s",
    ]


@pytest.mark.parametrize(
    ("scheduler", "lines"),
    [
        ("round-robin", ["balance roundrobin"]),
        ("weighted", ["balance roundrobin"]),
        ("least-connections", ["balance leastconn"]),
        ("source-hash", ["balance source", "hash-type consistent"]),
        ("first-available", ["balance first"]),
    ],
)
def test_every_scheduler_has_its_algorithm(scheduler: str, lines: list[str]) -> None:
    found = backend(http_service(scheduler=scheduler))
    assert [line for line in found if line.startswith(("balance", "hash-type"))] == lines


def test_weights_count_in_every_scheduler_but_plain_round_robin() -> None:
    keys = {"servers": [{"name": "cas1", "weight": 7}, "cas2"]}
    assert " weight 7" in servers(http_service(**keys))[0]
    assert " weight 100" in servers(http_service(**keys, scheduler="round-robin"))[0]


def test_an_operators_weight_counts_always() -> None:
    target = Target(service="mail", pool="owa", server="cas1")
    balance = farm({"mail": http_service(scheduler="round-robin")})
    text = rendered(balance, overrides=Overrides().changed([target], weight=3), facts=NO_AGENT)
    assert "server cas1 192.0.2.11:443 weight 3" in section(text, "backend mail.owa")
    assert "server cas1 192.0.2.11:443 weight 100" in section(text, "backend mail.activesync")


def test_maintenance_outlives_a_restart_and_drain_does_not_need_to() -> None:
    target = Target(service="mail", pool="owa", server="cas1")
    balance = farm({"mail": http_service()})
    for state, disabled in ((AdminState.MAINTENANCE, True), (AdminState.DRAIN, False)):
        text = rendered(balance, overrides=Overrides().changed([target], state=state))
        line = next(
            line for line in section(text, "backend mail.owa") if line.startswith("server cas1")
        )
        assert line.endswith(" disabled") is disabled


def test_clients_are_tied_by_their_address_or_by_a_cookie() -> None:
    tied = backend(stream_service(persistence={"kind": "source", "expire": "5m", "size": 9}), "all")
    assert "stick-table type ipv6 size 9 expire 300000ms peers kept" in tied
    assert "stick on src" in tied
    keys = http_service(persistence={"kind": "cookie", "expire": "5m"})
    assert (
        "cookie SWITCHOVER insert indirect nocache httponly secure attr SameSite=Lax maxidle 300000ms"
        in backend(keys)
    )
    cookies = [line.partition(" cookie ")[2].split()[0] for line in servers(keys)]
    assert len(set(cookies)) == 2
    assert not any("cas" in cookie for cookie in cookies)


def test_nobody_is_tied_without_being_asked_to() -> None:
    assert not [line for line in backend(http_service()) if "stick" in line or "cookie" in line]


def test_a_backup_and_a_sorry_server_hold_nobody() -> None:
    keys = stream_service(
        servers=["cas1", {"name": "cas2", "backup": True, "max_connections": 9}],
        sorry={"address": "192.0.2.99", "port": 8443},
    )
    assert servers(keys, "all") == [
        "server cas1 192.0.2.11:443 weight 100",
        "server cas2 192.0.2.12:443 weight 100 maxconn 9 backup non-stick",
        "server sorry 192.0.2.99:8443 weight 100 backup no-check no-agent-check no-ssl non-stick",
    ]


def test_a_sorry_server_has_the_port_of_the_service_unless_it_says_another() -> None:
    assert "192.0.2.99:443" in servers(stream_service(sorry={"address": "192.0.2.99"}), "all")[-1]


def test_a_sorry_page_is_the_last_server_of_a_layout_that_does_not_decrypt() -> None:
    keys = stream_service(sorry={"page": "a.html", "certificate": "a.pem"})
    assert servers(keys, "all")[-1] == (
        "server sorry abns@switchover-0-mail weight 100 backup no-check no-agent-check non-stick"
    )


def test_a_remote_sorry_server_makes_the_page_needless() -> None:
    keys = http_service(sorry={"address": "192.0.2.99", "port": 80})
    assert not [line for line in backend(keys) if "errorfile" in line]


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (
            {},
            "check inter 2000ms fastinter 500ms fall 2 rise 2 observe layer7 error-limit 10 on-error fastinter",
        ),
        (
            {"profile": "fast", "fall": 3},
            "check inter 800ms fastinter 200ms fall 3 rise 2 observe layer7",
        ),
        ({"observe": False}, "check inter 2000ms fastinter 500ms fall 2 rise 2 ssl"),
        ({"on_down": "close", "observe": False}, "rise 2 on-marked-down shutdown-sessions ssl"),
    ],
)
def test_health_is_asked_for_as_the_file_says(health: dict[str, Any], words: str) -> None:
    assert words in defaults(http_service(health=health))


def test_live_traffic_of_a_stream_is_watched_by_its_connections() -> None:
    assert "observe layer4" in defaults(stream_service(), "all")


def test_several_workloads_are_judged_by_the_most_urgent() -> None:
    keys = stream_service(
        health={
            "workloads": {
                "owa": {"interval": "5s", "timeout": "4s", "fall": 5, "rise": 1},
                "activesync": {
                    "interval": "1s",
                    "timeout": "1s",
                    "fall": 3,
                    "fast_interval": "100ms",
                },
            }
        }
    )
    assert joint_timing(service(keys).workloads) == HealthTiming(
        interval=1.0, timeout=4.0, fall=3, rise=2, fast_interval=0.1
    )


def test_the_chosen_workload_speaks_for_the_server() -> None:
    found = service(stream_service(health={"workload": "activesync"}))
    (pool,) = found.pools()
    assert [item.name for item in judged_workloads(found, pool)] == ["activesync"]
    lines = backend(stream_service(health={"workload": "activesync"}), "all")
    assert len([line for line in lines if line.startswith("http-check send")]) == 1
    assert not [line for line in lines if "connect" in line]


@pytest.mark.parametrize("keys", [stream_service(), stream_service(health={"workload": "all"})])
def test_all_workloads_speak_unless_one_is_chosen(keys: dict[str, Any]) -> None:
    lines = backend(keys, "all")
    assert len([line for line in lines if line.startswith("http-check connect")]) == 2


@pytest.mark.parametrize(
    ("keys", "pool", "words"),
    [
        (
            http_service(tls=TLS),
            "owa",
            "ssl sni str(mail.contoso.example) check-ssl check-sni mail.contoso.example "
            "verify required ca-file 'certs/ca.pem' verifyhost mail.contoso.example",
        ),
        (
            http_service(tls={"certificate": "mail.pem", "server_name": "in.contoso.example"}),
            "owa",
            "ssl sni str(in.contoso.example) check-ssl check-sni in.contoso.example "
            "verify required ca-file '/etc/ssl/certs/ca-certificates.crt' verifyhost in.contoso.example",
        ),
        (
            http_service(tls={**TLS, "verify": False}),
            "owa",
            "ssl sni str(mail.contoso.example) check-ssl check-sni mail.contoso.example verify none",
        ),
        (
            http_service(tls=TLS, health={"workloads": {"owa": {"tls": False, "port": 81}}}),
            "owa",
            "ssl sni str(mail.contoso.example) no-check-ssl "
            "verify required ca-file 'certs/ca.pem' verifyhost mail.contoso.example",
        ),
        (
            names_service(tls={"server_ca": "ca.pem"}),
            "owa",
            "check-ssl check-sni owa.contoso.example verify required ca-file 'certs/ca.pem' "
            "verifyhost owa.contoso.example",
        ),
        (names_service(), "owa", "check-ssl check-sni owa.contoso.example verify none"),
        (
            stream_service(tls={"server_ca": "ca.pem"}, names=["mail.contoso.example"]),
            "all",
            "check-ssl check-sni mail.contoso.example verify required ca-file 'certs/ca.pem'",
        ),
        (stream_service(), "all", "check-ssl verify none"),
        (
            mail_service(layout="l7", tls={"certificate": "mail.pem", "verify": False}),
            "imaps",
            "ssl check-ssl verify none",
        ),
    ],
)
def test_servers_are_spoken_to_and_verified_as_the_layout_can(
    keys: dict[str, Any], pool: str, words: str
) -> None:
    assert defaults(keys, pool).endswith(f" {words}")


@pytest.mark.parametrize(
    ("keys", "pool"),
    [
        (http_service(tls={**TLS, "mode": "offload"}), "owa"),
        (mail_service("imap"), "imap"),
    ],
)
def test_what_is_clear_stays_clear(keys: dict[str, Any], pool: str) -> None:
    assert "ssl" not in defaults(keys, pool)


def test_traffic_goes_to_the_port_that_the_server_maps() -> None:
    known = {"cas1": server(1, ports={443: 8443, 80: 8080})}
    for mode, port in (("re-encrypt", 8443), ("offload", 8080)):
        keys = http_service(servers=["cas1"], tls={**TLS, "mode": mode})
        found = service(keys, servers=known)
        assert server_port(found, found.workloads[0], found.servers[0]) == port


def test_a_check_may_go_to_another_port_which_the_server_maps_too() -> None:
    known = {"cas1": server(1, ports={81: 8081}), "cas2": server(2)}
    keys = http_service(health={"workloads": {"owa": {"port": 81}}})
    assert [line.split(" port ")[1] for line in servers(keys, servers=known)] == ["8081", "81"]
    assert " port " not in servers(keys, "activesync", servers=known)[0]


def test_the_proxy_protocol_goes_to_servers_that_take_it_and_never_to_another_port() -> None:
    known = {"cas1": server(1, proxy_protocol=["imap"]), "cas2": server(2)}
    keys = mail_service("imaps")
    assert [line.partition("weight 100")[2] for line in servers(keys, "imaps", servers=known)] == [
        " send-proxy-v2 check-send-proxy",
        "",
    ]
    elsewhere = mail_service("imaps", health={"workloads": {"imaps": {"port": 81}}})
    assert servers(elsewhere, "imaps", servers=known)[0].endswith(" send-proxy-v2 port 81")


def test_servers_are_asked_for_advice_where_somebody_listens() -> None:
    text = rendered(farm({"mail": http_service()}))
    lines = section(text, "backend mail.owa")
    assert any(
        "agent-check agent-addr 127.0.0.1 agent-port 9009 agent-inter 5000ms" in line
        for line in lines
    )
    assert any(line.endswith('agent-send "mail.owa/cas1\\n"') for line in lines)
    assert "agent" not in defaults(http_service())


def test_ipv6_servers_stand_in_brackets() -> None:
    known = {"cas1": server(address="2001:db8::11"), "cas2": server(2)}
    assert servers(http_service(), servers=known)[0].startswith("server cas1 [2001:db8::11]:443 ")
