from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from switchover.balance import shipped
from switchover.balance.shipped import refined_check, shipped_templates, template_from_spec
from switchover.errors import Corrupt
from switchover.model.platform_file.read import read_template
from switchover.model.platform_file.spec_health import CheckSpec
from switchover.model.workload import Check, CheckKind

TEXT = b"""
title: Own
workloads:
  web: {title: Web, protocol: http, port: 80, transport: clear, paths: [/, /Web/, /a/B]}
  push: {title: Push, protocol: tcp, port: 5223, transport: tls, needs: 5m, needs_reason: because}
"""


def test_a_template_fills_in_the_check_of_each_protocol() -> None:
    web, push = template_from_spec("own", read_template(TEXT, source="own.yaml")).workloads
    assert (web.template, web.check) == ("own", Check(kind=CheckKind.HTTP))
    assert push.check == Check(kind=CheckKind.TCP)
    assert (push.needs_seconds, push.needs_reason) == (300.0, "because")


def test_paths_are_matched_in_any_case_and_with_or_without_a_slash() -> None:
    web = template_from_spec("own", read_template(TEXT, source="own.yaml")).workloads[0]
    assert web.paths == ("/", "/web", "/a/b")


def test_a_check_is_refined_key_by_key() -> None:
    check = Check(kind=CheckKind.HTTP, path="/a", expect_text="x", tls=True)
    assert refined_check(check, None) is check
    assert refined_check(check, CheckSpec()) == check
    wanted = CheckSpec(
        kind=CheckKind.TCP, method="HEAD", path="/b", host="h.example", port=8080, tls=False,
        expect_status=["200", "301-302"], expect_header="DAV", expect_text="y",
    )  # fmt: skip
    assert refined_check(check, wanted) == Check(
        kind=CheckKind.TCP, method="HEAD", path="/b", host="h.example", port=8080, tls=False,
        expect_status=("200", "301-302"), expect_header="DAV", expect_text="y",
    )  # fmt: skip


def test_templates_are_read_once() -> None:
    assert shipped_templates() is shipped_templates()


def test_a_broken_shipped_template_is_our_own_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "own.yaml").write_bytes(b"caption: Own")
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    with pytest.raises(Corrupt, match=r"the shipped template own is broken: .* own\.yaml:1:1"):
        shipped.shipped_templates.__wrapped__()
