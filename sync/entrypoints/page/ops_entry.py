"""One entry for ops: its whole story, what it says, and the orders that fit it now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from storage import revisions, story
from storage.queries import Reader
from sync import commands, settling
from sync.entrypoints import documents, orders
from sync.entrypoints.api.answers import status_of
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed, explained
from sync.entrypoints.page import ops_flash
from sync.entrypoints.page.frame import PageRoute
from sync.entrypoints.page.ops_flash import Did
from sync.entrypoints.page.ops_frame import Orders, Sees, TheDesk, Told, ops_page, see_other
from sync.entrypoints.page.ops_options import options
from sync.entrypoints.page.ops_story import pretty, timeline
from sync.errors import Problem
from sync.explain import explain
from sync.revising import Wanted
from sync.translation import translate
from sync.visitor import Visitor

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

ARRIVED: Final = "arrived"
NOT_ARRIVED: Final = "not_arrived"
UNSIGNED: Final = "unsigned"
UPLOAD_URL: Final = "upload_url"
Text = Annotated[str, Form()]


class Refused(NamedTuple):
    """An order that was not carried out, and what was typed, so that nothing of it is lost. Never an address."""

    failed: Failed
    data: str | None = None
    why: str = ""
    server_id: str = ""


@router.get("/ops/entries/{id}")
def show(request: Request, id: str, desk: TheDesk, visitor: Sees, did: str = "") -> Response:
    """The entry whose id ends so."""
    return _page(request, desk, visitor, id, did=did)


@router.post("/ops/entries/{id}/resync")
def resync(
    request: Request, id: str, desk: TheDesk, visitor: Orders, force: Text = "", sure: Text = ""
) -> Response:
    """Let it go on now. `force`: also where another device may be sending it."""

    def order() -> Did:
        if force:
            _confirmed(sure)
        selection = commands.Selection(ids=(id,), force=bool(force))
        return ops_flash.of_resync(orders.resync(desk.database, desk.clock, selection))

    return _ordered(request, desk, visitor, id, order)


@router.post("/ops/entries/{id}/edit")
def edit(
    request: Request, id: str, desk: TheDesk, visitor: Orders, data: Text = "", go_on: Text = ""
) -> Response:
    """Change what it says, and with `go_on` let it go on."""

    def order() -> Did:
        wanted = Wanted(data=data.encode("utf-8", "surrogatepass"))
        done = orders.edit(desk.settings, desk.database, desk.clock, (id,), wanted)
        if go_on:
            orders.resync(desk.database, desk.clock, commands.Selection(ids=(id,)))
            return Did("edited_on")
        return Did("edited" if done.edits else "unchanged")

    return _ordered(request, desk, visitor, id, order, data=data)


@router.post("/ops/entries/{id}/settle")
def settle(
    request: Request,
    id: str,
    desk: TheDesk,
    visitor: Orders,
    choice: Text = "",
    server_id: Text = "",
    upload_url: Text = "",
    sure: Text = "",
) -> Response:
    """Say how it really stands."""

    def order() -> Did:
        database, clock = desk.database, desk.clock
        if choice == UPLOAD_URL:
            done = orders.settle_upload_url(desk.settings, database, clock, id, upload_url.strip())
            return Did("upload_url_over" if done.url_looks_over else "upload_url")
        _confirmed(sure)
        if choice == ARRIVED:
            number = server_id.strip()
            orders.settle_arrived(
                database, clock, id, int(number) if number.isdecimal() and len(number) < 20 else 0
            )
        elif choice == NOT_ARRIVED:
            settling.settle_not_arrived(database, id, clock)
        elif choice == UNSIGNED:
            settling.settle_unsigned(database, id, clock)
        else:
            raise Failed(Exit.REFUSED, "usage", "this choice is not known")
        return Did(choice)

    return _ordered(request, desk, visitor, id, order, server_id=server_id)


@router.post("/ops/entries/{id}/discard")
def discard(
    request: Request, id: str, desk: TheDesk, visitor: Orders, why: Text = "", sure: Text = ""
) -> Response:
    """Give it up."""

    def order() -> Did:
        if not why.strip():
            raise Failed(Exit.REFUSED, "no_reason", "say why it is given up")
        _confirmed(sure)
        done = orders.discard(desk.database, desk.clock, id, why)
        return Did("discarded_there" if done.may_exist else "discarded")

    return _ordered(request, desk, visitor, id, order, why=why)


def _confirmed(sure: str) -> None:
    if sure != "1":
        raise Failed(Exit.REFUSED, "not_confirmed", "tick the box that says that you mean it")


def _ordered(
    request: Request, desk: Desk, visitor: Visitor, id: str, order: Callable[[], Did], **typed: Any
) -> Response:
    """Carry the order out and lead back to the entry; refused, show it with why, and with what was typed."""
    try:
        did = order()
    except Exception as error:
        failed = explained(error)
        if failed is None or failed.exit_code in (Exit.NO_SUCH_ENTRY, Exit.UNUSABLE):
            raise
        return _page(request, desk, visitor, id, refused=Refused(failed, **typed))
    return see_other(f"/ops/entries/{_full(desk, id)}", did)


def _full(desk: Desk, id: str) -> str:
    with desk.database.read() as transaction:
        return Reader(transaction.cursor).resolve(id)


def _page(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    id: str,
    *,
    did: str | None = None,
    refused: Refused | None = None,
) -> Response:
    told = Told(request, desk)
    rules = desk.settings.sync
    settle_ms = int((rules.settle_s + rules.lookup_gap_s) * 1000)
    with desk.database.read() as transaction:
        reader = Reader(transaction.cursor)
        full = reader.resolve(id)
        known = story.story(reader, full)
        control = reader.control()
        unedited = revisions.obstacle(transaction, full, now=desk.clock.now_ms(), settle_ms=settle_ms)
    explained_ = explain(known, control, told.now, language=told.explained_in)
    document = documents.show_document(known, explained_)
    return ops_page(
        request,
        visitor,
        "ops/entry.html",
        status=200 if refused is None else status_of(refused.failed),
        did=did,
        told=told,
        entry=document,
        known=known,
        explained=explained_,
        lines=timeline(document, told),
        can=options(known, told.now),
        unedited=unedited,
        payload=pretty(document["payload"]),
        refused=refused,
        problems=() if refused is None else _problems(refused.failed, told),
        text=_text(refused, document),
        pretty=pretty,
        translate=translate,
    )


def _text(refused: Refused | None, document: Mapping[str, Any]) -> str:
    """What stands in the edit form: what was typed, where it was refused."""
    typed = None if refused is None else refused.data
    return pretty(document["payload"]) if typed is None else typed.replace("\r\n", "\n")


def _problems(failed: Failed, told: Told) -> list[Problem]:
    """With a sentence in the visitor's language, where there is one for the code."""
    return [
        Problem(each.path, each.code, told.t(key))
        if told.t.has(key := f"ops.problem.{each.code}")
        else Problem(each.path, each.code, translate(each.message, told.t.language))
        for each in failed.problems
    ]
