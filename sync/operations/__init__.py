"""The registry: which kinds of remote call the outbox can hold.

A new kind is one file in this folder and one name in `OPERATIONS`. Importing this loads no payload model.
"""

from sync.errors import UnknownKind
from sync.operations import unplanned_preventive
from sync.operations.operation import Operation

__all__ = ["KINDS", "OPERATIONS", "Operation", "UnknownKind", "by_kind"]

OPERATIONS: tuple[Operation, ...] = (unplanned_preventive.OPERATION,)
KINDS: tuple[str, ...] = tuple(operation.kind for operation in OPERATIONS)


def by_kind(kind: str) -> Operation:
    """The operation called `kind`.

    Raises: UnknownKind, which lists the known kinds.
    """
    for operation in OPERATIONS:
        if operation.kind == kind:
            return operation
    raise UnknownKind(kind, KINDS)
