from __future__ import annotations

import re
from typing import Any

import pytest
from tests.builders import (
    farm,
    http_service,
    mail_service,
    names_service,
    server,
    service,
    stream_service,
)

from switchover.balance.checks import asked_name, check_host, check_uses_tls, health_check
from switchover.balance.virtual_service import VirtualService

DOVECOT: dict[str, Any] = {
    "servers": {
        "cas1": server(1, runs=["dovecot"]),
        "cas2": server(2, runs=["dovecot"]),
    }
}


def steps(found: VirtualService) -> list[str]:
    check = health_check(found, found.workloads)
    return [step.text for step in check.steps]


def mail_steps(workload: str) -> list[str]:
    return steps(service(mail_service(workload), **DOVECOT))


def test_a_web_workload_is_asked_for_its_page_under_the_name_of_the_service() -> None:
    found = service(http_service(workloads=["owa"]))
    check = health_check(found, found.workloads)
    assert (check.option, check.timeout_seconds) == ("httpchk", 2.0)
    assert [step.text for step in check.steps] == [
        "send meth GET uri '/owa/healthcheck.htm' ver HTTP/1.1 hdr Host 'mail.contoso.example' "
        "hdr User-Agent switchover-check",
        "expect status 200",
    ]


def test_everything_a_check_expects_is_a_step_and_quoted() -> None:
    keys = {
        "method": "OPTIONS", "path": "/it's", "expect_status": [200, "401-403"], "expect_header": "DAV",
        "expect_text": "it's \"up\" # $HOME",
    }  # fmt: skip
    found = service(http_service(workloads=["owa"], health={"workloads": {"owa": keys}}))
    assert steps(found) == [
        "send meth OPTIONS uri '/it'\\''s' ver HTTP/1.1 hdr Host 'mail.contoso.example' "
        "hdr User-Agent switchover-check",
        "expect status 200,401-403",
        "expect hdr name 'DAV'",
        "expect string 'it'\\''s \"up\" # $HOME'",
    ]


def test_several_workloads_are_asked_one_after_the_other_each_on_its_own_connection() -> None:
    assert [step for step in steps(service(stream_service())) if step.startswith("connect")] == [
        "connect default ssl",
        "connect default ssl",
    ]
    named = service(
        stream_service(
            names=["mail.contoso.example"],
            health={"workloads": {"activesync": {"host": "eas.contoso.example", "timeout": "5s"}}},
        )
    )
    check = health_check(named, named.workloads)
    assert check.timeout_seconds == 5.0
    assert [step.text.split(" ver ")[0] for step in check.steps] == [
        "connect default ssl sni mail.contoso.example",
        "send meth GET uri '/owa/healthcheck.htm'",
        "expect status 200",
        "connect default ssl sni eas.contoso.example",
        "send meth GET uri '/Microsoft-Server-ActiveSync/healthcheck.htm'",
        "expect status 200",
    ]


def test_a_single_workload_connects_by_itself() -> None:
    assert not [step for step in mail_steps("imap") if step.startswith("connect")]


def test_several_workloads_in_the_clear_are_connected_to_in_the_clear() -> None:
    own: dict[str, Any] = {"title": "Own"}
    own["workloads"] = {
        name: {
            "title": name,
            "protocol": "http",
            "port": 80,
            "transport": "clear",
            "paths": [f"/{name}"],
        }
        for name in ("a", "b")
    }
    servers = {"cas1": server(1, runs="own"), "cas2": server(2, runs="own")}
    found = service(stream_service(workloads=["a", "b"]), servers=servers, templates={"own": own})
    assert [step for step in steps(found) if step.startswith("connect")] == ["connect default"] * 2


def test_without_a_name_a_web_server_is_asked_for_localhost() -> None:
    assert "hdr Host 'localhost'" in steps(service(stream_service()))[1]


def test_the_host_of_a_check_is_its_own_or_the_workloads_or_the_services() -> None:
    own = service(http_service(health={"workloads": {"owa": {"host": "owa.contoso.example"}}}))
    assert check_host(own, own.workloads[0]) == "owa.contoso.example"
    assert check_host(own, own.workloads[1]) == "mail.contoso.example"
    named = service(names_service())
    assert check_host(named, named.workloads[1]) == "eas.contoso.example"
    nameless = service(stream_service())
    assert check_host(nameless, nameless.workloads[0]) is None


def test_servers_are_asked_for_the_name_they_are_verified_by() -> None:
    tls = {"certificate": "mail.pem", "server_name": "inside.contoso.example"}
    found = service(http_service(tls=tls))
    assert asked_name(found, found.workloads[0]) == "inside.contoso.example"
    assert check_host(found, found.workloads[0]) == "mail.contoso.example"


