"""What is written into the story of an entry apart from a try: an order, a look-up, evidence that the server has it.

A try is different: `claims.py` writes its row before the first byte leaves, and `records.py` fills it in.
"""

from __future__ import annotations

from typing import Final

from storage.database import Transaction
from storage.guarded import ATTEMPT, RECEIPT, Held, inserts

DETAIL_LIMIT: Final = 1024
PERSON: Final = "person"

_NOTE: Final = inserts(
    ATTEMPT,
    (
        *("entry_seq", "n", "step", "started_at", "duration_ms", "outcome", "status", "reason"),
        *("detail", "request_id"),
    ),
)
_RECEIPT: Final = inserts(
    RECEIPT, ("entry_seq", "attempt_n", "status", "server_id", "answer", "adopted", "at")
)


def note(
    transaction: Transaction,
    row: Held,
    *,
    outcome: str,
    reason: str | None,
    now: int,
    step: str = PERSON,
    duration_ms: int = 0,
    status: int | None = None,
    detail: str | None = None,
    request_id: str | None = None,
) -> int:
    """One finished line of the history, `duration_ms` before `now`; its number, for the row's `attempt_n`.

    `detail` is free of secrets already, and is cut at 1 kB.
    """
    n = row.attempt_n + 1
    transaction.run(
        _NOTE,
        entry_seq=row.seq,
        n=n,
        step=step,
        started_at=now - duration_ms,
        duration_ms=duration_ms,
        outcome=outcome,
        status=status,
        reason=reason,
        detail=None if detail is None else detail[:DETAIL_LIMIT] or None,
        request_id=request_id,
    )
    return n


def receipt(
    transaction: Transaction,
    seq: int,
    *,
    attempt_n: int,
    status: int,
    server_id: int,
    answer: str,
    adopted: bool,
    now: int,
) -> None:
    """What showed that the server has it, as JSON without the presigned URL. `status` 0: a person's word.

    `adopted`: the entry took this server id; otherwise it is only kept for a person to see.
    """
    transaction.run(
        _RECEIPT,
        entry_seq=seq,
        attempt_n=attempt_n,
        status=status,
        server_id=server_id,
        answer=answer,
        adopted=int(adopted),
        at=now,
    )
