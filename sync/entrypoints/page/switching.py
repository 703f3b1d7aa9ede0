"""The network switch of a demo. Where there is none, there is no such page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.visiting import may
from sync.entrypoints.page.frame import PageRoute
from sync.visitor import Scope, Visitor

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.post("/switch")
def switch(
    desk: Annotated[Desk, Depends(the_desk)],
    _: Annotated[Visitor, Depends(may(Scope.READ))],
    online: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Turn the network of the demo on or off, and show the page again from where it was turned."""
    if desk.switch is None:
        raise HTTPException(404, "there is no switch")
    desk.switch.turn(online=bool(online))
    # Only a path of ours: two slashes would lead to another host.
    path = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    return RedirectResponse(path, status_code=303)
