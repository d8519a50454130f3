"""A server named by an operator stands for every pool it is in, or the nearest known name is told."""

from __future__ import annotations

import pytest

from switchover.balance.overrides import Target
from switchover.balance.resolve import resolve
from switchover.balance.targets import expand_target
from switchover.errors import NotFound
from switchover.model.platform_file.read import read_platform_file

FARM = resolve(
    read_platform_file(
        """
platform: contoso
servers:
  cas1: {address: 192.0.2.11, runs: exchange}
  cas2: {address: 192.0.2.12, runs: exchange}
  spare: {address: 192.0.2.13, runs: exchange}
services:
  mail: {address: 203.0.113.10, port: 443, layout: l4, workloads: [owa, ews], servers: [cas1, cas2]}
  names:
    address: 203.0.113.11
    port: 443
    layout: l4-names
    names: {owa: owa.contoso.example, ews: ews.contoso.example}
    servers: [cas1]
"""
    )
)


def names(server: str, *, service: str | None = None, workload: str | None = None) -> list[str]:
    return [
        str(target) for target in expand_target(FARM, server, service=service, workload=workload)
    ]


def test_a_server_alone_means_every_pool_it_is_in() -> None:
    assert names("cas1") == ["mail.all/cas1", "names.owa/cas1", "names.ews/cas1"]
    assert names("cas2") == ["mail.all/cas2"]


def test_a_service_or_workload_narrows_it() -> None:
    assert names("cas1", service="names") == ["names.owa/cas1", "names.ews/cas1"]
    assert names("cas1", service="names", workload="ews") == ["names.ews/cas1"]


def test_in_layout_l4_a_workload_means_the_one_pool_that_carries_it() -> None:
    assert names("cas1", service="mail", workload="owa") == ["mail.all/cas1"]
    assert expand_target(FARM, "cas2", service=None, workload="all") == (
        Target(service="mail", pool="all", server="cas2"),
    )


@pytest.mark.parametrize(
    ("server", "service", "workload", "told"),
    [
        ("cas11", None, None, "did you mean 'cas1'"),
        ("x", None, None, "known: cas1, cas2, spare"),
        ("cas1", "mial", None, "did you mean 'mail'"),
        ("spare", None, None, "not in any service"),
        ("cas2", "names", None, "not in the service 'names'"),
        ("cas1", "mail", "imaps", "with the workload 'imaps'"),
    ],
)
def test_what_does_not_exist_is_told(
    server: str, service: str | None, workload: str | None, told: str
) -> None:
    with pytest.raises(NotFound, match=told):
        names(server, service=service, workload=workload)
