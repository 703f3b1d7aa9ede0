"""Fresh tokens from a native app: taken, kept, never shown again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from config.settings import Settings
from sync import app as composition
from sync.entrypoints import orders
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.receiving import JSON, Body, received
from sync.entrypoints.api.visiting import may
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.errors import InputRefused
from sync.json_input import read_json
from sync.token_files import TokensNotText, pair_in_answer
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["sign-in"])


def _largest(_: Settings) -> int:
    return 64 * 1024


@router.put("/auth", status_code=204)
def sign_in(
    desk: Annotated[Desk, Depends(the_desk)],
    visitor: Annotated[Visitor, Depends(may(Scope.AUTH))],
    body: Annotated[Body, Depends(received(JSON, most_bytes=_largest))],
) -> Response:
    """Take the answer of the API's login call, as it is; `owner` beside it says whose it is."""
    source = body.file.read()
    try:
        owner = _owner(visitor, read_json(source).get("owner"))
        bearer, session = pair_in_answer(source.decode("utf-8-sig"))
    except InputRefused as refusal:
        raise orders.tokens_refused(f"the body cannot be read: {refusal.problems[0].message}") from None
    except TokensNotText as fault:
        raise orders.tokens_refused(str(fault)) from None
    except ValueError:
        message = "the body is no sign-in answer: JSON with accessToken and sessionToken, also inside data"
        raise orders.tokens_refused(message) from None
    tokens = composition.credentials(desk.settings, desk.clock)
    orders.keep_tokens(tokens, desk.database.folder, owner, bearer, session)
    orders.wake(desk.database, desk.clock)
    return Response(status_code=204)


def _owner(visitor: Visitor, given: object) -> str | None:
    """Whose tokens these are.

    Raises:
        Failed: it is no name, or somebody else's.
    """
    if given is not None and not isinstance(given, str):
        raise orders.tokens_refused("owner must be text")
    if visitor.everyone:
        return given
    if given not in (None, visitor.owner):
        raise Failed(Exit.REFUSED, "forbidden", "these may be your own tokens alone; leave the owner out")
    return visitor.owner
