from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import farm, http_service

from switchover.balance.overrides import AdminState, Override, Overrides, Target, parse_target
from switchover.errors import Corrupt

CAS1 = Target(service="mail", pool="owa", server="cas1")
CAS2 = Target(service="mail", pool="owa", server="cas2")
GONE = Target(service="mail", pool="ecp", server="cas1")


def test_a_target_is_written_as_the_engine_writes_it() -> None:
    assert str(CAS1) == "mail.owa/cas1"
    assert parse_target("mail.owa/cas1") == CAS1


@pytest.mark.parametrize(
    "text", ["", "mail", "mail.owa", "mail/cas1", ".owa/cas1", "mail./cas1", "mail.owa/"]
)
def test_other_texts_are_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="is not SERVICE"):
        parse_target(text)


def test_without_overrides_the_file_decides() -> None:
    assert Overrides().get("mail", "owa", "cas1").is_nothing


def test_state_and_weight_are_set_without_touching_each_other() -> None:
    drained = Overrides().changed([CAS1], state=AdminState.DRAIN)
    assert drained.get("mail", "owa", "cas1") == Override(state=AdminState.DRAIN)
    both = drained.changed([CAS1, CAS2], weight=5)
    assert both.get("mail", "owa", "cas1") == Override(state=AdminState.DRAIN, weight=5)
    assert both.get("mail", "owa", "cas2") == Override(weight=5)
    assert drained.get("mail", "owa", "cas2").is_nothing


def test_an_override_that_changes_nothing_is_forgotten() -> None:
    changed = Overrides().changed([CAS1], state=AdminState.DRAIN, weight=5)
    ready = changed.changed([CAS1], state=AdminState.READY)
    assert ready.by_target == {CAS1: Override(weight=5)}
    assert ready.changed([CAS1], reset_weight=True).by_target == {}
    assert Overrides().changed([CAS1], state=AdminState.READY).by_target == {}


def test_overrides_of_targets_that_are_gone_are_dropped() -> None:
    overrides = Overrides().changed([CAS1, GONE], state=AdminState.MAINTENANCE)
    balance = farm({"mail": http_service(workloads=["owa"])})
    assert overrides.kept_for(balance) == Overrides().changed([CAS1], state=AdminState.MAINTENANCE)


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}", fullmatch=True)
TARGETS = st.builds(Target, service=NAMES, pool=NAMES, server=NAMES)
OVERRIDES = st.builds(
    Override,
    state=st.sampled_from(AdminState),
    weight=st.none() | st.integers(0, 256),
)


@given(st.dictionaries(TARGETS, OVERRIDES, max_size=5))
def test_what_is_stored_is_read_again(by_target: dict[Target, Override]) -> None:
    overrides = Overrides(by_target=by_target)
    assert Overrides.from_json(overrides.to_json()) == overrides


def test_the_stored_order_depends_on_nothing_but_the_targets() -> None:
    overrides = Overrides().changed([GONE, CAS2, CAS1], weight=1)
    assert list(overrides.to_json()) == ["mail.ecp/cas1", "mail.owa/cas1", "mail.owa/cas2"]


@pytest.mark.parametrize(
    "rows",
    [
        {"mail.owa": {"state": "ready", "weight": 1}},
        {"mail.owa/cas1": {"state": "asleep", "weight": 1}},
        {"mail.owa/cas1": {"state": "ready"}},
        {"mail.owa/cas1": {"state": "ready", "weight": "5"}},
        {"mail.owa/cas1": {"state": "ready", "weight": 257}},
        {"mail.owa/cas1": {"state": "ready", "weight": True}},
        {"mail.owa/cas1": None},
        ["mail.owa/cas1"],
        None,
    ],
)
def test_anything_else_that_is_stored_is_corrupt(rows: Any) -> None:
    with pytest.raises(Corrupt, match="stored overrides can not be read"):
        Overrides.from_json(rows)


def test_overrides_follow_a_service_or_server_to_its_new_name() -> None:
    before = Overrides().changed(
        [Target(service="mail", pool="owa", server="cas1")], state=AdminState.DRAIN
    )
    assert before.renamed("service", "mail", "post").get("post", "owa", "cas1").state == "drain"
    assert before.renamed("server", "cas1", "front").get("mail", "owa", "front").state == "drain"
    assert before.renamed("server", "cas2", "front") == before
