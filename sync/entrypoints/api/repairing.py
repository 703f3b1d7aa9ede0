"""What a person does about single entries: resync, edit, settle, discard. The rules are those of the commands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from storage.queries import Reader
from sync import app as composition
from sync import settling
from sync.capture import Input
from sync.commands import Selection
from sync.editing import exact_changes
from sync.entrypoints import orders
from sync.entrypoints.api.asking import Asked, read_asked, read_parted, refused
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.receiving import JSON, Body, received
from sync.entrypoints.api.seeing import Id, TheDesk
from sync.entrypoints.api.visiting import demand, demand_everyone, may, may_some
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.entrypoints.own_entries import foreign_names
from sync.errors import InputRefused, Problem
from sync.json_input import read_json
from sync.json_members import members
from sync.revising import Wanted
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["repair"])

_json = received(JSON)
JsonBody = Annotated[Body, Depends(_json)]
Controlling = Annotated[Visitor, Depends(may(Scope.CONTROL))]
Correcting = Annotated[Visitor, Depends(may_some(Scope.CAPTURE, Scope.CONTROL))]


class Resync(Asked):
    """Which entries; none named and nothing else: the waits of all."""

    ids: list[str] = Field(default_factory=list)
    all: bool = False
    states: list[Literal["pending", "sending", "in_doubt", "accepted", "parked", "dead"]] = Field(
        default_factory=list
    )
    reason: str | None = None
    kinds: list[str] = Field(default_factory=list)
    force: bool = False
    dry_run: bool = False


@router.post("/resync")
def resync(desk: TheDesk, visitor: Correcting, body: JsonBody) -> dict[str, Any]:
    """Go on now; with a selection also release what is parked and requeue what is dead."""
    asked = read_asked(body, Resync)
    selection = Selection(
        tuple(asked.ids), asked.all, tuple(asked.states), asked.reason, tuple(asked.kinds), asked.force
    )
    if not asked.ids:
        demand(visitor, Scope.CONTROL)
    if not selection.named:
        demand_everyone(visitor)
    orders.check_selection(selection)
    if asked.ids:
        named = tuple(own_entry(desk, visitor, each) for each in dict.fromkeys(asked.ids))
        selection = Selection(named, force=asked.force)
    return orders.resync(
        desk.database, desk.clock, selection, dry_run=asked.dry_run, only=visitor.only
    ).to_json()


def own_entry(desk: Desk, visitor: Visitor, id: str) -> str:
    """The full id of an entry that this visitor may change.

    Raises:
        EntryNotFound, AmbiguousId: they see none, or several, whose id ends so.
        Failed: they see it and may not change it (403).
    """
    with desk.database.read() as transaction:
        reader = Reader(transaction.cursor)
        full = reader.resolve(id, owner=visitor.only)
        if not visitor.may(Scope.CONTROL) and reader.owner_of(full) != visitor.owner:
            raise Failed(Exit.REFUSED, "forbidden", f"to change entry {full[-8:]} needs the scope control")
    return full


class Edit(Asked):
    """What it says from now on: at single places, or as a whole; or whose it is."""

    set: Any = Field(
        default=None,
        json_schema_extra={"type": "object"},
        description="JSON values by path, such as siteIds[0].",
    )
    unset: list[str] = Field(default_factory=list)
    data: Any = Field(default=None, json_schema_extra={"type": "object"}, description="A whole new body.")
    target: str | None = None
    owner: str | None = None
    dry_run: bool = False


@router.post("/entries/{id}/edit")
def edit(desk: TheDesk, visitor: Correcting, id: Id, body: JsonBody) -> dict[str, Any]:
    """Correct what an entry says, or give it to another owner, before anything of it has arrived."""
    full = own_entry(desk, visitor, id)
    asked, raw = read_parted(body.file.read(), Edit, ("set", "data"))
    says = bool(raw or asked.unset or asked.target is not None)
    if says == (asked.owner is not None):
        raise _usage("owner", "say either what it says (set, unset, data, target) or whose it is (owner)")
    if asked.owner is not None:
        return _assign(desk, visitor, full, asked.owner, dry_run=asked.dry_run)
    if "data" in raw and ("set" in raw or asked.unset):
        raise _usage("data", "give either a whole body (data) or single places (set, unset)")
    try:
        wanted = _wanted(asked, raw)
    except InputRefused as refusal:
        raise orders.edit_refused(refusal, (full,)) from None
    named = [Input("", (), target=asked.target), *(Input("", each) for each in raw.values())]
    with desk.database.read() as transaction:
        foreign = [problem for each in named for problem in foreign_names(transaction, visitor, each)]
    if foreign:
        raise orders.edit_refused(InputRefused(foreign), (full,))
    done = orders.edit(desk.settings, desk.database, desk.clock, (full,), wanted, dry_run=asked.dry_run)
    return done.to_json()


def _wanted(asked: Edit, raw: dict[str, bytes]) -> Wanted:
    """
    Raises:
        InputRefused: what is set cannot be read.
    """
    if "data" in raw:
        return Wanted(data=raw["data"], target=asked.target)
    given = raw.get("set", b"{}")
    read_json(given)  # refuses what could be read in two ways
    text = given.decode("latin-1")
    values = {name: text[start:end].encode("latin-1").decode() for name, start, end in members(text) or ()}
    return Wanted(tuple(exact_changes(values, asked.unset)), target=asked.target)


def _assign(desk: Desk, visitor: Visitor, id: str, owner: str, *, dry_run: bool) -> dict[str, Any]:
    demand(visitor, Scope.CONTROL)
    demand_everyone(visitor)
    orders.check_assignment(owner, (id,), None)
    done = orders.assign(desk.database, desk.clock, owner, ids=(id,), dry_run=dry_run)
    signed_in = composition.credentials(desk.settings, desk.clock).for_owner(owner) is not None
    return done.to_json(signed_in=signed_in)


class Settle(Asked):
    """How it really stands. `server_id` belongs to `arrived`, `upload_url`, a secret, to `upload_url`."""

    choice: Literal["arrived", "not_arrived", "unsigned", "upload_url"]
    server_id: int | None = None
    upload_url: str | None = Field(default=None, repr=False)


@router.post("/entries/{id}/settle")
def settle(desk: TheDesk, visitor: Controlling, id: Id, body: JsonBody) -> dict[str, Any]:
    """Say how an entry in doubt, or one whose signature is owed, really stands. The choice is recorded."""
    full = own_entry(desk, visitor, id)
    asked = read_asked(body, Settle)
    for name, choice in (("server_id", "arrived"), ("upload_url", "upload_url")):
        if (getattr(asked, name) is not None) != (asked.choice == choice):
            raise _usage(name, f"{name} is for the choice {choice}, and needed there")
    if asked.server_id is not None:
        done = orders.settle_arrived(desk.database, desk.clock, full, asked.server_id)
    elif asked.upload_url is not None:
        done = orders.settle_upload_url(desk.settings, desk.database, desk.clock, full, asked.upload_url)
    elif asked.choice == "not_arrived":
        done = settling.settle_not_arrived(desk.database, full, desk.clock)
    else:
        done = settling.settle_unsigned(desk.database, full, desk.clock)
    return done.to_json()


class Discard(Asked):
    """Why it is given up; kept with the entry."""

    reason: str


@router.post("/entries/{id}/discard")
def discard(desk: TheDesk, visitor: Controlling, id: Id, body: JsonBody) -> dict[str, Any]:
    """Give an entry up. It is never sent again, and everything about it is kept."""
    full = own_entry(desk, visitor, id)
    return orders.discard(desk.database, desk.clock, full, read_asked(body, Discard).reason).to_json()


def _usage(field: str, message: str) -> Failed:
    return refused((Problem(f"$.{field}", "usage", f"{message}."),))
