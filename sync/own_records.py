"""Which records of one reading of the list are ours, and what that proves for an entry in doubt.

Asks the database what this device made. Two records are compared in `matching.py`; what follows is `reconcile.py`.
"""

from __future__ import annotations

import json

from storage import doubts
from storage.database import Transaction
from storage.doubts import Doubt, Unsettled
from sync import matching
from sync.looking import Looked
from sync.matching import Item, Kind, Match, Traits, Wanted, Window
from sync.operations import UnknownKind, by_kind
from sync.reconcile import Seen


def traits_of(sent: Unsettled) -> Traits | None:
    """By what this can be recognised in a list; None where it cannot."""
    try:
        return by_kind(sent.kind).traits(json.loads(sent.payload))
    except (UnknownKind, ValueError):
        return None


class OwnRecords:
    """One reading of the list, held against what was made here.

    How the list shows one kind of call, and whether at all, is proven by records of that kind alone.
    """

    def __init__(self, transaction: Transaction, looked: Looked) -> None:
        self._transaction = transaction
        self._looked = looked
        self._taken: set[int] = set()
        self._own: dict[str, list[tuple[Traits, Item]]] = {}
        self._told_at: list[tuple[str, Item, int]] = []
        for number, item in looked.listing.items.items():
            record = doubts.own_record(transaction, number)
            if record is not None:
                self._taken.add(number)
                self._told_at.append((record.kind, item, record.told_at))
                traits = traits_of(Unsettled(0, record.kind, record.payload))
                if traits is not None:
                    self._own.setdefault(record.kind, []).append((traits, item))
        self._evidence = {kind: matching.evidence_of(own) for kind, own in self._own.items()}
        self._by_minute: dict[int, dict[int, Item]] = {}
        self._changed: dict[int, tuple[int | None, Item]] = {}  # with when each was made: parsed once
        for number, item in looked.listing.items.items():
            for minute in matching.shown_minutes(item, looked.job.wanted):
                self._by_minute.setdefault(minute, {})[number] = item
            if matching.is_changed(item):
                self._changed[number] = matching.made_at(item), item

    def own(self, item: Item | None, kind: str, traits: Traits, told_at: int) -> None:
        """One more record that is known to be ours."""
        number = None if item is None else matching.item_id(item)
        if item is not None and number is not None:
            self._taken.add(number)
            self._own.setdefault(kind, []).append((traits, item))
            self._told_at.append((kind, item, told_at))

    def match(self, doubt: Doubt, wanted: Wanted) -> Match:
        others = doubts.rivals(self._transaction, wanted.seq, within_ms=matching.WHOLE_MINUTE_MS)
        near: dict[int, Item] = {}
        if wanted.traits.planned:
            changed = self._changed.items()
            near = {number: item for number, (at, item) in changed if wanted.window.holds(at)}
        for minute in matching.minutes_of(wanted.traits):
            near.update(self._by_minute.get(minute, {}))
        found = matching.match(
            wanted,
            [traits for other in others if (traits := traits_of(other)) is not None],
            list(near.values()),
            taken=frozenset(self._taken),
            evidence=self._evidence.get(doubt.kind, matching.NO_EVIDENCE),
        )
        if found.item is not None and matching.item_id(found.item) in self._looked.listing.later:
            return Match(Kind.LATER)
        return found

    def _is_witness(self, doubt: Doubt, window: Window, item: Item, told_at: int) -> bool:
        """Whether this record of ours is from about the time in which `doubt` was sent."""
        made_at = matching.made_at(item)
        if made_at is not None and window.first_sent is not None:
            return window.is_near(made_at)
        # The list does not say when it was made, or the server's time was not known: then by this device's clock.
        sent_at = doubt.first_sent_at
        return sent_at is not None and abs(told_at - sent_at) <= matching.NEARBY_MS

    def _surrounded(self, doubt: Doubt, window: Window) -> bool:
        """Whether records of ours stand on both sides of it: a list that cannot be paged then covers its time."""
        before = after = False
        for _, item, told_at in self._told_at:
            made_at = matching.made_at(item)
            by_server = made_at is not None and window.first_sent is not None and window.last_sent is not None
            at = made_at if by_server else told_at
            first, last = (
                (window.first_sent, window.last_sent)
                if by_server
                else (doubt.first_sent_at, doubt.last_sent_at)
            )
            if at is not None and first is not None and last is not None:
                before, after = before or at <= first, after or at >= last
        return before and after

    def seen(self, doubt: Doubt, wanted: Wanted) -> Seen:
        trouble = self._looked.listing.trouble
        complete = self._looked.listing.complete and not (
            self._looked.listing.unpaged and not self._surrounded(doubt, wanted.window)
        )
        return Seen(
            started_mono_ms=self._looked.started_mono_ms,
            online=trouble is None or trouble.online,
            trouble=None if complete else (trouble.reason if trouble else "lookup_incomplete"),
            witnessed=any(
                kind == doubt.kind and self._is_witness(doubt, wanted.window, item, at)
                for kind, item, at in self._told_at
            ),
            searchable=self._evidence.get(doubt.kind, matching.NO_EVIDENCE).searchable,
        )
