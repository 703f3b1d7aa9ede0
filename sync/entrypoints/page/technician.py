"""What a technician sees: where their work stands, at a glance and one by one. Reads only."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from storage import owned
from storage.queries import Reader
from storage.signatures import read_signature
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.visiting import may
from sync.entrypoints.page.cards import card_of
from sync.entrypoints.page.filling import fix_form
from sync.entrypoints.page.frame import (
    PageRoute,
    facts,
    kept,
    last_line_of,
    must_sign_in,
    page,
    whose,
    words_for,
)
from sync.entrypoints.page.home import MOST_SHOWN, SENT, SENT_SHOWN, SHOWN, TO_FIX, TO_SEND, Home, home_of
from sync.entrypoints.page.naming import names_in
from sync.entrypoints.page.rendering import rendered
from sync.entrypoints.page.showing import card_now, entry_page, found_entry
from sync.entrypoints.page.wording import Wording
from sync.gate import Host, Mode
from sync.last_line import last_line
from sync.unlisted import NOT_LISTED, OTHER_COMPANY, unlisted
from sync.visitor import Scope, Visitor

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)
TheDesk = Annotated[Desk, Depends(the_desk)]
Reads = Annotated[Visitor, Depends(may(Scope.READ))]

_LISTS: Final = {"to_send": (TO_SEND, SHOWN), "to_fix": (TO_FIX, SHOWN), "sent": (SENT, SENT_SHOWN)}


@router.get("/")
def home(request: Request, desk: TheDesk, visitor: Reads, saved: str = "", show: str = "") -> Response:
    """The state, the lists, the last line. `saved` is the entry that was just recorded, `show` a list to see whole."""
    t = words_for(request)
    view, last = _home(desk, visitor, t, show)
    return page(
        request,
        "technician/home.html",
        visitor=visitor,
        last=last,
        home=view,
        saved=_saved(desk, visitor, t, saved),
        show=show if show in _LISTS else "",
    )


@router.get("/fragment/home")
def home_fragment(request: Request, desk: TheDesk, visitor: Reads, show: str = "") -> Response:
    """What changes on the first page, for whoever shows it already."""
    t = words_for(request)
    view, last = _home(desk, visitor, t, show)
    return HTMLResponse(
        rendered(request.app, "technician/home_fragment.html", t=t, home=view, last_line=last)
    )


@router.get("/entries/{id}")
def entry(request: Request, id: str, desk: TheDesk, visitor: Reads, fixed: str = "") -> Response:
    """One intervention: where it stands, what it says, and how to correct it."""
    t = words_for(request)
    told = {"1": t("entry.fixed"), "same": t("entry.fixed.same")}.get(fixed)
    found = found_entry(desk, visitor, id)
    return entry_page(request, desk, visitor, found, form=fix_form(desk, visitor, found, t), fixed=told)


@router.get("/fragment/entries/{id}")
def entry_fragment(request: Request, id: str, desk: TheDesk, visitor: Reads) -> Response:
    """Where one intervention stands, for whoever shows it already."""
    t = words_for(request)
    found = found_entry(desk, visitor, id)
    card = card_now(desk, found, t)
    last = last_line_of(desk, visitor, t)
    return HTMLResponse(
        rendered(request.app, "technician/entry_fragment.html", t=t, card=card, last_line=last)
    )


@router.get("/entries/{id}/signature")
def signature(id: str, desk: TheDesk, visitor: Reads) -> Response:
    """The image as it was captured."""
    found = found_entry(desk, visitor, id)
    image = read_signature(desk.database, found["seq"])
    if image is None:
        raise HTTPException(404, "there is no signature")
    return Response(image.data, media_type=image.mime_type, headers={"Content-Disposition": "inline"})


def _home(desk: Desk, visitor: Visitor, t: Wording, show: str) -> tuple[Home, str]:
    found = facts(desk)
    if found.broken is not None:
        raise found.broken
    now = desk.clock.now()
    with desk.database.read() as transaction:
        reader = Reader(transaction.cursor)
        counts = owned.counts(reader, whose(visitor))
        rows = {
            name: owned.newest(reader, whose(visitor), states, MOST_SHOWN if name == show else shown)
            for name, (states, shown) in _LISTS.items()
        }
        names = names_in(reader, (row["payload"] for each in rows.values() for row in each), t)
        control = reader.control()
    cards = {
        name: [card_of(row, control, names, now, None, t) for row in each] for name, each in rows.items()
    }
    sign_in = must_sign_in(found, visitor)
    view = home_of(
        counts,
        cards,
        online=_online(found.gate(Host.API).mode if "gate:api" in found.control else None),
        paused=found.pause is not None,
        sign_in=sign_in,
        t=t,
    )
    return view, last_line(kept(counts), sign_in, t.language)


def _online(mode: Mode | None) -> bool | None:
    return {Mode.OPEN: True, Mode.CLOSED: False}.get(mode) if mode is not None else None


def _saved(desk: Desk, visitor: Visitor, t: Wording, id: str) -> dict[str, str] | None:
    """What is told of the entry that was just recorded: only if it is really there."""
    if not id:
        return None
    try:
        found = found_entry(desk, visitor, id)
    except HTTPException:
        return None
    with desk.database.read() as transaction:
        names = names_in(Reader(transaction.cursor), [found["payload"]], t)
        warnings = unlisted(transaction, found["payload"], found["kind"])
    told: dict[str, list[str]] = {NOT_LISTED: [], OTHER_COMPANY: []}
    for each in warnings:
        told[each["code"]] += [names.of(each["type"], id) for id in each["ids"]]
    return {"id": found["id"], **{code: ", ".join(called) for code, called in told.items()}}
