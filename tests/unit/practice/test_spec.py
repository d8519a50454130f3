from __future__ import annotations

import pytest

from switchover.errors import InvalidInput
from switchover.practice.certificates import KeyType
from switchover.practice.json_input import read_json, take
from switchover.practice.spec import FREE, FarmSpec, PortChoice, PracticeServer, parse_farm

WHOLE = {
    "servers": {
        "cas1": {
            "address": "127.0.0.11",
            "runs": ["exchange", "dovecot"],
            "ports": {"https": 8443, "http": None, "imaps": "free", "smtp": 0},
            "names": {"owa": "owa.contoso.example"},
            "proxy_protocol": ["imaps"],
        }
    },
    "names": ["mail.contoso.example"],
    "key_type": "rsa",
    "password": "other",
}


def test_a_whole_farm_is_read() -> None:
    farm = parse_farm(WHOLE)
    server = farm.servers[0]
    assert farm.key_type is KeyType.RSA
    assert (farm.names, farm.password) == (("mail.contoso.example",), "other")
    assert (server.name, server.address) == ("cas1", "127.0.0.11")
    assert server.offered_ports == {"https": 8443, "imaps": FREE}
    assert server.names == {"owa": "owa.contoso.example"}
    assert server.proxy_protocol == {"imaps"}


def test_what_is_left_out_has_a_default() -> None:
    farm = parse_farm({"servers": {"cas1": {}}})
    assert farm == FarmSpec(servers=(PracticeServer(name="cas1"),))
    assert farm.servers[0].offered_ports == {"https": FREE}


def test_workloads_are_the_web_workloads_once_and_the_mail_ports() -> None:
    ports: dict[str, PortChoice] = {"https": FREE, "http": FREE, "imaps": FREE}
    server = PracticeServer(name="web1", runs=("roundcube",), ports=ports)
    assert server.workloads == ("webmail", "imaps")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "farm: must be an object"),
        ({}, "farm.servers: must be an object"),
        ({"servers": {}}, "at least one server"),
        ({"servers": {"cas1": {"addr": "127.0.0.1"}}}, "cas1.addr: unknown key"),
        ({"servers": {"cas1": {"address": "192.0.2.1"}}}, "no loopback address"),
        ({"servers": {"cas1": {"address": "localhost"}}}, "no loopback address"),
        ({"servers": {"cas1": {"address": 1}}}, "address: must be str, not int"),
        ({"servers": {"Cas 1": {}}}, "cannot name"),
        ({"servers": {"all": {}}}, "cannot name"),
        ({"servers": {"cas1": {"ports": {"gopher": 70}}}}, "ports cannot have 'gopher'"),
        ({"servers": {"cas1": {"ports": {"https": 70000}}}}, "cannot be 70000"),
        ({"servers": {"cas1": {"ports": {"https": "any"}}}}, "ports.https must be"),
        ({"servers": {"cas1": {"ports": {"https": True}}}}, "ports.https must be"),
        ({"servers": {"cas1": {"runs": ["lotus"]}}}, "runs cannot have 'lotus'"),
        ({"servers": {"cas1": {"runs": "exchange"}}}, "runs: must be a list of texts"),
        ({"servers": {"cas1": {"names": {"imap": "x"}}}}, "names cannot have 'imap'"),
        ({"servers": {"cas1": {"names": {"owa": 1}}}}, "names: must map names to texts"),
        ({"servers": {"cas1": {"proxy_protocol": ["imap"]}}}, "proxy_protocol cannot have"),
        ({"servers": {"cas1": {}}, "key_type": "dsa"}, "key_type must be one of"),
        ({"servers": {"cas1": {}}, "more": 1}, "farm.more: unknown key"),
    ],
)
def test_a_bad_specification_says_what_is_wrong(value: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_farm(value)


def test_two_servers_cannot_share_a_name() -> None:
    with pytest.raises(InvalidInput, match="one name"):
        FarmSpec(servers=(PracticeServer(name="cas1"), PracticeServer(name="cas1")))


def test_bad_json_is_reported_with_line_and_column() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_json('{\n "a": }', source="farm.json")
    problem = caught.value.problems[0]
    assert (problem.source, problem.line, problem.column) == ("farm.json", 2, 7)


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"[" * 200_000])
def test_bytes_that_are_no_json_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="is no JSON"):
        read_json(content, source="farm.json")


def test_a_whole_number_passes_as_seconds_but_a_truth_value_does_not() -> None:
    assert take({"seconds": 2}, "seconds", float, 0.0, path="order") == 2.0
    with pytest.raises(InvalidInput, match=r"order\.seconds"):
        take({"seconds": True}, "seconds", float, 0.0, path="order")
