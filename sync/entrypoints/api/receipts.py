"""Was it sent? The proof of each delivery, also where the payload is gone."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from storage import receipts as delivered
from sync.entrypoints.api.seeing import Reading, TheDesk, looking, moment

router = APIRouter(tags=["see"])

_MOST: Final = 10_000


@router.get("/receipts")
def receipts(
    desk: TheDesk,
    visitor: Reading,
    since: Annotated[
        str | None, Query(max_length=40, description="Only delivered since: an instant, or like 2h, 3d.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")] = 1000,
) -> dict[str, Any]:
    """Receipts, the earliest first. `next` is the `since` of the rest, which begins with those of the same moment."""
    with looking(desk) as reader:
        found = delivered.receipts(reader, since=moment(desk, since), owner=visitor.only)
        told = list(islice(found, limit + 1))
    following = told[limit]["done_at"] if len(told) > limit else None
    return {"schema": 1, "receipts": told[:limit], "next": following}
