"""All entries of one cause let go on at once, after a page that says how many; or those chosen from a list."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from storage.queries import Reader
from sync.commands import Selection
from sync.entrypoints import orders
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.page import ops_causes, ops_filter, ops_flash
from sync.entrypoints.page.frame import PageRoute
from sync.entrypoints.page.ops_causes import CauseView
from sync.entrypoints.page.ops_flash import Did
from sync.entrypoints.page.ops_frame import Orders, Sees, TheDesk, Told, ops_page, see_other

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)
_LISTED: Final = 50


@router.get("/ops/causes/{key}")
def ask(request: Request, key: str, desk: TheDesk, visitor: Sees) -> Response:
    """What would go on, how many of them, and what becomes of them. Changes nothing."""
    told = Told(request, desk)
    cause = _find(desk, told, key)
    if cause is None:
        return ops_page(request, visitor, "ops/cause_gone.html", status=404, told=told)
    return ops_page(request, visitor, "ops/cause.html", told=told, cause=cause, expected=None, listed=_LISTED)


@router.post("/ops/causes/{key}")
def let_go(
    request: Request,
    key: str,
    desk: TheDesk,
    visitor: Orders,
    reason: Annotated[str, Form()] = "",
    kind: Annotated[str, Form()] = "",
    expected: Annotated[str, Form()] = "",
) -> Response:
    """Let exactly those go on that were counted; where there are others by now, ask again."""
    told = Told(request, desk)
    cause = _find(desk, told, key)
    if cause is None or (cause.reason, cause.kind) != (reason, kind):
        return ops_page(request, visitor, "ops/cause_gone.html", status=409, told=told)
    if expected != str(cause.count) or not cause.by_bulk:
        return ops_page(
            request, visitor, "ops/cause.html", status=409, told=told, cause=cause,
            expected=expected[:7], listed=_LISTED,
        )  # fmt: skip
    done = orders.resync(desk.database, desk.clock, Selection(ids=tuple(cause.ids)))
    return see_other("/ops", ops_flash.of_resync(done))


@router.post("/ops/entries")
def let_chosen_go(
    desk: TheDesk,
    _: Orders,
    ids: Annotated[list[str] | None, Form()] = None,
    back: Annotated[str, Form()] = "",
) -> Response:
    """Let the entries go on that were ticked in the list, and show it again as it was."""
    chosen = list(dict.fromkeys(ids or []))
    if len(chosen) > ops_filter.PAGE:
        raise HTTPException(400, "more than one page of entries")
    where = ops_filter.address(back)
    if not chosen:
        return see_other(where, Did("nothing_chosen"))
    return see_other(
        where, ops_flash.of_resync(orders.resync(desk.database, desk.clock, Selection(ids=tuple(chosen))))
    )


def _find(desk: Desk, told: Told, key: str) -> CauseView | None:
    with desk.database.read() as transaction:
        return ops_causes.find(Reader(transaction.cursor), told, key)
