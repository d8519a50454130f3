from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import (
    farm_text,
    http_service,
    mail_service,
    names_service,
    outcome,
    problems_in,
    stream_service,
)

from switchover.balance.resolve import resolve
from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file.read import (
    MAX_PROBLEMS,
    raise_problems,
    read_platform_file,
    read_template,
)

FARM = """\
platform: contoso
servers:
  cas1: {address: 192.0.2.11, runs: [exchange]}
services:
  mail:
    address: 203.0.113.10
    port: 443
    layout: l7
    names: [mail.contoso.example]
    workloads: [owa]
    servers: [cas1]
    tls: {certificate: mail.pem}
"""


def faults(old: str, new: str) -> list[str]:
    assert FARM.count(old) == 1
    return [str(problem) for problem in problems_in(FARM.replace(old, new))]


def test_a_file_is_read_with_its_values_and_places() -> None:
    file = read_platform_file(FARM.encode(), source="farm.yaml")
    assert file.spec.servers["cas1"].address == "192.0.2.11"
    problem = file.problem(("services", "mail", "port"), "is taken", "choose another")
    assert str(problem) == "farm.yaml:7:11: services.mail.port: is taken (choose another)"


def test_one_value_may_stand_where_a_list_is_expected() -> None:
    file = read_platform_file(FARM.replace("[cas1]", "cas1").replace("[owa]", "owa"))
    assert [item.name for item in file.spec.services["mail"].servers] == ["cas1"]
    assert file.spec.services["mail"].workloads == ["owa"]


def test_numbers_may_stand_where_text_is_expected() -> None:
    text = FARM.replace("platform: contoso", "platform: 123").replace("cas1", "1")
    file = read_platform_file(text.replace("{certificate", "{minimum: 1.3, certificate"))
    assert file.spec.platform == "123"
    assert list(file.spec.servers) == ["1"]
    assert [item.name for item in file.spec.services["mail"].servers] == ["1"]
    assert file.spec.services["mail"].tls.minimum == "1.3"


def test_words_that_older_yaml_takes_for_true_and_false_are_names() -> None:
    file = read_platform_file(FARM.replace("contoso\n", "no\n").replace("cas1", "on"))
    assert file.spec.platform == "no"
    assert list(file.spec.servers) == ["on"]


def test_ports_may_be_keys() -> None:
    file = read_platform_file(FARM.replace("runs:", "ports: {443: 8443, '80': 8080}, runs:"))
    assert file.spec.servers["cas1"].ports == {443: 8443, 80: 8080}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "port: 443",
            "prot: 443",
            [
                "farm.yaml:5:3: services.mail: the key 'port' is missing",
                "farm.yaml:7:5: services.mail.prot: unknown key 'prot' (did you mean 'port'?)",
            ],
        ),
        ("port: 443", "port: '443'", ["farm.yaml:7:11: services.mail.port: must be a whole number, not '443'"]),
        ("port: 443", "port: 70000", ["farm.yaml:7:11: services.mail.port: must be at most 65535, not 70000"]),
        ("port: 443", "port:", ["farm.yaml:7:10: services.mail.port: must be a whole number, not nothing"]),
        (
            "layout: l7",
            "layout: l5",
            ["farm.yaml:8:13: services.mail.layout: 'l5' is not one of 'l4', 'l4-names' or 'l7' (did you mean 'l7'?)"],
        ),
        (
            "address: 192.0.2.11",
            "address: 192.0.2.300",
            ["farm.yaml:3:19: servers.cas1.address: '192.0.2.300' is not an IPv4 or IPv6 address"],
        ),
        (
            "[mail.contoso.example]",
            "5",
            ["farm.yaml:9:12: services.mail.names: must be a list, not 5"],
        ),
        (
            "[cas1]",
            "[cas1, {name: cas2, wait: 5}]",
            ["farm.yaml:11:34: services.mail.servers.1.wait: unknown key 'wait' (did you mean 'weight'?)"],
        ),
        (
            "{certificate: mail.pem}",
            "[mail.pem]",
            ["farm.yaml:12:10: services.mail.tls: must be a mapping (key: value), not a list"],
        ),
        (
            "{certificate: mail.pem}",
            "{certificate: mail.pem, minimum: 1.1}",
            ["farm.yaml:12:43: services.mail.tls.minimum: '1.1' is not one of '1.2' or '1.3' (did you mean '1.3'?)"],
        ),
        (
            "    tls:",
            "    <<: {port: 1}\n    tls:",
            [
                "farm.yaml:12:5: services.mail.<<: unknown key '<<' "
                "(merge keys are not understood; write the keys out)"
            ],
        ),
        (
            "    tls:",
            "    accept_proxy: maybe\n    tls:",
            ["farm.yaml:12:19: services.mail.accept_proxy: must be true or false, not 'maybe'"],
        ),
        (
            "    tls:",
            "    health: {interval: fast, fall: 0}\n    tls:",
            [
                "farm.yaml:12:24: services.mail.health.interval: must be a duration such as 30s, 500ms or 5m, not 'fast'",
                "farm.yaml:12:36: services.mail.health.fall: must be at least 1, not 0",
            ],
        ),
        (
            "    tls:",
            "    persistence: {expire: 5m}\n    tls:",
            ["farm.yaml:12:5: services.mail.persistence: the key 'kind' is missing"],
        ),
        (
            "platform: contoso",
            "platform: true",
            ["farm.yaml:1:11: platform: must be text, not true (put it in quotes if it is meant as text)"],
        ),
        (
            "  cas1: {address: 192.0.2.11, runs: [exchange]}\n",
            "",
            ["farm.yaml:2:9: servers: must be a mapping (key: value), not nothing"],
        ),
        (
            "  cas1: {address: 192.0.2.11",
            "  CAS1: {address: 192.0.2.11",
            [
                "farm.yaml:3:9: servers.CAS1: 'CAS1' is not a usable name: "
                "1 to 40 characters out of a-z, 0-9 and -, not at its ends"
            ],
        ),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_what_to_do(
    old: str, new: str, expected: list[str]
) -> None:
    assert faults(old, new) == expected


