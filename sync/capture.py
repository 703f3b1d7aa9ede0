"""The front door: a checked payload and its signature image become one entry, or are refused with all their problems.

Nothing here needs a network, tokens or a worker. When `capture` returns, the entry survives a power cut.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from storage.database import Database, Transaction
from storage.guarded import to_ms
from storage.outbox import NewEntry, NewSignature, Put, known, put_in
from storage.reserve import keep_reserve
from sync.clock import Clock
from sync.credentials import is_owner
from sync.dependencies import Dependencies, check_target, leans, resolve
from sync.errors import InputRefused, Problem
from sync.image import SignatureImage, read_image
from sync.instants import instant_text, to_millisecond
from sync.operations import Operation, by_kind
from sync.payload import check, complete, oddities, read_json, to_body

# Beyond this the device's clock was far enough off for a look-up by time to need a second look.
_SUSPECT_OFFSET_S = 120.0


@dataclass(frozen=True, slots=True)
class Input:
    """What a person or program hands in. `image` is a path or the bytes; `id` makes a repeat harmless.

    `data` is the JSON body, or the problems of one that could not even be read. `target` is a server id or
    `local:ENTRY`, `after` an entry; ENTRY is a full id or the end of one.
    """

    kind: str
    data: bytes | tuple[Problem, ...]
    image: Path | bytes | None = None
    id: str | None = None
    after: str | None = None
    owner: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class ImageLimits:
    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Captured:
    """The answer to a capture, in the shape of `capture --json`."""

    id: str
    kind: str
    state: str
    duplicate: bool
    warnings: tuple[dict[str, str], ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "duplicate": self.duplicate,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """Input that can be stored, once it is known what it hangs on: what was given, and the image it describes."""

    operation: Operation
    given: dict[str, Any]
    image: SignatureImage | None
    id: str | None
    digest: str
    target: str | None = None
    after: str | None = None
    leans: bool = False  # on other entries or a target, which only the outbox knows


def check_input(given: Input, limits: ImageLimits) -> Checked:
    """Everything that can be said about the input without the outbox.

    Raises:
        UnknownKind: no operation has this kind.
        InputRefused: with every problem of data, image and id at once.
    """
    operation = by_kind(given.kind)
    problems: list[Problem] = []
    data: dict[str, Any] | None = None
    if isinstance(given.data, bytes):
        try:
            data = read_json(given.data)
        except InputRefused as refusal:
            problems += refusal.problems
    else:
        problems += given.data
    image, image_problems = _read_image(given, limits)
    if data is not None:
        problems += check(operation, data, image, image_problems=image_problems)
    else:
        problems += image_problems
    id = None
    if given.id is not None:
        try:
            id = str(UUID(given.id))
        except ValueError:
            problems.append(
                Problem(
                    "--id", "id_invalid", "must be a UUID, such as one that a repeat of this capture had."
                )
            )
    problems += check_target(operation, given.target)
    if given.owner is not None and not is_owner(given.owner):
        problems.append(Problem("--owner", "owner_invalid", "must be 1 to 100 bytes of printable text."))
    if problems or data is None:
        raise InputRefused(problems)
    digest = _digest(operation.kind, data, image, given.target, given.after)
    leaning = leans(given.target, given.after, data)
    return Checked(operation, data, image, id, digest, given.target, given.after, leaning)


def _read_image(given: Input, limits: ImageLimits) -> tuple[SignatureImage | None, tuple[Problem, ...]]:
    if given.image is None:
        return None, ()
    try:
        return read_image(given.image, max_bytes=limits.max_bytes, max_pixels=limits.max_pixels), ()
    except InputRefused as refusal:
        return None, refusal.problems


def _digest(
    kind: str, data: dict[str, Any], image: SignatureImage | None, target: str | None, after: str | None
) -> str:
    """The input as given, before defaults: what a repeat under the same id is compared by."""
    hangs_on = {name: value for name, value in (("target", target), ("after", after)) if value is not None}
    given = [kind, data, hangs_on] if hangs_on else [kind, data]
    canonical = json.dumps(given, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"{canonical}\n{image.sha256 if image else ''}".encode()).hexdigest()


def capture(
    database: Database,
    checked: Checked,
    *,
    clock: Clock,
    new_id: str,
    owner: str | None,
    clock_offset_s: float | None = None,
    reserve_bytes: int = 0,
) -> Captured:
    """Make the input durable.

    Raises:
        IdConflict: its id belongs to another input.
        InputRefused: what it hangs on is not there, or not of its kind.
        StorageFull, StorageReadOnly: nothing was stored; the input is fine.
    """
    keep_reserve(database.folder, reserve_bytes)
    with database.write() as transaction:
        return capture_in(
            transaction,
            checked,
            clock=clock,
            new_id=new_id,
            owner=owner,
            clock_offset_s=clock_offset_s,
        )


def capture_in(
    transaction: Transaction,
    checked: Checked,
    *,
    clock: Clock,
    new_id: str,
    owner: str | None,
    clock_offset_s: float | None = None,
) -> Captured:
    """As `capture`, inside a transaction of the caller: many captures, one commit. A refusal changes nothing in it."""
    depends = None
    if checked.leans:
        # A repeat is a repeat, whatever has become meanwhile of what it hangs on.
        before = None if checked.id is None else known(transaction, checked.id, checked.digest)
        if before is not None:
            return answer(before, checked)
        depends = resolve(transaction, checked, id=checked.id or new_id)
    new = new_entry(
        checked,
        now=clock.now(),
        new_id=new_id,
        owner=owner,
        depends=depends,
        clock_offset_s=clock_offset_s,
        mono_ms=clock.monotonic_ms(),
        boot=clock.boot(),
    )
    return answer(put_in(transaction, new), checked)


def new_entry(
    checked: Checked,
    *,
    now: datetime,
    new_id: str,
    owner: str | None,
    depends: Dependencies | None = None,
    clock_offset_s: float | None = None,
    mono_ms: int | None = None,
    boot: str | None = None,
) -> NewEntry:
    """The row that a capture makes. `mono_ms` is the monotonic time of this `boot`, beside `now`.

    `depends` is what `resolve` answered; None where nothing is named, neither in the body nor beside it.
    """
    depends = depends or Dependencies(checked.given)
    operation = checked.operation
    start_at = given_start(operation, checked.given)
    chosen_by_us = operation.start_is_ours and operation.start_field not in checked.given
    started_at = now if chosen_by_us else None
    payload, image = complete(operation, depends.data, image=checked.image, started_at=started_at)

    def payload_at(start_ms: int) -> str:
        assert operation.start_field is not None, "only a start that we choose is filled in"
        # The key stands where the API's page has it; only its value is replaced.
        chosen = instant_text(datetime.fromtimestamp(start_ms / 1000, UTC))
        return to_body({**payload, operation.start_field: chosen}).decode()

    id = checked.id or new_id
    return NewEntry(
        id=id,
        id_was_given=checked.id is not None,
        kind=operation.kind,
        creates=operation.creates,
        payload=payload_at if chosen_by_us else to_body(payload).decode(),
        input_digest=checked.digest,
        # Fixed here: however often and by whomever it is sent, the server can see that it is one capture.
        idempotency_key=id,
        captured_at=to_ms(now),
        start_at=to_ms(now) if chosen_by_us else start_at,
        clock_offset_ms=None if clock_offset_s is None else int(clock_offset_s * 1000),
        clock_suspect=clock_offset_s is not None and abs(clock_offset_s) > _SUSPECT_OFFSET_S,
        captured_mono_ms=mono_ms,
        captured_boot=boot,
        owner=owner,
        target_id=depends.target_id,
        target_entry=depends.target_entry,
        after_entry=depends.after_entry,
        chain_key=depends.chain_key,
        references=depends.references,
        signature=None
        if image is None
        else NewSignature(image.name, image.mime_type, image.size_bytes, image.sha256, image.md5, image.data),
    )


def given_start(operation: Operation, data: dict[str, Any]) -> int | None:
    given = data.get(operation.start_field) if operation.start_field else None
    if not isinstance(given, str):
        return None
    try:
        return to_ms(datetime.fromisoformat(to_millisecond(given).replace("Z", "+00:00")))
    except ValueError:
        return None  # the API's pattern has a year 0000, the calendar has not


def answer(stored: Put, checked: Checked) -> Captured:
    """What the one who captured is told."""
    operation = checked.operation
    warnings = [{"code": each.code, "message": each.message} for each in oddities(checked.given)]
    if stored.start_not_unique and operation.start_is_ours:
        warnings.append(
            {
                "code": "start_not_unique",
                "message": f"Another entry of this device has the same {operation.start_field}. Should an answer "
                "ever be lost, the two cannot be told apart by it.",
            }
        )
    return Captured(stored.id, stored.kind, stored.state, stored.duplicate, tuple(warnings))
