"""What a person corrects in captured entries: checked as at capture, all of it or nothing.

What may be corrected, and how it is written down, is for `storage/revisions.py`; how a change is written for
`sync/editing.py`. Writes rows and a wake flag; needs no drain lock and is safe beside a running worker.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from storage import control, handovers, repairs, revisions
from storage.database import Database, Transaction
from storage.lifecycle import State
from storage.locks import FileLock
from storage.queries import Reader
from storage.revisions import Aim, Said
from sync.capture import given_start
from sync.clock import Clock
from sync.dependencies import LOCAL, Dependencies, leans, look
from sync.editing import Change, changed, paths_changed
from sync.errors import InputRefused, Problem
from sync.image import SignatureImage
from sync.operations import Operation, by_kind
from sync.payload import check, complete, read_json, to_body

UNCHANGED: Final = "unchanged"
WHY: Final = {
    repairs.BEING_DELIVERED: "it is being delivered right now; try again in a moment",
    repairs.FINISHED: "it is finished; what the server has is changed by an update of its own",
    repairs.ARRIVED: "the server has it already; what it has there is changed by an update of its own",
    repairs.PERHAPS_ARRIVED: "it was sent and may have arrived as it is; settle that first (fieldsync settle)",
    handovers.HANDED_OVER: "it was handed over in a bundle, and goes from there as it was",
    repairs.DAMAGED: "what is stored is not what was captured",
    revisions.MAY_STILL_ARRIVE: "it was sent moments ago, and what got no answer may still be carried out after what "
    "is sent next; try again in two minutes",
    UNCHANGED: "it says that already",
}
PASSING: Final = frozenset({repairs.BEING_DELIVERED, revisions.MAY_STILL_ARRIVE})


class NotEdited(Exception):
    """Some of the named entries cannot be changed, so none was. `problems`: full id and code of each."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("nothing was changed")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants: single changes or a whole new body, and another target."""

    changes: tuple[Change, ...] = ()
    data: bytes | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What became of one entry; `paths` are the places that say something else now."""

    id: str
    state: State
    paths: tuple[str, ...]
    new_key: bool
    twin: bool


@dataclass(slots=True)
class Edited:
    """What an edit did, in the shape of `edit --json`."""

    edits: list[Edit] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    drain: str = "none"

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "edited": len(self.edits),
            "entries": [
                {
                    "id": each.id,
                    "state": each.state.value,
                    "changed": list(each.paths),
                    "new_key": each.new_key,
                }
                for each in self.edits
            ],
            "skipped": [{"id": id, "code": UNCHANGED, "why": WHY[UNCHANGED]} for id in self.skipped],
            "warnings": [
                {"id": each.id, "code": "start_not_unique", "message": TWIN}
                for each in self.edits
                if each.twin
            ],
            "drain": self.drain,
        }


TWIN: Final = (
    "Another entry of this device has the same start. Should an answer ever be lost, the two cannot be told "
    "apart by it."
)


@dataclass(frozen=True, slots=True)
class _Body:
    """A body that can be sent, with what follows from it."""

    payload: dict[str, Any]
    paths: tuple[str, ...]
    start_at: int | None
    image_name: str | None
    references: tuple[str, ...]
    aim: Aim | None


def edit(
    database: Database,
    suffixes: tuple[str, ...],
    wanted: Wanted,
    clock: Clock,
    *,
    settle_s: float,
    dry_run: bool = False,
) -> Edited:
    """Change what the named entries say; all of them or none.

    `settle_s` is how long a request that nobody answered may still be carried out by the server.

    Raises:
        NotEdited: one of them cannot be changed now.
        InputRefused: what it would say is not what the API takes, with every problem.
        EntryNotFound, AmbiguousId: a name does not mean one entry.
    """
    now = clock.now_ms()
    done = Edited(drain="none" if FileLock.holder(database.folder.worker_lock) is None else "worker")
    given = None if wanted.data is None else read_json(wanted.data)
    with database.write() as transaction:
        reader = Reader(transaction.cursor)
        ids = list(dict.fromkeys(reader.resolve(suffix) for suffix in suffixes))
        found = {
            id: revisions.obstacle(transaction, id, now=now, settle_ms=int(settle_s * 1000)) for id in ids
        }
        refused = [(id, code) for id, code in found.items() if code is not None]
        if refused:
            raise NotEdited(refused)
        for before, body in _bodies(transaction, ids, wanted, given):
            if not body.paths:
                done.skipped.append(before.id)
                continue
            key = _key(before)
            twin = (
                by_kind(before.kind).start_is_ours
                and body.start_at != before.start_at
                and revisions.start_is_used(transaction, before, body.start_at)
            )
            done.edits.append(Edit(before.id, before.state, body.paths, key != before.key, twin))
            if not dry_run:
                revisions.revise(
                    transaction,
                    before,
                    payload=to_body(body.payload).decode(),
                    start_at=body.start_at,
                    key=key,
                    image_name=body.image_name,
                    references=body.references,
                    aim=body.aim,
                    detail=", ".join(body.paths),
                    now=now,
                )
        if not dry_run:
            control.wake(transaction, now=now)
    return done


def _bodies(
    transaction: Transaction, ids: list[str], wanted: Wanted, given: Mapping[str, Any] | None
) -> list[tuple[Said, _Body]]:
    """What each entry says now and will say.

    Raises:
        InputRefused: with the problems of all of them.
    """
    bodies: list[tuple[Said, _Body]] = []
    problems: list[Problem] = []
    for id in ids:
        before = revisions.said(transaction, id)
        try:
            bodies.append((before, _body(transaction, before, wanted, given)))
        except InputRefused as refusal:
            of = f"{id[-8:]} " if len(ids) > 1 else ""
            problems += (Problem(f"{of}{each.path}", each.code, each.message) for each in refusal.problems)
    if problems:
        raise InputRefused(problems)
    return bodies


def _body(transaction: Transaction, before: Said, wanted: Wanted, given: Mapping[str, Any] | None) -> _Body:
    operation = by_kind(before.kind)
    old = json.loads(before.payload)
    if given is None:
        data = changed(operation, old, wanted.changes)
        data = _without_withheld(data, old, before.request_body, wanted.changes)
    else:
        data = dict(given)
    _keep_start(operation, old, data)
    image = _image(before)
    problems = check(operation, data, image)
    found, more = _depends(transaction, operation, before, data, wanted.target)
    if problems or more:
        raise InputRefused([*problems, *more])
    payload, named = complete(operation, data if found is None else found.data, image=image)
    aim = None
    if found is not None and wanted.target is not None:
        aim = Aim(found.target_id, found.target_entry, found.chain_key)
        if (aim.target_id, aim.target_entry) == (before.target_id, before.target_entry):
            aim = None
    return _Body(
        payload=payload,
        paths=(*paths_changed(old, payload), *(() if aim is None else ("target",))),
        start_at=given_start(operation, payload) if operation.start_field else before.start_at,
        image_name=named.name if named else None,
        references=() if found is None else found.references,
        aim=aim,
    )


def _depends(
    transaction: Transaction, operation: Operation, before: Said, data: dict[str, Any], target: str | None
) -> tuple[Dependencies | None, list[Problem]]:
    """What it hangs on from here on, and what is wrong with that; None where it names nothing anew."""
    if not leans(target, None, data):
        return None, []
    if target is None and before.target_entry is not None:
        target = f"{LOCAL}{before.target_entry}"
    elif target is None and before.target_id is not None:
        target = str(before.target_id)
    return look(transaction, operation, data, target=target, after=before.after_entry, id=before.id)


def _keep_start(operation: Operation, old: Mapping[str, Any], data: dict[str, Any]) -> None:
    """What was chosen at capture, because the input named none, is when the work began; no edit moves it."""
    name = operation.start_field
    if operation.start_is_ours and name is not None and name in old and name not in data:
        data[name] = old[name]


def _without_withheld(
    data: dict[str, Any], old: Mapping[str, Any], request_body: str | None, changes: tuple[Change, ...]
) -> dict[str, Any]:
    """`data` without the notices that its last request was already sent without, unless this edit names them.

    They may have gone out with the first try: an edit of something else must not send them again.
    """
    if request_body is None:
        return data
    withheld = set(old) - set(json.loads(request_body)) - {each.keys[0] for each in changes}
    return {key: value for key, value in data.items() if key not in withheld}


def _image(before: Said) -> SignatureImage | None:
    """The image as far as a body speaks of it. Its bytes were looked at when it was captured, and stay."""
    if before.image_name is None or before.image_mime_type is None or before.image_size is None:
        return None
    return SignatureImage(
        name=before.image_name,
        mime_type=before.image_mime_type,
        size_bytes=before.image_size,
        sha256="",
        md5="",
        data=b"",
        width=0,
        height=0,
    )


def _key(before: Said) -> str:
    """A server that honours keys would answer the old one with what it said to the old body."""
    return str(uuid5(UUID(before.key), f"edit {before.attempt_n + 1}")) if before.tried else before.key
