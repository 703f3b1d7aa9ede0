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
# Which scopes a dependency lets in, for the description.
NEEDED: Final[dict[Callable[..., Visitor], tuple[Scope, ...]]] = {}


def may(scope: Scope) -> Callable[..., Visitor]:
    """A dependency: the visitor of this request, who was let in for this.

    Raises:
        Failed: nobody was let in (401), or not for this (403).
    """
    return may_some(scope)


def may_some(*scopes: Scope) -> Callable[..., Visitor]:
    """A dependency: the visitor of this request, who was let in for one of these.

    The guard has put them into `request.state.visitor`. `scopes` of the dependency is for the description.

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
        demand(visitor, *scopes)
        return visitor

    NEEDED[let_in] = scopes
    return let_in


def demand(visitor: Visitor, *scopes: Scope) -> None:
    """
    Raises:
        Failed: they were let in for none of these (403).
    """
    if any(visitor.may(scope) for scope in scopes):
        return
    raise Failed(
        Exit.REFUSED,
        "forbidden",
        f"this needs the scope {' or '.join(scope.value for scope in scopes)}",
        next_command=f"fieldsync open --token --scope {scopes[-1].value}",
    )


def demand_everyone(visitor: Visitor) -> None:
    """
    Raises:
        Failed: they see their own entries alone, and this concerns everybody's (403).
    """
    if not visitor.everyone:
        message = "this concerns everybody's entries, and you were let in for one owner's"
        raise Failed(Exit.REFUSED, "forbidden", message, next_command="fieldsync open --ops")
