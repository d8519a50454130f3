from __future__ import annotations

import json

import pytest
from tests.builders import farm_file, http_service, names_service

from switchover.model.platform_file.spec import ServiceServerSpec, WorkloadNameSpec, json_schema


def test_the_schema_says_which_draft_it_follows_and_is_plain_json() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "switchover platform file"
    assert schema["required"] == ["platform", "servers"]


def test_the_schema_knows_every_key_and_refuses_others() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["ServiceSpec"]["additionalProperties"] is False
    assert "scheduler" in definitions["ServiceSpec"]["properties"]
    assert definitions["Scheduler"]["enum"][0] == "round-robin"


def test_every_key_is_described() -> None:
    assert [
        f"{name}.{key}"
        for name, section in json_schema()["$defs"].items()
        for key, value in section.get("properties", {}).items()
        if "description" not in value
    ] == []


@pytest.mark.parametrize("written", ["cas1", {"name": "cas1"}])
def test_a_server_is_a_name_or_a_mapping(written: object) -> None:
    spec = farm_file({"mail": http_service(servers=[written])}).spec.services["mail"]
    assert spec.servers == [ServiceServerSpec(name="cas1")]


@pytest.mark.parametrize("written", ["owa.contoso.example", {"name": "owa.contoso.example"}])
def test_the_name_of_a_workload_is_a_host_or_a_mapping(written: object) -> None:
    spec = farm_file({"mail": names_service(names={"owa": written})}).spec.services["mail"]
    assert spec.names == {"owa": WorkloadNameSpec(name="owa.contoso.example")}


@pytest.mark.parametrize("written", ["cookie", {"kind": "cookie"}])
def test_persistence_is_a_kind_or_a_mapping(written: object) -> None:
    spec = farm_file({"mail": http_service(persistence=written)}).spec.services["mail"]
    assert (spec.persistence.kind, spec.persistence.expire) == ("cookie", 1800.0)
