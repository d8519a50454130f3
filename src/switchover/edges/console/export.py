"""Lists of pages as files: all rows that fit the filters, in the order shown, as CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from fastapi.responses import Response

from switchover import clock
from switchover.edges.api.spreadsheet import head_line, row_lines

_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def export(
    name: str, form: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> Response:
    """Return a file ``switchover-NAME-MOMENT`` with these columns of the rows."""
    if form == "csv":
        text = head_line(columns) + row_lines(columns, rows)
    else:
        plain = [{column: row[column] for column in columns} for row in rows]
        text = json.dumps({name: plain}, default=str, ensure_ascii=False)
    file = f"switchover-{name}-{clock.now():%Y%m%dT%H%M%SZ}.{form}"
    return Response(
        text,
        media_type=_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )
