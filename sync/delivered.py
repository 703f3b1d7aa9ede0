"""A table of what was delivered, for people: an allow-list of columns as CSV, nothing that names the customer.

Pure. UTF-8 with a byte order mark, so that spreadsheets read it as that; a cell that one would take for a formula is
written as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from storage.delivered import Delivered
from storage.queries import iso
from sync import spreadsheet
from sync.operations import UnknownKind, by_kind

COLUMNS: Final = (
    "id", "kind", "server_id", "target", "captured_at", "sent_at", "delivered_at", "done_at", "signature",
    "signature_delivered_at", "company", "sites", "rules", "start",
)  # fmt: skip
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def as_csv(rows: Iterable[Delivered]) -> Iterator[bytes]:
    """The file, line by line."""
    yield _BYTE_ORDER_MARK + spreadsheet.line(COLUMNS)
    for row in rows:
        yield spreadsheet.line(_cells(row))


def _cells(row: Delivered) -> list[str]:
    body = _body(row.payload)
    return [
        row.id,
        row.kind,
        _number(row.server_id),
        _number(row.target),
        iso(row.captured_at) or "",
        iso(row.sent_at) or "",
        iso(row.accepted_at) or "",
        iso(row.done_at) or "",
        _signature(row),
        iso(row.uploaded_at) or "",
        _number(body.get("companyId")),
        _numbers(body.get("siteIds")),
        _numbers(body.get("ruleIds", body.get("siteRuleIds"))),
        _start(row.kind, body),
    ]


def _signature(row: Delivered) -> str:
    if not row.has_signature:
        return ""
    if row.uploaded_at is not None:
        return "delivered"
    return "owed" if row.signature_owed else "not delivered"


def _body(payload: str | None) -> dict[str, Any]:
    try:
        body = json.loads(payload or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _start(kind: str, body: dict[str, Any]) -> str:
    try:
        field = by_kind(kind).start_field
    except UnknownKind:
        return ""
    start = body.get(field) if field else None
    return start if isinstance(start, str) else ""


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _numbers(value: Any) -> str:
    return " ".join(filter(None, map(_number, value))) if isinstance(value, list) else ""
