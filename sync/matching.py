"""Is one of these interventions at the server the one that this entry asked for? Pure.

The server gives no key of ours back, so what was sent is compared with what is listed: the instants it was sent
with, and the provider and rules where the list shows them. How a list shows these things is documented nowhere, so
it is read off the records that this device knows to be its own: what they do not prove excludes nothing.

Source: interventions-api.md sections 4 and 7.3; both field vocabularies, unknown fields are ignored.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sync.answer import MAX_INT

Item = Mapping[str, Any]  # one intervention as the list shows it

WHOLE_SECOND_MS: Final = 1000
WHOLE_MINUTE_MS: Final = 60_000
# Of the server's time at the first and last send: what was stored before or after was not stored by us.
WINDOW_BEFORE_MS: Final = 5 * 60_000
WINDOW_AFTER_MS: Final = 30 * 60_000
# So far from the window may a record of ours be and still show that the list shows what was made then.
NEARBY_MS: Final = 24 * 3_600_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Traits(NamedTuple):
    """What tells one entry from another at the server. `instants` are milliseconds by field name, all must agree.

    `planned`: the instants are a plan. People choose them round, so others may have chosen the same, and they may
    have been changed at the server since.
    """

    instants: Mapping[str, int]
    provider: str | None = None
    rule_ids: frozenset[int] = frozenset()
    description: str | None = None
    planned: bool = False


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
    UNCLEAR = "unclear"  # something may be it and may not: neither a match nor a miss
    LATER = "later"  # something fits that could not be read closer in this look-up


class Match(NamedTuple):
    kind: Kind
    item: Item | None = None


class Evidence(NamedTuple):
    """How a list shows what was sent, by our own records in it. Instants less than these apart: `same_ms` are the
    same, `apart_ms` may be the same. `trusted` are the other fields that it shows as they were sent.

    `searchable` is False where it shows other instants than those that were sent.
    """

    same_ms: int = 1
    apart_ms: int = WHOLE_MINUTE_MS
    trusted: frozenset[str] = frozenset()
    searchable: bool = True


NO_EVIDENCE: Final = Evidence()


def match(
    wanted: Wanted,
    rivals: Iterable[Traits],
    items: Iterable[Item],
    *,
    taken: frozenset[int],
    evidence: Evidence,
) -> Match:
    """What `items` say about `wanted`.

    `rivals` are the traits of all other entries of this device that were sent and whose server id is not known;
    `taken` are server ids that belong to other entries.
    """
    free = [item for item in items if item_id(item) not in taken]
    fitting = [item for item in free if fits(wanted.traits, item, within_ms=evidence.same_ms)]
    inside = [item for item in fitting if wanted.window.holds(made_at(item))]
    if not inside:
        perhaps = fitting or any(
            _may_be(wanted.traits, item, evidence) or _may_be_moved(wanted, item) for item in free
        )
        return Match(Kind.UNCLEAR if perhaps else Kind.NONE)
    (first, *more) = inside
    # Cut to seconds or minutes, the record of a later capture would show exactly our round start.
    exact = any(at % WHOLE_SECOND_MS for at in wanted.traits.instants.values())
    within_ms = evidence.same_ms if exact else evidence.apart_ms
    if more or any(fits(rival, first, within_ms=within_ms) for rival in rivals):
        return Match(Kind.SEVERAL)
    return Match(Kind.ONE, first) if _is_telling(wanted, first) else Match(Kind.UNCLEAR)


def fits(traits: Traits, item: Item, *, within_ms: int) -> bool:
    """Whether all instants are shown, less than `within_ms` apart, and nothing else that is shown differs."""
    return _instants_agree(traits, item, within_ms) and not _differing(traits, item)


def _may_be(traits: Traits, item: Item, evidence: Evidence) -> bool:
    """Whether it cannot be excluded: no instant tells them apart, and no field that the list shows as it was sent."""
    if not _instants_agree(traits, item, evidence.apart_ms):
        return False
    return not _differing(traits, item) & evidence.trusted


def _may_be_moved(wanted: Wanted, item: Item) -> bool:
    """Whether it may be a plan of ours that somebody changed: made when ours was sent, and changed since."""
    if not (wanted.traits.planned and wanted.window.holds(made_at(item))):
        return False
    return is_changed(item) and any(item.get(name) is not None for name in wanted.traits.instants)


def _is_telling(wanted: Wanted, item: Item) -> bool:
    """Whether what fits can be nobody else's: a plan needs more than times of day to be known by."""
    if not wanted.traits.planned:
        return True
    known = made_at(item) is not None and wanted.window.first_sent is not None
    return known and bool(wanted.traits.description) and _shown(wanted.traits, item).get("description", False)


