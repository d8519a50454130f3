from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from tests.unit.balance.outage_farm import real_of, service_of

from switchover.balance.outage import Outage, OutageItem, parse_outage
from switchover.balance.overrides import AdminState, Override, Overrides, Target
from switchover.balance.prediction import Cause, TakenOut
from switchover.balance.resolve import resolve
from switchover.balance.virtual_service import Balance, VirtualService
from switchover.balance.what_if import WhatIf, what_if
from switchover.balance.what_if_view import describe_taken_out, tables, to_json
from switchover.model.platform_file.read import read_platform_file
from switchover.model.platform_file.spec import EngineSpec, Layout

NOTICES_NOTHING = "A user notices nothing."
HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "choose-a-layout.md"
HALF = "A user notices nothing while 50 % of the capacity is enough."


def answer_of(
    *services: VirtualService, down: tuple[str, ...] = (), overrides: Overrides | None = None
) -> WhatIf:
    items = []
    for text in down:
        server, _, workload = text.partition("/")
        items.append(OutageItem(text=text, broken=frozenset({(server, "exchange", workload)})))
    balance = Balance(
        platform="contoso", engine=EngineSpec(), servers={}, templates={}, services=services
    )
    return what_if(balance, Outage(items=tuple(items)), overrides)


def test_workloads_and_layouts_that_fare_alike_share_a_row() -> None:
    workloads, _ = tables(
        answer_of(service_of(workloads=["owa", "ecp", "ews"]), down=("cas1/owa",))
    )
    assert workloads.title == "mail: workloads"
    shared = "l4 (health all), l4 (health owa)"
    assert workloads.rows == (
        (shared, "owa", "cas2", "cas1: broken", "50 %", HALF),
        (shared, "ecp, ews", "cas2", "cas1: shares the verdict on owa", "50 %", HALF),
        ("l4-names, l7 *", "owa", "cas2", "cas1: broken", "50 %", HALF),
        ("l4-names, l7 *", "ecp, ews", "cas1, cas2", "none", "100 %", NOTICES_NOTHING),
    )


def test_the_layout_table_compares_costs_and_ends_with_the_recommendation() -> None:
    service = service_of(Layout.L4, health_workload="owa")
    _, layouts = tables(answer_of(service, down=("cas1/owa",)))
    assert layouts.rows == (
        ("l4 (health all)", "0", "2", "0", "0", "50 %", "1 healthy, 25 %", "1 name, no key here"),
        ("l4 (health owa) *", "0", "2", "0", "0", "50 %", "1 healthy, 25 %", "1 name, no key here"),
        ("l4-names", "1", "1", "0", "0", "75 %", "nothing", "2 names, no key here"),
        ("l7", "1", "1", "0", "0", "75 %", "nothing", "1 name, key here, more processor time"),
    )
    assert len(layouts.notes) == 1
    assert layouts.notes[0].startswith("Choose l7: ")


def test_costs_in_full_are_there_for_the_asking() -> None:
    _, layouts = tables(answer_of(service_of(), down=("cas1/owa",)), costs=True)
    assert [note.partition(":")[0] for note in layouts.notes[1:]] == [
        "l4 (health all)",
        "l4 (health owa)",
        "l4-names",
        "l7",
    ]


def test_a_layout_that_is_left_out_is_told_with_its_reason() -> None:
    _, layouts = tables(answer_of(service_of(workloads=["owa"]), down=("cas1/owa",)))
    assert "No l4-names: with one workload" in layouts.notes[1]


def test_servers_that_wait_or_are_broken_in_rotation_are_marked() -> None:
    service = service_of(
        Layout.L4,
        health_workload="ecp",
        servers=[real_of("cas1"), real_of("cas2"), real_of("old", backup=True)],
    )
    workloads, _ = tables(answer_of(service, down=("cas1/owa",)))
    assert "cas1 (broken), cas2, old (waits)" in [row[2] for row in workloads.rows]
    gone, _ = tables(answer_of(service_of(servers=["cas1"]), down=("cas1/owa",)))
    assert gone.rows[0][2:5] == ("none", "cas1: broken", "0 %")


def test_services_that_are_not_affected_share_the_last_table() -> None:
    calm = service_of(Layout.L4, name="calm", workloads=["ews"])
    last = tables(answer_of(service_of(), calm, down=("cas1/owa", "cas9/api")))[-1]
    assert last.title == "not affected"
    assert last.rows == (("calm", "l4", "ews", "100 %"),)
    assert last.notes == ("cas9/api is in no virtual service.",)


