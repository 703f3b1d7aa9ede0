"""What a read of an intervention says about an update of it: is the change there, did somebody else change it? Pure.

The API has no version to compare and its pages do not say which fields a read shows. So what is not shown proves
nothing, a difference alone proves nothing either, and `updatedAt` is believed only together with what is shown.

Source: interventions-api.md 7.11 (an update sets what it names; mails and notices may fire twice; last write wins).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync.answer import storable, strip_secrets
from sync.matching import Item, instant_ms

# A field of the body, and the names under which a read shows it; a dot leads into an object.
Mirrored = Mapping[str, tuple[str, ...]]

# How far the server's time may be off as we know it: an answer's Date has whole seconds, and took its time to come.
CLOCK_MS: Final = 10_000
# Of an earlier try: what the server wrote so long after it may still be that try.
AFTER_SEND_MS: Final = 30 * 60_000
# A server may note the arrival of a signature on the intervention; that is no edit by somebody else.
AFTER_UPLOAD_MS: Final = 60_000
_MOST_BYTES: Final = 16 * 1024
_LONGEST_INSTANT: Final = 64  # characters; a fraction may have any number of digits
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is shown of the fields that an update sets. `updated_at` is milliseconds of server time, None: not shown."""

    agree: frozenset[str]
    differ: frozenset[str]
    unshown: frozenset[str]
    updated_at: int | None

    @property
    def seems_there(self) -> bool:
        """All that is shown of the change is as it was sent, and something is."""
        return bool(self.agree) and not self.differ

    @property
    def is_there(self) -> bool:
        """Every field that it sets is shown as it was sent."""
        return self.seems_there and not self.unshown


@dataclass(frozen=True, slots=True)
class Tries:
    """When this update was first and last sent, in milliseconds of server time; None where that was not known."""

    first: int | None = None
    last: int | None = None

    def may_have_written(self, at: int) -> bool:
        """Whether the change of this moment may be one of these tries."""
        if self.first is None or self.last is None:
            return True
        return self.first - CLOCK_MS <= at <= self.last + AFTER_SEND_MS


def read(body: Mapping[str, Any], item: Item, mirrored: Mirrored) -> Reading:
    """Compare what an update sets with what a read shows. `body` is without what only notifies somebody."""
    agree: set[str] = set()
    differ: set[str] = set()
    unshown: set[str] = set()
    for name, sent in body.items():
        shown = _shown(item, mirrored.get(name, ()))
        if shown is _ABSENT:
            unshown.add(name)
        else:
            (agree if _same(sent, shown) else differ).add(name)
    return Reading(frozenset(agree), frozenset(differ), frozenset(unshown), updated_ms(item))


def was_not_applied(reading: Reading, tries: Tries, *, answered: int | None) -> bool:
    """Whether it is certain that no try of this update has been carried out.

    Something it sets is shown otherwise, and the intervention was last changed before the first try: by its time, or
    because it still is as the last answer to this device showed it (`answered`). Either half alone proves nothing: a
    server need not note an update that changes nothing, and somebody else may have changed it since.
    """
    if not reading.differ or reading.updated_at is None:
        return False
    if reading.updated_at == answered:
        return True
    return tries.first is not None and reading.updated_at < tries.first - CLOCK_MS


def was_changed_after(reading: Reading, tries: Tries) -> bool:
    """Whether somebody else has changed it since this update was first sent, whatever became of the update itself."""
    if not reading.differ or reading.updated_at is None or tries.first is None:
        return False
    return reading.updated_at > tries.first + CLOCK_MS


def conflicts(
    reading: Reading, *, captured_at: int, own_version: int | None, tries: Tries | None = None
) -> bool:
    """Whether somebody else has changed it since this update was captured (milliseconds of server time).

    `own_version` is the newest change that this device knows to be its own. `tries`: it was sent before, and what is
    seen may be that. Without `updatedAt` nothing can be said, so nothing is.
    """
    updated_at = reading.updated_at
    if updated_at is None or updated_at <= captured_at or reading.is_there:
        return False
    if own_version is not None and updated_at <= own_version:
        return False
    if tries is None or reading.differ:
        return True
    return not tries.may_have_written(updated_at)


def own_version(
    receipts: Iterable[tuple[int | None, int]], uploads: Iterable[int | None], *, now: int
) -> int | None:
    """The newest change that is this device's own doing, in milliseconds of server time; None where it made none.

    `receipts`: what each answer says of `updatedAt`, and when it came; an answer that does not say is taken for all
    until it came. `uploads`: when the signature of each entry that made it was stored, None: it is on its way.
    """
    versions = [told if updated_at is None else updated_at for updated_at, told in receipts]
    versions += [now if at is None else at + AFTER_UPLOAD_MS for at in uploads]
    return max(versions, default=None)


def updated_ms(item: Item) -> int | None:
    """When the server says that it was last changed, in milliseconds; None where it does not say."""
    return instant_ms(item.get("updatedAt"))


def version_text(body: Mapping[str, Any], item: Item, mirrored: Mirrored) -> str:
    """What the server shows of the fields that this update sets, as JSON: `{"updatedAt", "fields": {name: value}}`.

    Nothing else of the intervention is kept; a field that is not shown is left out.
    """
    fields = {name: shown for name in body if (shown := _shown(item, mirrored.get(name, ()))) is not _ABSENT}
    strip_secrets(fields)
    updated = item.get("updatedAt")
    told = isinstance(updated, str) and len(updated) <= _LONGEST_INSTANT
    version = {"updatedAt": updated if told else None, "fields": fields}
    text = json.dumps(version, ensure_ascii=False, separators=(",", ":")) if storable(version) else ""
    if not 0 < len(text) <= _MOST_BYTES:
        text = json.dumps({"updatedAt": version["updatedAt"], "fields": {}})
    return text


def _shown(item: Item, names: tuple[str, ...]) -> Any:
    """What is shown under the first of these names that is there."""
    for name in names:
        found: Any = item
        for part in name.split("."):
            found = found.get(part, _ABSENT) if isinstance(found, Mapping) else _ABSENT
        if found is not _ABSENT:
            return found
    return _ABSENT


def _same(sent: Any, shown: Any) -> bool:
    if isinstance(sent, bool) or isinstance(shown, bool):
        return sent is shown
    if isinstance(sent, str) and isinstance(shown, str):
        moments = instant_ms(sent), instant_ms(shown)
        if None not in moments:
            return moments[0] == moments[1]
        return _plain(sent) == _plain(shown)
    if isinstance(sent, list) and isinstance(shown, list):
        # A set of ids: as numbers, or as objects that have them.
        return _ids(sent) == _ids(shown)
    return bool(sent == shown)


def _ids(values: list[Any]) -> list[str]:
    ids = (value.get("id") if isinstance(value, Mapping) else value for value in values)
    return sorted({json.dumps(each, sort_keys=True, default=str) for each in ids})


def _plain(text: str) -> str:
    # What a server may do to a text that it keeps: compose its letters, trim it, end lines its own way.
    return " ".join(unicodedata.normalize("NFC", text).split())
