from __future__ import annotations

from tests.unit.edges.console.form.farm import farm

from switchover.balance.service_draft import read_draft
from switchover.balance.shipped import shipped_templates, template_from_spec
from switchover.edges.console.form.starting_point import StartingPoint, starting_points
from switchover.model.platform_file.read import read_template

POINTS = {point.key: point for point in starting_points(shipped_templates().values())}


def test_every_product_has_its_web_side_and_each_mail_protocol() -> None:
    assert {"exchange-web", "exchange-imaps", "dovecot-submission", "roundcube-web"} <= set(POINTS)
    assert {point.template for point in POINTS.values()} == set(shipped_templates())


def test_what_is_for_administrators_is_not_carried_at_first() -> None:
    web = POINTS["exchange-web"]
    assert "owa" in web.workloads
    assert "powershell" not in web.workloads


def test_a_service_begins_with_all_servers_that_run_the_product() -> None:
    servers = farm().servers
    assert POINTS["exchange-web"].block(servers)["servers"] == ["cas1", "cas2"]
    assert POINTS["dovecot-imaps"].block(servers)["servers"] == ["mx1"]


def test_a_begun_service_lacks_only_what_is_yours_to_say() -> None:
    balance = farm()
    for key in ("exchange-web", "exchange-imaps", "dovecot-imap", "postfix-smtp", "dovecot-sieve"):
        value = {**POINTS[key].block(balance.servers), "address": "203.0.113.10"}
        if value["layout"] == "l7":
            value |= {"names": ["mail.contoso.example"], "tls": {"certificate": "mail.pem"}}
        assert read_draft(balance, "new", value).problems == ()


def test_web_sides_on_several_ports_have_a_point_each() -> None:
    text = b"""
title: Two
workloads:
  a: {title: A, protocol: http, port: 443, transport: tls}
  b: {title: B, protocol: http, port: 8443, transport: tls, paths: [/b]}
  c: {title: C, protocol: imap, port: 143, transport: clear}
"""
    found = starting_points([template_from_spec("two", read_template(text, source="two"))])
    assert [(point.key, point.port, point.layout) for point in found] == [
        ("two-web", 443, "l4"), ("two-web-8443", 8443, "l7"), ("two-c", 143, "l4"),
    ]  # fmt: skip
    assert isinstance(found[0], StartingPoint)
