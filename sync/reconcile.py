"""Settles entries in doubt by the configured strategy: look at the server, send the same again, or hold for a person.

Pure where it decides. No strategy and no order shortens the settling time: only when the first request can no longer
be carried out does an absent record mean anything. What the server certainly has is never sent again, by any of them.

Source: delivery-semantics.md section 5; what breaks without each rule: tests/simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from storage.doubts import Doubt, Look
from sync.matching import Item, Kind, Match
from sync.policy import Limits


class Strategy(StrEnum):
    """What happens to an entry whose request may or may not have arrived."""

    LOOKUP = "lookup"  # see whether the server has it; send again only what is certainly not there
    KEY = "key"  # the server is known to honour the key: send the same again
    RESEND = "resend"  # send the same key and bytes again after the settling time; may create twice
    HOLD = "hold"  # park it at once, a person decides


# A server that honours keys is taken to remember them for so long; later a repeat would be a new request.
KEY_RETENTION_S: Final = 24 * 3600.0
CLEAN_MISSES: Final = 2
GIVE_UP_AFTER_S: Final = 24 * 3600.0
GIVE_UP_AFTER_LOOKUPS: Final = 3
_LEAST_AGAIN_S: Final = 1.0
# A list that is refused or too long is read once an hour in the end: a fleet must not read it all day.
_LONGEST_AGAIN_S: Final = 3600.0
HELD_REASON: Final = "arrival_unknown"
CREATED_REASON: Final = "answer_unusable"
SEVERAL_REASON: Final = "several_matches"
CHANGED_REASON: Final = "changed_at_server"
# What look-ups say of an entry; the first six while it stays in doubt.
LOOKUP_REASONS: Final = (
    "lookup_missed",
    "lookup_unavailable",
    "lookup_unreachable",
    "lookup_incomplete",
    "lookup_blind",
    "lookup_unclear",
    SEVERAL_REASON,
    "found_at_server",
    "absent_at_server",
    "change_found",
    "notice_withheld",
    "notice_unknown",
)
# Kept as they are: they say more than that the server has it.
_KEPT_REASONS: Final = frozenset({"conflict", "server_id_taken"})


@dataclass(frozen=True, slots=True)
class Patience:
    """The waits of section 5, in seconds, and how often one entry may be sent at all."""

    settle_s: float
    gap_s: float
    limits: Limits

    @property
    def proof_s(self) -> float:
        """So long after the doubt began must the last miss lie."""
        return self.settle_s + self.gap_s


class Now(NamedTuple):
    """The present moment in every measure that counts here. `server_ms` is None where the offset is not known."""

    ms: int
    mono_ms: int
    boot: str
    server_ms: int | None


class Do(StrEnum):
    """What is done with an entry in doubt."""

    WAIT = "wait"
    RESTART = "restart"  # its settling time begins anew
    PARK = "park"
    SEND = "send"  # same key, same bytes
    QUIET = "quiet"  # an update without its mails and notices, with a key of its own
    LOOK = "look"
    FOUND = "found"


class Ruling(NamedTuple):
    """One decision. `reason` is for a parked entry, or what one that stays says from now on (None: as before)."""

    do: Do
    reason: str | None = None
    item: Item | None = None
    clean_miss: bool = False
    again_s: float = 0.0
    counts: bool = True  # as a look-up that was tried


class Seen(NamedTuple):
    """What one reading of the list is worth. `trouble` is why it did not show all it should; None where it did.

    `online`: somebody answered who can be taken for the server. `witnessed`: it showed a record of ours from that
    time. `searchable`: records of ours are listed with the instants that they were sent with.
    """

    started_mono_ms: int
    online: bool
    trouble: str | None
    witnessed: bool
    searchable: bool


def without_look(doubt: Doubt, strategy: Strategy, patience: Patience, now: Now) -> Ruling:
    """What becomes of an entry in doubt by the passing of time alone."""
    if strategy is Strategy.HOLD:
        return Ruling(Do.PARK, park_reason(doubt))
    if strategy is Strategy.RESEND and doubt.certainly_created:
        return Ruling(Do.PARK, park_reason(doubt))
    if doubt.boot != now.boot or doubt.mono_ms is None:
        # Monotonic time of another boot says nothing: the settling time starts again.
        return Ruling(Do.RESTART)
    if now.mono_ms - doubt.mono_ms < patience.settle_s * 1000:
        return Ruling(Do.WAIT)
    by_key = strategy is Strategy.KEY and not doubt.certainly_created and _key_is_remembered(doubt, now)
    if strategy is Strategy.RESEND or by_key:
        return again(doubt, patience, now)
    return Ruling(Do.LOOK)


def after_look(doubt: Doubt, found: Match, seen: Seen, patience: Patience, now: Now) -> Ruling:
    """What becomes of an entry in doubt after a reading of the list."""
    match found.kind:
        case Kind.ONE:
            ruling = Ruling(Do.FOUND, item=found.item)
        case Kind.SEVERAL:
            ruling = Ruling(Do.PARK, SEVERAL_REASON)
        case Kind.LATER:
            ruling = Ruling(Do.WAIT, again_s=max(patience.gap_s, _LEAST_AGAIN_S), counts=False)
        case Kind.NONE | Kind.UNCLEAR:
            ruling = _not_found(doubt, found, seen, patience, now)
        case _:
            assert_never(found.kind)
    return ruling


def _not_found(doubt: Doubt, match: Match, seen: Seen, patience: Patience, now: Now) -> Ruling:
    if doubt.boot != now.boot or doubt.mono_ms is None:
        return Ruling(Do.RESTART)
    unclean = _why_unclean(match, seen)
    if unclean is None:
        return after_miss(doubt, doubt.mono_ms, seen.started_mono_ms, patience, now)
    if gives_up(doubt, now, online=seen.online):
        return Ruling(Do.PARK, park_reason(doubt))
    return Ruling(Do.WAIT, spoken(doubt, unclean), again_s=again_s(doubt, patience))


def _why_unclean(match: Match, seen: Seen) -> str | None:
    """Why it is no proof that nothing fits; None where it is."""
    if match.kind is Kind.UNCLEAR:
        return "lookup_unclear"
    if seen.trouble is not None:
        return seen.trouble
    if not seen.witnessed:
        return "lookup_blind"  # an empty list may only mean that we may not see more
    if not seen.searchable:
        return "lookup_unclear"
    return None


def after_miss(doubt: Doubt, since_ms: int, started_mono_ms: int, patience: Patience, now: Now) -> Ruling:
    """It was not seen by a reading that began then: the second clean miss, late enough, is proof."""
    age_ms = started_mono_ms - since_ms
    unsettled_ms = patience.settle_s * 1000 - age_ms
    gap_left_ms = 0.0
    if doubt.last_miss_mono_ms is not None:
        gap_left_ms = patience.gap_s * 1000 - (started_mono_ms - doubt.last_miss_mono_ms)
    counts = unsettled_ms <= 0 and gap_left_ms <= 0
    misses = doubt.clean_misses + counts
    if misses >= CLEAN_MISSES and age_ms >= patience.proof_s * 1000:
        if doubt.certainly_created:
            return Ruling(Do.PARK, park_reason(doubt), clean_miss=counts)
        return again(doubt, patience, now)
    wait_s = patience.gap_s if counts else max(unsettled_ms, gap_left_ms) / 1000
    return Ruling(Do.WAIT, spoken(doubt, "lookup_missed"), clean_miss=counts, again_s=wait_s)


def again(doubt: Doubt, patience: Patience, now: Now, do: Do = Do.SEND, reason: str | None = None) -> Ruling:
    """Send it once more, if it was not sent too often already."""
    limits = patience.limits
    since = doubt.first_attempt_at
    too_old = since is not None and now.ms - since >= limits.max_age_s * 1000
    if doubt.attempts >= limits.max_attempts or too_old:
        return Ruling(Do.PARK, "attempts_exhausted")
    return Ruling(do, reason)


def _key_is_remembered(doubt: Doubt, now: Now) -> bool:
    """By every clock there is: a wrong one must not turn a repeat into a new request."""
    ages_ms = [waited_ms(doubt, now)]
    if doubt.first_sent_at is None or now.ms < doubt.first_sent_at:
        return False
    ages_ms.append(now.ms - doubt.first_sent_at)
    if doubt.first_sent_server_at is not None and now.server_ms is not None:
        ages_ms.append(now.server_ms - doubt.first_sent_server_at)
    return max(ages_ms) < KEY_RETENTION_S * 1000


def gives_up(doubt: Doubt, now: Now, *, online: bool) -> bool:
    """Whether look-ups have had their time. `online`: the last one was answered."""
    tried = doubt.lookups + online
    return tried >= GIVE_UP_AFTER_LOOKUPS and waited_ms(doubt, now) >= GIVE_UP_AFTER_S * 1000


def look_of(doubt: Doubt, ruling: Ruling, now: Now, *, started_mono_ms: int, online: bool) -> Look:
    """What a look-up does to an entry that stays in doubt. `started_mono_ms` is before its first byte."""
    return Look(
        reason=ruling.reason,
        clean_misses=doubt.clean_misses + ruling.clean_miss,
        last_miss_mono_ms=started_mono_ms if ruling.clean_miss else doubt.last_miss_mono_ms,
        looked_mono_ms=now.mono_ms,
        waited_ms=waited_ms(doubt, now),
        due_mono_ms=now.mono_ms + max(1, int(ruling.again_s * 1000)),
        counts=ruling.counts and online,
    )


def waited_ms(doubt: Doubt, now: Now) -> int:
    """All its time in doubt, in milliseconds of running time: neither a clock that jumps nor a night off adds to it."""
    if doubt.boot != now.boot or doubt.looked_mono_ms is None:
        return doubt.waited_ms
    return doubt.waited_ms + max(0, now.mono_ms - doubt.looked_mono_ms)


def again_s(doubt: Doubt, patience: Patience) -> float:
    """A list that cannot answer is asked more and more rarely."""
    first_s = max(patience.gap_s, _LEAST_AGAIN_S)
    return float(min(max(first_s, _LONGEST_AGAIN_S), first_s * 2.0 ** min(doubt.lookups, 30)))


def spoken(doubt: Doubt, reason: str) -> str | None:
    """What an entry that the server certainly has says stays what it is: it is the more important half."""
    return None if doubt.certainly_created else reason


def park_reason(doubt: Doubt) -> str:
    """Why a person is asked, where nothing more is known than that it was sent."""
    if not doubt.certainly_created:
        return HELD_REASON
    return (doubt.reason in _KEPT_REASONS and doubt.reason) or CREATED_REASON


def still_promising(doubt: Doubt) -> bool:
    """Whether look-ups may yet settle it without a person: the list was not yet shown to be of no use."""
    return doubt.clean_misses > 0 or doubt.lookups < GIVE_UP_AFTER_LOOKUPS
