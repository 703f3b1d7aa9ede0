"""Fills a new database with what was salvaged from a damaged one, and with what a backup knows beyond that.

Every row is judged on its own: what cannot be read is counted and named, what is damaged is stored and held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlcipher3 import dbapi2

from storage import chains, control, digests, listed
from storage.checking import KEPT_DAMAGED, image_intact
from storage.coming import Coming, known_to
from storage.lifecycle import State
from storage.merging import left_in
from storage.recovered import Tally
from storage.salvage import Layout, Salvage, is_json
from storage.salvaged_row import as_stored, by_entry, content, intact_row, named_entries, without_id
from storage.verdicts import PERHAPS_HANDED_OVER, Evidence, verdict
from storage.witness import Seen

# What is only true of a running process, and what the new database says of itself.
_NOT_COPIED: Final = (
    "gate:",
    control.WORKER,
    control.REPORT,
    control.SENDS,
    control.HAND_OVERS,
    control.REMOVED,
    listed.FACTS,
    "database_id",
    KEPT_DAMAGED,
    digests.UNDIGESTED_UPTO,
)
# What belongs to an entry by its number, and is copied with it.
_CHILDREN: Final = ("attempt", "receipt", "revision")
_INTERRUPTED: Final = {"outcome": "Interrupted", "reason": "interrupted"}


@dataclass(frozen=True, slots=True)
class Moment:
    """When this happens. `doubt` is the settling clock of every entry that is in doubt from now on."""

    now: int
    doubt: Mapping[str, Any]
    states_hold: bool
    methods: Mapping[str, str]


class Rebuild:
    """Writes into `cursor`, in the caller's transaction. The best source is added first; what is there stays."""

    def __init__(self, cursor: Any, layout: Layout, moment: Moment, *, seen: Seen, given: int) -> None:
        """`seen` is all that any source or note knows; `given`: the highest number that is known to have been given."""
        self._cursor = cursor
        self._seen = seen
        self._given = given
        self._layout = layout
        self._moment = moment
        self._ids: dict[str, int] = {}  # with their numbers
        self._numbers: dict[int, str] = {}
        self._purged: set[str] = set()
        self._sequence = 0
        self._kept_before: set[str] = set()
        self._counting = True
        # What a first source knows of an entry whose own row it lost: evidence for the row of the next one.
        self._orphans: dict[str, dict[int, list[Mapping[str, Any]]]] = {table: {} for table in _CHILDREN}
        self._orphan_ids: dict[int, str] = {}
        # What the source after this one knows, and the entries that were left to it.
        self._coming = Coming()
        self.superseded: dict[str, int] = {}
        self._hand_overs_known = True
        self.tally = Tally()

    def expect(self, source: Salvage) -> None:
        """A source that is added next may know more of an entry than the one that is added now: it is left to it."""
        self._coming = Coming(source, hand_overs=self._seen.hand_overs)

    def add(self, source: Salvage) -> int:
        """Copy what this source has beyond what is there; how many entries that were."""
        source.learn_ids()
        self._hand_overs_known = known_to(source).hand_overs >= self._seen.hand_overs
        self._copy_purged(source)
        self._copy_control(source)
        children = {table: self._children(source, table) for table in _CHILDREN}
        receipts, attempts = children["receipt"], children["attempt"]
        images = self._images(source)
        added: dict[int, Mapping[str, Any]] = {}
        clashing: dict[int, dict[str, Any]] = {}
        for number, row in source.rows("entry"):
            self._sequence = max(self._sequence, number)
            if row is None:
                self._lose(source, number)
            elif row["id"] in self._ids:
                self._add_receipts(row["id"], receipts.get(number, []))
            elif row["id"] in self._purged or row["id"] in self._coming.removed:
                continue
            elif self._coming.knows_more(
                row,
                attempts.get(number, []),
                receipts.get(number, []),
                hand_overs_known=self._hand_overs_known,
            ):
                self.superseded[row["id"]] = number
            elif number in self._numbers:
                clashing[number] = row
            else:
                stored = self._entry(
                    row, images.get(number), receipts.get(number, []), attempts.get(number, [])
                )
                if stored is not None:
                    added[number] = stored
        self._sequence = max(self._sequence, source.sequence())
        # A queue that began anew gave the same numbers to other captures. Nothing else goes by them: both are kept.
        for number, row in clashing.items():
            row["seq"] = 1 + max(self._given, self._sequence, *self._numbers)
            stored = self._entry(row, images.get(number), receipts.get(number, []), attempts.get(number, []))
            if stored is not None:
                added[number] = stored
        self._copy_images(source, added)
        for table, found in children.items():
            self._copy_children(table, found, added)
        self._keep_orphans(children)
        self._orphan_ids |= {n: id for n, id in source.ids.items() if n not in self._numbers}
        self._renumber_orphans()
        for number in {*images, *(n for found in children.values() for n in found)} - added.keys():
            self._lose(source, number)
        self._counting = False  # a second source is not what was lost
        self._coming = Coming()
        return len(added)

    def _renumber_orphans(self) -> None:
        """What is known here of an entry that is left to the next source, under the number that it has there."""
        for id, number in self.superseded.items():
            there = self._coming.number_of(id)
            if there in (None, number) or there in self._orphan_ids:
                continue
            for found in self._orphans.values():
                if number in found:
                    found[there] = found.pop(number)
            self._orphan_ids[there] = id

    def _add_receipts(self, id: str, receipts: list[Mapping[str, Any]]) -> None:
        """What the server answered is taken from every source, also where another knows more of the entry."""
        if not receipts:
            return
        number = self._ids[id]
        names = [column.name for column in self._layout["receipt"]]
        rows = self._cursor.execute("SELECT * FROM receipt WHERE entry_seq = ?", (number,)).fetchall()
        known = {content(dict(zip(names, row, strict=True))) for row in rows}
        for row in receipts:
            if content(row) not in known:
                self._insert("receipt", {**row, "entry_seq": number, "id": None})

    def _children(self, source: Salvage, table: str) -> dict[int, list[Mapping[str, Any]]]:
        found = {
            number: rows for number, rows in self._orphans[table].items() if self._may_belong(source, number)
        }
        for number, rows in by_entry(self._rows(source, table)).items():
            known = {content(row) for row in rows}
            # Its own first: where two tries have one number, those of the copy that knows more are kept.
            found[number] = [*rows, *(row for row in found.get(number, []) if content(row) not in known)]
        return found

    def _may_belong(self, source: Salvage, number: int) -> bool:
        """Whether an entry of `source` may be the lost one: a queue that began anew gave its number to another."""
        lost, there = self._orphan_ids.get(number), source.ids.get(number)
        return lost is None or there is None or lost == there

    def _keep_orphans(self, children: Mapping[str, dict[int, list[Mapping[str, Any]]]]) -> None:
        for table, found in children.items():
            self._orphans[table] = {n: rows for n, rows in found.items() if n not in self._numbers}

    @property
    def highest(self) -> int:
        """The highest number of an entry that any source knew of."""
        return self._sequence

    def trust_no_state(self) -> None:
        """What is added from now on may have been sent since it was written."""
        self._moment = replace(self._moment, states_hold=False)

    def forget_found(self) -> None:
        """What one source had lost and another has brought is not lost."""
        found = {*self._ids, *self._purged, *(f"number {number}" for number in self._numbers)}
        self.tally.lost_ids = [id for id in self.tally.lost_ids if id not in found]
        self.tally.lost["entry"] = len(self.tally.lost_ids)

    def finish(self, *, database_id: str, made_as: str, sequence: int) -> None:
        """What the new database says of itself, `made_as` being the id of this recovery.

        Numbers that were ever given to entries are not given again.
        """
        kept = {*self._kept_before, *(each["id"] for each in self.tally.damaged)}
        said = {
            "database_id": database_id,
            control.RECOVERED_AS: made_as,
            control.SENDS: self._seen.sends,
            control.HAND_OVERS: self._seen.hand_overs,
            KEPT_DAMAGED: sorted(kept & self._ids.keys()),
        }
        for key, value in said.items():
            self._cursor.execute(
                "INSERT INTO control (key, value, at) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
                (key, json.dumps(value), self._moment.now),
            )
        chains.join_all(self._cursor)
        highest = max([sequence, self.highest, *self._numbers])
        self._cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'entry'")
        self._cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('entry', ?)", (highest,))

    def _rows(self, source: Salvage, table: str) -> Iterable[Mapping[str, Any]]:
        for _, row in source.rows(table):
            if self._counting:
                self.tally.count(table, read=row is not None)
            if row is not None:
                yield row

    def _lose(self, source: Salvage, number: int) -> None:
        known = self._numbers.get(number)
        if known is not None and source.ids.get(number, known) == known:
            return
        self._sequence = max(self._sequence, number)
        id = source.ids.get(number, f"number {number}")
        if id not in self._ids and id not in self._purged and id not in self.tally.lost_ids:
            self.tally.count("entry", read=False)
            self.tally.lost_ids.append(id)

    def _images(self, source: Salvage) -> dict[int, tuple[bool, str | None]]:
        """Of each image whether it is sound, and what it says its sha256 is. One at a time: they are large."""
        found: dict[int, tuple[bool, str | None]] = {}
        for number, row in source.rows("signature"):
            if self._counting:
                self.tally.count("signature", read=row is not None)
            if row is not None:
                found[number] = (
                    image_intact(row["size"], row["sha256"], row["md5"], row["data"]),
                    row["sha256"],
                )
        return found

    def _entry(
        self,
        row: dict[str, Any],
        image: tuple[bool, str | None] | None,
        receipts: list[Mapping[str, Any]],
        attempts: list[Mapping[str, Any]],
    ) -> Mapping[str, Any] | None:
        sound, image_sha256 = image or (False, None)
        intact = intact_row(
            row, image_sha256, has_image=image is not None, method=self._moment.methods.get(row["kind"])
        )
        image_ok = sound or not row["has_signature"]
        receipt = next((each for each in reversed(receipts) if each["adopted"]), None)
        evidence = Evidence(
            self._moment.states_hold,
            intact,
            image_ok,
            None if receipt is None else receipt["server_id"],
            None if receipt is None else receipt["at"],
            left_in(row, attempts, self._coming.ways_of(row["id"])),
            self._hand_overs_known,
        )
        changes = verdict(row, evidence, now=self._moment.now, doubt=self._moment.doubt)
        changes["attempt_n"] = max([row["attempt_n"], *(each["n"] for each in attempts)])
        changes["lease_fence"] = row["lease_fence"] + 1
        stored = {**row, **changes}
        if not self._insert("entry", stored) and not self._insert("entry", stored := without_id(stored)):
            self.tally.count("entry", read=False)
            self.tally.lost_ids.append(str(row["id"]))
            return None
        self._refer(stored)
        self._note(stored, intact=intact, image_ok=image_ok)
        return stored

    def _refer(self, stored: Mapping[str, Any]) -> None:
        """Whom it waits for is in its body: the list of that is made anew, and cannot be out of step."""
        for parent in sorted(named_entries(stored["payload"])):
            self._cursor.execute(
                "INSERT INTO reference (entry_seq, parent) VALUES (?, ?)", (stored["seq"], parent)
            )

    def _note(self, stored: Mapping[str, Any], *, intact: bool, image_ok: bool) -> None:
        id, number = str(stored["id"]), stored["seq"]
        self._ids[id] = number
        self._numbers[number] = id
        self.tally.count("entry", read=True)
        if not intact or not image_ok:
            reason = "signature_damaged" if intact else "payload_damaged"
            self.tally.damaged.append({"id": id, "reason": reason, "state": stored["state"]})
        if not image_ok:
            self.tally.broken_images.append(id)
        if stored["reason"] == PERHAPS_HANDED_OVER:
            self.tally.perhaps_handed_over.append(id)
        elif State.IN_DOUBT in (stored["state"], stored["stage"]):
            self.tally.in_doubt.append(id)

    def _copy_images(self, source: Salvage, added: Mapping[int, Mapping[str, Any]]) -> None:
        if added:
            for number, row in source.rows("signature"):
                parent = added.get(number)
                if row is None or parent is None:
                    continue
                if not self._insert("signature", {**row, "entry_seq": parent["seq"]}):
                    self.tally.count("signature", read=False)

    def _copy_children(
        self, table: str, found: Mapping[int, list[Mapping[str, Any]]], added: Mapping[int, Mapping[str, Any]]
    ) -> None:
        for number, rows in found.items():
            parent = added.get(number)
            if parent is None:
                continue
            # One that was ended first: the other source may have seen only how it began.
            for row in sorted(rows, key=lambda row: table == "attempt" and row["outcome"] is None):
                ended = table != "attempt" or row["outcome"] is not None or parent["state"] == State.SENDING
                # Numbered anew: those of a backup and of the damaged file may be the same.
                changes = {} if ended else _INTERRUPTED
                self._insert(table, {**row, **changes, "entry_seq": parent["seq"], "id": None})

    def _copy_purged(self, source: Salvage) -> None:
        for row in self._rows(source, "purged"):
            if row["id"] not in self._purged and self._insert("purged", row):
                self._purged.add(row["id"])

    def _copy_control(self, source: Salvage) -> None:
        for row in self._rows(source, "control"):
            if row["key"] == KEPT_DAMAGED and is_json(row["value"]):
                self._kept_before.update(json.loads(row["value"]))
            if is_json(row["value"]) and not str(row["key"]).startswith(_NOT_COPIED):
                self._insert("control", row)

    def _insert(self, table: str, row: Mapping[str, Any]) -> bool:
        names = [column.name for column in self._layout[table]]
        marks = ", ".join("?" * len(names))
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608  names of ours
        try:
            self._cursor.execute(sql, [as_stored(row[name]) for name in names])
        except dbapi2.IntegrityError as error:
            if table in ("entry", "signature"):
                self.tally.notes.append(
                    f"{table} {row.get('id', row.get('entry_seq'))} cannot be stored: {error}"
                )
            return False
        return True
