from __future__ import annotations

from typing import Any

import pytest
from tests.builders import (
    asset_files,
    compiled,
    engine_facts,
    farm,
    http_service,
    mail_service,
    names_service,
    rendered,
    server,
    stream_service,
)

from switchover.balance.compile import (
    AGENT_POLLS_PER_SECOND,
    agent_seconds,
    compile_engine,
    sorry_response,
)
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.wire.haproxy.render import render_files

EVERYTHING: dict[str, dict[str, Any]] = {
    "mail": http_service(redirect_from=80, sorry={"page": "sorry.html"}),
    "names": names_service(),
    "stream": stream_service(),
    "imap": mail_service(),
}


def test_equal_farms_give_equal_bytes() -> None:
    first, second = (compiled(farm(EVERYTHING)) for _ in range(2))
    assert render_files(first.config) == render_files(second.config)
    assert first == second


def test_every_service_has_its_frontends_and_a_backend_for_each_verdict() -> None:
    config = compiled(farm(EVERYTHING)).config
    assert [item.name for item in config.frontends] == [
        "mail", "mail.redirect", "names", "stream", "imap",
    ]  # fmt: skip
    assert [item.name for item in config.backends] == [
        "mail.owa", "mail.activesync", "names.owa", "names.activesync", "stream.all", "imap.imaps",
    ]  # fmt: skip


def test_the_engine_is_set_up_as_the_file_and_the_machine_say() -> None:
    balance = farm(
        engine={
            "threads": 3, "old_workers": 7, "old_worker_lifetime": "2h", "connect_timeout": "4s",
            "max_connections": 999,
        }
    )  # fmt: skip
    settings = compiled(
        balance, facts=engine_facts(user="u", group="g", event_socket="/e")
    ).config.global_
    assert (settings.threads, settings.max_reloads, settings.hard_stop_seconds) == (3, 7, 7200.0)
    assert (settings.connect_seconds, settings.max_connections) == (4.0, 999)
    assert (settings.user, settings.group, settings.event_socket) == ("u", "g", "/e")
    assert compiled(farm()).config.global_.max_connections == 2000


def test_workers_speak_to_each_other_only_where_clients_are_tied_by_address() -> None:
    assert compiled(farm(EVERYTHING)).config.global_.peers_socket is None
    tied = farm({"imap": mail_service(persistence="source")})
    assert compiled(tied).config.global_.peers_socket == "unix@/run/switchover/peers.sock"


@pytest.mark.parametrize(
    ("health", "seconds"), [({}, None), ({"profile": "fast"}, 0.8), ({"interval": "1s"}, None)]
)
def test_first_checks_are_spread_over_no_more_than_an_interval(
    health: dict[str, Any], seconds: float | None
) -> None:
    balance = farm({"mail": http_service(health=health)})
    assert compiled(balance).config.global_.max_spread_seconds == seconds
    assert compiled(farm()).config.global_.max_spread_seconds is None


def test_paths_and_names_lead_to_workloads() -> None:
    own = {"name": "ecp.contoso.example", "address": "203.0.113.20"}
    names = {"owa": "owa.contoso.example", "ecp": own, "activesync": "eas.contoso.example"}
    balance = farm(
        {
            "mail": http_service(),
            "names": names_service(names=names),
            "stream": stream_service(),
            "imap": mail_service(),
            "tls": mail_service(
                port=994, layout="l7", names=["a"], tls={"certificate": "mail.pem"}
            ),
        }
    )
    assert compiled(balance).config.maps == {
        "maps/mail.paths": (("/microsoft-server-activesync/", "activesync"), ("/owa/", "owa")),
        "maps/names.names": (("eas.contoso.example", "activesync"), ("owa.contoso.example", "owa")),
    }


def test_mail_may_be_led_by_names_too() -> None:
    balance = farm({"mail": names_service(names={"imaps": "imap.contoso.example"})})
    assert compiled(balance).config.maps == {
        "maps/mail.names": (("imap.contoso.example", "imaps"),)
    }


def test_a_workload_that_owns_the_root_is_led_by_a_slash() -> None:
    balance = farm(
        {"mail": http_service(workloads=["webmail"])},
        servers={"cas1": server(1, runs="roundcube"), "cas2": server(2, runs="roundcube")},
    )
    assert compiled(balance).config.maps == {"maps/mail.paths": (("/", "webmail"),)}


def test_lists_exist_where_a_rule_reads_them() -> None:
    assert compiled(farm({"mail": http_service()})).config.lists == {}
    keys = http_service(
        allow="192.0.2.0/24", deny=["198.51.100.7"], allow_restricted="10.0.0.0/8", redirect_from=80
    )
    assert compiled(farm({"mail": keys})).config.lists == {
        "lists/mail.allow": ("192.0.2.0/24",),
        "lists/mail.deny": ("198.51.100.7/32",),
        "lists/mail.restricted": ("10.0.0.0/8",),
        "lists/mail.hosts": ("mail.contoso.example",),
    }


