"""What a person does about single entries: resync, edit, settle, discard. The rules are those of the commands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends

from storage.queries import Reader
from sync.commands import Selection
from sync.entrypoints import orders
from sync.entrypoints.api.asking import Asked, read_asked
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.receiving import JSON, Body, received
from sync.entrypoints.api.seeing import TheDesk
from sync.entrypoints.api.visiting import demand, demand_everyone, may, may_some
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["repair"])

_json = received(JSON)
JsonBody = Annotated[Body, Depends(_json)]
Controlling = Annotated[Visitor, Depends(may(Scope.CONTROL))]
Correcting = Annotated[Visitor, Depends(may_some(Scope.CAPTURE, Scope.CONTROL))]


class Resync(Asked):
    """Which entries; none named and nothing else: the waits of all."""

    ids: tuple[str, ...] = ()
    all: bool = False
    states: tuple[Literal["pending", "sending", "in_doubt", "accepted", "parked", "dead"], ...] = ()
    reason: str | None = None
    kinds: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False


@router.post("/resync")
def resync(desk: TheDesk, visitor: Correcting, body: JsonBody) -> dict[str, Any]:
    """Go on now; with a selection also release what is parked and requeue what is dead."""
    asked = read_asked(body, Resync)
    selection = Selection(asked.ids, asked.all, asked.states, asked.reason, asked.kinds, asked.force)
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
