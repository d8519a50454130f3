from __future__ import annotations

import pytest

from switchover.balance.outage import Outage, broken_in, parse_outage
from switchover.balance.resolve import resolve
from switchover.balance.virtual_service import Balance
from switchover.errors import InvalidInput
from switchover.model.platform_file.read import read_platform_file

FARM = """
platform: contoso
servers:
  cas1: {address: 192.0.2.11, site: brussels, runs: [roundcube]}
  cas2: {address: 192.0.2.12, site: ghent, runs: [roundcube]}
  mx1: {address: 192.0.2.21, site: brussels, runs: [dovecot, postfix]}
services:
  web:
    address: 203.0.113.10
    port: 443
    layout: l7
    names: [mail.contoso.example]
    workloads: [webmail]
    servers: [cas1, cas2]
    tls: {certificate: mail.pem}
  submission:
    address: 203.0.113.10
    port: 587
    layout: l4
    workloads: [postfix/submission]
    servers: [mx1]
"""
WITHOUT_SITES = """
platform: contoso
servers:
  cas1: {address: 192.0.2.11, runs: [roundcube]}
"""


def farm(text: str = FARM) -> Balance:
    return resolve(read_platform_file(text))


def names(outage: Outage) -> set[str]:
    return {"/".join(parts) for parts in outage.broken}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("cas1", {"cas1/roundcube/webmail"}),
        (" cas1/webmail ", {"cas1/roundcube/webmail"}),
        ("cas1/roundcube/webmail", {"cas1/roundcube/webmail"}),
        ("mx1/postfix/submission", {"mx1/postfix/submission"}),
        ("mx1/imap", {"mx1/dovecot/imap"}),
        ("site:ghent", {"cas2/roundcube/webmail"}),
        ("site:brussels/imap", {"mx1/dovecot/imap"}),
    ],
)
def test_an_item_breaks_exactly_what_it_names(text: str, broken: set[str]) -> None:
    assert names(parse_outage(farm(), [text])) == broken


def test_a_server_and_a_site_break_every_workload_of_every_product() -> None:
    server = parse_outage(farm(), ["mx1"]).broken
    assert {template for _, template, _ in server} == {"dovecot", "postfix"}
    site = parse_outage(farm(), ["site:brussels"]).broken
    assert site == server | parse_outage(farm(), ["cas1"]).broken


def test_items_add_up_and_no_item_breaks_nothing() -> None:
    both = parse_outage(farm(), ["cas1", "cas2"])
    assert names(both) == {"cas1/roundcube/webmail", "cas2/roundcube/webmail"}
    assert parse_outage(farm(), []).broken == frozenset()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("mx9", "there is no server 'mx9'", "did you mean 'mx1'?"),
        ("zzzzzz", "there is no server 'zzzzzz'", "known: cas1, cas2, mx1"),
        ("", "there is no server ''", "known: cas1, cas2, mx1"),
        ("imap", "there is no server 'imap'", "for a workload write SERVER/imap"),
        ("ghent", "there is no server 'ghent'", "for the site write site:ghent"),
        ("cas1/webmial", "'cas1' does not have", "did you mean 'webmail'? known there: "),
        ("cas1/", "'cas1' does not have", "known there: webmail"),
        ("cas1/dovecot/imap", "'cas1' does not have", "known there: webmail"),
        ("mx1/submission", "is ambiguous", "mx1/dovecot/submission or mx1/postfix/submission"),
        ("site:gent", "no server at a site 'gent'", "did you mean 'ghent'?"),
        ("site:", "no server at a site ''", "known: brussels, ghent"),
    ],
)
def test_an_unknown_name_is_refused_with_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_outage(farm(), [text])
    assert message in str(caught.value)
    assert hint in str(caught.value)


def test_a_site_is_refused_where_the_file_names_none() -> None:
    with pytest.raises(InvalidInput, match="known: none"):
        parse_outage(farm(WITHOUT_SITES), ["site:ghent"])


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(InvalidInput, match="2 faults") as caught:
        parse_outage(farm(), ["cas9", "cas1", "site:gent"])
    assert len(caught.value.problems) == 2


def test_only_the_product_that_a_service_carries_counts_in_it() -> None:
    balance = farm()
    service = balance.find_service("submission")
    assert service is not None
    for text, pairs in (
        ("mx1/postfix/submission", {("mx1", "submission")}),
        ("mx1/dovecot/submission", set()),
        ("mx1", {("mx1", "submission")}),
    ):
        assert broken_in(service, parse_outage(balance, [text]).broken) == pairs
    assert broken_in(service, frozenset()) == frozenset()


def test_items_that_no_service_carries_are_told() -> None:
    balance = farm()
    outage = parse_outage(balance, ["cas1", "mx1/imap"])
    assert outage.without_effect(balance) == ("mx1/imap",)
