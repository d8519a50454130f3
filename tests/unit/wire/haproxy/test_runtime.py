"""Commands can be nothing but what they say, and answers are judged by what the engine says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.command import Command, Fault, Outcome, judge
from switchover.wire.haproxy.runtime import (
    MAX_COMMAND_BYTES,
    CheckKind,
    HealthVerdict,
    ServerMode,
)

PEM = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"

# Every builder with one hostile argument.
WITH_A_NAME: tuple[Callable[[str], Command], ...] = (
    lambda name: runtime.set_mode(name, "s", ServerMode.READY),
    lambda name: runtime.set_mode("b", name, ServerMode.READY),
    lambda name: runtime.set_weight("b", name, 1),
    lambda name: runtime.set_address("b", name, "192.0.2.1", 25),
    lambda name: runtime.set_address("b", "s", name, 25),
    lambda name: runtime.set_health("b", name, HealthVerdict.UP),
    lambda name: runtime.set_agent("b", name, up=True),
    lambda name: runtime.enable_checks("b", name, CheckKind.AGENT),
    lambda name: runtime.disable_checks("b", name, CheckKind.HEALTH),
    lambda name: runtime.set_server_limit("b", name, 1),
    lambda name: runtime.set_tls("b", name, on=True),
    lambda name: runtime.set_check_port("b", name, 0),
    lambda name: runtime.set_agent_address("b", name, "192.0.2.1", 25),
    lambda name: runtime.set_agent_address("b", "s", name, 25),
    runtime.lift_rate_limit,
    runtime.show_authority,
    lambda name: runtime.shutdown_sessions("b", name),
    lambda name: runtime.add_map_entry(name, "k", "v"),
    lambda name: runtime.add_map_entry("m", name, "v"),
    lambda name: runtime.add_map_entry("m", "k", name),
    lambda name: runtime.set_map_entry("m", "k", name),
    lambda name: runtime.delete_map_entry("m", name),
    runtime.clear_map,
    runtime.prepare_map,
    runtime.prepare_list,
    lambda name: runtime.fill_map("m", 1, [(name, "v")])[0],
    lambda name: runtime.fill_list("m", 1, [name])[0],
    lambda name: runtime.commit_map(name, 1),
    lambda name: runtime.commit_list(name, 1),
    lambda name: runtime.discard_map(name, 1),
    runtime.show_list,
    runtime.show_map,
    lambda name: runtime.set_certificate(name, PEM),
    runtime.commit_certificate,
    runtime.abort_certificate,
    runtime.show_certificate,
    runtime.show_servers_state,
    runtime.show_table,
    runtime.show_session,
)


@pytest.mark.parametrize("build", WITH_A_NAME)
@pytest.mark.parametrize(
    "name",
    ["", "a b", "a;quit", "a\nquit", "a\r", "a\\", "a'", 'a"', "a#b", "a\0", "é", "a<<", "$x"],
)
def test_no_argument_can_carry_a_second_command(build: Callable[[str], Command], name: str) -> None:
    with pytest.raises(InvalidInput):
        build(name)


@given(st.text(max_size=20), st.sampled_from(WITH_A_NAME))
def test_whatever_is_accepted_is_one_line_of_plain_words(
    text: str, build: Callable[[str], Command]
) -> None:
    try:
        command = build(text)
    except InvalidInput:
        return
    assert command.line.isascii()
    assert command.line.isprintable()
    assert not set(";\\'\"#<") & set(command.line)
    assert "\n\n" not in command.payload


def test_lines_are_those_of_the_management_guide() -> None:
    lines = [
        runtime.set_mode("mail.owa", "cas1", ServerMode.MAINTENANCE).line,
        runtime.set_weight("b", "s", 256).line,
        runtime.set_address("b", "s", "2001:DB8::1", 993).line,
        runtime.set_agent("b", "s", up=False).line,
        runtime.disable_checks("b", "s", CheckKind.AGENT).line,
        runtime.set_map_entry("maps/mail.names", "owa.contoso.example", "mail.owa").line,
        runtime.commit_map("m", 3).line,
        runtime.discard_map("m", 3).line,
        runtime.prepare_list("lists/x").line,
        runtime.commit_list("lists/x", 2).line,
        runtime.show_servers_state("b").line,
        runtime.show_certificate().line,
        runtime.show_table("mail").line,
        runtime.show_sessions().line,
        runtime.show_session("0x7f0c58042fb0").line,
        runtime.to_worker(77, runtime.show_statistics()).line,
    ]
    assert lines == [
        "set server mail.owa/cas1 state maint",
        "set server b/s weight 256",
        "set server b/s addr 2001:db8::1 port 993",
        "set server b/s agent down",
        "disable agent b/s",
        "set map maps/mail.names owa.contoso.example mail.owa",
        "commit map @3 m",
        "clear map @3 m",
        "prepare acl lists/x",
        "commit acl @2 lists/x",
        "show servers state b",
        "show ssl cert",
        "show table mail",
        "show sess",
        "show sess 0x7f0c58042fb0",
        "@!77 show stat",
    ]


@pytest.mark.parametrize("weight", [-1, 257])
def test_a_weight_outside_its_range_is_refused(weight: int) -> None:
    with pytest.raises(InvalidInput, match="0 to 256"):
        runtime.set_weight("b", "s", weight)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_outside_its_range_is_refused(port: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 65535"):
        runtime.set_address("b", "s", "192.0.2.1", port)


@pytest.mark.parametrize("name", ["@1", "*staged"])
def test_a_file_name_cannot_pose_as_a_version_or_staged_file(name: str) -> None:
    with pytest.raises(InvalidInput):
        runtime.show_map(name)


@given(st.lists(st.tuples(st.from_regex(r"[a-z.]{1,60}", fullmatch=True), st.just("b.x"))))
def test_a_map_of_any_size_goes_in_commands_that_fit(entries: list[tuple[str, str]]) -> None:
    entries *= 40
    commands = runtime.fill_map("maps/names", 7, entries)
    lines = [line for command in commands for line in command.payload.split("\n")]
    assert lines == [f"{key} {value}" for key, value in entries]
    assert all(len(command.encode()) <= MAX_COMMAND_BYTES for command in commands)


def test_a_large_map_is_split_into_as_few_commands_as_fit() -> None:
    entries = [(f"host{number}.contoso.example", "mail.owa") for number in range(5000)]
    size = sum(len(key) + len(value) + 2 for key, value in entries)
    assert len(runtime.fill_map("m", 1, entries)) == -(-size // MAX_COMMAND_BYTES)


def test_a_certificate_is_sent_without_empty_lines_or_remarks() -> None:
    command = runtime.set_certificate(
        "certs/mail.pem", f"remark\n\n{PEM}\n\r\n{KEY}".replace("\n", "\r\n")
    )
    assert command.payload == PEM + KEY.rstrip("\n")
    assert command.encode().endswith(b"-----END PRIVATE KEY-----\n\n")


@pytest.mark.parametrize(
    "dress",
    [
        "see -----BEGIN CERTIFICATE-----\n" + PEM,
        "see -----BEGIN CERTIFICATE----- below\n" + PEM,
        "\ufeff" + PEM,
        "\ufffd\ufffd\ufffd" + PEM,
        PEM.replace("\n", " \t\r\n"),
        "see -----BEGIN CERTIFICATE-----\nTUlK\n-----END CERTIFICATE-----\n" + PEM,
    ],
)
def test_only_a_line_that_begins_with_dashes_begins_a_block(dress: str) -> None:
    assert runtime.set_certificate("certs/mail.pem", dress).payload == PEM.rstrip("\n")


@pytest.mark.parametrize(
    "build",
    [
        lambda: runtime.set_server_limit("b", "s", -1),
        lambda: runtime.set_engine_limit(0),
        lambda: runtime.set_check_port("b", "s", 65536),
        lambda: runtime.set_agent_address("b", "s", "192.0.2.1", 0),
    ],
)
def test_numbers_out_of_range_are_refused(build: Callable[[], Command]) -> None:
    with pytest.raises(InvalidInput):
        build()


def test_a_private_key_is_not_shown() -> None:
    assert "c2VjcmV0" not in repr(runtime.set_certificate("mail.pem", PEM + KEY))


@pytest.mark.parametrize("pem", ["", "hello", "-----BEGIN X-----\n;quit\n-----END X-----\n"])
def test_what_is_no_certificate_is_refused(pem: str) -> None:
    with pytest.raises(InvalidInput, match="no PEM block"):
        runtime.set_certificate("mail.pem", pem)


def test_a_certificate_too_large_for_the_socket_asks_for_a_reload() -> None:
    with pytest.raises(InvalidInput, match="a reload is needed"):
        runtime.set_certificate("mail.pem", PEM * 400)


SET = runtime.set_mode("b", "s", ServerMode.READY)
MOVE = runtime.set_address("b", "s", "192.0.2.1", 25)


@pytest.mark.parametrize(
    ("command", "answer", "fault"),
    [
        (SET, "\n", None),
        (SET, "No such server.\n", Fault.NO_SUCH_SERVER),
        (SET, "No such backend.\n", Fault.NO_SUCH_BACKEND),
        (SET, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.", Fault.INVALID_VALUE),
        (SET, "Absolute weight can only be between 0 and 256 inclusive.", Fault.INVALID_VALUE),
        (SET, "agent checks are not enabled on this server.", Fault.NOT_ENABLED),
        (SET, "Permission denied\n", Fault.DENIED),
        (SET, "Proxy is disabled.\n", Fault.STOPPING),
        (SET, "Unknown command: 'set', but maybe ...", Fault.UNKNOWN_COMMAND),
        (SET, "something new\n", Fault.OTHER),
        (MOVE, "IP changed from '127.0.0.1' to '192.0.2.1' by 'stats socket command'", None),
        (MOVE, "no need to change the addr, no need to change the port by 'stats socket command'", None),
        (MOVE, "Invalid addr 'x' by 'stats socket command'", Fault.INVALID_VALUE),
        (MOVE, "", Fault.OTHER),
        (runtime.set_map_entry("m", "k", "v"), "entry not found.\n", Fault.NO_SUCH_ENTRY),
        (runtime.delete_map_entry("m", "k"), "Key not found.\n", Fault.NO_SUCH_ENTRY),
        (runtime.show_map("m"), "Unknown map identifier. Please use #<id> or <file>.", Fault.NO_SUCH_MAP),
        (runtime.show_list("m"), "Unknown ACL identifier. Please use #<id> or <file>.", Fault.NO_SUCH_MAP),
        (runtime.show_map("m"), "0x1 k No such server.", Fault.NO_SUCH_SERVER),
        (runtime.show_map("m"), "0x1 k v\n0x2 x No such server.", None),
        (runtime.prepare_map("m"), "New version created: 12", None),
        (runtime.commit_map("m", 9), "Version number out of range.", Fault.WRONG_VERSION),
        (runtime.set_certificate("c", PEM), "Transaction updated for certificate c!", None),
        (runtime.set_certificate("c", PEM),
         "Can't replace a certificate which is not referenced by the configuration!\nCan't update c!",
         Fault.NO_SUCH_CERTIFICATE),
        (runtime.set_certificate("c", PEM),
         "unable to load certificate from file 'c': no start line.\nCan't load the payload",
         Fault.INVALID_VALUE),
        (runtime.commit_certificate("c"), "Committing c.....\nSuccess!", None),
        (runtime.commit_certificate("c"), "No ongoing transaction! !\nCan't commit c!", Fault.NO_TRANSACTION),
        (runtime.abort_certificate("c"), "Transaction aborted for certificate 'c'!", None),
        (runtime.show_certificate("c"), "Can't display the certificate: Not found or the ...", Fault.NO_SUCH_CERTIFICATE),
        (runtime.show_table("t"), "No such table", Fault.NO_SUCH_TABLE),
        (runtime.to_worker(9, runtime.show_info()), "Can't find the target PID matching the prefix '@!9'", Fault.NO_SUCH_PROCESS),
        (runtime.show_info(), "Name: HAProxy", None),
    ],
)  # fmt: skip
def test_answers_are_judged(command: Command, answer: str, fault: Fault | None) -> None:
    outcome = judge(command, answer)
    assert outcome.fault is fault
    assert outcome.is_done is (fault is None)


def test_the_version_of_a_prepared_map_is_read() -> None:
    outcome: Outcome = judge(runtime.prepare_map("m"), "New version created: 12\n")
    assert runtime.map_version(outcome) == 12


@given(st.text())
def test_no_answer_raises(answer: str) -> None:
    for command in (SET, MOVE, runtime.show_info()):
        judge(command, answer)
