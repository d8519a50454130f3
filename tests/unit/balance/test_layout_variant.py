from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.balance.outage_farm import mail_workload_of, service_of, workload_of

from switchover.balance.layout_variant import (
    cost_of,
    in_layout,
    left_out_of,
    variants_of,
    why_not,
)
from switchover.balance.virtual_service import CarriedWorkload, VirtualService
from switchover.model.platform_file.spec import (
    Layout,
    PersistenceKind,
    PersistenceSpec,
    SorrySpec,
    TlsMode,
    TlsSpec,
)
from switchover.model.workload import Check, CheckKind, ExtendedProtection, Transport

L4, L4_NAMES, L7 = Layout.L4, Layout.L4_NAMES, Layout.L7
IMAPS = mail_workload_of("imaps", 993, Transport.TLS)
IMAP = mail_workload_of("imap", 143, Transport.STARTTLS)


def labels(service: VirtualService) -> list[str]:
    return [item.label + ("*" if item.is_current else "") for item in variants_of(service)]


def cost_text(service: VirtualService) -> str:
    return " ".join(cost_of(service).sentences)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (service_of(L7), ["l4 (health all)", "l4 (health owa)", "l4-names", "l7*"]),
        (service_of(L4), ["l4 (health all)*", "l4 (health owa)", "l4-names", "l7"]),
        (
            service_of(L4, health_workload="ecp"),
            ["l4 (health all)", "l4 (health ecp)*", "l4-names", "l7"],
        ),
        (service_of(L4_NAMES), ["l4 (health all)", "l4 (health owa)", "l4-names*", "l7"]),
        (service_of(L7, workloads=["owa"]), ["l4", "l7*"]),
        (service_of(L4, workloads=["owa"], health_workload="owa"), ["l4*", "l7"]),
        (service_of(L4, workloads=[IMAPS]), ["l4*", "l7"]),
        (service_of(L4, workloads=[IMAP]), ["l4*"]),
        (service_of(L4_NAMES, workloads=[IMAPS]), ["l4", "l4-names*", "l7"]),
        (service_of(L4_NAMES, workloads=[IMAPS, IMAP]), ["l4-names*"]),
    ],
)
def test_a_service_is_shown_in_the_layouts_that_make_sense(
    service: VirtualService, expected: list[str]
) -> None:
    assert labels(service) == expected


def test_the_current_variant_is_the_very_service() -> None:
    for service in (service_of(L4, health_workload="ecp"), service_of(L4_NAMES), service_of(L7)):
        current = [item for item in variants_of(service) if item.is_current]
        assert [item.service is service for item in current] == [True]


@pytest.mark.parametrize(
    ("workloads", "layout", "reason"),
    [
        ([IMAPS, IMAP], L4, "it passes one port, and these workloads use 143 and 993"),
        (
            [IMAPS, workload_of("sieve", port=993, check=Check(kind=CheckKind.SIEVE))],
            L4,
            "one check can not mix HTTP and other conversations",
        ),
        (["owa", "ecp"], L4, None),
        (["owa"], L4_NAMES, "with one workload, a name for each workload changes nothing"),
        (["owa", "ecp"], L4_NAMES, None),
        ([IMAPS, IMAP], L7, "a decrypted mail service carries one workload"),
        ([IMAP], L7, "imap begins in the clear, and STARTTLS can not be decrypted"),
        ([IMAPS], L7, None),
        (
            [workload_of("dav", paths=("/",)), workload_of("webmail", paths=("/",))],
            L7,
            "dav and webmail share the path /",
        ),
        ([workload_of("dav", paths=())], L7, "dav has no path to route by"),
        ([workload_of("dav", paths=("/dav", "/dav"))], L7, None),
    ],
)
def test_a_layout_is_left_out_with_its_reason(
    workloads: list[str | CarriedWorkload], layout: Layout, reason: str | None
) -> None:
    assert why_not(service_of(L4, workloads=workloads), layout) == reason


def test_the_current_layout_is_never_left_out() -> None:
    service = service_of(L4_NAMES, workloads=[IMAP])
    assert [item.layout for item in left_out_of(service)] == [L7]
    assert [item.layout for item in left_out_of(service_of(L7))] == []


