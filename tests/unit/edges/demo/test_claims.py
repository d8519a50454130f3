from __future__ import annotations

from collections import Counter

from tests.unit.edges.demo.demo_answers import NOON, account, failure, service, tally

from switchover.edges.demo.claims import (
    Harm,
    Record,
    Verdict,
    judge_leaving,
    judge_no_failure,
    judge_window,
    read_verdicts,
)

OWA = Verdict("mail-l7", "owa", "cas1")
EWS = Verdict("mail-l7", "ews", "cas1")
WHOLE = Verdict("mail-l4", "all", "cas1")


def seen(**moments: float) -> Record:
    record = Record(now=dict.fromkeys((OWA, EWS, WHOLE), "up"))
    names = {"owa": OWA, "ews": EWS, "whole": WHOLE}
    record.left = {names[name]: at for name, at in moments.items()}
    return record


def test_verdicts_are_read_per_pool_and_server() -> None:
    answer = [service("mail-l7", "l7", {"owa": ("owa",)}, cas1_owa="down")]
    assert read_verdicts(answer) == {
        Verdict("mail-l7", "owa", "cas1"): "down",
        Verdict("mail-l7", "owa", "cas2"): "up",
    }


def test_the_first_moment_without_traffic_counts_and_a_server_in_doubt_still_serves() -> None:
    record = Record()
    record.see(0.5, {OWA: "falling", EWS: "up"})
    record.see(1.0, {OWA: "down", EWS: "up"})
    record.see(1.5, {OWA: "rising", EWS: "up"})
    assert record.left == {OWA: 1.0}
    assert not record.all_up
    record.see(2.0, {OWA: "up", EWS: "up"})
    assert record.all_up


def test_nothing_seen_is_not_all_up() -> None:
    assert not Record().all_up


def test_what_left_in_time_and_alone_holds() -> None:
    claims = judge_leaving(seen(owa=1.2, whole=2.0), (OWA, WHOLE), within_seconds=3.5)
    assert [claim.holds for claim in claims] == [True, True, True]
    assert "cas1/owa left after 1.2 s" in claims[0].text
    assert "cas1 as a whole left after 2.0 s" in claims[1].text


def test_what_left_late_or_not_at_all_fails() -> None:
    late, missing, _ = judge_leaving(seen(owa=3.6), (OWA, WHOLE), within_seconds=3.5)
    assert not late.holds
    assert not missing.holds
    assert "did not leave" in missing.text


def test_a_neighbour_that_left_fails_the_last_claim_and_is_named() -> None:
    *_, others = judge_leaving(seen(owa=1.0, ews=1.1), (OWA,), within_seconds=3.5)
    assert not others.holds
    assert "cas1/ews in mail-l7" in others.text


def test_several_workloads_of_a_service_are_told_as_one_span() -> None:
    claim, _ = judge_leaving(seen(owa=0.6, ews=1.8), (OWA, EWS), within_seconds=3.5)
    assert claim.text == "mail-l7: cas1 in 2 workloads left after 0.6 to 1.8 s (promised 3.5 s)"


def test_harm_counts_only_what_happened_between_two_accounts() -> None:
    before = account(tally("mail-l7", "owa", cas1=10), at=10)
    after = account(
        tally("mail-l7", "owa", cas1=30, failed=2),
        at=20,
        failures=(failure("mail-l7", "owa", at=5), failure("mail-l7", "owa", at=15)),
    )
    harm = Harm.between(before, after)
    assert harm.total == 22
    assert len(harm.failures) == 1


def test_no_failure_needs_requests_as_well() -> None:
    assert not judge_no_failure(Harm(requests=Counter(), failures=()), "meanwhile").holds
    assert judge_no_failure(Harm(requests=Counter({("a", "b"): 3}), failures=()), "meanwhile").holds


def window(*failures: tuple[str, float]) -> tuple[bool, str]:
    harm = Harm(
        requests=Counter({("mail-l7", "owa"): 20, ("mail-l7", "ews"): 80, ("imap", "imaps"): 5}),
        failures=tuple(failure("mail-l7", workload, at=at) for workload, at in failures),
    )
    claim = judge_window(harm, "mail-l7", frozenset({"owa"}), began=NOON, until_seconds=2.0)
    return claim.holds, claim.text


def test_failures_of_the_broken_workload_inside_the_window_are_told_and_hold() -> None:
    holds, text = window(("owa", 0.4), ("owa", 1.3))
    assert holds
    assert text == (
        "mail-l7: 2 of 20 owa requests failed, 0 of 80 others; "
        "the last 1.3 s after the fault (2 status 503)"
    )


def test_a_failure_after_the_window_or_of_a_neighbour_does_not_hold() -> None:
    assert not window(("owa", 2.1))[0]
    assert not window(("ews", 0.4))[0]


def test_a_service_that_must_not_suffer_at_all_is_judged_without_window() -> None:
    harm = Harm(requests=Counter({("imap", "imaps"): 5}), failures=())
    claim = judge_window(harm, "imap", frozenset(), began=NOON, until_seconds=2.0)
    assert claim.holds
    assert claim.text == "imap: 0 of 5 requests failed"
