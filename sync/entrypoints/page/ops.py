"""The first ops page: where everything stands, kept up to date; and the orders about the queue as a whole."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from storage.samples import Sample
from sync import chart, commands
from sync.entrypoints import orders
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.page.frame import PageRoute, facts
from sync.entrypoints.page.ops_board import Board, board, samples_of
from sync.entrypoints.page.ops_flash import Did
from sync.entrypoints.page.ops_frame import Orders, Sees, TheDesk, Told, ops_page, see_other
from sync.entrypoints.page.rendering import rendered
from sync.sampled import Span
from sync.visitor import Scope

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_SPANS: Final = {Span.DAY: 24 * 3600, Span.MONTH: 30 * 24 * 3600}
_LONGEST_WHY: Final = 300


@router.get("/ops")
def show(request: Request, desk: TheDesk, visitor: Sees, did: str = "") -> Response:
    """Where everything stands."""
    told = Told(request, desk)
    view, charts = _look(desk, told, charts=True)
    return ops_page(request, visitor, "ops/board.html", did=did, told=told, view=view, charts=charts)


@router.get("/ops/fragment")
def fragment(request: Request, desk: TheDesk, visitor: Sees) -> Response:
    """What changes on it, for whoever shows it already."""
    told = Told(request, desk)
    view, _ = _look(desk, told, charts=False)
    can_order = visitor.may(Scope.CONTROL)
    text = rendered(request.app, "ops/board_live.html", t=told.t, told=told, view=view, can_order=can_order)
    return HTMLResponse(text)


@router.get("/ops/charts")
def drawn(request: Request, desk: TheDesk, _: Sees) -> Response:
    """The charts alone; they have something new every five minutes."""
    told = Told(request, desk)
    with desk.database.read() as transaction:
        charts = _charts(told, samples_of(transaction, told, _SPANS[Span.MONTH]))
    return HTMLResponse(rendered(request.app, "ops/charts.html", t=told.t, charts=charts))


def _look(desk: Desk, told: Told, *, charts: bool) -> tuple[Board, list[str]]:
    found = facts(desk)
    if found.broken is not None:
        return board(found, None, told), []
    with desk.database.read() as transaction:
        view = board(found, transaction, told)
        kept = samples_of(transaction, told, _SPANS[Span.MONTH]) if charts else []
    return view, _charts(told, kept) if charts else []


def _charts(told: Told, kept: list[Sample]) -> list[str]:
    """One for a day and one for a month, as SVG: made of figures and our own words alone."""
    zone = told.now.astimezone().tzinfo
    assert zone is not None, "an instant by the system's calendar has a zone"
    now = int(told.now.timestamp() * 1000)
    drawn = []
    for span, length_s in _SPANS.items():
        since = now - length_s * 1000
        first = max((n for n, each in enumerate(kept) if each.at < since), default=0)
        drawn.append(chart.svg(kept[first:], span, now=now, tz=zone, language=told.t.language))
    return drawn


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