def test_files_are_kept_byte_by_byte_and_keys_are_marked() -> None:
    balance = farm(
        {
            "mail": http_service(
                tls={"certificate": ["a.pem", "b.pem"], "server_ca": "ca.pem"},
                sorry={"page": "sorry.html"},
            ),
            "stream": stream_service(sorry={"page": "sorry.html", "certificate": "c.pem"}),
        }
    )
    config = compiled(balance).config
    assert config.files == {
        "certs/a.pem": b"content of a.pem\n",
        "certs/b.pem": b"content of b.pem\n",
        "certs/ca.pem": b"content of ca.pem\n",
        "certs/c.pem": b"content of c.pem\n",
        "pages/mail.sorry.http": sorry_response(b"content of sorry.html\n"),
        "pages/stream.sorry.http": sorry_response(b"content of sorry.html\n"),
    }
    assert config.certificates == {"certs/a.pem", "certs/b.pem", "certs/c.pem"}


def test_a_decrypted_web_service_always_has_a_page() -> None:
    files = compiled(farm({"mail": http_service(title="Post <&> Brief")})).config.files
    page = files["pages/mail.sorry.http"].decode()
    head, _, body = page.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 Service Unavailable\r\n")
    assert f"Content-Length: {len(body.encode())}" in head
    assert "<h1>Post &lt;&amp;> Brief is not available</h1>" in body


@pytest.mark.parametrize(
    "keys",
    [
        http_service(sorry={"address": "192.0.2.99", "port": 80}),
        stream_service(),
        mail_service(),
        mail_service(layout="l7", names=["a"], tls={"certificate": "mail.pem"}),
    ],
)
def test_others_have_none(keys: dict[str, Any]) -> None:
    assert not [name for name in compiled(farm({"mail": keys})).config.files if "pages" in name]


def test_a_page_says_how_long_it_is_in_bytes() -> None:
    answer = sorry_response("é".encode())
    assert b"Content-Length: 2\r\n\r\n\xc3\xa9" in answer
    assert b"Cache-Control: no-store" in answer


def test_the_agent_is_asked_less_often_the_more_servers_there_are() -> None:
    balance = farm({"mail": http_service()})
    assert agent_seconds(balance) == 5.0
    servers = {f"s{number}": server(number % 200) for number in range(1, 601)}
    workloads = ["owa", "ecp", "ews", "oab"]
    large = farm(
        {"mail": http_service(servers=list(servers), workloads=workloads)}, servers=servers
    )
    assert agent_seconds(large) == 2400 / AGENT_POLLS_PER_SECOND
    slow = farm({"mail": http_service()}, engine={"agent_interval": "30s"})
    assert agent_seconds(slow) == 30.0


def test_the_wanted_state_of_every_target_is_known() -> None:
    target = Target(service="mail", pool="owa", server="cas1")
    overrides = Overrides().changed([target], state=AdminState.DRAIN)
    states = compiled(farm({"mail": http_service()}), overrides=overrides).states
    assert states == {
        target: AdminState.DRAIN,
        Target(service="mail", pool="owa", server="cas2"): AdminState.READY,
        Target(service="mail", pool="activesync", server="cas1"): AdminState.READY,
        Target(service="mail", pool="activesync", server="cas2"): AdminState.READY,
    }


def test_a_missing_file_is_the_callers_fault() -> None:
    balance = farm({"mail": http_service()})
    assert set(asset_files(balance)) == {"mail.pem"}
    with pytest.raises(KeyError):
        compiled(balance, files={})


def test_no_service_is_a_configuration_too() -> None:
    assert "frontend" not in rendered(farm())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mail": http_service(title="Other")},
        {"imap": mail_service(persistence="source")},
        {"more": stream_service(address="203.0.113.99")},
    ],
)
def test_compiling_from_the_last_result_gives_the_same(changes: dict[str, Any]) -> None:
    overrides = Overrides().changed(
        [Target(service="mail", pool="owa", server="cas1")], state=AdminState.MAINTENANCE, weight=3
    )
    last = compiled(farm(EVERYTHING), overrides=overrides)
    balance = farm({**EVERYTHING, **changes})
    fresh = compiled(balance)
    again = compile_engine(balance, Overrides(), asset_files(balance), engine_facts(), last=last)
    assert again == fresh
    untouched = set(EVERYTHING) - set(changes)
    assert all(again.services[name] is last.services[name] for name in untouched)


def test_other_facts_or_another_pace_of_the_agent_change_every_service() -> None:
    balance = farm(EVERYTHING)
    last = compiled(balance)
    facts = engine_facts(agent_port=9010)
    again = compile_engine(balance, Overrides(), asset_files(balance), facts, last=last)
    assert again == compiled(balance, facts=facts)
    slow = farm(EVERYTHING, engine={"agent_interval": "30s"})
    again = compile_engine(slow, Overrides(), asset_files(slow), engine_facts(), last=last)
    assert again == compiled(slow)
