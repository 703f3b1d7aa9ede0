"""How a person is let in: by a one-time link, which a button spends; and how they leave again.

Opening a link changes nothing, so that no preview and no prefetch spends it. Who a visitor is says a cookie: signed,
sent to this site alone, closed to scripts. It is not marked Secure, because this machine is spoken to by http.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.guarding import sessions_in
from sync.entrypoints.page.frame import page
from sync.local_access import SESSION_LASTS
from sync.visitor import Visitor

router: Final = APIRouter(include_in_schema=False)
TheDesk = Annotated[Desk, Depends(the_desk)]


@router.get("/open/{code}")
def show(request: Request, code: str, desk: TheDesk) -> Response:
    """Whom the link lets in, and a button. Changes nothing."""
    visitor = desk.access.opens(code)
    return _screen(request, "spent", 410) if visitor is None else _screen(request, "open", 200, visitor)


@router.post("/open/{code}")
def enter(request: Request, code: str, desk: TheDesk) -> Response:
    """Spends the link: whoever pressed the button first is let in."""
    visitor = desk.access.spend(code)
    if visitor is None:
        return _screen(request, "spent", 410)
    cookie, _ = desk.access.new_session(visitor)
    # See Other: going back or reloading asks for a page, and sends nothing again.
    answer = RedirectResponse("/ops" if visitor.everyone else "/", status_code=303)
    answer.set_cookie(
        desk.access.cookie_name,
        cookie.reveal(),
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.get("/leave")
def ask(request: Request) -> Response:
    """Asks before it is done. Changes nothing."""
    return _screen(request, "leave", 200)


@router.post("/leave")
def leave(request: Request, desk: TheDesk) -> Response:
    """Ends the session of this browser; a copy of its cookie opens nothing either."""
    for session in sessions_in(request.headers.raw, desk.access):
        desk.access.end_session(session)
    answer = _screen(request, "left", 200)
    answer.delete_cookie(desk.access.cookie_name, path="/", httponly=True, samesite="strict")
    return answer


def stranger(request: Request) -> Response:
    """For a person whom nobody knows, wherever they wanted to go."""
    return _screen(request, "stranger", 401)


def _screen(request: Request, screen: str, status: int, visitor: Visitor | None = None) -> Response:
    owner = None if visitor is None else visitor.owner
    return page(request, "door/door.html", status=status, screen=screen, who=_who(visitor), owner=owner)


def _who(visitor: Visitor | None) -> str:
    """Which words say what a link lets one do."""
    if visitor is not None and visitor.everyone:
        return "ops"
    return "device" if visitor is None or visitor.owner is None else "technician"
