"""The one table from error class to HTTP status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from fastapi import FastAPI, Request

PROBLEM_TYPE = "application/problem+json"
STATUS: dict[type[SwitchoverError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    Refused: 403,
    Unavailable: 503,
    Corrupt: 500,
}
_SENTENCES = {
    400: "The request can not be read.",
    401: "No valid token.",
    403: "The token's role is too small.",
    404: "No such thing.",
    409: "Its state forbids this now.",
    413: "The request is too large.",
    422: "The input is wrong; nothing was changed.",
    503: "A part does not answer; try later.",
}
_CONTENT = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": sentence, "content": _CONTENT}
    for status, sentence in _SENTENCES.items()
}
"""What every route may answer instead, for the OpenAPI document."""
_TEXT = {"type": "string"}
_PROBLEM = {
    "title": "Problem",
    "description": "What failed and what to do (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT,
        "title": {"type": "string", "description": "The class of the error, for programs."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "problems": {
            "type": "array",
            "description": "Every fault of an input, each with its place.",
            "items": {
                "type": "object",
                "required": ["message", "path"],
                "properties": {"message": _TEXT, "path": _TEXT},
            },
        },
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the application's OpenAPI document with the shape of its errors."""
    document = app.openapi()
    document["components"]["schemas"]["Problem"] = _PROBLEM
    return document


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
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM_TYPE)
