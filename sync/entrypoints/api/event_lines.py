"""What an event looks like on the wire, and which number an id names. Pure.

An id is the numbering of the database and the number of a change: `<8 hex digits>-<number>`. Whoever comes back with it
has been told of everything up to that number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fastapi.sse import format_sse_event

from storage.changes import Change
from storage.queries import iso

# How long a browser waits before it comes back, in milliseconds.
AGAIN_MS: Final = 1000
OPENING: Final = format_sse_event(retry=AGAIN_MS, comment="fieldsync")
# Of `fieldsync status --json`: what a page shows without asking.
STANDING: Final = ("waiting", "needs_action", "in_doubt", "paused", "online", "level")
_ID: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")


class Told(NamedTuple):
    """One change, written out once for all who listen."""

    seq: int
    owner: str | None
    text: bytes


def event_id(numbering: str, seq: int) -> str:
    """Where a listener stands that was told of everything up to `seq`."""
    return f"{numbering}-{seq}"


def read_id(id: str) -> tuple[str, int] | None:
    """Numbering and number; None where it is no id of ours."""
    found = _ID.fullmatch(id)
    return None if found is None else (found[1], int(found[2]))


def told(numbering: str, change: Change) -> Told:
    """The event of one change."""
    data = {
        "seq": change.seq,
        "id": change.id,
        "kind": change.kind,
        "owner": change.owner,
        "state": change.state,
        "reason": change.reason,
        "at": iso(change.at),
    }
    text = format_sse_event(event="entry", id=event_id(numbering, change.seq), data_str=_json(data))
    return Told(change.seq, change.owner, text)


def status_data(document: Mapping[str, Any]) -> str:
    """What the event `status` says, from the document of `fieldsync status --json`."""
    return _json({name: document[name] for name in STANDING})


def status(data: str, id: str) -> bytes:
    return format_sse_event(event="status", id=id, data_str=data)


def reset(why: str, id: str) -> bytes:
    """What happened since the listener's last id is not known here: it looks at everything anew and goes on from `id`.

    `why`: unknown (no id of this database's) or too_old (those changes were let go).
    """
    return format_sse_event(event="reset", id=id, data_str=_json({"reason": why}))


def sign_of_life(id: str | None) -> bytes:
    """A comment; with `id` where the listener has come further without having been told anything."""
    return format_sse_event(comment="here", id=id)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
