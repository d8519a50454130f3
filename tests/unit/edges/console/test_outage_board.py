"""The board of switches shows what is off, why, and what else the address holds."""

from __future__ import annotations

from typing import Any

from tests.builders import farm, http_service, mail_service, server

from switchover.balance.outage import parse_outage
from switchover.balance.virtual_service import Balance
from switchover.edges.console.outage_board import Board, Switch, lay_out

OWA = http_service()
IMAP = mail_service()


def balance(**services: Any) -> Balance:
    return farm(
        services or {"mail": OWA, "imap": IMAP},
        servers={
            "cas1": server(1, site="brussels"),
            "cas2": server(2, site="ghent"),
            "cas3": server(3),
        },
    )


def row(board: Board, name: str) -> dict[str, Switch]:
    found = next(one for one in board.rows if one.server.label == name)
    switches = zip(board.columns, found.workloads, strict=True)
    return {"": found.server, **{label: switch for label, switch in switches if switch}}


def off(switches: dict[str, Switch]) -> set[str]:
    return {label for label, switch in switches.items() if switch.is_off}


def test_the_board_holds_what_services_carry_and_nothing_else() -> None:
    board = lay_out(balance(), ())
    assert board.columns == ("owa", "activesync", "imaps")
    assert [one.server.label for one in board.rows] == ["cas1", "cas2"]
    assert [one.site for one in board.rows] == ["brussels", "ghent"]
    assert [site.value for site in board.sites] == ["site:brussels", "site:ghent"]
    assert off(row(board, "cas1")) == set()
    assert (board.elsewhere, board.hidden) == ((), 0)


def test_a_workload_is_off_alone_and_a_server_with_all_of_its_workloads() -> None:
    board = lay_out(balance(), ["cas1/owa", "cas2"])
    assert off(row(board, "cas1")) == {"owa"}
    assert not row(board, "cas1")["owa"].is_covered
    assert off(row(board, "cas2")) == {"", "owa", "activesync", "imaps"}
    assert row(board, "cas2")["owa"].is_covered
    assert not row(board, "cas2")[""].is_covered


def test_a_site_takes_its_servers_along_and_a_workload_of_a_site_only_that() -> None:
    board = lay_out(balance(), ["site:brussels"])
    assert [site.is_off for site in board.sites] == [True, False]
    assert row(board, "cas1")[""].is_covered
    assert off(row(board, "cas2")) == set()
    board = lay_out(balance(), ["site:ghent/owa"])
    assert off(row(board, "cas2")) == {"owa"}
    assert row(board, "cas2")["owa"].is_covered
    assert board.elsewhere == ("site:ghent/owa",)


def test_a_service_or_a_name_narrows_the_board_and_what_is_off_elsewhere_is_kept() -> None:
    board = lay_out(balance(), ["cas1/owa", "cas2"], service="imap")
    assert board.columns == ("imaps",)
    assert board.elsewhere == ("cas1/owa",)
    board = lay_out(balance(), ["cas1/owa", "cas2"], containing="AS1")
    assert [one.server.label for one in board.rows] == ["cas1"]
    assert board.elsewhere == ("cas2",)
    assert lay_out(balance(), (), service="gone").rows == ()


def test_a_server_has_no_switch_for_what_no_service_carries_from_it() -> None:
    board = lay_out(balance(mail=OWA, imap=mail_service(servers=["cas3"])), ())
    assert set(row(board, "cas3")) == {"", "imaps"}
    assert set(row(board, "cas1")) == {"", "owa", "activesync"}


def test_more_servers_than_fit_are_counted() -> None:
    board = lay_out(balance(), ["cas2"], most=1)
    assert (len(board.rows), board.hidden, board.elsewhere) == (1, 1, ("cas2",))


def test_two_products_with_a_workload_of_one_name_are_told_apart() -> None:
    twins = farm(
        {
            "relay": mail_service("postfix/submission", servers=["mx1"], port=587),
            "boxes": mail_service("dovecot/submission", servers=["mx1"], port=588),
        },
        servers={"mx1": {"address": "192.0.2.21", "runs": ["dovecot", "postfix"]}},
    )
    board = lay_out(twins, ["mx1/postfix/submission"])
    assert board.columns == ("postfix/submission", "dovecot/submission")
    assert off(row(board, "mx1")) == {"postfix/submission"}
    assert len(parse_outage(twins, values_of(board)).items) == 3


def test_every_switch_says_what_the_outage_reader_understands() -> None:
    values = values_of(lay_out(balance(), ()))
    assert len(parse_outage(balance(), values).items) == len(values) == 8


def values_of(board: Board) -> list[str]:
    return [switch.value for one in board.rows for switch in (one.server, *one.workloads) if switch]
