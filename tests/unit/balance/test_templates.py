"""The shipped templates, and what each becomes in every layout.

The rendered configurations lie in ``tests/golden``, to be read by people: a change shows there as a
difference to review. ``SWITCHOVER_WRITE_GOLDEN=1 pytest tests/unit/balance/test_templates.py`` writes
them anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.builders import EXCHANGE_HTTP, compiled, farm, faults_of

from switchover.balance.shipped import shipped_templates
from switchover.model.workload import CheckKind, ExtendedProtection, Protocol, Transport, Workload
from switchover.wire.haproxy.render import MAIN_FILE, render_files

GOLDEN = Path(__file__).parents[2] / "golden"
LAYOUTS = ("l4", "l4-names", "l7")
WORKLOADS = [
    pytest.param(workload, id=f"{workload.template}-{workload.name}")
    for template in shipped_templates().values()
    for workload in template.workloads
]


def exchange(name: str) -> Workload:
    found = shipped_templates()["exchange"].find(name)
    assert found is not None
    return found


def test_every_product_is_shipped() -> None:
    assert sorted(shipped_templates()) == [
        "cyrus", "dav", "dovecot", "exchange", "postfix", "roundcube", "sogo",
    ]  # fmt: skip


# research B1: path, how long a silence is normal (minutes), Extended Protection on the front end.
@pytest.mark.parametrize(
    ("name", "path", "minutes", "protection"),
    [
        ("owa", "/owa/healthcheck.htm", 10, "required"),
        ("ecp", "/ecp/healthcheck.htm", 10, "required"),
        ("activesync", "/Microsoft-Server-ActiveSync/healthcheck.htm", 61, "allow"),
        ("ews", "/EWS/healthcheck.htm", 35, "allow"),
        ("mapi", "/mapi/healthcheck.htm", 15, "required"),
        ("rpc", "/rpc/healthcheck.htm", 30, "required"),
        ("oab", "/oab/healthcheck.htm", 5, "allow"),
        ("autodiscover", "/Autodiscover/healthcheck.htm", 1, "off"),
        ("api", "/api/healthcheck.htm", 2, "required"),
        ("powershell", "/powershell/healthcheck.htm", 15, "required"),
    ],
)
def test_exchange_has_its_ten_virtual_directories(
    name: str, path: str, minutes: int, protection: str
) -> None:
    workload = exchange(name)
    assert workload.check.path == path
    assert workload.check.expect_status == ("200",)
    assert workload.paths == (path.removesuffix("/healthcheck.htm").lower(),)
    assert workload.server_timeout_seconds == minutes * 60
    assert workload.extended_protection is ExtendedProtection(protection)
    assert workload.windows_authentication
    assert (workload.port, workload.clear_port, workload.transport) == (443, 80, Transport.TLS)


def test_only_administration_is_restricted() -> None:
    restricted = [
        workload.name
        for template in shipped_templates().values()
        for workload in template.workloads
        if workload.restricted
    ]
    assert restricted == ["ecp", "powershell"]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_no_workload_times_out_before_what_its_clients_rely_on(workload: Workload) -> None:
    assert workload.server_timeout_seconds > workload.needs_seconds
    assert bool(workload.needs_seconds) is bool(workload.needs_reason)
    assert workload.without_it != "can not use it"


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_workload_is_checked_in_its_own_protocol(workload: Workload) -> None:
    assert workload.check.kind is CheckKind(workload.protocol.value)
    assert bool(workload.paths) is (workload.protocol is Protocol.HTTP)


@pytest.mark.parametrize(
    ("name", "port", "transport"),
    [
        ("imap", 143, Transport.STARTTLS),
        ("imaps", 993, Transport.TLS),
        ("pop3", 110, Transport.STARTTLS),
        ("pop3s", 995, Transport.TLS),
        ("sieve", 4190, Transport.STARTTLS),
        ("lmtp", 24, Transport.STARTTLS),
        ("smtp", 25, Transport.STARTTLS),
        ("submission", 587, Transport.STARTTLS),
        ("submissions", 465, Transport.TLS),
    ],
)
def test_mail_protocols_have_one_port_whatever_the_product(
    name: str, port: int, transport: Transport
) -> None:
    found = [
        (workload.port, workload.transport)
        for template in shipped_templates().values()
        if (workload := template.find(name))
    ]
    assert found
    assert set(found) == {(port, transport)}


def services(template: str, layout: str) -> dict[str, dict[str, Any]]:
    """Return services that carry every workload of a template that the layout can carry."""
    workloads = shipped_templates()[template].workloads
    web = [item.name for item in workloads if item.protocol is Protocol.HTTP]
    mail = [item for item in workloads if item.protocol is not Protocol.HTTP]
    shared = {"layout": layout, "servers": ["one", {"name": "two", "weight": 50}]}
    names: dict[str, Any]
    found: dict[str, dict[str, Any]] = {}
    if layout == "l4-names":
        if web:
            names = {name: f"{name}.contoso.example" for name in web}
            found["web"] = {"address": "203.0.113.10", "port": 443, "names": names, **shared}
        if mail:
            names = {item.name: mail_name(number, item) for number, item in enumerate(mail)}
            found["mail"] = {"address": "203.0.113.11", "port": 443, "names": names, **shared}
        return found
    if web:
        found["web"] = {"address": "203.0.113.10", "port": 443, "workloads": web, **shared}
        found["web"]["names"] = ["mail.contoso.example"]
    for item in mail:
        if layout == "l4" or item.transport is Transport.TLS:
            found[item.name] = {
                "address": "203.0.113.10", "port": item.port, "workloads": [item.name], **shared
            }  # fmt: skip
    if layout == "l7":
        tls = {"certificate": "mail.pem", "server_ca": "ca.pem"}
        for keys in found.values():
            keys |= {"tls": tls, "names": ["mail.contoso.example"]}
    return found


def mail_name(number: int, workload: Workload) -> Any:
    """Return a name, with an address of its own where no name can be seen."""
    host = f"{workload.name}.contoso.example"
    own = {"name": host, "address": f"203.0.113.{100 + number}"}
    return host if workload.transport is Transport.TLS else own


def farm_of(template: str, layout: str) -> dict[str, Any]:
    keys = {"address": "192.0.2.11", "runs": [template]}
    return {
        "services": services(template, layout),
        "servers": {"one": keys, "two": {**keys, "address": "192.0.2.12"}},
    }


def golden(template: str, layout: str) -> str:
    """Return the main file and, as comments, the maps and lists beside it."""
    files = render_files(compiled(farm(**farm_of(template, layout))).config)
    beside = [
        f"# {name}: {line}"
        for name in sorted(files)
        if name.startswith(("maps/", "lists/"))
        for line in files[name].decode().splitlines()
    ]
    return "\n".join([files[MAIN_FILE].decode().rstrip("\n"), "", *beside, ""])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("template", sorted(shipped_templates()))
def test_every_template_renders_in_every_layout_as_it_was_reviewed(
    template: str, layout: str
) -> None:
    path = GOLDEN / f"{template}-{layout}.cfg"
    text = golden(template, layout)
    if os.environ.get("SWITCHOVER_WRITE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


def test_no_golden_file_is_left_behind() -> None:
    known = {f"{template}-{layout}.cfg" for template in shipped_templates() for layout in LAYOUTS}
    assert {path.name for path in GOLDEN.iterdir()} == known


def test_a_port_that_begins_in_the_clear_is_refused_where_names_decide() -> None:
    found = farm_of("postfix", "l4-names")
    found["services"]["mail"]["names"]["smtp"] = "smtp.contoso.example"
    (fault,) = faults_of(**found)
    assert "'smtp' does not begin with TLS" in fault


def test_exchange_carries_all_its_web_workloads() -> None:
    names = [item.name for item in shipped_templates()["exchange"].workloads]
    assert names[:10] == list(EXCHANGE_HTTP)