@pytest.mark.parametrize(
    ("keys", "inside"),
    [
        (http_service(), True),
        (http_service(tls={"mode": "offload", "certificate": "a.pem"}), False),
        (http_service(health={"workloads": {"owa": {"tls": False}}}), False),
        (
            http_service(
                tls={"mode": "offload", "certificate": "a.pem"}, health={"workloads": {"owa": {"tls": True}}}
            ),
            True,
        ),
        (mail_service("imaps"), True),
        (mail_service("imap"), False),
    ],
)  # fmt: skip
def test_a_check_speaks_tls_where_the_checked_port_does(keys: dict[str, Any], inside: bool) -> None:
    found = service(keys)
    assert check_uses_tls(found, found.workloads[0]) is inside


def waits_and_judgements(workload: str) -> list[tuple[str, str]]:
    pattern = re.compile(r'expect (min-recv 1 )?rstring "(.*)"')
    found = [match for step in mail_steps(workload) if (match := pattern.fullmatch(step))]
    return [("judge" if match[1] else "wait", match[2].replace("\\n", "\n")) for match in found]


# What a server says, piece by piece, and whether the judgement that follows accepts it.
@pytest.mark.parametrize(
    ("workload", "position", "said", "good"),
    [
        ("imap", 0, "* OK [CAPABILITY IMAP4rev1] ready\r\n", True),
        ("imap", 0, "* PREAUTH hi\r\n", True),
        ("imap", 0, "* BYE full\r\n", False),
        ("imap", 2, "* 3 EXISTS\r\na1 OK\r\n", True),
        ("imap", 2, "a1 OK NOOP completed.\r\n", True),
        ("imap", 2, "a1 NO a1 OK\r\n", False),
        ("imap", 2, "* BYE\r\n", False),
        ("pop3", 0, "+OK ready\r\n", True),
        ("pop3", 0, "-ERR +OK\r\n", False),
        ("pop3", 2, "+OK list follows\r\n", True),
        ("pop3", 2, "-ERR\r\n", False),
        ("lmtp", 0, "220-a\r\n220 b\r\n", True),
        ("lmtp", 0, "220\r\n", True),
        ("lmtp", 0, "421 4.3.2 220 \r\n", False),
        ("lmtp", 2, "250-a\r\n250 b\r\n", True),
        ("lmtp", 2, "502 5.5.2 250\r\n", False),
        ("submission", 4, "250-a\r\n250-STARTTLS\r\n250 b\r\n", True),
        ("submission", 4, "250-a\r\n250 STARTTLS\r\n", True),
        ("submission", 4, "250-a\r\n250 NOSTARTTLS\r\n", False),
        ("sieve", 0, '"SIEVE" "fileinto"\r\n"STARTTLS"\r\nOK "ready"\r\n', True),
        ("sieve", 0, "OK\r\n", True),
        ("sieve", 0, 'BYE "full"\r\n', False),
        ("sieve", 2, 'NO "what"\r\n', False),
    ],
)
def test_answers_are_judged_when_they_are_whole(
    workload: str, position: int, said: str, good: bool
) -> None:
    expected = waits_and_judgements(workload)
    if expected[position][0] == "wait":
        wait = re.compile(expected[position][1])
        position += 1
        # No beginning of the answer may look like its end, or it would be judged too early.
        assert not any(wait.search(said[:length]) for length in range(len(said.rstrip("\r\n")) - 1))
        assert wait.search(said)
    kind, pattern = expected[position]
    assert kind == "judge"
    assert bool(re.search(pattern, said)) is good


def test_only_submission_that_begins_in_the_clear_must_offer_starttls() -> None:
    assert any("STARTTLS" in step for step in mail_steps("submission"))
    assert not any("STARTTLS" in step for step in mail_steps("submissions"))


@pytest.mark.parametrize(
    ("workload", "said"),
    [
        ("imap", ["a1 NOOP", "a2 LOGOUT"]),
        ("pop3", ["CAPA", "QUIT"]),
        ("lmtp", ["LHLO switchover-check.invalid", "QUIT"]),
        ("submission", ["EHLO switchover-check.invalid", "QUIT"]),
        ("sieve", ["NOOP", "LOGOUT"]),
    ],
)
def test_a_check_takes_its_leave(workload: str, said: list[str]) -> None:
    sent = [step for step in mail_steps(workload) if step.startswith("send")]
    assert sent == [f'send "{line}\\r\\n"' for line in said]


def test_a_plain_port_is_only_connected_to() -> None:
    own = {
        "title": "Own",
        "workloads": {
            "push": {"title": "Push", "protocol": "tcp", "port": 5223, "transport": "tls"}
        },
    }
    servers = {"cas1": server(1, runs="own"), "cas2": server(2, runs="own")}
    found = farm({"mail": mail_service("push")}, servers=servers, templates={"own": own}).services[
        0
    ]
    check = health_check(found, found.workloads)
    assert (check.option, check.steps) == ("tcp-check", ())
