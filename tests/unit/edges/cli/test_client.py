from __future__ import annotations

from typing import Any

import pytest

from switchover.edges.cli.client import Client, segment
from switchover.errors import InvalidInput

PAGES: dict[Any, Any] = {
    None: {"things": [1, 2], "after": "b"},
    "b": {"things": [3], "after": "c"},
    "c": {"things": [], "after": None},
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    def get(self: Client, path: str, **query: object) -> Any:
        assert (path, query.pop("q")) == ("/things", "x")
        ((name, place),) = query.items()
        page = PAGES[place]
        return {"things": page["things"], name: page["after"]}

    monkeypatch.setattr(Client, "get", get)
    return Client("http://api.contoso.example", "")


@pytest.mark.parametrize("cursor", ["after", "before"])
def test_a_list_is_read_to_its_end(client: Client, cursor: str) -> None:
    assert client.rows("/things", "things", {"q": "x"}, cursor=cursor) == [1, 2, 3]
    assert len(list(client.pages("/things", {"q": "x"}, cursor=cursor))) == 3


def found(monkeypatch: pytest.MonkeyPatch, url: str, token: str) -> Client:
    monkeypatch.setenv("SWITCHOVER_URL", url)
    monkeypatch.setenv("SWITCHOVER_TOKEN", token)
    return Client.find(None)


@pytest.mark.parametrize("around", ["", " ", "\r", "\n", "\t\r\n"])
def test_blanks_around_a_token_and_an_address_do_no_harm(
    monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    client = found(
        monkeypatch, f"https://api.contoso.example:8440/{around}", f"{around}swo_x{around}"
    )
    assert (client.url, client.token) == ("https://api.contoso.example:8440", "swo_x")


@pytest.mark.parametrize(
    "odd", ["swo_se\rcret", "swo_se\ncret", "swo_sécret", "swo_se cret", "swo_\udce9"]
)
def test_a_token_that_is_none_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    with pytest.raises(InvalidInput, match="SWITCHOVER_TOKEN is not a usable token") as caught:
        found(monkeypatch, "http://127.0.0.1:8440", odd)
    assert "swo_s" not in str(caught.value)


@pytest.mark.parametrize(
    "odd",
    [
        "hallo",
        "127.0.0.1:8440",
        "http://",
        "http://h:port",
        "http://h:99999",
        "http://a b",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    with pytest.raises(InvalidInput, match="SWITCHOVER_URL is no URL"):
        found(monkeypatch, odd, "swo_x")


@pytest.mark.parametrize("odd", ["", " ", "a/b", "/", "a\x1b"])
def test_what_can_be_no_name_is_not_asked_for(odd: str) -> None:
    with pytest.raises(InvalidInput, match="is no name; write it as in the platform file"):
        segment(odd)
