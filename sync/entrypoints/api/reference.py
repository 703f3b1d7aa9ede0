"""What companies, sites and rules are called, for who fills in forms in an app of its own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from config.settings import Settings
from storage import listed
from storage.queries import iso
from sync import reference_list as names
from sync.entrypoints import orders
from sync.entrypoints.api.importing import CSV
from sync.entrypoints.api.receiving import Body, received
from sync.entrypoints.api.seeing import TheDesk, looking
from sync.entrypoints.api.steering import STEERS
from sync.entrypoints.api.visiting import may_some
from sync.visitor import Scope

router = APIRouter(tags=["reference list"])


def _largest(_: Settings) -> int:
    return names.MAX_BYTES


@router.get("/reference", dependencies=[Depends(may_some(Scope.CAPTURE, Scope.READ))])
def reference_list(desk: TheDesk) -> dict[str, Any]:
    """The list, sorted by name: the document of `fieldsync reference list --json`."""
    with looking(desk) as reader:
        known = listed.facts(reader.each)
        lines = listed.read(reader.each)
    return names.to_json(lines, imported_at=None if known is None else iso(known.at))


@router.put("/reference", dependencies=STEERS)
def replace_reference_list(
    desk: TheDesk,
    body: Annotated[Body, Depends(received(CSV, most_bytes=_largest))],
    dry_run: Annotated[bool, Query(description="Check everything, change nothing.")] = False,
) -> dict[str, Any]:
    """Have the names of this CSV instead of those there are; as a whole, and only where every line is right."""
    lines = orders.check_reference_list(body.file.read())
    replaced = None if dry_run else orders.replace_reference_list(desk.database, desk.clock, lines)
    return {"schema": 1, **names.counts(lines), "replaced": replaced, "dry_run": dry_run}
