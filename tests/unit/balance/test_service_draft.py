from __future__ import annotations

from typing import Any

from tests.unit.edges.console.form.farm import MAIL, farm

from switchover.balance.service_draft import Draft, read_draft, suppose


def draft(name: str = "new", old_name: str | None = None, **keys: Any) -> Draft:
    value = {key: given for key, given in {**MAIL, **keys}.items() if given is not None}
    return read_draft(farm(mail=MAIL), name, value, old_name=old_name)


def test_a_good_service_has_no_problems() -> None:
    assert draft(port=8443).problems == ()


def test_a_place_that_another_service_has_is_told() -> None:
    (problem,) = draft().problems
    assert problem.path == "services.new.port"
    assert "already used by the service 'mail'" in problem.message


def test_a_service_does_not_stand_in_its_own_way() -> None:
    assert draft("mail").problems == ()
    assert draft("post", old_name="mail").problems == ()


def test_problems_have_the_path_of_the_key() -> None:
    assert {problem.path for problem in draft(port="https", colour=1).problems} == {
        "services.new.port", "services.new.colour",
    }  # fmt: skip
    assert [problem.path for problem in draft(port=8443, tls=None).problems] == ["services.new.tls"]


def test_a_faulty_draft_is_compared_by_what_it_says() -> None:
    found = draft(tls=None, port=None, address=None)
    assert found.problems
    assert found.service is not None
    assert [item.name for item in found.service.workloads] == ["owa", "ews"]
    assert [item.weight for item in found.service.servers] == [100, 50]


def test_a_weight_that_is_wrong_does_not_keep_a_draft_from_being_compared() -> None:
    found = draft(servers=[{"name": "cas1", "weight": "much"}])
    assert found.service is not None
    assert found.service.servers[0].weight == 100


def test_a_draft_of_names_is_compared_by_its_names() -> None:
    found = draft(layout="l4-names", names={"owa": "a.example"}, workloads=None)
    assert found.problems  # a certificate where nothing is decrypted
    assert found.service is not None
    assert found.suppositions == ("cas1", "cas2")


def test_too_little_is_not_compared() -> None:
    for keys in (
        {"servers": []},
        {"workloads": [], "names": None},
        {"servers": ["gone"]},
        {"workloads": 5},
    ):
        found = draft(**keys)
        assert found.service is None
        assert found.suppositions == ()
        assert suppose(found, "cas1") is None


def test_an_outage_takes_a_server_or_one_workload_away() -> None:
    found = draft(port=8443)
    whole, one = suppose(found, "cas1"), suppose(found, "cas1/owa")
    assert whole is not None
    assert one is not None
    assert [row.remaining for row in whole.current.workloads] == [("cas2",), ("cas2",)]
    assert [row.remaining for row in one.current.workloads] == [("cas2",), ("cas1", "cas2")]
