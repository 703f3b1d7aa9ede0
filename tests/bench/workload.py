"""What is captured in every row: one unplanned intervention of 600 B JSON with a signature of about 20 KB."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.database import Database
from storage.outbox import NewEntry, put_in
from sync import app
from sync.capture import Checked, ImageLimits, Input, check_input, new_entry
from sync.clock import Clock
from tests.support.builders import signature_jpeg, unplanned_body

KIND = "unplanned-preventive"
LIMITS = ImageLimits(2 * 1024 * 1024, 4_000_000)
BODY_BYTES = 600
_FIRST_START = datetime(2024, 12, 1, 12, 34, 56, tzinfo=UTC)


def body_at(number: int) -> bytes:
    """The JSON as it is handed in; together with the signature's facts it makes a payload of BODY_BYTES."""
    start = _FIRST_START + timedelta(milliseconds=number)
    body = unplanned_body(actualStart=start.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    bare = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    facts = len(',"signature":{"name":"signature.jpg","mimeType":"image/jpeg","size":20000}')
    body["provider"]["comment"] += " " + "." * (BODY_BYTES - bare - facts - 1)
    return json.dumps(body, ensure_ascii=False).encode()


def checked(number: int) -> Checked:
    """Input that was validated, its image decoded: what the front door stores."""
    return check_input(Input(KIND, body_at(number), signature_jpeg()), LIMITS)


def entry(number: int, clock: Clock) -> NewEntry:
    """The row of this capture, ready to be stored."""
    return new_entry(
        checked(number),
        now=clock.now(),
        new_id=app.new_id(clock),
        owner=None,
        mono_ms=clock.monotonic_ms(),
        boot=clock.boot(),
    )


def open_outbox(place: Path, clock: Clock) -> Database:
    """A new outbox in `place`, with the schema."""
    return app.open_outbox(place, clock)


def fill(place: Path, entries: int) -> None:
    """A new outbox in `place` with so many captures."""
    clock = Clock()
    with closing(open_outbox(place, clock)) as database, database.write() as transaction:
        for number in range(entries):
            put_in(transaction, entry(number, clock))


def signed_body(number: int) -> bytes:
    """The request body of this capture, its signature's facts included."""
    return payload_of(entry(number, Clock())).encode()


def payload_of(new: NewEntry) -> str:
    assert isinstance(new.payload, str), "its start is given, so nothing is left to choose"
    return new.payload


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
