from __future__ import annotations

from switchover.balance.shipped import shipped_templates
from switchover.model.server import Server
from switchover.model.workload import Protocol

DOVECOT = Server(
    name="mx1",
    address="192.0.2.21",
    runs=("dovecot",),
    proxy_protocol=frozenset({"imap", "lmtp"}),
    ports={993: 9993},
)


def test_a_server_maps_the_ports_of_its_template() -> None:
    assert DOVECOT.port_of(993) == 9993
    assert DOVECOT.port_of(143) == 143


def test_the_proxy_protocol_is_declared_by_workload_or_by_protocol() -> None:
    assert DOVECOT.takes_proxy_protocol("lmtp", Protocol.LMTP)
    assert DOVECOT.takes_proxy_protocol("imaps", Protocol.IMAP)
    assert not DOVECOT.takes_proxy_protocol("sieve", Protocol.SIEVE)


def test_a_server_has_the_workloads_of_the_products_it_runs() -> None:
    templates = shipped_templates()
    imap, smtp = templates["dovecot"].find("imap"), templates["postfix"].find("smtp")
    assert imap is not None
    assert smtp is not None
    assert DOVECOT.has(imap)
    assert not DOVECOT.has(smtp)
