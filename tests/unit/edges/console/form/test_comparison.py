from __future__ import annotations

from typing import Any

from tests.unit.edges.console.form.farm import MAIL, farm

from switchover.balance.service_draft import read_draft
from switchover.edges.console.form.comparison import Comparison, compare


def comparison(down: str = "", **keys: Any) -> Comparison:
    value = {key: given for key, given in {**MAIL, **keys}.items() if given is not None}
    draft = read_draft(farm(), "mail", value)
    return compare(draft, layout=str(value["layout"]), down=down, is_whole=not draft.problems)


def test_the_first_broken_workload_is_supposed_until_another_is_chosen() -> None:
    assert comparison().down == "cas1/owa"
    assert comparison("cas2").down == "cas2"
    assert comparison("nonsense").down == "cas1/owa"
    assert comparison().suppositions == ("cas1/owa", "cas1/ews", "cas1", "cas2")


def test_each_layout_says_what_users_feel_and_what_it_costs() -> None:
    views = {view.label: view for view in comparison().views}
    assert set(views) == {"l7", "l4-names", "l4 (health all)", "l4 (health owa)"}
    assert views["l7"].is_chosen
    assert views["l7"].level == "warning"
    assert "of the capacity" in views["l7"].word
    assert any(
        "would leave with the broken one" in line for line in views["l4 (health all)"].sentences
    )
    assert all(view.costs for view in views.values())


def test_a_layout_is_advised_once_the_service_is_whole() -> None:
    assert [view.label for view in comparison().views if view.is_advised] == ["l7"]
    assert comparison().advice.startswith("Keep l7")
    faulty = comparison(tls=None)
    assert faulty.advice == ""
    assert not any(view.is_advised for view in faulty.views)
    assert [view.label for view in faulty.views if view.is_chosen] == ["l7"]


def test_grave_outcomes_are_told_as_such() -> None:
    alone = comparison(servers=["cas1"])
    assert {view.level for view in alone.views} == {"bad"}
    assert any("gone" in view.word for view in alone.views)
    some = {view.label: view for view in comparison("cas1/ews").views}["l4 (health owa)"]
    assert (some.level, some.word) == ("bad", "1 workload failing for some")


def test_a_backup_that_breaks_is_not_felt() -> None:
    found = comparison("cas2", servers=["cas1", {"name": "cas2", "backup": True}])
    assert {view.word for view in found.views} == {"users notice nothing"}


def test_layouts_that_can_not_be_are_told_with_the_reason() -> None:
    mail = comparison(
        layout="l4", port=143, workloads=["imap"], servers=["mx1"], tls=None, names=None
    )
    assert {layout for layout, _ in mail.left_out} == {"l4-names", "l7"}


def test_nothing_is_compared_before_there_is_something() -> None:
    assert comparison(servers=None).views == ()
    assert comparison(workloads=[], names=None).views == ()
