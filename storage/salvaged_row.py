"""What a row that was read from a damaged database is worth, and how it is written down again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from storage import digests
from storage.checking import request_intact
from storage.lifecycle import State
from storage.salvage import is_json


def intact_row(row: dict[str, Any], image_sha256: str | None, *, has_image: bool, method: str | None) -> bool:
    """Whether a row is what was captured; one from before there were digests gets its own."""
    if not isinstance(row["payload"], str) or digests.text_sha256(row["payload"]) != row["payload_sha256"]:
        return False
    if not request_intact(method, row["request_path"], row["request_body"], row["request_digest"]):
        return False
    if row["has_signature"] and not has_image:
        return True  # what the digest was made over is not all there: it is told as a broken image
    digest = digests.digest_of(row, image_sha256)
    if row["row_digest"] is None and row["captured_boot"] is None:
        row["row_digest"] = digest  # captured before there were digests
    return bool(row["row_digest"] == digest)


def named_entries(payload: Any) -> set[str]:
    """The entries that a body names in place of server ids (`{"$entry": ID}`); none where it cannot be read."""
    if not is_json(payload):
        return set()
    found: set[str] = set()
    todo = [json.loads(payload)]
    while todo:
        each = todo.pop()
        if isinstance(each, dict) and each.keys() == {"$entry"} and isinstance(each["$entry"], str):
            found.add(each["$entry"])
        elif isinstance(each, dict):
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return found


def as_stored(value: Any) -> Any:
    # Text that a flipped bit made none is kept as the bytes that were found, spelt out.
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def without_id(row: dict[str, Any]) -> dict[str, Any]:
    """Two entries name the same record on the server: one keeps it, the other is for a person."""
    held = {"server_id": None, "certainly_created": 1, "reason": "server_id_taken"}
    return {**row, **held, "state": State.PARKED.value, "stage": State.IN_DOUBT.value}


def content(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two rows of one entry are compared by: all but their own number and the entry's."""
    return tuple(value for name, value in row.items() if name not in ("id", "entry_seq"))


def by_entry(rows: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row["entry_seq"], int):
            found.setdefault(row["entry_seq"], []).append(row)
    return found
