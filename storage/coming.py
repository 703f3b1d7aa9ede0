"""What the copy that is added next knows of each entry, learnt before the first row is written.

Where it knows more of an entry, that one is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from storage import control
from storage.merging import Rows, Standing, standing, ways
from storage.salvage import Salvage
from storage.salvaged_row import by_entry
from storage.witness import Seen


class _Known(NamedTuple):
    number: int
    standing: Standing
    ways: tuple[Mapping[str, Any], ...]


class Coming:
    """`source` is read once and nothing of it is kept but a few numbers an entry; None: nothing comes."""

    def __init__(self, source: Salvage | None = None, *, hand_overs: int = 0) -> None:
        """`hand_overs`: how many there ever were, as far as anybody knows."""
        self._entries: dict[str, _Known] = {}
        self.removed: frozenset[str] = frozenset()  # delivered, and removed by its account
        if source is None:
            return
        source.learn_ids()
        known = known_to(source).hand_overs >= hand_overs
        attempts = by_entry(row for _, row in source.rows("attempt") if row is not None)
        receipts = by_entry(row for _, row in source.rows("receipt") if row is not None)
        for number, row in source.rows("entry"):
            if row is not None:
                tries, answers = attempts.get(number, []), receipts.get(number, [])
                stands = standing(row, tries, answers, hand_overs_known=known)
                self._entries[row["id"]] = _Known(number, stands, ways(tries))
        self.removed = frozenset(row["id"] for _, row in source.rows("purged") if row is not None)

    def knows_more(
        self, row: Mapping[str, Any], attempts: Rows, receipts: Rows, *, hand_overs_known: bool
    ) -> bool:
        """Whether it knows more of this entry than the copy that has this `row`."""
        known = self._entries.get(row["id"])
        if known is None:
            return False
        return known.standing > standing(row, attempts, receipts, hand_overs_known=hand_overs_known)

    def ways_of(self, id: str) -> tuple[Mapping[str, Any], ...]:
        """The lines of its history of this entry that tell of hand-overs."""
        known = self._entries.get(id)
        return () if known is None else known.ways

    def number_of(self, id: str) -> int | None:
        """The number that the entry has there."""
        known = self._entries.get(id)
        return None if known is None else known.number


def known_to(source: Salvage) -> Seen:
    """How far the outbox had come, as this source knows it."""
    facts = {row["key"]: str(row["value"]) for _, row in source.rows("control") if row is not None}
    counts = (facts.get(key, "") for key in (control.SENDS, control.HAND_OVERS))
    return Seen(source.sequence(), *(int(count) if count.isdigit() else 0 for count in counts))
