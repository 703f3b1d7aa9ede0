"""How the queue stood over a day or a month: the points that the charts are drawn from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from storage import samples
from storage.queries import iso
from storage.samples import Sample
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.visiting import may
from sync.sampled import Span, points, window
from sync.visitor import Scope

router = APIRouter(tags=["see"])


def sampled(desk: Desk, span: Span, now: int) -> list[Sample]:
    """The samples of this span in order, and before them the last one that is older.

    Raises:
        StorageProblem: the database cannot be read.
    """
    with desk.database.read() as transaction:
        return samples.between(transaction, *window(span, now))


@router.get("/history", dependencies=[Depends(may(Scope.READ))])
def history(
    desk: Annotated[Desk, Depends(the_desk)],
    span: Annotated[Span, Query(alias="range", description="how far back")] = Span.DAY,
) -> dict[str, Any]:
    """One point for each step in which something was recorded, in order; a stopped worker leaves out its own.

    `waiting` and `needs_action` are the most in a step, `delivered` is what was delivered in it.
    """
    now = desk.clock.now_ms()
    since, until = window(span, now)
    return {
        "schema": 1,
        "range": span.value,
        "since": iso(since),
        "until": iso(until),
        "step_s": span.step_ms // 1000,
        "points": [
            {
                "at": iso(point.at),
                "waiting": point.waiting,
                "needs_action": point.needs_action,
                "delivered": point.delivered,
            }
            for point in points(sampled(desk, span, now), span, now)
        ],
    }
