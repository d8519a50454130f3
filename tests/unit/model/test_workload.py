from __future__ import annotations

from switchover.model.workload import Check, CheckKind, Protocol, Template, Transport, Workload

WEB = Workload(
    name="web",
    template="own",
    title="Web",
    protocol=Protocol.HTTP,
    port=80,
    transport=Transport.CLEAR,
    check=Check(kind=CheckKind.HTTP),
)


def test_a_template_finds_its_workloads_by_name() -> None:
    template = Template(name="own", title="Own", workloads=(WEB,))
    assert template.find("web") is WEB
    assert template.find("mail") is None


def test_every_protocol_has_a_check_of_its_name() -> None:
    assert {item.value for item in Protocol} == {item.value for item in CheckKind}


def test_a_workload_is_open_and_unprotected_unless_its_template_says_so() -> None:
    assert not WEB.restricted
    assert not WEB.windows_authentication
    assert WEB.extended_protection == "off"
