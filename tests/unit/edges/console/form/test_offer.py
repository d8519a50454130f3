from __future__ import annotations

from tests.unit.edges.console.form.farm import SERVERS, farm

from switchover.balance.resolve import resolve
from switchover.edges.console.form.offer import MOST_SERVERS, offered_products, offered_servers
from switchover.model.platform_file.read import read_plain


def test_only_what_servers_run_is_offered() -> None:
    balance = farm()
    found = offered_products(balance.servers, balance.templates, ())
    assert [product.template for product in found] == ["dovecot", "exchange", "postfix"]


def test_names_that_two_products_of_a_server_share_are_written_in_full() -> None:
    balance = farm()
    found = {
        item.value
        for product in offered_products(
            balance.servers, balance.templates, ["dovecot/imaps", "ecp"]
        )
        for item in product.workloads
    }
    assert {"dovecot/submission", "postfix/submission", "owa", "ecp"} <= found
    assert "dovecot/imaps" in found  # as the service writes it
    assert "imap" in found


def test_what_a_service_writes_short_stays_short() -> None:
    balance = farm()
    found = offered_products(balance.servers, balance.templates, ["submission"])
    assert "submission" in {item.value for product in found for item in product.workloads}


def test_chosen_servers_stand_first_and_all_are_listed_while_they_are_few() -> None:
    shown, is_all = offered_servers(farm().servers, ["mx1", "gone"])
    assert [server.name for server in shown] == ["mx1", "cas1", "cas2"]
    assert is_all
    assert shown[1].line == "192.0.2.11 · brussels · exchange"


def test_of_many_servers_only_the_chosen_are_listed() -> None:
    many = {f"s{number}": SERVERS["cas2"] for number in range(MOST_SERVERS + 1)}
    balance = resolve(read_plain({"platform": "contoso", "servers": many}))
    shown, is_all = offered_servers(balance.servers, ["s7"])
    assert [server.name for server in shown] == ["s7"]
    assert not is_all
