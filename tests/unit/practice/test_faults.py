from __future__ import annotations

import pytest

from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.practice.faults import (
    MEANING,
    Breakage,
    Fault,
    FaultBook,
    Target,
    shows_wrong_certificate,
)


def book() -> FaultBook:
    return FaultBook({"cas1": ("owa", "ews", "imaps"), "cas2": ("owa",)})


def target(text: str) -> Target:
    return Target.parse(text)


HUNG = Breakage(fault=Fault.HANG)
SLOW = Breakage(fault=Fault.SLOW, seconds=2.0)


def test_every_fault_of_the_brief_exists_and_is_explained() -> None:
    words = {
        "refuse",
        "hang",
        "503",
        "401",
        "421",
        "slow",
        "wrong-certificate",
        "reset",
        "half-open",
    }
    assert set(Fault) == words
    assert set(MEANING) == set(Fault)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cas1", Target(server="cas1")),
        (" cas1/owa ", Target(server="cas1", workload="owa")),
    ],
)
def test_a_target_is_a_server_or_one_of_its_workloads(text: str, expected: Target) -> None:
    assert target(text) == expected
    assert str(expected) == text.strip()


@pytest.mark.parametrize("text", ["", "/owa", "cas1/", "cas1/owa/x"])
def test_half_a_target_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no target"):
        target(text)


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="half-open"):
        Breakage.parse("explode")


@pytest.mark.parametrize("seconds", [0.0, -1.0, 3601.0, float("nan")])
def test_a_delay_must_be_possible(seconds: float) -> None:
    with pytest.raises(InvalidInput, match="seconds"):
        Breakage.parse("slow", seconds)


def test_a_delay_has_a_default() -> None:
    assert Breakage.parse("slow") == Breakage(fault=Fault.SLOW, seconds=5.0)


def test_one_broken_workload_leaves_its_neighbours_alone() -> None:
    faults = book()
    faults.break_(target("cas1/owa"), HUNG)
    assert faults.on("cas1", "owa") == HUNG
    assert faults.on("cas1", "ews") is None
    assert faults.on("cas2", "owa") is None
    assert faults.on("cas1", None) is None


def test_a_broken_server_breaks_all_its_workloads() -> None:
    faults = book()
    faults.break_(target("cas1"), HUNG)
    assert faults.on("cas1", "ews") == HUNG
    assert faults.on("cas1", None) == HUNG
    assert faults.on("cas2", "owa") is None


def test_a_workloads_own_fault_counts_before_its_servers() -> None:
    faults = book()
    faults.break_(target("cas1"), HUNG)
    faults.break_(target("cas1/owa"), SLOW)
    assert faults.on("cas1", "owa") == SLOW


def test_a_shared_port_breaks_only_with_its_server() -> None:
    faults = book()
    faults.break_(target("cas1/owa"), HUNG)
    assert faults.on_port("cas1", ("owa", "ews")) is None
    faults.break_(target("cas1"), SLOW)
    assert faults.on_port("cas1", ("owa", "ews")) == SLOW


def test_a_port_of_its_own_breaks_with_its_workload() -> None:
    faults = book()
    faults.break_(target("cas1/imaps"), HUNG)
    assert faults.on_port("cas1", ("imaps",)) == HUNG


def test_mending_a_server_mends_all_its_workloads() -> None:
    faults = book()
    faults.break_(target("cas1"), HUNG)
    faults.break_(target("cas1/owa"), SLOW)
    faults.break_(target("cas2"), SLOW)
    faults.mend(target("cas1"))
    assert faults.on("cas1", "owa") is None
    assert faults.on("cas2", "owa") == SLOW


def test_mending_twice_changes_nothing() -> None:
    faults = book()
    faults.break_(target("cas1/owa"), HUNG)
    faults.mend(target("cas1/owa"))
    faults.mend(target("cas1/owa"))
    assert faults.on("cas1", "owa") is None


def test_a_workload_cannot_be_mended_while_its_server_is_broken() -> None:
    faults = book()
    faults.break_(target("cas1"), HUNG)
    with pytest.raises(Conflict, match="mend cas1"):
        faults.mend(target("cas1/owa"))


@pytest.mark.parametrize(("text", "said"), [("cas9", "cas1, cas2"), ("cas2/ews", "offers owa")])
def test_what_does_not_exist_cannot_be_broken_or_mended(text: str, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        book().break_(target(text), HUNG)
    with pytest.raises(NotFound, match=said):
        book().mend(target(text))


def test_a_wrong_certificate_is_known_per_workload() -> None:
    faults = book()
    wrong = Breakage(fault=Fault.WRONG_CERTIFICATE)
    assert faults.wrongly_certified("cas1") == frozenset()
    faults.break_(target("cas1/owa"), wrong)
    assert faults.wrongly_certified("cas1") == {"owa"}
    faults.break_(target("cas1"), wrong)
    assert faults.wrongly_certified("cas1") == {"owa", "ews", "imaps"}


NAMES = {"owa": "OWA.contoso.example", "ews": "ews.contoso.example"}


@pytest.mark.parametrize(
    ("server_name", "wrong", "expected"),
    [
        ("owa.contoso.example", {"owa"}, True),
        ("ews.contoso.example", {"owa"}, False),
        (None, {"owa"}, False),
        ("ews.contoso.example", {"owa", "oab"}, True),
        (None, {"oab"}, True),
        ("owa.contoso.example", set(), False),
    ],
)
def test_the_wrong_certificate_follows_the_name_where_there_is_one(
    server_name: str | None, wrong: set[str], expected: bool
) -> None:
    shown = shows_wrong_certificate(server_name=server_name, wrong=wrong, names=NAMES)
    assert shown is expected
