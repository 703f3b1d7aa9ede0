"""What was captured against what the server holds, byte for byte. Pure: it only believes the bytes it is given."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

NEEDS_ACTION: Final = frozenset({"parked", "dead"})
# Where an entry is still ours to deliver or to decide about.
HELD: Final = frozenset({"pending", "sending", "in_doubt", "accepted"}) | NEEDS_ACTION


@dataclass(frozen=True, slots=True)
class Taken:
    """One capture: what was handed in, and the body that fieldsync made of it at that moment."""

    id: str
    key: str
    title: str
    expected: Mapping[str, Any]
    body: bytes
    image: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The entry on the device at the end. `image` None: its bytes are not there, or are damaged."""

    state: str
    body: bytes
    image: bytes | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record of the server. `image` None: nothing lies where its signature belongs."""

    key: str
    server_id: int
    body: bytes
    body_sha256: str
    image: bytes | None
    mime_type: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison found; `differences` is empty only where every byte is the same."""

    captured: int
    delivered: int
    records_at_server: int
    signatures_verified: int
    duplicates: int
    lost: int
    needs_action: int
    differences: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, everything accounted for, every byte the same."""
        return (
            self.captured > 0
            and not self.lost
            and not self.duplicates
            and self.captured == self.delivered + self.needs_action
            and self.signatures_verified == self.delivered
            and not self.differences
        )

    def to_json(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if name != "differences"}


def compare(taken: Sequence[Taken], kept: Mapping[str, Kept], arrived: Sequence[Arrived]) -> Compared:
    """Hold each capture against the device and the server."""
    by_key: dict[str, list[Arrived]] = {}
    for record in arrived:
        by_key.setdefault(record.key, []).append(record)
    differences: list[str] = []
    verified = lost = 0
    for capture in taken:
        entry = kept.get(capture.id)
        records = by_key.get(capture.key, [])
        state = "gone" if entry is None else entry.state
        flaws = list(_flaws(capture, state, entry, records))
        differences += [f"{capture.title}: {flaw}" for flaw in flaws]
        verified += state == "done" and any(_same_image(capture, record) for record in records)
        lost += not _safe(capture, entry, records)
    ours = {capture.key for capture in taken}
    strangers = sorted(set(by_key) - ours)
    differences += [
        f"the server has a record that nobody captured (key {key or 'none'})" for key in strangers
    ]
    states = Counter(entry.state for id, entry in kept.items())
    return Compared(
        captured=len(taken),
        delivered=states["done"],
        records_at_server=len(arrived),
        signatures_verified=verified,
        duplicates=len(arrived) - len(ours & set(by_key)),
        lost=lost,
        needs_action=sum(states[state] for state in NEEDS_ACTION),
        differences=tuple(differences),
    )


def _flaws(capture: Taken, state: str, entry: Kept | None, records: Sequence[Arrived]) -> Iterable[str]:
    """Everything about one capture that is not as it has to be, in words."""
    if json.loads(capture.body) != capture.expected:
        yield "what was stored is not what was handed in"
    if len(records) > 1:
        yield f"the server has it {len(records)} times"
    if state == "done" and not records:
        yield "it counts as delivered and the server does not have it"
    if state not in HELD | {"done"}:
        yield f"it is {state} on the device"
    if entry is not None and state in HELD and entry.image != capture.image:
        yield "the signature kept on the device is not the one handed in"
    if entry is not None and entry.body != capture.body:
        yield "the payload kept on the device is not the one captured"
    for record in records:
        if record.body != capture.body or record.body_sha256 != hashlib.sha256(capture.body).hexdigest():
            yield f"the body of record {record.server_id} is not the one captured"
        if state == "done" and not _same_image(capture, record):
            yield f"the signature of record {record.server_id} is not the one captured"
        if state == "done" and record.image is not None and record.mime_type != capture.mime_type:
            yield f"the signature of record {record.server_id} is stored as {record.mime_type}"


def _same_image(capture: Taken, record: Arrived) -> bool:
    """By digest and by the bytes themselves."""
    if record.image is None:
        return False
    digests = [hashlib.sha256(image).digest() for image in (capture.image, record.image)]
    return digests[0] == digests[1] and capture.image == record.image


def _safe(capture: Taken, entry: Kept | None, records: Sequence[Arrived]) -> bool:
    """Whether payload and image both still exist where somebody will find them."""
    held = entry is not None and entry.state in HELD
    image_held = held and entry is not None and entry.image == capture.image
    image_stored = any(_same_image(capture, record) for record in records)
    return (bool(records) or held) and (image_stored or image_held)
