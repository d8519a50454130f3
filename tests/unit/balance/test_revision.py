"""Differences between revisions name text, files and overrides."""

from __future__ import annotations

from dataclasses import replace

from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.revision import (
    Draft,
    Origin,
    Verb,
    count_changes,
    difference,
    summary_of,
)

CAS1 = Target(service="mail", pool="owa", server="cas1")


def draft(
    text: str = "platform: contoso\n",
    files: dict[str, str] | None = None,
    overrides: Overrides | None = None,
) -> Draft:
    return Draft(
        author="local administrator",
        origin=Origin.CLI,
        verb=Verb.APPLY,
        reason="",
        text=text,
        overrides=overrides or Overrides(),
        files=files or {},
    )


def test_the_first_revision_is_all_new() -> None:
    diff = difference(None, draft("a: 1\nb: 2\n"))
    assert count_changes(diff) == (2, 0)


def test_equal_wishes_have_no_difference_whoever_wrote_them() -> None:
    assert difference(draft(), draft()) == ""
    assert count_changes("") == (0, 0)


def test_a_changed_line_shows_before_and_after() -> None:
    diff = difference(draft("port: 443\n"), draft("port: 444\n"))
    assert "-port: 443" in diff
    assert "+port: 444" in diff
    assert count_changes(diff) == (1, 1)


def test_another_certificate_under_the_same_name_is_a_difference() -> None:
    diff = difference(draft(files={"mail.pem": "a" * 64}), draft(files={"mail.pem": "b" * 64}))
    assert "+# file mail.pem sha256:bbbbbbbbbbbbbbbb" in diff


def test_a_drain_and_a_weight_are_differences() -> None:
    overrides = Overrides(by_target={CAS1: Override(state=AdminState.DRAIN, weight=10)})
    diff = difference(draft(), draft(overrides=overrides))
    assert "+# mail.owa/cas1 drain weight 10" in diff
    drained = Overrides(by_target={CAS1: Override(state=AdminState.DRAIN)})
    assert "+# mail.owa/cas1 drain" in difference(draft(), draft(overrides=drained)).splitlines()


def test_a_summary_names_the_servers_that_were_touched() -> None:
    pools = ("owa", "ews", "oab", "api")
    targets = [Target(service="mail", pool=pool, server="cas1") for pool in pools]
    drained = Overrides().changed(targets, state=AdminState.DRAIN)
    new = replace(draft(overrides=drained), verb=Verb.DRAIN)
    assert summary_of(draft(), new, "") == "drain cas1 (mail: 4 workloads)"
    back = replace(draft(overrides=drained.changed(targets[:1], state=AdminState.READY)))
    resumed = replace(back, verb=Verb.RESUME)
    assert summary_of(new, resumed, "") == "resume cas1 (mail: owa)"
    assert summary_of(None, replace(draft(), verb=Verb.WEIGHT), "") == "weight nothing"


def test_a_summary_of_a_file_counts_its_lines() -> None:
    diff = difference(draft("a: 1\n"), draft("a: 1\nb: 2\n"))
    assert summary_of(draft(), draft(), diff) == "apply: 1 line added, 0 removed"
