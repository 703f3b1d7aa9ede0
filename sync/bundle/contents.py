"""What stands inside a bundle: a first line that tells what it is, a JSON line for each entry, a last line over all.

Pure. Everything is checked while it is read: the form of each line, the digest of each payload and image, and by the
last line that nothing is missing, doubled or from another bundle. Lines and their number are bounded.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from storage.handovers import Carried
from storage.outbox import NewSignature
from sync.bundle.errors import BundleDamaged, BundleNewer, NotABundle
from sync.instants import instant_text
from sync.references import filled
from sync.signature_name import is_safe_name

FORMAT: Final = 1
MOST_ENTRIES: Final = 100_000
# The largest body and image that a capture takes, in base64, and some more.
MOST_LINE_BYTES: Final = 32 * 1024 * 1024
_PAYLOAD_VERSION: Final = 1
_MOST_INTEGER: Final = 2**53
_CALENDAR_MS: Final = 253_402_300_800_000  # the year 10000: nothing after it can be shown to anybody
_MIME_TYPES: Final = frozenset({"image/jpeg", "image/png"})
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Head:
    """The first line: `bundle` is the id of this hand-over, `made_at` by the clock of the device that made it."""

    bundle: str
    made_at: datetime
    version: str


@dataclass(frozen=True, slots=True)
class Packed:
    """One entry as it came out of a bundle, every digest compared."""

    id: str
    kind: str
    payload: str
    input_digest: str
    idempotency_key: str
    start_at: int | None
    target_id: int | None
    target_entry: str | None
    after_entry: str | None
    owner: str | None
    captured_at: int
    clock_offset_ms: int | None
    clock_suspect: bool
    image: NewSignature | None


class Writer:
    """The lines of one bundle, in order. `head`, then `entry` for each, then `end`."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._digest = hashlib.sha256()
        self.entries = 0

    def head(self) -> bytes:
        made_at = instant_text(self._head.made_at)
        return self._line(
            {"fieldsync_bundle": FORMAT, "bundle": self._head.bundle, "made_at": made_at}
            | {"version": self._head.version}
        )

    def entry(self, entry: Carried, image: NewSignature | None) -> bytes:
        payload = _with_server_ids(entry)
        facts = {name: getattr(entry, name) for name in _FIELDS if name not in ("payload", "image")}
        self.entries += 1
        return self._line(
            {
                **facts,
                "payload": payload,
                "payload_sha256": hashlib.sha256(payload.encode()).hexdigest(),
                "image": None if image is None else _image_facts(image),
            }
        )

    def end(self) -> bytes:
        return _json({"end": {"entries": self.entries, "sha256": self._digest.hexdigest()}})

    def _line(self, document: Mapping[str, Any]) -> bytes:
        line = _json(document)
        self._digest.update(line)
        return line


