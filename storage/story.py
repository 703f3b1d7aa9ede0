"""All that is known about one entry: payload, history, receipts, and what it waits for. Light, like `queries.py`."""

from __future__ import annotations

import json
from typing import Any, Final

from storage.queries import Reader, iso
from storage.upload_host import upload_host

_FACTS: Final = (
    "seq", "payload", "stage", "idempotency_key", "link_failures", "lease_owner", "lease_expires_at", "doubt_at",
    "certainly_created", "url_expires_at", "presigned_url", "clock_suspect", "clock_offset_ms", "person_note",
    "doubt_mono_ms", "lookup_due_mono_ms", "upload_way", "url_trouble", "server_version",
)  # fmt: skip
_FACTS_SQL: Final = """
    SELECT seq, payload, stage, idempotency_key, link_failures, lease_owner, lease_expires_at, doubt_at,
           certainly_created, url_expires_at, presigned_url, clock_suspect, clock_offset_ms, person_note,
           doubt_mono_ms, lookup_due_mono_ms, upload_way, url_trouble, server_version
    FROM entry WHERE id = ?
"""
_ATTEMPT: Final = (
    "n", "step", "started_at", "duration_ms", "outcome", "status", "reason", "detail", "request_id",
    "sent_as",
)  # fmt: skip
_ATTEMPTS_SQL: Final = """
    SELECT n, step, started_at, duration_ms, outcome, status, reason, detail, request_id, sent_as
    FROM attempt WHERE entry_seq = ? ORDER BY n
"""
_RECEIPT: Final = ("status", "server_id", "at", "attempt", "adopted", "answer")
_RECEIPTS_SQL: Final = """
    SELECT status, server_id, at, attempt_n, adopted, answer FROM receipt WHERE entry_seq = ? ORDER BY id
"""
_REVISION: Final = ("n", "at", "payload", "idempotency_key")
_REVISIONS_SQL: Final = """
    SELECT n, at, payload, idempotency_key FROM revision WHERE entry_seq = ? ORDER BY n
"""
# As in a claim: who needs a server id waits for that alone, and trouble after the receipt stops no chain.
_UNSETTLED: Final = (
    "p.state NOT IN ('accepted', 'done', 'discarded') AND NOT (p.state = 'parked' AND p.stage IS 'accepted')"
)
_BLOCKERS_SQL: Final = f"""
    SELECT p.id, p.state, 'target' FROM entry p
    WHERE p.id = (SELECT target_entry FROM entry WHERE seq = :seq) AND p.server_id IS NULL
    UNION ALL
    SELECT p.id, p.state, 'reference' FROM reference r JOIN entry p ON p.id = r.parent
    WHERE r.entry_seq = :seq AND p.server_id IS NULL
    UNION ALL
    SELECT p.id, p.state, 'after' FROM entry p
    WHERE p.id = (SELECT after_entry FROM entry WHERE seq = :seq) AND {_UNSETTLED}
    UNION ALL
    SELECT p.id, p.state, 'order' FROM entry p
    WHERE p.chain_key = (SELECT chain_key FROM entry WHERE seq = :seq) AND p.seq < :seq AND {_UNSETTLED}
    UNION ALL
    SELECT p.id, p.state, 'order' FROM entry p
    WHERE p.chain_key = (SELECT chain_key FROM entry WHERE seq = :seq) AND p.seq > :seq AND p.state = 'sending'
"""  # noqa: S608  a condition of ours


def _next_look(facts: dict[str, Any]) -> int | None:
    """About when the server is asked next: the plan is in monotonic time, which began with the doubt."""
    began, due = facts["doubt_mono_ms"], facts["lookup_due_mono_ms"]
    if facts["doubt_at"] is None or began is None or due is None or due <= began:
        return None
    return int(facts["doubt_at"] + due - began)


def blockers(reader: Reader, seq: int) -> list[dict[str, Any]]:
    """For whom it waits, and why: `target` or `reference` (its server id is needed), `after`, or `order`."""
    rows = reader.rows(("id", "state", "why"), _BLOCKERS_SQL, {"seq": seq})
    strongest: dict[str, dict[str, Any]] = {}
    for row in rows:
        strongest.setdefault(row["id"], row)
    return list(strongest.values())


def story(reader: Reader, id: str) -> dict[str, Any]:
    """The shape of `list --json` for the entry with this full id, and everything `show` tells beyond it."""
    (facts,) = reader.rows(_FACTS, _FACTS_SQL, (id,))
    seq = facts["seq"]
    history = reader.rows(_ATTEMPT, _ATTEMPTS_SQL, (seq,))
    receipts = reader.rows(_RECEIPT, _RECEIPTS_SQL, (seq,))
    named = reader.rows(
        ("parent",), "SELECT parent FROM reference WHERE entry_seq = ? ORDER BY parent", (seq,)
    )
    entry = reader.entry(id)
    return {
        **entry,
        "references": [row["parent"] for row in named],
        "stage": facts["stage"],
        "idempotency_key": facts["idempotency_key"],
        "link_failures": facts["link_failures"],
        "lease": facts["lease_owner"] and {"expires_at": iso(facts["lease_expires_at"])},
        "in_doubt_since": iso(facts["doubt_at"]),
        "looked_up_at": iso(_next_look(facts)),
        "certainly_created": bool(facts["certainly_created"]),
        "upload_way": facts["upload_way"],
        "url_trouble": facts["url_trouble"],
        "upload_url": {
            "held": facts["presigned_url"] is not None,
            "host": upload_host(facts["presigned_url"]) or None,
            "expires_at": iso(facts["url_expires_at"]),
        },
        "clock_suspect": bool(facts["clock_suspect"]),
        "clock_offset_s": None if facts["clock_offset_ms"] is None else facts["clock_offset_ms"] / 1000,
        "note": facts["person_note"],
        "blocked_by": blockers(reader, seq) if entry["state"] in ("pending", "parked", "dead") else [],
        "payload": json.loads(facts["payload"]),
        "revisions": [
            {**revision, "at": iso(revision["at"]), "payload": json.loads(revision["payload"])}
            for revision in reader.rows(_REVISION, _REVISIONS_SQL, (seq,))
        ],
        "server_version": json.loads(facts["server_version"]) if facts["server_version"] else None,
        "history": [{**attempt, "started_at": iso(attempt["started_at"])} for attempt in history],
        "receipts": [
            {
                **receipt,
                "at": iso(receipt["at"]),
                "adopted": bool(receipt["adopted"]),
                "answer": json.loads(receipt["answer"]),
            }
            for receipt in receipts
        ],
    }
