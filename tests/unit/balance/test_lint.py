"""Lint as a whole: order, places, words, and the reference page made of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.unit.balance.lint_farm import MAIL, SERVERS, TODAY, assets, balance, leaf, platform

from switchover.balance.assets import Assets
from switchover.balance.lint import RULES, Finding, Severity, lint, lint_reference
from switchover.balance.lint.seen import listed, verb
from switchover.balance.resolve import resolve

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lint.md"

WORKING = """\
mail:
  address: 203.0.113.10
  port: 443
  layout: l7
  names: [mail.contoso.example, autodiscover.contoso.example]
  workloads: [owa, activesync, ews, mapi, rpc, oab, autodiscover, api, ecp]
  servers: [cas1, cas2]
  tls: {certificate: mail.pem, server_ca: ca.pem}
  allow_restricted: 192.0.2.0/24
  redirect_from: 80
imaps:
  {address: 203.0.113.10, port: 993, layout: l4, workloads: [imaps], servers: [mx1, mx2]}
pop3s:
  {address: 203.0.113.10, port: 995, layout: l4, workloads: [pop3s], servers: [mx1, mx2]}
smtp:
  {address: 203.0.113.10, port: 25, layout: l4, workloads: [postfix/smtp], servers: [mx1, mx2]}
submissions:
  {address: 203.0.113.10, port: 465, layout: l4, workloads: [postfix/submissions], servers: [mx1, mx2]}
"""
WORKING_SERVERS = SERVERS.replace("cu14", "cu14, certificate: cas.pem").replace(
    "postfix]", "postfix], proxy_protocol: [imap, pop3, smtp, submission]"
)


def all_findings() -> tuple[Finding, ...]:
    services = MAIL.replace("ews", "ecp") + "  http2: true\n  persistence: source\n"
    return lint(balance(services), assets({"mail.pem": leaf("x.example")}), now=TODAY)


def test_a_farm_set_up_well_gets_no_errors_and_no_warnings():
    shown = leaf("*.contoso.example")
    files = assets({"mail.pem": shown}, {"cas.pem": shown}, {"ca.pem": (leaf(),)})
    findings = lint(balance(WORKING, WORKING_SERVERS), files, now=TODAY)
    assert {finding.code for finding in findings} == {"workload-not-carried"}
    assert {finding.severity for finding in findings} == {Severity.INFO}


def test_the_worst_comes_first():
    ranks = [finding.severity.rank for finding in all_findings()]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 3


def test_an_empty_platform_has_nothing_to_tell():
    assert lint(balance("{}\n", "{}\n"), Assets(), now=TODAY) == ()


def test_a_finding_knows_its_line():
    file = platform(MAIL + "  http2: true\n")
    findings = lint(resolve(file), Assets(), now=TODAY)
    (finding,) = (item for item in findings if item.code == "http2-windows-authentication")
    problem = finding.problem(file)
    assert (problem.source, problem.line, problem.path) == ("farm.yaml", 18, "services.mail.http2")
    assert problem.hint == finding.what_to_do


def test_every_path_stands_in_the_file_or_below_what_does():
    file = platform(MAIL + "  http2: true\n  persistence: source\n")
    for finding in lint(resolve(file), Assets(), now=TODAY):
        assert finding.problem(file).line


def test_a_finding_is_plain_json_with_a_link():
    (finding, *_) = all_findings()
    body = json.loads(json.dumps(finding.to_json()))
    assert body["docs"] == f"docs/reference/lint.md#{finding.code}"
    assert body["severity"] == "error"
    assert body["subject"] == "service mail"


@pytest.mark.parametrize(
    ("keys", "subject"),
    [
        ({}, "platform"),
        ({"service": "mail", "workload": "owa"}, "service mail, workload owa"),
        ({"server": "cas1"}, "server cas1"),
    ],
)
def test_the_subject_names_what_it_is_about(keys, subject):
    finding = Finding(
        code="x", severity=Severity.INFO, message="", why="", what_to_do="", path=(), **keys
    )
    assert finding.subject == subject


def test_codes_are_stable_words_and_unique():
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in codes)


def test_every_rule_explains_itself():
    for rule in RULES:
        assert rule.why.endswith(".")
        assert rule.what_to_do.endswith(".")
        assert not rule.title.endswith(".")
        assert rule.severity not in rule.also


def test_the_reference_page_is_the_one_in_the_project():
    assert PAGE.read_text("utf-8") == lint_reference(), "write docs/reference/lint.md again"


def test_the_reference_page_has_a_section_for_every_rule():
    page = lint_reference()
    for rule in RULES:
        assert f"\n## {rule.code}\n" in page
        assert f"[{rule.code}](#{rule.code})" in page


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "a", "c"], "a, b and c"),
        (list("abcdefgh"), "a, b, c, d, e and 3 more"),
    ],
)
def test_lists_read_like_sentences(words, text):
    assert listed(words) == text


def test_verbs_follow_their_number():
    assert verb(["a", "a"], "is", "are") == "is"
    assert verb(["a", "b"], "is", "are") == "are"