def test_an_item_without_effect_is_told_even_when_every_service_is_affected() -> None:
    last = tables(answer_of(service_of(), down=("cas1/owa", "cas9/api")))[-1]
    assert (last.rows, last.notes) == ((), ("cas9/api is in no virtual service.",))


@pytest.mark.parametrize(
    ("cause", "because", "text"),
    [
        (Cause.OWN_VERDICT, ("owa", "ews"), "cas1: broken"),
        (Cause.SHARED_VERDICT, ("ecp", "ews"), "cas1: shares the verdict on ecp, ews"),
        (Cause.MAINTENANCE, ("owa",), "cas1: in maintenance"),
        (Cause.DRAIN, ("owa",), "cas1: drained"),
        (Cause.DRAIN, ("ecp",), "cas1: drained for ecp"),
        (Cause.NO_WEIGHT, ("owa",), "cas1: weight 0"),
    ],
)
def test_why_a_server_is_out_is_said_in_words(
    cause: Cause, because: tuple[str, ...], text: str
) -> None:
    needless = "owa" not in because
    item = TakenOut(server="cas1", cause=cause, because=because, is_needless=needless)
    assert describe_taken_out(item, "owa") == text


def test_a_broken_workload_is_called_broken_though_another_one_decided() -> None:
    item = TakenOut(server="cas1", cause=Cause.SHARED_VERDICT, because=("owa",), is_needless=False)
    assert describe_taken_out(item, "ecp") == "cas1: broken"


def test_it_is_told_when_nothing_was_assumed_to_be_down() -> None:
    (only,) = tables(answer_of(service_of()))
    assert only.notes == ("Nothing was assumed to be down.",)


def test_the_json_form_is_plain_data_with_every_number() -> None:
    target = Target(service="mail", pool="ecp", server="cas2")
    overrides = Overrides(by_target={target: Override(state=AdminState.MAINTENANCE)})
    service = service_of(workloads=["owa", "ecp", "ews"])
    answer = answer_of(service, down=("cas1/owa",), overrides=overrides)
    data = json.loads(json.dumps(to_json(answer)))
    assert data["down"] == ["cas1/owa"]
    assert data["without_effect"] == []
    mail = data["services"][0]
    assert mail["recommendation"]["layout"] == "l7"
    assert [item["label"] for item in mail["layouts"]][-1] == "l7"
    shared, current = mail["layouts"][0], mail["layouts"][-1]
    assert (shared["health_workload"], current["health_workload"]) == ("all", None)
    assert current["is_current"] is True
    assert current["score"] == {
        "works": 1,
        "partly": 2,
        "fails": 0,
        "failing": 0,
        "capacity": 0.6667,
        "lost_healthy": 0,
        "lost_needlessly": 0.0,
    }
    assert current["cost"]["names"] == 1
    ecp = current["workloads"][1]
    assert ecp["answering"] == ["cas1"]
    assert ecp["outcome"] == "works, less capacity"
    assert ecp["taken_out"] == [
        {
            "server": "cas2",
            "cause": "maintenance",
            "because": ["ecp"],
            "is_needless": False,
            "sentence": "cas2: in maintenance",
        }
    ]
    assert shared["workloads"][2]["lost_healthy"] == ["cas1", "cas2"]


def test_the_json_form_tells_layouts_left_out() -> None:
    data = to_json(answer_of(service_of(workloads=["owa"])))
    assert data["services"][0]["left_out"] == [
        {
            "layout": "l4-names",
            "reason": "with one workload, a name for each workload changes nothing",
        }
    ]


def test_the_how_to_shows_what_is_really_said() -> None:
    # Lines are wrapped there, so the words are compared and not their places.
    text = HOW_TO.read_text("utf-8")
    farm = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    examples = re.findall(r"```console\n\$ switchover what-if (.*?)\n(.*?)```", text, re.DOTALL)
    balance = resolve(read_platform_file(farm[0]))
    assert len(examples) == 3
    for arguments, shown in examples:
        answer = what_if(balance, parse_outage(balance, re.findall(r"--down (\S+)", arguments)))
        said = [
            text
            for table in tables(answer)
            for text in (table.title, *table.columns, *sum(table.rows, ()), *table.notes)
        ]
        assert Counter(shown.split()) == Counter(" ".join(said).split())
