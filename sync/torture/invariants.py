"""What must be true at the end of a round, whatever happened in it. Pure: facts in, violations out.

Source: the promises in the first paragraphs of the README and in docs/adr. Detection is by what device and server
hold, never by how the program got there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync.torture.trial import Violation
from sync.torture.visits import Change, Taken

_UNDELIVERED: Final = frozenset({"pending", "sending", "in_doubt", "accepted", "parked", "dead"})


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record of the server. `image` None: nothing lies where its signature belongs."""

    key: str
    server_id: int
    body_sha256: str
    image: bytes | None
    mime_type: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One change that the server carried out, in the order in which it did, and how many people it mailed."""

    number: int
    server_id: int
    mails: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Both sides at the end of a round. `entries` has the story of each entry, with what is `explained` about it.

    `images` are the signatures that the device can still read, by entry; `held` the entries somebody claims.
    """

    taken: Sequence[Taken]
    entries: Mapping[str, Mapping[str, Any]]
    images: Mapping[str, bytes]
    held: Sequence[str]
    arrived: Sequence[Arrived]
    status: Mapping[str, Any]
    listed: Sequence[Mapping[str, Any]]
    changes: Sequence[Change] = ()
    edits: Sequence[Edit] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """The figures of a round, as they are summed over a run."""

    captured: int = 0
    delivered: int = 0
    in_doubt: int = 0
    needs_action: int = 0
    lost: int = 0
    duplicates: int = 0
    leaks: int = 0
    out_of_order: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    def to_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in Tally.__slots__}


def judge(facts: Facts) -> list[Violation]:
    """Every promise that does not hold, one by one."""
    by_key: dict[str, list[Arrived]] = {}
    for record in facts.arrived:
        by_key.setdefault(record.key, []).append(record)
    found = [
        *_lost(facts, by_key),
        *_doubled(facts),
        *_unproven(facts, by_key),
        *_out_of_order(facts, by_key),
        *_changes(facts),
        *_changes_out_of_order(facts),
        *_unexplained(facts),
        *_miscounted(facts),
    ]
    return [Violation(invariant, detail) for invariant, detail in found]


def tally(facts: Facts, violations: Sequence[Violation]) -> Tally:
    """The figures. What was found twice about one entry counts once for each finding."""
    states = Counter(str(entry["state"]) for entry in facts.entries.values())
    wrong = Counter(each.invariant for each in violations)
    return Tally(
        captured=len(facts.taken) + len(facts.changes),
        delivered=states["done"],
        in_doubt=states["in_doubt"],
        needs_action=states["parked"] + states["dead"],
        lost=wrong["lost"],
        duplicates=wrong["duplicate"],
        leaks=wrong["leak"],
        out_of_order=wrong["order"],
    )


def reasons(facts: Facts) -> dict[str, int]:
    """Why entries are not done, and how many each; the state where it has no reason of its own."""
    left = (entry for entry in facts.entries.values() if entry["state"] != "done")
    return dict(Counter(str(entry["reason"] or entry["state"]) for entry in left))


Found = Iterator[tuple[str, str]]


def _lost(facts: Facts, by_key: Mapping[str, Sequence[Arrived]]) -> Found:
    for taken in facts.taken:
        entry = facts.entries.get(taken.id)
        name = taken.id[-8:]
        if entry is None:
            yield "lost", f"{name} was acknowledged and is not there any more"
            continue
        if entry["state"] not in _UNDELIVERED | {"done"}:
            yield "lost", f"{name} is {entry['state']}, and nobody ordered that"
        if hashlib.sha256(entry["body"]).hexdigest() != taken.body_sha256:
            yield "lost", f"the payload of {name} is not the one captured"
        stored = any(record.image == taken.image for record in by_key.get(taken.id, ()))
        if not stored and facts.images.get(taken.id) != taken.image:
            yield "lost", f"the image of {name} is neither at the storage nor on the device"


def _doubled(facts: Facts) -> Found:
    keys = Counter(record.key for record in facts.arrived)
    bodies = Counter(record.body_sha256 for record in facts.arrived)
    known = {taken.id for taken in facts.taken}
    for key, count in keys.items():
        if count > 1:
            yield "duplicate", f"the server has {key[-8:]} {count} times"
        if key not in known:
            yield "duplicate", f"the server has a record that nobody captured (key {key[-8:] or 'none'})"
    for digest, count in bodies.items():
        # Told by the key already where the key is the same.
        names = {record.key for record in facts.arrived if record.body_sha256 == digest}
        if count > 1 and len(names) > 1:
            yield "duplicate", f"one body arrived {count} times, under the keys {sorted(names)}"