def is_changed(item: Item) -> bool:
    """Whether somebody changed it after it was made. Where it does not say, somebody may have."""
    made, changed = made_at(item), instant_ms(item.get("updatedAt"))
    return made is None or changed is None or changed != made


def is_alike(one: Traits, other: Traits) -> bool:
    """Whether a look-up could not tell them apart by what was chosen for them."""
    texts = one.description or "", other.description or ""
    return one.instants == other.instants and (not one.planned or _plain(texts[0]) == _plain(texts[1]))


def _instants_agree(traits: Traits, item: Item, within_ms: int) -> bool:
    for name, at in traits.instants.items():
        shown = instant_ms(item.get(name))
        if shown is None or abs(at - shown) >= within_ms:
            return False
    return True


def _differing(traits: Traits, item: Item) -> frozenset[str]:
    """Which of the other fields are shown and are not what was sent."""
    return frozenset(name for name, agrees in _shown(traits, item).items() if not agrees)


def _shown(traits: Traits, item: Item) -> dict[str, bool]:
    """Which of the other fields are shown, and whether each agrees with what was sent."""
    shown: dict[str, bool] = {}
    provider = provider_of(item)
    if traits.provider and provider is not None:
        shown["provider"] = _plain(provider) == _plain(traits.provider)
    rule = item.get("rule")
    rule_id = rule.get("id") if isinstance(rule, Mapping) else None
    if traits.rule_ids and _is_id(rule_id):
        shown["rule"] = rule_id in traits.rule_ids
    description = item.get("description")
    # A plan that was sent without one is none that has one.
    if isinstance(description, str) and (traits.description or (traits.planned and description.strip())):
        shown["description"] = _plain(description) == _plain(traits.description or "")
    return shown


def evidence_of(known: Iterable[tuple[Traits, Item]]) -> Evidence:
    """How the list shows what was sent, by records of ours whose traits are known.

    Some of them may have been edited at the server since; where none shows the instants it was sent with, the list
    cannot be searched.
    """
    same_ms, apart_ms, shown_as_sent, any_known = 1, WHOLE_MINUTE_MS, False, False
    agreed: set[str] = set()
    differed: set[str] = set()
    for traits, item in known:
        any_known = True
        for name, at in traits.instants.items():
            shown = instant_ms(item.get(name))
            if shown is None or abs(shown - at) >= WHOLE_SECOND_MS:
                continue
            shown_as_sent = True
            if shown != at:
                same_ms = WHOLE_SECOND_MS
            # A round instant looks the same however the server cuts it: only others prove anything.
            if at % WHOLE_SECOND_MS and shown == at:
                apart_ms = min(apart_ms, 1)
            elif at % WHOLE_MINUTE_MS >= WHOLE_SECOND_MS:
                apart_ms = min(apart_ms, WHOLE_SECOND_MS)
        for field, agrees in _shown(traits, item).items():
            (agreed if agrees else differed).add(field)
    searchable = shown_as_sent or not any_known
    return Evidence(same_ms, max(apart_ms, same_ms), frozenset(agreed - differed), searchable)


def lacks_provider(wanted: Sequence[Wanted], items: Iterable[Item]) -> list[int]:
    """Ids of the items that may be one of `wanted` and do not show whose work they are: worth a closer look."""
    by_minute: dict[int, list[Wanted]] = {}
    for each in wanted:
        for minute in minutes_of(each.traits):
            by_minute.setdefault(minute, []).append(each)
    found = []
    for item in items:
        number = item_id(item)
        if number is None or provider_of(item) is not None:
            continue
        if any(
            each.traits.provider and fits(each.traits, item, within_ms=WHOLE_SECOND_MS)
            for minute in shown_minutes(item, wanted)
            for each in by_minute.get(minute, ())
        ):
            found.append(number)
    return found


def minutes_of(traits: Traits) -> range:
    """The minutes in which its first instant may be shown: nothing further away is ever the same."""
    first = next(iter(traits.instants.values())) // WHOLE_MINUTE_MS
    return range(first - 1, first + 2)


def shown_minutes(item: Item, wanted: Sequence[Wanted]) -> set[int]:
    """The minute in which an item shows the first instant of what is wanted; empty where it shows none."""
    names = {next(iter(each.traits.instants)) for each in wanted}
    shown = (instant_ms(item.get(name)) for name in names)
    return {at // WHOLE_MINUTE_MS for at in shown if at is not None}


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


def _is_id(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and -MAX_INT <= found <= MAX_INT


def _plain(text: str) -> str:
    # Composed or not, a letter is the same letter.
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()
