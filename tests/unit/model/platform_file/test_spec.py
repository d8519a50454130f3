from __future__ import annotations

import json

import pytest
from tests.builders import farm_file, http_service, names_service

from switchover.model.platform_file.spec import (
    ServerSpec,
    ServiceServerSpec,
    ServiceSpec,
    WorkloadNameSpec,
    json_schema,
)


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


def test_a_server_and_a_service_tell_which_files_they_name() -> None:
    server = {"address": "192.0.2.11", "runs": ["exchange"]}
    assert ServerSpec.model_validate(server).files() == []
    assert ServerSpec.model_validate({**server, "certificate": "cas1.pem"}).files() == ["cas1.pem"]
    service = {"address": "203.0.113.10", "port": 443, "layout": "l7", "servers": ["cas1"]}
    tls = {"certificate": "mail.pem", "server_ca": "ca.pem"}
    assert ServiceSpec.model_validate({**service, "tls": tls}).files() == ["mail.pem", "ca.pem"]
    sorry = {"page": "sorry.html", "certificate": "mail.pem"}
    assert ServiceSpec.model_validate({**service, "sorry": sorry}).files() == [
        "sorry.html",
        "mail.pem",
    ]
