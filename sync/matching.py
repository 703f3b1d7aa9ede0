"""Is one of these interventions at the server the one that this entry asked for? Pure.

The server gives no key of ours back, so what was sent is compared with what is listed: the instants it was sent
with, and the provider and rules where the list shows them. Absent fields say nothing; a different one says no.

Source: interventions-api.md sections 4 and 7.3; both field vocabularies, unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sync.answer import MAX_INT

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Item = Mapping[str, Any]  # one intervention as the list shows it

# The server may keep whole seconds only. Then all starts within the second are one.
WHOLE_SECOND_MS: Final = 1000
# Of the server's time at the first and last send: what was stored before or after was not stored by us.
WINDOW_BEFORE_MS: Final = 5 * 60_000
WINDOW_AFTER_MS: Final = 30 * 60_000
# So far from the window may a record of ours be and still show that the list shows what was made then.
NEARBY_MS: Final = 24 * 3_600_000


class Traits(NamedTuple):
    """What tells one entry from another at the server. `instants` are milliseconds by field name, all must agree."""

    instants: Mapping[str, int]
    provider: str | None = None
    rule_ids: frozenset[int] = frozenset()
    description: str | None = None


class Window(NamedTuple):
    """When the server may have made it, in milliseconds of its own time; None where its time was not known then."""

    first_sent: int | None
    last_sent: int | None

    def holds(self, made_at: int | None) -> bool:
        """Whether something made at this moment can be ours. What is not known excludes nothing."""
        if made_at is None or self.first_sent is None or self.last_sent is None:
            return True
        return self.first_sent - WINDOW_BEFORE_MS <= made_at <= self.last_sent + WINDOW_AFTER_MS

    def is_near(self, made_at: int | None) -> bool:
        """Whether something made at this moment is from about that time. What is not known proves nothing."""
        if made_at is None or self.first_sent is None or self.last_sent is None:
            return False
        return self.first_sent - NEARBY_MS <= made_at <= self.last_sent + NEARBY_MS


class Wanted(NamedTuple):
    """One entry that is looked for."""

    seq: int
    traits: Traits
    window: Window


class Kind(StrEnum):
    """What a list says about one entry."""

    ONE = "one"  # exactly one intervention fits, and it fits no other entry
    SEVERAL = "several"  # more than one fits, or one fits several entries
    NONE = "none"  # nothing fits
    UNCLEAR = "unclear"  # something fits, but was made at another time: neither a match nor a miss
    LATER = "later"  # something fits that could not be read closer in this look-up


class Match(NamedTuple):
    kind: Kind
    item: Item | None = None


def match(
    wanted: Wanted,
    rivals: Iterable[Traits],
    items: Iterable[Item],
    *,
    taken: frozenset[int],
    tolerance_ms: int,
) -> Match:
    """What `items` say about `wanted`.

    `rivals` are the traits of all other entries of this device that were sent and whose server id is not known;
    `taken` are server ids that belong to other entries. `tolerance_ms`: instants less than this apart are equal.
    """
    fitting = [
        item
        for item in items
        if item_id(item) not in taken and fits(wanted.traits, item, tolerance_ms=tolerance_ms)
    ]
    inside = [item for item in fitting if wanted.window.holds(made_at(item))]
    if not inside:
        return Match(Kind.UNCLEAR if fitting else Kind.NONE)
    (first, *more) = inside
    if more or any(fits(rival, first, tolerance_ms=tolerance_ms) for rival in rivals):
        return Match(Kind.SEVERAL)
    return Match(Kind.ONE, first)


def fits(traits: Traits, item: Item, *, tolerance_ms: int) -> bool:
    """Whether everything that `item` shows agrees with `traits`, and all instants are shown."""
    for name, at in traits.instants.items():
        shown = instant_ms(item.get(name))
        if shown is None or not _same_instant(at, shown, tolerance_ms):
            return False
    provider = provider_of(item)
    if traits.provider and provider is not None and _plain(provider) != _plain(traits.provider):
        return False
    rule = item.get("rule")
    rule_id = rule.get("id") if isinstance(rule, Mapping) else None
    if traits.rule_ids and _is_id(rule_id) and rule_id not in traits.rule_ids:
        return False
    shown_text = item.get("description")
    return not (
        traits.description
        and isinstance(shown_text, str)
        and _plain(shown_text) != _plain(traits.description)
    )


def tolerance_of(known: Iterable[tuple[Traits, Item]]) -> int | None:
    """How exactly the server keeps instants, by records of ours whose traits are known: 1 (to the millisecond),
    WHOLE_SECOND_MS, or None where the list shows other instants than those that were sent: it cannot be searched.

    Without any evidence: to the millisecond.
    """
    tolerance = 1
    for traits, item in known:
        for name, at in traits.instants.items():
            shown = instant_ms(item.get(name))
            if shown is None or abs(shown - at) >= WHOLE_SECOND_MS:
                return None
            if shown != at:
                tolerance = WHOLE_SECOND_MS
    return tolerance


def lacks_provider(wanted: Sequence[Wanted], items: Iterable[Item]) -> list[int]:
    """Ids of the items that may be one of `wanted` and do not show whose work they are: worth a closer look."""
    found = []
    for item in items:
        number = item_id(item)
        if number is None or provider_of(item) is not None:
            continue
        if any(
            each.traits.provider and fits(each.traits, item, tolerance_ms=WHOLE_SECOND_MS) for each in wanted
        ):
            found.append(number)
    return found


def item_id(item: Item) -> int | None:
    """The intervention's server id, where it is one."""
    found = item.get("id")
    return found if _is_id(found) else None


def made_at(item: Item) -> int | None:
    """When the server made it, in milliseconds; None where it does not say."""
    return instant_ms(item.get("createdAt"))


def provider_of(item: Item) -> str | None:
    """Whose work it is, flat or nested; None where it is not shown."""
    summary = item.get("summary")
    nested = summary.get("name") if isinstance(summary, Mapping) else None
    for shown in (item.get("providerName"), nested):
        if isinstance(shown, str) and shown.strip():
            return shown
    return None


def instant_ms(text: object) -> int | None:
    """Milliseconds since 1970 of an instant that names its time zone, cut to the millisecond."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else (found - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def _same_instant(one: int, other: int, tolerance_ms: int) -> bool:
    return abs(one - other) < tolerance_ms


def _is_id(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and -MAX_INT <= found <= MAX_INT


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
