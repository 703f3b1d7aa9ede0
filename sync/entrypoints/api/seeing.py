"""Where everything stands: status, lists, causes, one entry's story, its signature, receipts. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from storage.errors import DatabaseMissing
from storage.held import held
from storage.paging import page
from storage.queries import Narrowed, Reader, reading
from storage.signatures import signature_of
from storage.story import story
from sync import app as composition
from sync.causes import grouped
from sync.entrypoints.api.asking import refused
from sync.entrypoints.api.desk import Desk, the_desk
from sync.entrypoints.api.visiting import may
from sync.entrypoints.documents import causes_document, show_document
from sync.entrypoints.exits import Exit
from sync.entrypoints.failures import Failed
from sync.entrypoints.since import since_ms
from sync.errors import Problem
from sync.explain import explain
from sync.operations import by_kind
from sync.status import conclude
from sync.status_facts import look
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["see"])

State = Literal["pending", "sending", "in_doubt", "accepted", "done", "parked", "dead", "discarded"]
TheDesk = Annotated[Desk, Depends(the_desk)]
Reading = Annotated[Visitor, Depends(may(Scope.READ))]
Id = Annotated[
    str,
    Path(
        max_length=200,
        description="The id of an entry, or an end of it that is unique.",
        # Told, and not asked for: another id is one that no entry has.
        json_schema_extra={"pattern": "^[0-9A-Za-z-]+$"},
    ),
]

_SAFE_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
_IMAGES: Final = ("image/png", "image/jpeg")
_SIGN_IN: Final = "fieldsync auth set"
MOST_LISTED: Final = 1000


@contextmanager
def looking(desk: Desk) -> Iterator[Reader]:
    """One consistent look at the outbox as it is now on the disk.

    Raises:
        DatabaseUnusable: it was removed, damaged or replaced.
    """
    with reading(desk.database.folder) as reader:
        if reader is None:
            raise DatabaseMissing(f"{desk.database.folder.database} is not there any more")
        yield reader


@router.get("/status")
def status(desk: TheDesk, visitor: Reading) -> dict[str, Any]:
    """Where everything stands: the document of `fieldsync status --json`; of other owners the numbers alone."""
    told = standing(desk)
    if visitor.everyone:
        return told
    return told | {
        "auth": [each for each in told["auth"] if visitor.sees(each["owner"])],
        "problems": [
            each | {"next_command": _SIGN_IN} if _names(each) else each for each in told["problems"]
        ],
    }


def standing(desk: Desk) -> dict[str, Any]:
    """The document of `fieldsync status --json`, with the names of all owners."""
    tokens = composition.credentials(desk.settings, desk.clock)
    return conclude(look(desk.database.folder, tokens, desk.clock.now())).document


def _names(problem: dict[str, Any]) -> bool:
    """Whether what it asks for names somebody."""
    return str(problem["next_command"]).startswith(f"{_SIGN_IN} --owner ")


@router.get("/entries")
def entries(
    desk: TheDesk,
    visitor: Reading,
    state: Annotated[list[State] | None, Query(description="Only in these states.")] = None,
    kind: Annotated[str | None, Query(max_length=100, description="Only of this kind.")] = None,
    needs_action: Annotated[bool, Query(description="Only what needs a person: parked or dead.")] = False,
    since: Annotated[
        str | None, Query(max_length=40, description="Only captured since: an instant, or like 2h, 3d.")
    ] = None,
    q: Annotated[
        str | None,
        Query(min_length=1, max_length=100, description="What ids, owners, kinds, numbers or bodies hold."),
    ] = None,
    owner: Annotated[
        str | None, Query(max_length=100, description='Only of this owner; "" is nobody\'s.')
    ] = None,
    reason: Annotated[
        str | None, Query(max_length=100, description="Only what waits for this reason.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="At most so many.")] = 100,
    after_id: Annotated[
        str | None,
        Query(max_length=200, description="What comes behind this entry: `next` of the page before."),
    ] = None,
    newest_first: Annotated[bool, Query(description="From the last capture back.")] = False,
) -> dict[str, Any]:
    """Entries page by page. A page of a search may hold few or none and still have a next one."""
    narrowed = narrowed_by(
        desk, visitor, states=tuple(state or ()), kind=kind, since=since, owner=owner, reason=reason,
        search=q, newest_first=newest_first,
    )  # fmt: skip
    if narrowed is None:
        return {"schema": 1, "entries": [], "next": None}
    with looking(desk) as reader:
        if after_id is not None:
            narrowed = narrowed._replace(after_id=reader.resolve(after_id, owner=visitor.only))
        found, following = page(reader, narrowed, needs_action=needs_action, limit=limit)
    return {"schema": 1, "entries": found, "next": following}


def narrowed_by(
    desk: Desk,
    visitor: Visitor,
    *,
    states: tuple[str, ...] = (),
    kind: str | None = None,
    since: str | None = None,
    owner: str | None = None,
    reason: str | None = None,
    search: str | None = None,
    newest_first: bool = False,
) -> Narrowed | None:
    """What is asked for, of what this visitor sees; None where that is nothing.

    Raises:
        Failed, UnknownKind: it can never be anything.
    """
    if kind is not None:
        by_kind(kind)
    if visitor.only is not None and owner not in (None, visitor.only):
        return None
    at = moment(desk, since)
    whose = owner if visitor.only is None else visitor.only
    return Narrowed(states, kind, at, None, whose, reason, search, newest_first)


def moment(desk: Desk, since: str | None) -> int | None:
    """The parameter `since` in milliseconds. Raises: Failed: it is no moment."""
    try:
        return None if since is None else since_ms(since, desk.clock.now())
    except (ValueError, OverflowError) as fault:
        raise refused((Problem("$.since", "bad_instant", f"since: {fault}."),)) from None


@router.get("/entries/{id}")
def entry(desk: TheDesk, visitor: Reading, id: Id) -> dict[str, Any]:
    """The whole story of one entry: the document of `fieldsync show --json`."""
    with looking(desk) as reader:
        told = story(reader, reader.resolve(id, owner=visitor.only))
        return show_document(told, explain(told, reader.control(), desk.clock.now()))


@router.get(
    "/entries/{id}/signature",
    response_class=Response,
    responses={
        200: {"content": {type: {"schema": {"type": "string", "format": "binary"}} for type in _IMAGES}}
    },
)
def signature(desk: TheDesk, visitor: Reading, id: Id) -> Response:
    """The image as it was captured."""
    with looking(desk) as reader:
        full = reader.resolve(id, owner=visitor.only)
        image = signature_of(reader, full)
    if image is None:
        raise Failed(
            Exit.NO_SUCH_ENTRY, "no_signature", f"entry {full[-8:]} has no signature",
            next_command=f"fieldsync show {full[-8:]}",
        )  # fmt: skip
    name = _SAFE_NAME.sub("_", image.name)[-100:]
    headers = {"Content-Disposition": f'inline; filename="{name}"', "ETag": f'"{image.sha256}"'}
    return Response(image.data, media_type=image.mime_type, headers=headers)


@router.get("/causes")
def causes(desk: TheDesk, visitor: Reading) -> dict[str, Any]:
    """What needs a person, cause by cause: the document of `fieldsync list --needs-action --by-cause --json`."""
    with looking(desk) as reader:
        return causes_document(grouped(held(reader, Narrowed(owner=visitor.only))))
