"""A dry run stores nothing, yet later rows hang on earlier ones: what would be there by now is put in their place.

Whatever is put here is in a transaction that is undone.
"""

from __future__ import annotations

from collections.abc import Iterable

from storage.database import Transaction
from storage.outbox import NewEntry, put_in
from sync.batch.preparing import Prepared
from sync.operations import by_kind


class DryRun:
    """Remembers of each row only what others are checked against: its id, kind and digest."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._rows: dict[str, tuple[str, str]] = {}

    def knows(self, id: str) -> bool:
        return id in self._rows

    def remember(self, prepared: Prepared) -> None:
        """This row would be in the outbox from now on."""
        checked = prepared.checked
        assert checked.id is not None, "a prepared row has an id"
        self._rows[checked.id] = (checked.operation.kind, checked.digest)

    def stand_in(self, transaction: Transaction, ids: Iterable[str]) -> None:
        """Put the bare entries of those of `ids` that would be there."""
        for id in ids:
            if id in self._rows:
                kind, digest = self._rows[id]
                put_in(
                    transaction,
                    NewEntry(
                        id=id,
                        id_was_given=True,
                        kind=kind,
                        creates=by_kind(kind).creates,
                        payload="{}",
                        input_digest=digest,
                        idempotency_key=id,
                        captured_at=self._now_ms,
                    ),
                )
