"""Where a technician records an intervention, and corrects one: forms in, orders out, and back to a page (303).

What is refused comes back as the same form, with all that was typed and a sentence beside each field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from storage.errors import IdConflict, StorageFull, StorageProblem, StorageReadOnly
from storage.queries import Reader
from sync import app as composition
from sync.capture import Input
from sync.commands import Selection
from sync.entrypoints import orders
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.repairing import own_entry
from sync.entrypoints.api.visiting import demand, may
from sync.entrypoints.failures import Failed
from sync.entrypoints.page.choices import TYPE_OF, choices
from sync.entrypoints.page.filled import Form, Notice, wrongs
from sync.entrypoints.page.filling import offered
from sync.entrypoints.page.form import Typed, blank, body_of, field_of, typed_from
from sync.entrypoints.page.frame import TEXT_BYTES, PageRoute, owner_mark, page, words_for
from sync.entrypoints.page.rendering import rendered
from sync.entrypoints.page.showing import entry_page, found_entry
from sync.entrypoints.page.standing import can_be_changed
from sync.entrypoints.page.wording import Wording
from sync.errors import InputRefused, Problem
from sync.operations.unplanned_preventive import OPERATION
from sync.revising import Edited, Wanted
from sync.visitor import Scope, Visitor

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)
TheDesk = Annotated[Desk, Depends(the_desk)]
Records = Annotated[Visitor, Depends(may(Scope.CAPTURE))]

_MOST_FIELDS: Final = 2000


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it came in. `image` None: none was chosen; `whose`: the mark of the person whom it was opened for."""

    typed: Typed
    image: bytes | None
    searches: Mapping[str, str]
    look: bool
    whose: str


async def sent(request: Request) -> Sent:
    """The posted form."""
    desk: Desk = request.app.state.desk
    async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=TEXT_BYTES) as form:
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        image = None
        for value in form.getlist("signature"):
            # One byte more than is allowed is enough to be refused for it.
            if isinstance(value, UploadFile) and (value.filename or value.size):
                image = await value.read(desk.settings.capture.max_image_bytes + 1)
    return Sent(
        typed=typed_from(texts),
        image=image or None,
        searches={name.removesuffix("_find"): value for name, value in texts if name.endswith("_find")},
        look=("look", "1") in texts,
        whose=dict(texts).get("whose", ""),
    )


IsSent = Annotated[Sent, Depends(sent)]


@router.get("/new")
def new(request: Request, desk: TheDesk, visitor: Records) -> Response:
    """An empty form with an id of its own: however often it is sent, it makes one entry."""
    form = Form(blank(composition.new_id(desk.clock), desk.clock.now(), None), fresh=True)
    return _new_page(request, desk, visitor, form)


@router.post("/new")
def record(request: Request, desk: TheDesk, visitor: Records, posted: IsSent) -> Response:
    """Make it durable, and only then say so."""
    form = Form(posted.typed, searches=posted.searches)
    t = words_for(request)
    if posted.look:
        return _new_page(request, desk, visitor, form)
    if posted.whose not in ("", owner_mark(visitor)):
        # Somebody else was let in since: it would be sent in their name, and its author would not find it again.
        notice = Notice("warn", t("notice.other_person.title"), t("notice.other_person.text"))
        return _new_page(request, desk, visitor, replace(form, notice=notice), status=409)
    try:
        captured = orders.capture_as(visitor, desk.settings, desk.database, desk.clock, _input(desk, posted))
    except InputRefused as refusal:
        return _new_page(
            request, desk, visitor, replace(form, problems=wrongs(refusal.problems, t)), status=422
        )
    except IdConflict:
        known = _own(desk, visitor, posted.typed.id)
        notice = Notice("warn", t("notice.conflict.title"), t("notice.conflict.text"), known)
        # A new id: sent again it is one more intervention, and the first stays as it is.
        fresh_id = replace(posted.typed, id=composition.new_id(desk.clock))
        return _new_page(request, desk, visitor, replace(form, typed=fresh_id, notice=notice), status=409)
    except (StorageFull, StorageReadOnly) as problem:
        return _new_page(request, desk, visitor, replace(form, notice=_not_stored(problem, t)), status=507)
    return RedirectResponse(f"/?saved={captured.id}", status_code=303)


