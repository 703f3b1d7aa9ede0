"""How one entry stands, as a technician needs to know it: safe, gone, or what there is to do. Pure.

Answers keys of the words, never sentences. The whole truth for ops is in `sync/explain.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from storage.handovers import HANDED_OVER
from sync.entrypoints.page.form import FIELDS_OF_API
from sync.gate import Host
from sync.operations.unplanned_preventive import OPERATION as UNPLANNED
from sync.status_facts import shut


class Tone(StrEnum):
    """What it asks of the technician."""

    WAIT = "wait"  # nothing: it goes by itself
    FIX = "fix"  # correct it, or send it again
    CALL = "call"  # somebody else has to act
    DONE = "done"


class Standing(NamedTuple):
    """`key` is the end of a key of the words; `until`: when it is tried next, where that is known."""

    key: str
    tone: Tone
    until: datetime | None = None


# What changing the words of an intervention, or sending it once more, cannot help.
_NOT_BY_HAND: Final = frozenset(
    {"conflict", "payload_damaged", "signature_damaged", "kind_unknown", "target_discarded", "parent_lost", HANDED_OVER}
)  # fmt: skip
_PLAIN: Final = {
    "done": Standing("done", Tone.DONE),
    "discarded": Standing("discarded", Tone.DONE),
    "sending": Standing("sending", Tone.WAIT),
    "in_doubt": Standing("checking", Tone.WAIT),
    "accepted": Standing("signature", Tone.WAIT),
}
_SHOWN_RETRY_S: Final = 60


def standing(entry: Mapping[str, Any], control: Mapping[str, Any], now: datetime) -> Standing:
    """Of an entry with `kind`, `state`, `stage`, `reason`, `owner`, `server_id`, `due_at` (ISO), `blocked` (bool)."""
    plain = _PLAIN.get(entry["state"])
    if plain is not None:
        return plain
    return _pending(entry, control, now) if entry["state"] == "pending" else _held(entry)


def can_be_changed(entry: Mapping[str, Any]) -> bool:
    """Whether a technician may correct what it says: nothing of it can have arrived, and a correction can help."""
    unsent = entry["state"] == "pending" or (
        entry["state"] in ("parked", "dead") and entry["stage"] == "pending"
    )
    return (
        unsent
        and entry["server_id"] is None
        and entry["kind"] == UNPLANNED.kind
        and entry["reason"] not in _NOT_BY_HAND
    )


def _pending(entry: Mapping[str, Any], control: Mapping[str, Any], now: datetime) -> Standing:
    if control.get("pause"):
        return Standing("paused", Tone.WAIT)
    if entry["blocked"]:
        return Standing("behind", Tone.WAIT)
    if control.get(f"pause:owner:{entry['owner'] or ''}"):
        return Standing("sign_in", Tone.WAIT)
    if shut(control, Host.API, now):
        return Standing("offline", Tone.WAIT)
    due_at = None if entry["due_at"] is None else datetime.fromisoformat(entry["due_at"])
    if due_at is not None and (due_at - now).total_seconds() > _SHOWN_RETRY_S:
        return Standing("later", Tone.WAIT, due_at)
    return Standing("turn", Tone.WAIT)


def _held(entry: Mapping[str, Any]) -> Standing:
    if can_be_changed(entry):
        return Standing("fix" if entry["reason"] == "refused" else "again", Tone.FIX)
    if entry["reason"] == HANDED_OVER:
        return Standing("moved", Tone.CALL)
    if entry["stage"] == "accepted" or entry["server_id"] is not None:
        return Standing("unsigned", Tone.CALL)
    if entry["stage"] == "in_doubt":
        return Standing("unclear", Tone.CALL)
    return Standing("call", Tone.CALL)


_NAMES: Final = re.compile(rf"(?<![\w.])(?:\$\.)?(?:provider\.)?({'|'.join(FIELDS_OF_API)})(?![\w@])")


def disliked(detail: str | None) -> frozenset[str]:
    """Which fields of the form the server named when it refused; empty where it named none that we know.

    A word such as `comment` may be there by chance: it counts only where it is written as a field is, quoted, with
    its path, or first.
    """
    found: set[str] = set()
    text = detail or ""
    for match in _NAMES.finditer(text):
        before, after = text[: match.start()][-1:], text[match.end() :][:1]
        name = match[1]
        written_as_field = (
            name != name.lower() or "." in match[0] or not before or (before in "\"'`" and after == before)
        )
        if written_as_field:
            found.add(FIELDS_OF_API[name])
    return frozenset(found)
