"""The registry: which kinds of remote call the outbox can hold.

A new kind is one file in this folder and one name in `OPERATIONS`. Importing this loads no payload model.
"""

import json

from sync.errors import UnknownKind
from sync.operations import curative, preventive_update, training_update, unplanned_preventive, verification
from sync.operations.operation import ANY_SUBJECT, Operation, Subject

__all__ = [
    "ANY_SUBJECT",
    "KINDS",
    "OPERATIONS",
    "Operation",
    "Subject",
    "UnknownKind",
    "by_kind",
    "is_repeatable",
]

OPERATIONS: tuple[Operation, ...] = tuple(
    module.OPERATION
    for module in (unplanned_preventive, curative, preventive_update, training_update, verification)
)
KINDS: tuple[str, ...] = tuple(operation.kind for operation in OPERATIONS)


def by_kind(kind: str) -> Operation:
    """The operation called `kind`.

    Raises: UnknownKind, which lists the known kinds.
    """
    for operation in OPERATIONS:
        if operation.kind == kind:
            return operation
    raise UnknownKind(kind, KINDS)


def is_repeatable(kind: str, body: str | None) -> bool:
    """Whether sending this request twice does no harm. Of a kind or body that cannot be read nobody can say so."""
    try:
        payload = json.loads(body or "")
        return isinstance(payload, dict) and by_kind(kind).repeatable(payload)
    except (UnknownKind, ValueError):
        return False
