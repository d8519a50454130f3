from __future__ import annotations

import pytest
from tests.builders import farm, http_service, mail_service, names_service, server

from switchover.balance.search import find_servers, find_services
from switchover.balance.virtual_service import Balance


@pytest.fixture
def balance() -> Balance:
    return farm(
        {
            "mail": http_service(title="Webmail of everybody"),
            "names": names_service(),
            "imap": mail_service(),
        },
        servers={
            "cas1": server(1, site="brussels"),
            "cas2": server(2),
            "mail-archive": server(3, runs=["dovecot"]),
        },
    )


def services(balance: Balance, text: str) -> list[str]:
    return [item.name for item in find_services(balance, text, limit=9)]


def servers(balance: Balance, text: str) -> list[str]:
    return [item.name for item in find_servers(balance, text, limit=9)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("IMAP", ["imap"]),
        ("everybody", ["mail"]),
        ("203.0.113.11", ["names"]),
        ("203.0.113.10:443", ["mail"]),
        ("mail.contoso", ["mail"]),
        ("eas.contoso", ["names"]),
        ("activesync", ["mail", "names"]),
        ("nothing like it", []),
    ],
)
def test_a_service_is_found_by_all_that_clients_or_people_call_it(
    balance: Balance, text: str, names: list[str]
) -> None:
    assert services(balance, text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cas", ["cas1", "cas2"]),
        ("192.0.2.12", ["cas2"]),
        ("Brussels", ["cas1"]),
        ("dovecot", ["mail-archive"]),
        ("none", []),
    ],
)
def test_a_server_is_found_by_name_address_site_and_product(
    balance: Balance, text: str, names: list[str]
) -> None:
    assert servers(balance, text) == names


def test_the_name_itself_comes_first_then_its_beginning_then_other_words() -> None:
    balance = farm(
        servers={
            "a": server(1, site="cas"),
            "old-cas": server(2),
            "cas10": server(3),
            "cas": server(4),
        }
    )
    assert servers(balance, "cas") == ["cas", "cas10", "old-cas", "a"]
    assert [item.name for item in find_servers(balance, "cas", limit=2)] == ["cas", "cas10"]


def test_the_line_beside_a_name_says_where_it_is_and_why_it_fits(balance: Balance) -> None:
    (found,) = find_services(balance, "eas.", limit=9)
    assert found.detail == "203.0.113.11:443 · eas.contoso.example"
    (found,) = find_services(balance, "everybody", limit=9)
    assert found.detail == "203.0.113.10:443 · Webmail of everybody"
    (found,) = find_servers(balance, "cas1", limit=9)
    assert found.detail == "192.0.2.11 · brussels"
