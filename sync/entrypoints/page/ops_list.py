"""The list of entries: narrowed, searched, newest first, page by page. Reads only."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from storage.queries import Reader
from sync.entrypoints.page import ops_filter
from sync.entrypoints.page.frame import PageRoute
from sync.entrypoints.page.ops_filter import NEEDS_ACTION, PAGE, Asked
from sync.entrypoints.page.ops_frame import Sees, TheDesk, Told, ops_page
from sync.explain import reason_words
from sync.operations import KINDS

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/ops/entries")
def show(request: Request, desk: TheDesk, visitor: Sees, did: str = "") -> Response:
    """One page of entries."""
    told = Told(request, desk)
    asked, wrong = ops_filter.read(request.query_params)
    with desk.database.read() as transaction:
        reader = Reader(transaction.cursor)
        rows, newer, older = _page(reader, asked, told)
        owners = sorted({each["owner"] for each in rows if each["owner"]})
    return ops_page(
        request,
        visitor,
        "ops/entries.html",
        did=did,
        told=told,
        asked=asked,
        wrong=wrong,
        rows=rows,
        newer=newer,
        older=older,
        owners=owners,
        states=ops_filter.CHOICES,
        kinds=KINDS,
        spans=ops_filter.SPANS,
        why=lambda reason: _why(reason, told),
    )


def _page(reader: Reader, asked: Asked, told: Told) -> tuple[list[dict[str, Any]], str, str]:
    """The rows, newest first, and the queries of the pages of newer and of older ones; empty where there are none."""
    wanted = ops_filter.narrowed(asked, told.now, None)
    found = reader.listed(wanted, needs_action=asked.state == NEEDS_ACTION, limit=PAGE + 1)
    more, rows = len(found) > PAGE, found[:PAGE]
    if not wanted.newest_first:
        rows.reverse()
    if not rows:
        return [], "", ""
    has_newer = more if asked.newer else bool(asked.older)
    has_older = True if asked.newer else more
    newer = asked.query(newer=rows[0]["id"]) if has_newer else ""
    older = asked.query(older=rows[-1]["id"]) if has_older else ""
    return rows, newer, older


def _why(reason: str, told: Told) -> str:
    words = reason_words(reason, language=told.explained_in)
    return words.what
