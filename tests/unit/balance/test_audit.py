"""What the audit log says of changes to the balancer."""

from __future__ import annotations

from datetime import UTC, datetime

from switchover.balance.advice import Advice
from switchover.balance.audit import (
    MAX_DIFF_LETTERS,
    accepted_files_entry,
    advice_entry,
    put_right_entry,
    repair_entry,
    revision_entry,
)
from switchover.balance.drift import Drift, DriftKind
from switchover.balance.overrides import AdminState, Overrides, Target
from switchover.balance.revision import Draft, Origin, Revision, Verb
from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.audit.entry import Outcome

ADA = Actor(name="ada", role=Role.ADMIN, door=Door.CONSOLE, address="192.0.2.7")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def target(server: str = "cas1", pool: str = "owa") -> Target:
    return Target(service="mail", pool=pool, server=server)


def draft(verb: Verb, overrides: Overrides, text: str = "platform: a\n") -> Draft:
    return Draft(
        author="ada", origin=Origin.API, verb=verb, reason="disk", text=text, overrides=overrides,
        files={"mail.pem": "f" * 64},
    )  # fmt: skip


def revision(overrides: Overrides) -> Revision:
    return Revision(
        number=4, parent=3, author="ada", origin=Origin.API, verb=Verb.APPLY, reason="",
        created_at=NOW, text="platform: a\n", overrides=overrides, files={}, diff="", summary="",
    )  # fmt: skip


def drift(kind: DriftKind = DriftKind.STATE) -> Drift:
    return Drift(kind=kind, subject="mail.owa/cas1", wanted="ready", found="drain")


def test_a_drain_names_its_server_and_the_states_before_and_after() -> None:
    before = Overrides().changed([target()], weight=50)
    after = before.changed([target(), target("cas2")], state=AdminState.DRAIN)
    entry = revision_entry(
        revision(before), draft(Verb.DRAIN, after), actor=ADA, number=5, diff="-a", summary="drain"
    )
    assert (entry.actor, entry.origin, entry.address) == ("ada", Door.CONSOLE, "192.0.2.7")
    assert (entry.action, entry.subject, entry.reason) == ("server.drain", "cas1, cas2", "disk")
    assert entry.before == {
        "revision": 4,
        "servers": {"mail.owa/cas1": {"state": "ready", "weight": 50}, "mail.owa/cas2": "ready"},
    }
    assert entry.after is not None
    assert entry.after["servers"] == {
        "mail.owa/cas1": {"state": "drain", "weight": 50},
        "mail.owa/cas2": "drain",
    }
    assert "diff" not in entry.after


def test_an_applied_file_has_its_difference_and_the_hash_of_its_text() -> None:
    entry = revision_entry(
        None, draft(Verb.APPLY, Overrides()), actor=ADA, number=1, diff="+a", summary="apply"
    )
    assert (entry.action, entry.subject) == ("revision.apply", "revision 1")
    assert entry.before == {"revision": None, "servers": {}}
    assert entry.after is not None
    assert entry.after["diff"] == "+a"
    assert entry.after["files_sha256"] == {"mail.pem": "f" * 64}
    assert len(entry.after["text_sha256"]) == 64


def test_long_differences_and_many_servers_are_cut() -> None:
    many = Overrides().changed([target(f"cas{n}") for n in range(60)], state=AdminState.MAINTENANCE)
    entry = revision_entry(
        revision(Overrides()),
        draft(Verb.APPLY, many),
        actor=ADA,
        number=5,
        diff="+line\n" * MAX_DIFF_LETTERS,
        summary="apply",
    )
    assert entry.after is not None
    assert len(entry.after["servers"]) == 51
    assert entry.after["servers"]["more"] == 10
    assert entry.after["diff"].endswith("the revision has them all")


def test_what_was_put_right_is_told() -> None:
    entry = put_right_entry(Verb.DRAIN, "cas1", [target()], actor=ADA, reason="disk", commands=1)
    assert (entry.action, entry.after) == (
        "server.drain",
        {"put_right": ["mail.owa/cas1"], "commands": 1},
    )


def test_a_repair_is_told_before_and_again_when_it_failed() -> None:
    ordered = repair_entry([drift()], actor=ADA, reason="")
    assert (ordered.outcome, ordered.subject) == (Outcome.DONE, "mail.owa/cas1")
    failed = repair_entry([drift()] * 60, actor=ADA, reason="", failed_because="it is away")
    assert (failed.outcome, failed.after) == (Outcome.FAILED, {"failed": "it is away"})
    assert failed.subject == "mail.owa/cas1 and 59 more"
    assert failed.before is not None
    assert len(failed.before["differences"]) == 51


def test_accepted_files_are_told() -> None:
    entry = accepted_files_entry([drift(DriftKind.FILE)], actor=ADA, reason="hot fix")
    assert (entry.action, entry.before, entry.after) == (
        "drift.accept",
        {"wanted": ["ready"]},
        {"accepted": ["drain"]},
    )


def test_advice_and_its_end_are_told() -> None:
    advice = Advice(percent=0, reason="slow", until=NOW)
    given = advice_entry("cas1", [target()], advice, actor=ADA)
    assert (given.action, given.reason) == ("advice.give", "slow")
    assert given.after == {"percent": 0, "until": NOW.isoformat(), "targets": ["mail.owa/cas1"]}
    many = [target(f"cas{n}") for n in range(60)]
    ended = advice_entry("cas1", many, None, actor=ADA)
    assert (ended.action, ended.reason) == ("advice.withdraw", "")
    assert ended.after is not None
    assert ended.after["targets"][-1] == "60 in all"
