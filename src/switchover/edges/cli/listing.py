"""A list of things with names, printed whole for programs or handed out for a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.edges.cli.output import ListFormat, print_json, print_stream

if TYPE_CHECKING:
    from switchover.edges.cli.client import Client


def rows_for_table(
    client: Client,
    what: str,
    name: str | None,
    output: ListFormat,
    *,
    cursor: str = "after",
    **more: object,
) -> list[dict[str, Any]] | None:
    """Return the rows of ``/what`` whose names have ``name`` in them; None once they are printed otherwise.

    ``more`` are further filters of that list.
    """
    if output is ListFormat.CSV:
        print_stream(client.stream(f"/{what}", format="csv", q=name, **more))
        return None
    listed = client.rows(f"/{what}", what, {"q": name, **more}, cursor=cursor)
    if output is ListFormat.TABLE:
        return listed
    print_json({what: listed})
    return None