def _with_server_ids(entry: Carried) -> str:
    """The payload; where it names entries that the server has, their server ids stand in it."""
    if not entry.known:
        return entry.payload
    data = filled(json.loads(entry.payload), lambda id: entry.known.get(id, {"$entry": id}))
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _image_facts(image: NewSignature) -> dict[str, Any]:
    return {
        "name": image.name,
        "mime_type": image.mime_type,
        "size": image.size,
        "sha256": image.sha256,
        "md5": image.md5,
        "data": b64encode(image.data).decode(),
    }


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def read(chunks: Iterable[bytes]) -> Iterator[Head | Packed]:
    """The head, then each entry. Only when this has come to its end was the whole bundle there and unchanged.

    Raises:
        NotABundle: what was sealed is something else. BundleNewer: a newer program made it.
        BundleDamaged: a line is not as it has to be, or some are missing.
    """
    digest = hashlib.sha256()
    ids: set[str] = set()
    keys: set[str] = set()
    lines = _lines(chunks)
    first = next(lines, b"")
    digest.update(first)
    yield _head(first)
    for number, line in enumerate(lines, 2):
        document = _document(line, number)
        if "end" in document:
            _check_end(document["end"], entries=len(ids), sha256=digest.hexdigest())
            if next(lines, None) is not None:
                raise BundleDamaged("something stands behind the last line of the bundle")
            return
        digest.update(line)
        entry = _entry(document, number)
        if entry.id in ids:
            raise BundleDamaged(f"entry {entry.id} is in the bundle twice")
        for parent in (entry.target_entry, entry.after_entry):
            if parent is not None and parent not in ids:
                raise BundleDamaged(f"entry {entry.id} waits for {parent}, which does not come before it")
        if entry.idempotency_key in keys:
            raise BundleDamaged(f"entry {entry.id} has the idempotency key of another one")
        ids.add(entry.id)
        keys.add(entry.idempotency_key)
        if len(ids) > MOST_ENTRIES:
            raise BundleDamaged(f"the bundle holds more than {MOST_ENTRIES} entries")
        yield entry
    raise BundleDamaged("the bundle has no last line: it was cut")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines with their end; what is left at the end of the chunks must be none."""
    held = bytearray()
    for chunk in chunks:
        searched = len(held)
        held += chunk
        while (at := held.find(b"\n", searched)) >= 0:
            yield bytes(held[: at + 1])
            del held[: at + 1]
            searched = 0
        if len(held) > MOST_LINE_BYTES:
            raise BundleDamaged(f"a line of the bundle is longer than {MOST_LINE_BYTES} bytes")
    if held:
        raise BundleDamaged("the bundle ends in the middle of a line")


def _document(line: bytes, number: int) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise BundleDamaged(f"line {number} of the bundle is no JSON") from None
    if not isinstance(document, dict):
        raise BundleDamaged(f"line {number} of the bundle is not an object")
    return document


def _head(line: bytes) -> Head:
    try:
        document = _document(line, 1)
    except BundleDamaged:
        document = {}
    version = document.get("fieldsync_bundle")
    if not isinstance(version, int) or isinstance(version, bool):
        raise NotABundle("what is sealed in it is no bundle of fieldsync")
    if version != FORMAT:
        made_by = document.get("version")
        raise BundleNewer(
            f"it is a bundle of format {str(version)[:_SHOWN]}"
            + (f", made by fieldsync {str(made_by)[:_SHOWN]}" if made_by else "")
            + f"; this program reads format {FORMAT}"
        )  # fmt: skip
    bundle, made_at = document.get("bundle"), document.get("made_at")
    if not _is_id(bundle) or not isinstance(made_at, str) or not isinstance(document.get("version"), str):
        raise BundleDamaged("the first line of the bundle is not as it has to be")
    try:
        moment = datetime.fromisoformat(made_at)
    except ValueError:
        raise BundleDamaged("the first line of the bundle is not as it has to be") from None
    if moment.tzinfo is None:
        raise BundleDamaged("the first line of the bundle is not as it has to be")
    return Head(str(bundle), moment, document["version"])


def _check_end(end: Any, *, entries: int, sha256: str) -> None:
    if not isinstance(end, dict) or end.get("entries") != entries or end.get("sha256") != sha256:
        raise BundleDamaged("the bundle is not whole: its last line does not fit to what stands before it")


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST_INTEGER


def _is_moment(value: Any) -> bool:
    return _is_integer(value) and 0 <= value < _CALENDAR_MS


def _is_offset(value: Any) -> bool:
    return _is_integer(value) and abs(value) < _CALENDAR_MS


def _is_server_id(value: Any) -> bool:
    return _is_integer(value) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1000 and value.isprintable()


def _or_none(check: Any) -> Any:
    return lambda value: value is None or check(value)


_FIELDS: Final[Mapping[str, Any]] = {
    "id": _is_id,
    "kind": _is_text,
    "payload_version": _is_integer,
    "payload": lambda value: isinstance(value, str),
    "input_digest": _is_text,
    "idempotency_key": _is_id,  # it becomes a header
    "start_at": _or_none(_is_integer),
    "target_id": _or_none(_is_server_id),
    "target_entry": _or_none(_is_id),
    "after_entry": _or_none(_is_id),
    "owner": _or_none(_is_text),
    "captured_at": _is_moment,
    "clock_offset_ms": _or_none(_is_offset),
    "clock_suspect": lambda value: isinstance(value, bool),
    "image": lambda value: value is None or isinstance(value, dict),
}


def _entry(document: Mapping[str, Any], number: int) -> Packed:
    if document.get("payload_version") != _PAYLOAD_VERSION and _is_integer(document.get("payload_version")):
        raise BundleNewer(f"line {number} of the bundle was captured by a newer program")
    if set(document) != {*_FIELDS, "payload_sha256"}:
        raise BundleDamaged(
            f"line {number} of the bundle is not as it has to be: fields are missing or unknown"
        )
    for name, check in _FIELDS.items():
        if not check(document[name]):
            raise BundleDamaged(f"line {number} of the bundle is not as it has to be: {name}")
    # The text itself is kept, never what JSON makes of it: the bytes that are sent are those that were captured.
    payload = document["payload"]
    if hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest() != document["payload_sha256"]:
        raise BundleDamaged(f"the body of entry {document['id']} is not the one that was captured")
    image = None if document["image"] is None else _image(document["image"], document["id"])
    values = {name: document[name] for name in _FIELDS if name not in ("payload_version", "image")}
    return Packed(**values, image=image)


def _image(facts: Mapping[str, Any], id: str) -> NewSignature:
    wrong = BundleDamaged(f"the image of entry {id} is not the one that was captured")
    texts = ("name", "mime_type", "sha256", "md5")
    if set(facts) != {*texts, "size", "data"} or not all(isinstance(facts[name], str) for name in texts):
        raise wrong
    if not isinstance(facts["data"], str) or not _is_integer(facts["size"]):
        raise wrong
    if not is_safe_name(facts["name"]) or facts["mime_type"] not in _MIME_TYPES:
        raise wrong
    try:
        data = b64decode(facts["data"], validate=True)
    except (NotBase64, ValueError):
        raise wrong from None
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if (len(data), hashlib.sha256(data).hexdigest(), md5) != (facts["size"], facts["sha256"], facts["md5"]):
        raise wrong
    return NewSignature(**{name: facts[name] for name in texts}, size=len(data), data=data)
