from __future__ import annotations

from typing import Any

import pytest

from switchover.edges.cli.client import Client

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
