"""Failures as HTTP: the same error document as the command line's, under the status that fits its code."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sync import events
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed, explained
from sync.errors import Problem, json_path

_LOG: Final = logging.getLogger(__name__)

# By code where the exit code alone does not tell; everything else by exit code.
_BY_CODE: Final = {
    "id_conflict": 409,
    "ambiguous_id": 409,
    "illegal_transition": 409,
    "entry_held": 409,
    "not_edited": 409,
    "not_assigned": 409,
    "unauthorized": 401,
    "forbidden": 403,
    "refused_origin": 403,
    "refused_host": 421,
    "refused_target": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "unsupported_media_type": 415,
}
_BY_EXIT: Final = {
    Exit.REFUSED: 422,
    Exit.NO_SUCH_ENTRY: 404,
    Exit.TEMPORARY: 503,
    Exit.BUSY: 503,
    Exit.UNUSABLE: 503,
    Exit.INTERRUPTED: 503,  # the program is stopping: what was asked is for its next start
    Exit.NOT_STORED: 507,
    Exit.UNEXPECTED: 500,
}
_AGAIN_S: Final = "2"
_HTTP_CODES: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


def status_of(failed: Failed) -> int:
    """The HTTP status of a failure."""
    return _BY_CODE.get(failed.code) or _BY_EXIT.get(failed.exit_code, 500)


def answer_of(failed: Failed) -> JSONResponse:
    """The failure as an answer."""
    status = status_of(failed)
    headers = {"Retry-After": _AGAIN_S} if status == 503 and failed.retryable else None
    return JSONResponse(failed.to_json(), status_code=status, headers=headers)


def add_answers(app: FastAPI) -> None:
    """Have what FastAPI itself refuses told as a document; the rest is `answer_to`."""

    @app.exception_handler(RequestValidationError)
    async def refused(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = tuple(_problem(each) for each in error.errors())
        failed = Failed(
            Exit.REFUSED, "input_refused", "the request is not as described", problems=problems,
            next_command="GET /openapi.json",
        )  # fmt: skip
        return answer_of(failed)

    @app.exception_handler(HTTPException)
    async def told(_: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP_CODES.get(error.status_code, "refused")
        failed = Failed(Exit.REFUSED, code, str(error.detail), next_command="GET /openapi.json")
        answer = answer_of(failed)
        answer.status_code = error.status_code
        answer.headers.update(error.headers or {})
        return answer


def answer_to(error: Exception) -> JSONResponse:
    """The answer to whatever a route raises; the guard catches it, so that no server prints it raw."""
    found = explained(error)
    if found is None:
        # Neither message nor traceback: both may quote what somebody sent.
        events.log(_LOG, events.REQUEST_FAILED, level=logging.ERROR, error=type(error).__name__)
        found = Failed(
            Exit.UNEXPECTED, "unexpected", f"something unexpected went wrong ({type(error).__name__})"
        )
    return answer_of(found)


def _problem(error: Any) -> Problem:
    place = [part for part in error["loc"] if part not in ("body", "query", "path", "header")]
    return Problem(json_path(place), str(error["type"]), str(error["msg"]))