def _unproven(facts: Facts, by_key: Mapping[str, Sequence[Arrived]]) -> Found:
    for taken in facts.taken:
        entry = facts.entries.get(taken.id)
        if entry is None:
            continue
        name, records = taken.id[-8:], by_key.get(taken.id, ())
        if entry["state"] == "done" and not records:
            yield "unproven", f"{name} counts as delivered, and the server has no record of it"
        if (
            entry["state"] == "done"
            and records
            and not any(record.image == taken.image for record in records)
        ):
            yield "unproven", f"{name} counts as delivered, and its image is not at the storage as captured"
        if entry["server_id"] is not None and entry["server_id"] not in {
            record.server_id for record in records
        }:
            yield (
                "unproven",
                f"{name} has the server id {entry['server_id']}, which is not that of its record",
            )
        for record in records:
            if record.body_sha256 != taken.body_sha256:
                yield "unproven", f"the body of record {record.server_id} is not the one captured"
            if record.image is not None and record.mime_type != taken.mime_type:
                yield "unproven", f"the image of record {record.server_id} is stored as {record.mime_type}"


def _out_of_order(facts: Facts, by_key: Mapping[str, Sequence[Arrived]]) -> Found:
    for taken in facts.taken:
        if taken.after is None or not by_key.get(taken.id):
            continue
        mine = min(record.server_id for record in by_key[taken.id])
        before = [record.server_id for record in by_key.get(taken.after, ())]
        if not before or min(before) > mine:
            yield "order", f"{taken.id[-8:]} arrived before {taken.after[-8:]}, which it comes after"


def _changes(facts: Facts) -> Found:
    for change in facts.changes:
        entry, name = facts.entries.get(change.id), change.id[-8:]
        if entry is None:
            yield "lost", f"the change {name} was acknowledged and is not there any more"
            continue
        if entry["state"] not in _UNDELIVERED | {"done"}:
            yield "lost", f"the change {name} is {entry['state']}, and nobody ordered that"
        if hashlib.sha256(entry["body"]).hexdigest() != change.body_sha256:
            yield "lost", f"the payload of the change {name} is not the one captured"
        edits = [edit for edit in facts.edits if edit.number == change.number]
        target = facts.entries.get(change.target, {}).get("server_id")
        if entry["state"] == "done" and not edits:
            yield "unproven", f"the change {name} counts as delivered, and the server never carried it out"
        if any(edit.server_id != target for edit in edits):
            yield "unproven", f"the change {name} was carried out on another intervention than {target}"
        mailed = sum(edit.mails for edit in edits)
        if mailed > change.mails:
            yield "duplicate", f"the change {name} mailed {mailed} times"


def _changes_out_of_order(facts: Facts) -> Found:
    carried_out: dict[int, list[int]] = {}
    for edit in facts.edits:
        carried_out.setdefault(edit.server_id, []).append(edit.number)
    for server_id, numbers in carried_out.items():
        # A repeat of the last one changes nothing; one of an earlier one takes the later one back.
        if numbers != sorted(numbers):
            yield "order", f"intervention {server_id} was changed in the order {numbers}"


def _unexplained(facts: Facts) -> Found:
    for id, entry in facts.entries.items():
        name = id[-8:]
        if entry["state"] in _UNDELIVERED and not (entry["reason"] or entry["explained"]):
            yield "unexplained", f"{name} is {entry['state']}, and nothing says why"
        if entry["state"] == "sending":
            yield "stuck", f"{name} is still marked as being sent, and nobody is sending"
    for id in facts.held:
        yield "stuck", f"{id[-8:]} is still claimed, and nobody is working"


def _miscounted(facts: Facts) -> Found:
    if not facts.status.get("counts"):
        yield "counts", f"status told no counts: {dict(facts.status)}"
        return
    listed = Counter(str(entry["state"]) for entry in facts.listed)
    counts = {state: count for state, count in facts.status["counts"].items() if count}
    if counts != dict(listed):
        yield "counts", f"status counts {counts}, and the list shows {dict(listed)}"
    sums = {
        "waiting": listed["pending"] + listed["sending"] + listed["accepted"],
        "in_doubt": listed["in_doubt"],
        "needs_action": listed["parked"] + listed["dead"],
    }
    for name, count in sums.items():
        if facts.status[name] != count:
            yield "counts", f"status says {name} {facts.status[name]}, and the list shows {count}"
    if {entry["id"] for entry in facts.listed} != set(facts.entries):
        yield "counts", "the list does not show every entry"
