"""What a person orders for the whole queue: pause, resume, go now."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sync import commands
from sync.entrypoints import orders
from sync.entrypoints.api.asking import Asked, read_asked
from sync.entrypoints.api.receiving import JSON, Body, received
from sync.entrypoints.api.seeing import TheDesk
from sync.entrypoints.api.visiting import demand_everyone, may
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["steer"])

MayBody = Annotated[Body, Depends(received(JSON, optional=True))]


def steers(visitor: Annotated[Visitor, Depends(may(Scope.CONTROL))]) -> Visitor:
    """A visitor who may order for everybody. Raises: Failed."""
    demand_everyone(visitor)
    return visitor


STEERS = [Depends(steers)]


class Pause(Asked):
    """Why, for those who look."""

    reason: str | None = None


class Resume(Asked):
    """Nothing is asked."""


class Sync(Asked):
    """`force`: gates and metered rules are forgotten once."""

    force: bool = False


@router.post("/pause", dependencies=STEERS)
def pause(desk: TheDesk, body: MayBody) -> dict[str, Any]:
    """Hold the whole queue. Captures still work; no entry changes state."""
    changed = orders.pause(desk.database, desk.clock, read_asked(body, Pause).reason)
    return {"schema": 1, "paused": True, "changed": changed}


@router.post("/resume", dependencies=STEERS)
def resume(desk: TheDesk, body: MayBody) -> dict[str, Any]:
    """Let the queue go on, whoever held it."""
    read_asked(body, Resume)
    return {"schema": 1, "paused": False, "changed": commands.resume(desk.database, desk.clock)}


@router.post("/sync", dependencies=STEERS)
def sync(desk: TheDesk, body: MayBody) -> dict[str, Any]:
    """Ask the worker for a pass now. `asked` numbers the wish."""
    asked = commands.ask_worker(desk.database, desk.clock, forced=read_asked(body, Sync).force)
    drain = "none" if commands.worker(desk.database) is None else "worker"
    return {"schema": 1, "asked": asked, "drain": drain}
