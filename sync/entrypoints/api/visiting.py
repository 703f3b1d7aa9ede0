"""For whom a route works: the visitor that the guard let in, and what they must have been let in for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.visitor import Scope, Visitor

# For the description alone: the guard has looked at the token before.
_BEARER: Final = HTTPBearer(
    auto_error=False, description="The token of the file web/token, or one of `fieldsync open --token`."
)


def may(scope: Scope) -> Callable[..., Visitor]:
    """A dependency: the visitor of this request. The guard has put them into `request.state.visitor`.

    Raises:
        Failed: nobody was let in (401), or not for this (403).
    """

    def let_in(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None,
    ) -> Visitor:
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        if visitor is None:
            message = "this needs a token: a bearer token, or the page opened with fieldsync open"
            raise Failed(Exit.SIGN_IN, "unauthorized", message, next_command="fieldsync open")
        if not visitor.may(scope):
            message = f"this needs the scope {scope.value}"
            raise Failed(
                Exit.REFUSED,
                "forbidden",
                message,
                next_command=f"fieldsync open --token --scope {scope.value}",
            )
        return visitor

    return let_in