def test_leaving_l7_drops_what_needs_a_look_inside() -> None:
    service = service_of(
        L7,
        tls=TlsSpec(certificate=["mail.pem"], server_ca="ca.pem"),
        sorry=SorrySpec(page="sorry.html"),
        persistence=PersistenceSpec(kind=PersistenceKind.COOKIE, expire=60.0),
    )
    passed = in_layout(service, L4, health_workload="ecp")
    assert passed.health_workload == "ecp"
    assert passed.tls_mode is TlsMode.PASS_THROUGH
    assert passed.tls == TlsSpec(server_ca="ca.pem")
    assert passed.sorry == SorrySpec(page="sorry.html", certificate="mail.pem")
    assert passed.persistence == PersistenceSpec(kind=PersistenceKind.SOURCE, expire=60.0)


def test_a_sorry_page_without_any_certificate_or_with_its_own_is_kept() -> None:
    for sorry in (
        SorrySpec(page="sorry.html"),
        SorrySpec(page="sorry.html", certificate="own.pem"),
        SorrySpec(address="192.0.2.99"),
    ):
        assert in_layout(service_of(L7, sorry=sorry), L4).sorry == sorry


def test_layout_l4_names_gives_each_workload_a_name_beside_the_first() -> None:
    named = in_layout(service_of(L7), L4_NAMES)
    assert [item.host for item in named.workloads] == ["owa.contoso.example", "ecp.contoso.example"]
    single = in_layout(service_of(L7, names=("localhost",)), L4_NAMES)
    assert single.workloads[0].host == "owa.localhost"
    unnamed = in_layout(service_of(L4, names=()), L4_NAMES)
    assert unnamed.workloads[0].host is None
    own = replace(workload_of("owa"), host="webmail.contoso.example")
    kept = in_layout(service_of(L4, workloads=[own, "ecp"]), L4_NAMES)
    assert kept.workloads[0].host == "webmail.contoso.example"


def test_entering_l7_decrypts_and_routes_by_path_instead_of_by_name() -> None:
    own = replace(workload_of("owa"), host="owa.contoso.example", address="203.0.113.20")
    inside = in_layout(service_of(L4_NAMES, workloads=[own]), L7)
    assert inside.tls_mode is TlsMode.RE_ENCRYPT
    assert (inside.workloads[0].host, inside.workloads[0].address) == (None, None)


def test_only_the_health_workload_changes_within_l4() -> None:
    service = service_of(L4, health_workload="owa")
    assert in_layout(service, L4) == replace(service, health_workload="all")
    assert in_layout(service, L4, health_workload="owa") is service


@pytest.mark.parametrize(
    ("service", "short", "told"),
    [
        (service_of(L4), "1 name, no key here", "a single broken workload takes the whole server"),
        (service_of(L4, health_workload="owa"), "1 name, no key here", "Only owa is checked"),
        (service_of(L4_NAMES), "2 names, no key here", "with HTTP/2 a browser may reuse"),
        (
            service_of(L4_NAMES, workloads=[IMAPS, IMAP]),
            "2 names, no key here",
            "An own address for imap:",
        ),
        (service_of(L7), "1 name, key here, more processor time", "the balancer holds the cert"),
        (service_of(L7, names=()), "1 name, key here, more processor time", "One name is enough"),
    ],
)
def test_a_layout_tells_what_it_costs(service: VirtualService, short: str, told: str) -> None:
    assert cost_of(service).short == short
    assert told in cost_text(service)


def test_costs_that_do_not_apply_are_not_told() -> None:
    assert "broken" not in cost_text(service_of(L4, workloads=["owa"]))
    assert "HTTP/2" not in cost_text(service_of(L4_NAMES, workloads=[IMAPS, IMAP]))
    assert "path" not in cost_text(service_of(L7, workloads=[IMAPS]))
    with_address = replace(IMAP, address="203.0.113.20")
    assert "An own address" not in cost_text(service_of(L4_NAMES, workloads=[IMAPS, with_address]))


@pytest.mark.parametrize(
    ("protection", "mode", "told"),
    [
        (ExtendedProtection.REQUIRED, TlsMode.RE_ENCRYPT, "wants the same certificate"),
        (ExtendedProtection.ALLOW, TlsMode.OFFLOAD, "must be off"),
        (ExtendedProtection.OFF, TlsMode.OFFLOAD, None),
    ],
)
def test_extended_protection_is_part_of_what_l7_costs(
    protection: ExtendedProtection, mode: TlsMode, told: str | None
) -> None:
    owa = workload_of("owa", extended_protection=protection)
    text = cost_text(service_of(L7, workloads=[owa], tls_mode=mode))
    assert (told or "Decrypts") in text
    assert ("Extended Protection" in text) is (told is not None)
