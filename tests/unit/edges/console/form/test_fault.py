from __future__ import annotations

import pytest

from switchover.edges.console.form.fault import faults_of, field_of, without_doubles
from switchover.edges.console.form.field import FieldFault
from switchover.errors import Problem

VALUE = {"servers": ["cas1", {"name": "cas2", "weight": 900}], "names": {"owa": "x"}}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("services.mail", "name"),
        ("services.mail.port", "port"),
        ("services.mail.tls.mode", "tls.mode"),
        ("services.mail.tls", "tls.certificate"),
        ("services.mail.tls.certificate.0", "tls.certificate"),
        ("services.mail.sorry", "sorry.page"),
        ("services.mail.persistence", "persistence.kind"),
        ("services.mail.servers", "servers"),
        ("services.mail.servers.0", "servers"),
        ("services.mail.servers.0.weight", "weight.cas1"),
        ("services.mail.servers.1.weight", "weight.cas2"),
        ("services.mail.servers.9.weight", "weight."),
        ("services.mail.names", "names"),
        ("services.mail.names.owa", "host.owa"),
        ("services.mail.names.owa.name", "host.owa"),
        ("services.mail.names.owa.address", "own_address.owa"),
        ("services.mail.workloads.0", "workloads"),
        ("services.mail.allow.2", "allow"),
        ("services.mail.timeouts.owa", "more"),
        ("services.mail.health.workloads.owa.path", "more"),
        ("services.mail.health.fall", "health.fall"),
        ("services.other.port", ""),
        ("platform", ""),
    ],
)
def test_a_fault_of_the_file_is_told_at_its_field(path: str, field: str) -> None:
    assert field_of(path, "services", "mail", VALUE) == field


def test_names_in_a_list_have_one_field() -> None:
    assert field_of("services.mail.names.0", "services", "mail", {"names": ["x"]}) == "names"
    assert field_of("services.mail.servers.x.weight", "services", "mail", {}) == "weight."


def test_faults_of_a_server_are_told_at_its_fields() -> None:
    assert field_of("servers.cas1.ports.443", "servers", "cas1", {}) == "ports"
    assert field_of("servers.cas1.runs.0", "servers", "cas1", {}) == "runs"
    assert field_of("servers.cas1.site", "servers", "cas1", {}) == "site"


def test_problems_keep_what_to_do() -> None:
    problem = Problem(message="is wrong", path="services.mail.port", hint="mend it")
    assert faults_of([problem], "services", "mail", {}) == [
        FieldFault(field="port", message="is wrong", hint="mend it")
    ]


def test_what_is_missing_is_told_once() -> None:
    needed = FieldFault(field="address", message="is needed", hint="give it")
    again = FieldFault(field="name", message="the key 'address' is missing")
    other = FieldFault(field="address", message="'' is not an address")
    wrong = FieldFault(field="name", message="is not a usable name")
    assert without_doubles([needed, again, other, wrong, wrong]) == [needed, wrong]
