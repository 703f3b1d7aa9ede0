"""Where everything stands: status, lists, one entry's story, its signature. Reads only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sync import app as composition
from sync.entrypoints.api.desk import Desk, the_desk
from sync.status import conclude
from sync.status_facts import look

router = APIRouter(tags=["see"])


@router.get("/status")
def status(desk: Annotated[Desk, Depends(the_desk)]) -> dict[str, Any]:
    """Where everything stands: the document of `fieldsync status --json`."""
    tokens = composition.credentials(desk.settings, desk.clock)
    return conclude(look(desk.database.folder, tokens, desk.clock.now())).document
