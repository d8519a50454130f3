"""Every file a platform file names is looked at before anything is applied."""

from __future__ import annotations

import pytest
from tests.unit.balance.lint_farm import platform
from tests.unit.balance.paper import Paper

from switchover.balance.assets import (
    LARGEST_CERTIFICATE_FILE_BYTES,
    LARGEST_PAGE_BYTES,
    CheckedAssets,
    check_assets,
    file_names,
    page_fault,
)
from switchover.balance.resolve import resolve

ALL = """\
mail:
  address: 203.0.113.10
  port: 443
  layout: l7
  names: [mail.contoso.example]
  workloads: [owa]
  servers: [cas1]
  tls:
    certificate: [mail.pem, ecdsa.pem]
    server_ca: ca.pem
  sorry: {page: sorry.html}
pass:
  address: 203.0.113.11
  port: 443
  layout: l4
  workloads: [owa]
  servers: [cas1]
  sorry: {page: sorry.html, certificate: mail.pem}
"""
SERVERS = "cas1: {address: 192.0.2.11, runs: exchange, certificate: cas.pem}\n"
ROOT = Paper(common_name="root", is_authority=True)


def good() -> dict[str, bytes]:
    return {
        "mail.pem": Paper("mail.contoso.example").bundle,
        "ecdsa.pem": Paper("mail.contoso.example").bundle,
        "cas.pem": Paper("mail.contoso.example").pem,
        "ca.pem": ROOT.pem,
        "sorry.html": "<!doctype html><p>Zurück in Kürze</p>".encode(),
    }


def check(changes: dict[str, bytes | None], services: str = ALL) -> CheckedAssets:
    contents = {key: value for key, value in {**good(), **changes}.items() if value is not None}
    file = platform(services, SERVERS)
    return check_assets(file, resolve(file), contents)


def test_the_names_to_load_are_each_listed_once():
    told = resolve(platform(ALL, SERVERS))
    assert file_names(told) == ("ca.pem", "cas.pem", "ecdsa.pem", "mail.pem", "sorry.html")


def test_good_files_give_facts_and_no_fault():
    checked = check({})
    assert checked.problems == ()
    assert set(checked.assets.shown) == {"mail.pem", "ecdsa.pem"}
    assert checked.assets.recorded["cas.pem"].leaf.names == ("mail.contoso.example",)
    assert checked.assets.authorities["ca.pem"][0].is_authority


def test_a_missing_file_is_told_at_every_key_that_names_it():
    problems = check({"mail.pem": None}).problems
    assert [problem.path for problem in problems] == [
        "services.mail.tls.certificate.0",
        "services.pass.sorry.certificate",
    ]
    assert all("the file 'mail.pem'" in problem.message for problem in problems)
    assert all(problem.line for problem in problems)


def test_a_missing_file_suggests_the_nearest_name():
    (problem,) = check({"sorry.html": None, "sorry.htm": b"x"}).problems[:1]
    assert problem.hint == "did you mean 'sorry.htm'?"


def test_a_name_like_no_other_says_where_to_put_it():
    contents: dict[str, bytes] = {}
    file = platform(ALL, SERVERS)
    problems = check_assets(file, resolve(file), contents).problems
    assert {problem.hint for problem in problems} == {"put it beside the platform file"}


def test_a_single_name_has_no_position_in_its_path():
    services = ALL.replace("[mail.pem, ecdsa.pem]", "mail.pem")
    problems = check({"mail.pem": b"nothing"}, services).problems
    assert problems[0].path == "services.mail.tls.certificate"


def test_a_fault_in_a_file_names_the_line_of_the_key():
    (problem,) = check({"ecdsa.pem": Paper("a.example").pem}).problems
    assert "holds no private key" in problem.message
    assert problem.path == "services.mail.tls.certificate.1"
    assert problem.line == 15


def test_a_recorded_certificate_needs_no_key_but_must_be_one():
    (problem,) = check({"cas.pem": b"nothing"}).problems
    assert problem.path == "servers.cas1.certificate"


def test_authorities_must_be_authorities():
    (problem,) = check({"ca.pem": Paper("mail.contoso.example", by=ROOT).pem}).problems
    assert problem.path == "services.mail.tls.server_ca"
    assert "no certificate of an authority" in problem.message


def test_a_huge_certificate_file_is_not_even_read():
    (problem,) = check({"cas.pem": b"x" * (LARGEST_CERTIFICATE_FILE_BYTES + 1)}).problems
    assert "is it really PEM?" in problem.message


def test_no_message_holds_key_material():
    paper = Paper("mail.contoso.example")
    secret = paper.key_pem().splitlines()[1].decode()
    for content in (paper.key_pem(), paper.key_pem() + Paper("b.example").pem):
        for problem in check({"mail.pem": content}).problems:
            assert secret not in str(problem)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x" * (LARGEST_PAGE_BYTES + 1), "15,001 bytes; the engine can answer 15,000"),
        (b" \n", "is empty"),
        ("<p>\nZurück".encode("latin-1"), "byte 0xfc in line 2"),
    ],
)
def test_a_page_that_can_not_be_shown_is_a_fault(content, told):
    problem = page_fault(content, name="sorry.html")
    assert problem is not None
    assert told in problem.message


def test_the_largest_page_fits():
    assert page_fault(b"x" * LARGEST_PAGE_BYTES, name="sorry.html") is None


def test_services_without_files_name_none():
    plain = ALL.split("pass:")[1].split("  sorry", maxsplit=1)[0]
    assert (
        file_names(
            resolve(platform("pass:" + plain, "cas1: {address: 192.0.2.11, runs: exchange}"))
        )
        == ()
    )


def test_pages_are_checked_where_they_are_named():
    problems = check({"sorry.html": b""}).problems
    assert [problem.path for problem in problems] == [
        "services.mail.sorry.page",
        "services.pass.sorry.page",
    ]
