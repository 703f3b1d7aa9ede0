"""The first ops page: where everything stands, kept up to date; and the orders about the queue as a whole."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from sync import commands
from sync.entrypoints import orders
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.page.frame import PageRoute, facts
from sync.entrypoints.page.ops_board import Board, board
from sync.entrypoints.page.ops_charts import Charts
from sync.entrypoints.page.ops_flash import Did
from sync.entrypoints.page.ops_frame import Orders, Sees, TheDesk, Told, ops_page, see_other
from sync.entrypoints.page.rendering import rendered
from sync.visitor import Scope

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_LONGEST_WHY: Final = 300


@router.get("/ops")
def show(request: Request, desk: TheDesk, visitor: Sees, did: str = "") -> Response:
    """Where everything stands."""
    told = Told(request, desk)
    view = _look(desk, told)
    charts = [] if view.broken else _charts(request, desk, told)
    return ops_page(request, visitor, "ops/board.html", did=did, told=told, view=view, charts=charts)


@router.get("/ops/fragment")
def fragment(request: Request, desk: TheDesk, visitor: Sees) -> Response:
    """What changes on it, for whoever shows it already."""
    told = Told(request, desk)
    can_order = visitor.may(Scope.CONTROL)
    text = rendered(
        request.app, "ops/board_live.html", t=told.t, told=told, view=_look(desk, told), can_order=can_order
    )
    return HTMLResponse(text)


@router.get("/ops/charts")
def drawn(request: Request, desk: TheDesk, _: Sees) -> Response:
    """The charts alone; they have something new every five minutes."""
    told = Told(request, desk)
    return HTMLResponse(
        rendered(request.app, "ops/charts.html", t=told.t, charts=_charts(request, desk, told))
    )


def _look(desk: Desk, told: Told) -> Board:
    found = facts(desk)
    if found.broken is not None:
        return board(found, None, told)
    with desk.database.read() as transaction:
        return board(found, transaction, told)


def _charts(request: Request, desk: Desk, told: Told) -> list[str]:
    charts: Charts = request.app.state.ops_charts
    return charts.of(desk.database, told.now, told.t.language)


@router.post("/ops/sync")
def sync_now(desk: TheDesk, _: Orders) -> Response:
    """Forget the waits of all, and have the worker go on now."""
    done = orders.resync(desk.database, desk.clock, commands.Selection())
    return see_other("/ops", Did("asked" if done.drain == "worker" else "asked_nobody"))


@router.post("/ops/pause")
def pause(desk: TheDesk, _: Orders, reason: Annotated[str, Form()] = "") -> Response:
    """Hold the whole queue."""
    orders.pause(desk.database, desk.clock, reason.strip()[:_LONGEST_WHY] or None)
    return see_other("/ops", Did("paused"))


@router.post("/ops/resume")
def resume(desk: TheDesk, _: Orders) -> Response:
    """Let it go on, whoever held it."""
    was_held = commands.resume(desk.database, desk.clock)
    return see_other("/ops", Did("resumed" if was_held else "was_running"))
