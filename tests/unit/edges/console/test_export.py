"""Lists as files."""

from __future__ import annotations

import json

from switchover.edges.console.export import export

ROWS = [
    {"service": "web", "note": "=1+1", "hidden": "x"},
    {"service": "imap", "note": None, "hidden": ""},
]


def test_a_spreadsheet_gets_no_formula() -> None:
    answer = export("services", "csv", ("service", "note"), ROWS)
    assert bytes(answer.body) == b"service,note\r\nweb,'=1+1\r\nimap,\r\n"
    assert 'filename="switchover-services-' in answer.headers["content-disposition"]


def test_a_program_gets_the_same_rows_with_the_columns_asked_for() -> None:
    answer = export("services", "json", ("service", "note"), ROWS)
    assert json.loads(bytes(answer.body)) == {
        "services": [{"service": "web", "note": "=1+1"}, {"service": "imap", "note": None}]
    }
    assert answer.headers["content-type"] == "application/json"
