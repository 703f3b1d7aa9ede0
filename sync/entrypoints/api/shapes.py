"""What the documents of the local API look like, as JSON schemas with one real example each. For the description alone.

A test reads every example by its schema, and every answer of a route by it too. New fields may be added at any time.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
FLAG: Final[Schema] = {"type": "boolean"}
ANYTHING: Final[Schema] = {}
STATES: Final = ("pending", "sending", "in_doubt", "accepted", "done", "parked", "dead", "discarded")

ID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
_AT: Final = "2026-03-02T12:00:00.000Z"
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def obj(**properties: Schema) -> Schema:
    """An object that has all of these, and may have more."""
    return {"type": "object", "required": [*properties], "properties": properties}


def each(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def one_of(*words: str) -> Schema:
    return {"type": "string", "enum": [*words]}


def maybe(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_PROBLEM: Final = obj(path=TEXT, code=TEXT, message=TEXT)
_SIGNATURE: Final = obj(name=TEXT, mime_type=TEXT, size=COUNT, sha256=TEXT, uploaded_at=maybe(TEXT))
_LISTED: Final = {
    "id": TEXT, "kind": TEXT, "state": one_of(*STATES), "reason": maybe(TEXT), "attempts": COUNT,
    "server_id": maybe(COUNT), "target": maybe({"anyOf": [COUNT, TEXT]}), "after": maybe(TEXT),
    "owner": maybe(TEXT), "captured_at": TEXT, "due_at": maybe(TEXT), "done_at": maybe(TEXT),
    "signature": maybe(_SIGNATURE), "signature_owed": FLAG,
}  # fmt: skip
_RECEIPT: Final = {
    "id": TEXT, "kind": TEXT, "server_id": maybe(COUNT), "captured_at": maybe(TEXT), "accepted_at": maybe(TEXT),
    "uploaded_at": maybe(TEXT), "done_at": maybe(TEXT), "request_digest": maybe(TEXT),
    "image_sha256": maybe(TEXT), "etag": maybe(TEXT), "removed_at": maybe(TEXT),
}  # fmt: skip
_DRAIN: Final = one_of("worker", "none")
_WARNING: Final = obj(id=TEXT, code=TEXT, message=TEXT)

SCHEMAS: Final[dict[str, Schema]] = {
    "Error": obj(
        error=obj(
            code=TEXT, message=TEXT, problems=each(_PROBLEM), next_command=maybe(TEXT), retryable=FLAG
        )
    ),
    "Captured": obj(
        schema=COUNT, id=TEXT, kind=TEXT, state=one_of(*STATES), duplicate=FLAG,
        warnings=each(obj(code=TEXT, message=TEXT)),
    ),
    "Entry": obj(**_LISTED),
    "Page": obj(schema=COUNT, entries=each(ref("Entry")), next=maybe(TEXT)),
    "Story": obj(
        schema=COUNT, **_LISTED, blocked_by=each(obj(id=TEXT, state=TEXT, why=TEXT)), payload={"type": "object"},
        revisions=each(obj(n=COUNT, at=TEXT, payload={"type": "object"})), server_version=ANYTHING,
        history=each(
            obj(
                n=COUNT, step=TEXT, started_at=TEXT, duration_ms=maybe(COUNT), outcome=maybe(TEXT),
                status=maybe(COUNT), reason=maybe(TEXT), detail=maybe(TEXT), sent_as=maybe(TEXT),
            )
        ),
        receipt=maybe({"type": "object"}), receipts=each({"type": "object"}), explain={"type": "object"},
    ),
    "Status": obj(
        schema=COUNT, version=TEXT, device=maybe(TEXT), level=one_of("ok", "waiting", "attention", "broken"),
        headline=TEXT, counts=obj(**dict.fromkeys(STATES, maybe(COUNT))), waiting=maybe(COUNT),
        needs_action=maybe(COUNT), in_doubt=maybe(COUNT), signature_owed=maybe(COUNT),
        oldest_waiting_s=maybe(NUMBER), next_due_at=maybe(TEXT),
        problems=each(obj(reason=TEXT, count=maybe(COUNT), oldest_at=maybe(TEXT), next_command=maybe(TEXT))),
        paused=maybe(obj(reason=maybe(TEXT), since=maybe(TEXT), detail=maybe(TEXT))), online=maybe(FLAG),
        last_success_at=maybe(TEXT), drain=maybe({"type": "object"}), worker=maybe({"type": "object"}),
        auth=each(obj(owner=maybe(TEXT), state=TEXT, expires_at=maybe(TEXT), waiting=maybe(COUNT))),
        clock_offset_s=maybe(NUMBER), disk_free_bytes=maybe(COUNT),
        database=obj(path=TEXT, bytes=COUNT, sqlite_version=TEXT, encrypted=FLAG),
    ),
    "Causes": obj(
        schema=COUNT,
        groups=each(
            obj(
                count=COUNT, kind=TEXT, state=TEXT, reason=maybe(TEXT), status=maybe(COUNT), message=maybe(TEXT),
                ids=each(TEXT), next_command=TEXT,
            )
        ),
    ),
    "Receipts": obj(schema=COUNT, receipts=each(obj(**_RECEIPT)), next=maybe(TEXT)),
    "Resynced": obj(
        schema=COUNT, hastened=COUNT, released=COUNT, requeued=COUNT, skipped=each(obj(id=TEXT, why=TEXT)),
        warnings=each(_WARNING), drain=_DRAIN,
    ),
    "Edited": obj(
        schema=COUNT, edited=COUNT,
        entries=each(obj(id=TEXT, state=one_of(*STATES), changed=each(TEXT), new_key=FLAG)),
        skipped=each(obj(id=TEXT, code=TEXT, why=TEXT)), warnings=each(_WARNING), drain=_DRAIN,
    ),
    "Assigned": obj(
        schema=COUNT, assigned=COUNT, owner=TEXT, ids=each(TEXT), skipped=each(obj(id=TEXT, code=TEXT, why=TEXT)),
        signed_in=FLAG, drain=_DRAIN,
    ),
    "Settled": obj(schema=COUNT, id=TEXT, state=one_of(*STATES), choice=TEXT, warnings=each(TEXT)),
    "Held": obj(schema=COUNT, paused=FLAG, changed=FLAG),
    "Asked": obj(schema=COUNT, asked=COUNT, drain=_DRAIN),
    "Imported": obj(
        schema=COUNT, rows=COUNT, captured=COUNT, duplicates=COUNT, rejected=COUNT,
        warnings=each(obj(code=TEXT, message=TEXT, count=COUNT, lines=each(COUNT))), dry_run=FLAG,
        rejects=each(obj(line=COUNT, id=maybe(TEXT), field=TEXT, code=TEXT, reason=TEXT)),
    ),
    "ReferenceList": obj(
        schema=COUNT, imported_at=maybe(TEXT), companies=each(obj(id=COUNT, name=TEXT)),
        sites=each(obj(id=COUNT, name=TEXT, company_id=maybe(COUNT))), rules=each(obj(id=COUNT, name=TEXT)),
    ),
    "Replaced": obj(
        schema=COUNT, companies=COUNT, sites=COUNT, rules=COUNT, replaced=maybe(COUNT), dry_run=FLAG
    ),
    "History": obj(
        schema=COUNT, range=TEXT, since=TEXT, until=TEXT, step_s=COUNT,
        points=each(obj(at=TEXT, waiting=COUNT, needs_action=COUNT, delivered=COUNT)),
    ),
    "Alive": obj(schema=COUNT, ok=FLAG),
    "Ready": obj(schema=COUNT, ready=FLAG),
}  # fmt: skip

_ENTRY: Final = {
    "id": ID, "kind": "unplanned-preventive", "state": "pending", "reason": None, "attempts": 0, "server_id": None,
    "target": None, "after": None, "owner": "ann", "captured_at": _AT, "due_at": None, "done_at": None,
    "signature": {
        "name": "signature.png", "mime_type": "image/png", "size": 10240, "sha256": _SHA256, "uploaded_at": None,
    },
    "signature_owed": False,
}  # fmt: skip

# One a schema: as a route has answered it.
EXAMPLES: Final[dict[str, Any]] = {
    "Error": {
        "error": {
            "code": "no_such_entry", "message": "no entry's id ends in 'zzzz'", "problems": [],
            "next_command": "fieldsync list", "retryable": False,
        }
    },
    "Captured": {
        "schema": 1, "id": ID, "kind": "unplanned-preventive", "state": "pending", "duplicate": False, "warnings": [],
    },
    "Entry": _ENTRY,
    "Page": {"schema": 1, "entries": [_ENTRY], "next": None},
    "Story": {
        "schema": 1, **_ENTRY, "blocked_by": [], "payload": {"companyId": 1, "siteIds": [1], "ruleIds": [1]},
        "revisions": [], "server_version": None, "history": [], "receipt": None, "receipts": [],
        "explain": {
            "waiting_for": "its turn; no worker is running", "until": None, "next_step": "it is sent",
            "person_can": ["start the worker: fieldsync run"],
        },
    },
    "Status": {
        "schema": 1, "version": "0.1.0", "device": "3f2a91cc", "level": "waiting",
        "headline": "1 intervention is waiting to be delivered. Nothing is lost.",
        "counts": {**dict.fromkeys(STATES, 0), "pending": 1}, "waiting": 1, "needs_action": 0, "in_doubt": 0,
        "signature_owed": 0, "oldest_waiting_s": 12, "next_due_at": _AT, "problems": [], "paused": None,
        "online": True, "last_success_at": None, "drain": None, "worker": None,
        "auth": [{"owner": "ann", "state": "ok", "expires_at": None, "waiting": 1}], "clock_offset_s": None,
        "disk_free_bytes": 123456789,
        "database": {
            "path": "/var/lib/fieldsync/fieldsync.db", "bytes": 102400, "sqlite_version": "3.53.0",
            "encrypted": False,
        },
    },
    "Causes": {
        "schema": 1,
        "groups": [
            {
                "count": 1, "kind": "unplanned-preventive", "state": "dead", "reason": "rejected", "status": 400,
                "message": "siteIds[#] is not a site of company #", "ids": [ID],
                "next_command": "fieldsync show 7728950e",
            }
        ],
    },
    "Receipts": {
        "schema": 1,
        "receipts": [
            {
                "id": ID, "kind": "unplanned-preventive", "server_id": 4242, "captured_at": _AT, "accepted_at": _AT,
                "uploaded_at": _AT, "done_at": _AT, "request_digest": _SHA256, "image_sha256": _SHA256,
                "etag": "5d41402abc4b2a76b9719d911017c592", "removed_at": None,
            }
        ],
        "next": None,
    },
    "Resynced": {
        "schema": 1, "hastened": 1, "released": 0, "requeued": 0, "skipped": [], "warnings": [], "drain": "worker",
    },
    "Edited": {
        "schema": 1, "edited": 1,
        "entries": [{"id": ID, "state": "dead", "changed": ["siteIds"], "new_key": True}], "skipped": [],
        "warnings": [], "drain": "worker",
    },
    "Assigned": {
        "schema": 1, "assigned": 1, "owner": "bob", "ids": [ID], "skipped": [], "signed_in": True, "drain": "worker",
    },
    "Settled": {"schema": 1, "id": ID, "state": "accepted", "choice": "arrived", "warnings": []},
    "Held": {"schema": 1, "paused": True, "changed": True},
    "Asked": {"schema": 1, "asked": 7, "drain": "worker"},
    "Imported": {
        "schema": 1, "rows": 2, "captured": 1, "duplicates": 0, "rejected": 1, "warnings": [], "dry_run": False,
        "rejects": [
            {"line": 2, "id": "b", "field": "siteIds", "code": "missing", "reason": "siteIds is missing."}
        ],
    },
    "ReferenceList": {
        "schema": 1, "imported_at": _AT, "companies": [{"id": 1, "name": "Aqua"}],
        "sites": [{"id": 5, "name": "North", "company_id": 1}], "rules": [{"id": 9, "name": "Hydrant"}],
    },
    "Replaced": {"schema": 1, "companies": 1, "sites": 1, "rules": 1, "replaced": 0, "dry_run": False},
    "History": {
        "schema": 1, "range": "24h", "since": _AT, "until": _AT, "step_s": 900,
        "points": [{"at": _AT, "waiting": 7, "needs_action": 0, "delivered": 2}],
    },
    "Alive": {"schema": 1, "ok": True},
    "Ready": {"schema": 1, "ready": True},
}  # fmt: skip
