"""The one table from error class to HTTP status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

from switchover.errors import (
    Conflict,
    Corrupt,
    InvalidInput,
    NotFound,
    Refused,
    SwitchoverError,
    Unavailable,
)

if TYPE_CHECKING:
    from fastapi import Request

STATUS: dict[type[SwitchoverError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    Refused: 403,
    Unavailable: 503,
    Corrupt: 500,
}


def problem_body(title: str, status: int, detail: str, **more: object) -> dict[str, object]:
    """Return a body of RFC 9457 (problem details)."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


async def answer_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - signature is Starlette's
    """Turn one of the six errors into its answer."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    body = problem_body(type(error).__name__, status, str(error))
    if isinstance(error, InvalidInput):
        body["problems"] = [
            {
                "message": problem.message,
                "path": problem.path,
                "line": problem.line,
                "column": problem.column,
                "source": problem.source,
                "hint": problem.hint,
                "text": str(problem),
            }
            for problem in error.problems
        ]
    headers = {"Retry-After": "5"} if status == 503 else None
    return JSONResponse(
        body, status_code=status, headers=headers, media_type="application/problem+json"
    )