def test_every_fault_is_told_in_the_order_of_the_file() -> None:
    text = FARM.replace("port: 443", "port: x").replace("192.0.2.11", "y").replace("l7", "z")
    assert [problem.line for problem in problems_in(text)] == [3, 7, 8]


def test_only_the_first_faults_are_told_and_all_are_counted() -> None:
    many = "".join(f"  s{n}: {{address: 192.0.2.1}}\n" for n in range(2000))
    with pytest.raises(InvalidInput) as caught:
        read_platform_file(f"platform: contoso\nservers:\n{many}")
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert [problem.line for problem in caught.value.problems] == list(range(3, 53))
    assert str(caught.value).startswith("2,000 faults. First: 3:3: servers.s0")


@pytest.mark.parametrize("text", ["- 1", "just text", "5", "[]"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert [str(item) for item in problems_in(text)] == [
        "farm.yaml:1:1: the file must be a mapping of keys"
    ]


def test_an_empty_file_lacks_its_first_keys() -> None:
    assert [str(item) for item in problems_in(b"")] == [
        "farm.yaml:1:1: the key 'platform' is missing",
        "farm.yaml:1:1: the key 'servers' is missing",
    ]


def test_templates_are_read_by_the_same_rules() -> None:
    text = b"title: Own\nworkloads: {web: {title: Web, protocol: http, port: 80, transport: clear}}"
    assert read_template(text, source="own.yaml").workloads["web"].port == 80
    with pytest.raises(InvalidInput, match=r"own\.yaml:1:1: the key 'title' is missing"):
        read_template(b"workloads: {}", source="own.yaml")


def test_no_problems_are_no_error() -> None:
    raise_problems([])


def test_a_single_problem_is_the_message() -> None:
    with pytest.raises(InvalidInput, match=r"1 fault\. First: is wrong"):
        raise_problems([Problem(message="is wrong")])


WHOLE = farm_text(
    {
        "mail": http_service(
            redirect_from=80, sorry={"page": "sorry.html"}, persistence={"kind": "cookie"},
            health={"profile": "fast", "workloads": {"owa": {"expect_status": [200, "301-302"]}}},
        ),
        "names": names_service(limits={"connections": 5}, timeouts={"owa": "5m"}),
        "stream": stream_service(servers=["cas1", {"name": "cas2", "weight": 5}], deny="192.0.2.0/24"),
        "imap": mail_service(),
    },
    templates={"own": {"title": "Own", "workloads": {
        "web": {"title": "Web", "protocol": "http", "port": 80, "transport": "clear"}}}},
)  # fmt: skip
JUNK = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "[]", "{}", "null", "1", "-1", "1e999", "true", "'", '"', "\n", "  ", "\t", ": ", "- ", "*x", "&x ",
         "!!x ", "[{a: [", "}}", "<<: ", "é", "\x00", "999999999999999999999999", "0", "1.5", "#", "|", "all"]
    ),
)  # fmt: skip


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_spoiled_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    text = WHOLE
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 20))
        text = text[:start] + data.draw(JUNK) + text[end:]
    problems = outcome(lambda: resolve(read_platform_file(text)))
    assert all(problem.line and problem.column for problem in problems)


LINES = WHOLE.splitlines()


@given(st.integers(0, len(LINES) - 1), JUNK)
@settings(max_examples=60, deadline=None)
def test_a_file_with_any_value_replaced_is_read_or_refused(number: int, junk: str) -> None:
    key, _, _ = LINES[number].partition(":")
    text = "\n".join([*LINES[:number], f"{key}: {junk}", *LINES[number + 1 :]])
    problems = outcome(lambda: resolve(read_platform_file(text)))
    assert all(problem.line and problem.column for problem in problems)
