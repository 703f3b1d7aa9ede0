"""What is sent for an entry? The same bytes at every try: fixed at the first, and compared with what was captured.

Where they go and with which headers is `transport.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from storage import chains
from storage.database import Transaction
from storage.digests import text_sha256
from storage.readiness import Due
from sync.operations.operation import Operation
from sync.payload import to_body
from sync.references import REFERENCE_KEY, filled

if TYPE_CHECKING:
    from sync.transport import ApiRequest


class RequestDamaged(Exception):
    """What is stored for this entry is not what was captured; it must not be sent."""

    reason = "payload_damaged"


class ParentLost(RequestDamaged):
    """Nothing is left here of an entry whose server id it needs, and nobody knows that id."""

    reason = "parent_lost"


def build_request(
    transaction: Transaction, due: Due, operation: Operation, path: str
) -> tuple[ApiRequest, str]:
    """The request of this entry and its digest. Fixed at the first send: a repeat is the same, byte for byte.

    The server ids of entries that it names are read in `transaction`, which then also marks it as being sent.

    Raises:
        RequestDamaged: the stored payload changed since it was captured, or (ParentLost) a server id is not to be had.
    """
    from sync.transport import ApiRequest

    if text_sha256(due.payload) != due.payload_sha256:
        raise RequestDamaged("the stored payload is not what was captured")
    if due.request_path is not None and due.request_body is not None:
        path, body = due.request_path, due.request_body
    else:
        target = due.target_id if due.target_id is not None else due.target_entry_id
        if operation.needs_target and target is None:
            raise ParentLost("the server id of the intervention it changes is not known")
        path, body = path.replace("{id}", str(target)), _body(transaction, due)
    digest = text_sha256(f"{operation.method} {path}\n{body}")
    if due.request_digest not in (None, digest):
        raise RequestDamaged("the stored request is not what was sent before")
    return ApiRequest(operation.method, path, body.encode(), due.idempotency_key), digest


def _body(transaction: Transaction, due: Due) -> str:
    """The payload as captured, or with the server id of each entry that it names."""
    if f'"{REFERENCE_KEY}"' not in due.payload:
        return due.payload

    def server_id(id: str) -> int:
        found = chains.server_id_of(transaction, id)
        if found is None:
            raise ParentLost("the server id of an intervention that it names is not known")
        return found

    return to_body(filled(json.loads(due.payload), server_id)).decode()
