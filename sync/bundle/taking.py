"""Takes a bundle in: all of it is read and compared first, then all of it is stored in one transaction, or nothing.

Twice is as good as once. On the device that had handed the entries over it takes them back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from storage import chains, control, handovers
from storage.database import Database, Transaction
from storage.errors import EntryNotFound, IdConflict
from storage.handovers import Became
from storage.outbox import NewEntry, NewSignature
from storage.reserve import keep_reserve
from sync.bundle.contents import Head, Packed, read
from sync.bundle.errors import BundleConflict, BundleDamaged, BundleNewer
from sync.bundle.sealed_file import Lock, Opened
from sync.capture import given_start
from sync.clock import Clock
from sync.credentials import is_owner
from sync.errors import InputRefused
from sync.image import SignatureImage
from sync.json_input import MAX_JSON_BYTES, read_json
from sync.operations import UnknownKind, by_kind
from sync.payload import check
from sync.references import references

_MOST_NAMED: Final = 20
# A capture adds the image and the start to what it was given, and makes whole ids of the ends of them.
_MOST_BODY_BYTES: Final = 4 * MAX_JSON_BYTES
# Taken back, an entry is sent from here again. Who else may send it, nobody can see from here.
TAKEN_BACK_WARNING: Final = (
    "These entries are sent from this device again. If the bundle was imported on another device too, both send them, "
    "and the server may get each of them twice. Make sure that it was not, or discard them on one of the two"
)
# Whoever handed them over keeps them parked, and here they are given up: as things stand nobody sends them.
GIVEN_UP_WARNING: Final = (
    "They were given up on this device, which never sends them again, and neither does the device that made the "
    "bundle. If they are still wanted, import the file there, where it was made, or on another device"
)


@dataclass(slots=True)
class TakenIn:
    """What an import did, by what became of each entry; ids in the order of their capture."""

    bundle: str
    made_at: str
    ids: dict[Became, list[str]] = field(default_factory=lambda: {each: [] for each in Became})
    owners: list[str] = field(default_factory=list)  # of what waits here now; "" is nobody's
    drain: str = "none"

    def count(self, became: Became) -> int:
        return len(self.ids[became])

    def to_json(self) -> dict[str, Any]:
        warnings = []
        if self.ids[Became.TAKEN_BACK]:
            warnings.append({"code": "taken_back", "message": TAKEN_BACK_WARNING})
        if self.ids[Became.GIVEN_UP]:
            warnings.append({"code": "given_up", "message": GIVEN_UP_WARNING})
        return {
            "schema": 1,
            "bundle": self.bundle,
            "made_at": self.made_at,
            "imported": self.count(Became.IMPORTED),
            "duplicates": self.count(Became.DUPLICATE),
            "taken_back": self.count(Became.TAKEN_BACK),
            "returned": self.count(Became.RETURNED),
            "moved_on": self.count(Became.MOVED_ON),
            "given_up": self.count(Became.GIVEN_UP),
            "ids": {became.value: ids for became, ids in self.ids.items()},
            "owners": self.owners,
            "warnings": warnings,
            "drain": self.drain,
        }


def take_in(
    database: Database,
    stream: BinaryIO,
    secret: Lock,
    *,
    clock: Clock,
    owner: str | None = None,
    reserve_bytes: int = 0,
    dry_run: bool = False,
) -> TakenIn:
    """Store what the sealed file `stream` holds. With `owner`, what is new here is theirs.

    Raises:
        BundleRefused: it cannot be read, or does not fit to what is here. StorageProblem: it cannot be stored.
        Either way nothing of it is here.
    """
    opened = Opened(stream, secret)
    _look_through(database, opened, owner)
    if not dry_run:
        keep_reserve(database.folder, reserve_bytes)
        with database.write() as transaction:
            done = _stored(transaction, opened, owner, clock)
            control.wake(transaction, now=clock.now_ms())
        return done
    with database.read() as transaction:
        return _stored(transaction, opened, owner, clock, dry_run=True)


def _look_through(database: Database, opened: Opened, owner: str | None) -> None:
    """Read all of it once: whatever is wrong with the bundle is known before anything is stored."""
    conflicts: list[str] = []
    with database.read() as transaction:
        for entry in _entries(read(opened.chunks())):
            new = _as_new(transaction, entry, owner)
            try:
                handovers.becomes(transaction, new, "")
            except IdConflict:
                conflicts.append(entry.id)
    if conflicts:
        more = f" and {len(conflicts) - _MOST_NAMED} more" if len(conflicts) > _MOST_NAMED else ""
        named = ", ".join(conflicts[:_MOST_NAMED])
        raise BundleConflict(
            f"this device has other content under the same id: {named}{more}. Nothing was stored"
        )


def _stored(
    transaction: Transaction, opened: Opened, owner: str | None, clock: Clock, *, dry_run: bool = False
) -> TakenIn:
    lines = read(opened.chunks())
    head = next(lines)
    assert isinstance(head, Head), "the first line comes first"
    done = TakenIn(head.bundle, head.made_at.isoformat().replace("+00:00", "Z"))
    owners: dict[str, None] = {}
    now = clock.now_ms()
    for entry in _entries(lines):
        new = _as_new(transaction, entry, owner)
        try:
            became = (
                handovers.becomes(transaction, new, head.bundle)
                if dry_run
                else handovers.take_in(transaction, new, head.bundle, now=now)
            )
        except (IdConflict, EntryNotFound) as problem:
            raise BundleConflict(f"{problem}. Nothing was stored") from None
        done.ids[became].append(entry.id)
        if became in (Became.IMPORTED, Became.RETURNED):
            owners[new.owner or ""] = None
    done.owners = list(owners)
    return done


def _entries(lines: Iterator[Head | Packed]) -> Iterator[Packed]:
    for line in lines:
        if isinstance(line, Packed):
            yield line


def _as_new(transaction: Transaction, entry: Packed, owner: str | None) -> NewEntry:
    """The row that this device makes of it; its form was checked, here its meaning is.

    Raises:
        BundleNewer: this program does not know its kind. BundleDamaged: it is nothing that a capture makes.
    """
    try:
        operation = by_kind(entry.kind)
    except UnknownKind:
        raise BundleNewer(
            f"entry {entry.id} is of kind {entry.kind[:60]!r}, which this program does not know; update it first"
        ) from None
    try:
        data = read_json(entry.payload.encode("utf-8", "surrogatepass"), most_bytes=_MOST_BODY_BYTES)
        problems = check(operation, data, None if entry.image is None else _image(entry))
    except InputRefused as refused:
        problems = list(refused.problems)
    if problems:
        # Where and what, never the values: they are people's names and addresses.
        told = ", ".join(f"{each.path} ({each.code})" for each in problems[:_MOST_NAMED])
        raise BundleDamaged(f"entry {entry.id} is nothing that this program would capture: {told}")
    if entry.image is not None and data.get("signature") != _described(entry.image):
        raise BundleDamaged(f"the body of entry {entry.id} describes another image than the one beside it")
    if entry.owner is not None and not is_owner(entry.owner):
        raise BundleDamaged(f"entry {entry.id} belongs to somebody that no device can know")
    aimed = entry.target_id is not None or entry.target_entry is not None
    if aimed != operation.needs_target or None not in (entry.target_id, entry.target_entry):
        raise BundleDamaged(f"entry {entry.id} does not say what it changes, as its kind has to")
    return NewEntry(
        id=entry.id,
        id_was_given=False,
        kind=entry.kind,
        creates=operation.creates,
        payload=entry.payload,
        input_digest=entry.input_digest,
        idempotency_key=entry.idempotency_key,
        captured_at=entry.captured_at,
        start_at=given_start(operation, data),  # entries in doubt are found by it: never anybody's word
        clock_offset_ms=entry.clock_offset_ms,
        clock_suspect=entry.clock_suspect,
        owner=owner if owner is not None else entry.owner,
        target_id=entry.target_id,
        target_entry=entry.target_entry,
        after_entry=entry.after_entry,
        chain_key=_chain_key(transaction, entry),
        references=tuple(dict.fromkeys(name for _, name in references(data))),
        signature=entry.image,
    )


def _chain_key(transaction: Transaction, entry: Packed) -> str | None:
    """One key for one intervention, by whichever name it goes on this device."""
    target_id = entry.target_id
    if entry.target_entry is not None:
        target_id = chains.server_id_of(transaction, entry.target_entry)
        if target_id is None:
            return chains.key_of_entry(entry.target_entry)
    return None if target_id is None else chains.key_of_server_id(target_id)


def _described(image: NewSignature) -> dict[str, Any]:
    """As a capture writes it into the body: name and type go on from there into the upload."""
    return {"name": image.name, "mimeType": image.mime_type, "size": image.size}


def _image(entry: Packed) -> SignatureImage:
    """As at its capture, where it was decoded; here its digest was compared."""
    image = entry.image
    assert image is not None, "asked for where there is one"
    return SignatureImage(
        image.name, image.mime_type, image.size, image.sha256, image.md5, image.data, width=0, height=0
    )