@router.get("/choices/{name}")
def look_up(
    request: Request,
    desk: TheDesk,
    _: Records,
    name: str,
    q: str = "",
    chosen: str = "",
    company: str = "",
) -> Response:
    """Lines of the reference list as boxes to tick, for whoever types into a search."""
    if name not in TYPE_OF or name == "company_id":
        raise HTTPException(404, "there is no such list")
    with desk.database.read() as transaction:
        found = choices(
            Reader(transaction.cursor), name, sought=q, chosen=chosen.split(",")[:500], company=company
        )
    text = rendered(request.app, "technician/choices.html", t=words_for(request), choices=found)
    return HTMLResponse(text)


@router.post("/entries/{id}/fix")
def fix(request: Request, id: str, desk: TheDesk, visitor: Records, posted: IsSent) -> Response:
    """Correct an intervention of one's own and let it go on."""
    t = words_for(request)
    demand(visitor, Scope.READ)  # the form comes back beside all that the entry says
    found = found_entry(desk, visitor, id)
    own_entry(desk, visitor, found["id"])
    typed = replace(posted.typed, id=found["id"])
    form = offered(desk, Form(typed, searches=posted.searches, signs=False))
    if not can_be_changed(found):
        return _not_fixed(request, desk, visitor, found, None, "other")
    if posted.look:
        return entry_page(request, desk, visitor, found, form=form)
    try:
        edited = _edit(desk, found, typed)
    except InputRefused as refusal:
        form, status = replace(form, problems=wrongs(refusal.problems, t)), 422
    except (StorageFull, StorageReadOnly) as problem:
        form, status = replace(form, notice=_not_stored(problem, t)), 507
    except Failed as failed:
        code = failed.problems[0].code if failed.problems else "other"
        return _not_fixed(request, desk, visitor, found, form, code)
    else:
        orders.resync(desk.database, desk.clock, Selection(ids=(found["id"],)))
        did = "1" if edited.edits else "same"
        return RedirectResponse(f"/entries/{found['id']}?fixed={did}", status_code=303)
    return entry_page(request, desk, visitor, found, form=form, status=status)


def _edit(desk: Desk, found: Mapping[str, Any], typed: Typed) -> Edited:
    """Have the entry say what was typed. Raises: InputRefused; Failed: it cannot be changed now."""
    body = body_of(typed, None, start_before=found["payload"].get("actualStart"))
    if body.problems:
        raise InputRefused(body.problems)
    wanted = Wanted(data=body.encoded())
    try:
        return orders.edit(desk.settings, desk.database, desk.clock, (found["id"],), wanted)
    except Failed as failed:
        if failed.code == InputRefused.code:
            raise InputRefused(failed.problems) from None
        raise


def _not_fixed(
    request: Request, desk: Desk, visitor: Visitor, found: Mapping[str, Any], form: Form | None, code: str
) -> Response:
    t = words_for(request)
    key = f"fix.not.{code}" if t.has(f"fix.not.{code}") else "fix.not.other"
    notice = Notice("warn", t("fix.not.title"), t(key))
    return entry_page(request, desk, visitor, found, form=form, notice=notice, status=409)


def _input(desk: Desk, posted: Sent) -> Input:
    """What the front door is given.

    Raises: InputRefused: with what only a form knows, and everything else that can be told of the rest.
    """
    body = body_of(posted.typed, None)
    given = Input(OPERATION.kind, body.encoded(), posted.image, id=posted.typed.id or None)
    if not body.problems:
        return given
    known = {field_of(each.path) for each in body.problems}
    more: list[Problem] = []
    try:
        orders.check(desk.settings, given)
    except InputRefused as refusal:
        more = [each for each in refusal.problems if field_of(each.path) not in known]
    raise InputRefused([*body.problems, *more])


def _own(desk: Desk, visitor: Visitor, id: str) -> str | None:
    """The full id, where this visitor may look at that entry."""
    try:
        return str(found_entry(desk, visitor, id)["id"])
    except HTTPException:
        return None


def _not_stored(problem: StorageProblem, t: Wording) -> Notice:
    kind = "full" if isinstance(problem, StorageFull) else "other"
    return Notice("bad", t("notice.not_stored.title"), t(f"notice.not_stored.{kind}"))


def _new_page(request: Request, desk: Desk, visitor: Visitor, form: Form, *, status: int = 200) -> Response:
    # On a full disk the page must come all the same: its last line is left out where it cannot be read.
    return page(request, "technician/new.html", status=status, visitor=visitor, form=offered(desk, form))
