"""Settles an update in doubt by what a read of its target showed. Pure.

A mail or a notice must not go out twice by our guessing. So the same bytes are sent again only where it is certain
that they were not carried out; else the change is sent once more without them, which does no harm.

Source: interventions-api.md 7.11, delivery-semantics.md section 5.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from storage.doubts import Doubt
from sync.reconcile import (
    CHANGED_REASON,
    GIVE_UP_AFTER_LOOKUPS,
    Do,
    Now,
    Patience,
    Ruling,
    after_miss,
    again,
    again_s,
    park_reason,
    spoken,
)

FOUND: Final = "change_found"  # the change is there: sent again without its notice, which may have gone out
WITHHELD: Final = "notice_withheld"  # nobody can tell: sent again without its notice
NOTICE_UNKNOWN: Final = "notice_unknown"  # there is nothing but a notice in it
_CONFLICT: Final = "conflict"


class Finding(StrEnum):
    """What a read of its target says of an update in doubt."""

    THERE = "there"  # all that is shown of it is as it was sent
    ABSENT = "absent"  # it was certainly not carried out
    CHANGED = "changed"  # somebody else has changed it since
    UNTOLD = "untold"  # what is shown tells nothing
    REFUSED = "refused"  # it is not shown to us
    UNREACHABLE = "unreachable"  # nobody answered, or the server had trouble


class UpdateSeen(NamedTuple):
    """What one read of its target is worth for an update in doubt. It began at `started_mono_ms`.

    `has_quiet_form`: without its notices something is left of it. `parks_changed`: an edit by somebody else is not
    to be overwritten.
    """

    finding: Finding
    started_mono_ms: int
    has_quiet_form: bool
    parks_changed: bool
    trouble: str = "lookup_unreachable"


def after_read(doubt: Doubt, seen: UpdateSeen, patience: Patience, now: Now) -> Ruling:
    """What becomes of an update in doubt after a read of its target."""
    if doubt.boot != now.boot or doubt.mono_ms is None:
        return Ruling(Do.RESTART)
    if seen.finding is Finding.UNREACHABLE:
        return Ruling(Do.WAIT, spoken(doubt, seen.trouble), again_s=again_s(doubt, patience))
    if doubt.certainly_created:
        return _certainly(doubt, seen.finding)
    unsettled_s = patience.settle_s - (seen.started_mono_ms - doubt.mono_ms) / 1000
    if unsettled_s > 0:  # a person asked before its time: what is on its way still may arrive
        return Ruling(Do.WAIT, again_s=unsettled_s, counts=False)
    if seen.finding is Finding.ABSENT:
        return after_miss(doubt, doubt.mono_ms, seen.started_mono_ms, patience, now)
    return _notice_at_stake(doubt, seen, patience, now)


def _notice_at_stake(doubt: Doubt, seen: UpdateSeen, patience: Patience, now: Now) -> Ruling:
    if seen.finding is Finding.CHANGED and seen.parks_changed:
        return Ruling(Do.PARK, CHANGED_REASON)
    if seen.finding is Finding.REFUSED and doubt.lookups + 1 < GIVE_UP_AFTER_LOOKUPS:
        return Ruling(Do.WAIT, "lookup_unavailable", again_s=patience.gap_s)
    if not seen.has_quiet_form:
        return Ruling(Do.PARK, NOTICE_UNKNOWN)
    return again(doubt, patience, now, Do.QUIET, FOUND if seen.finding is Finding.THERE else WITHHELD)


def _certainly(doubt: Doubt, finding: Finding) -> Ruling:
    """The server answered that it took it, and what could not be read of that answer is not needed: its id is known.

    Only where it says that it holds something else, or shows what was there before, is a person asked.
    """
    if finding is Finding.THERE or (doubt.reason != _CONFLICT and finding is not Finding.ABSENT):
        return Ruling(Do.FOUND)
    return Ruling(Do.PARK, park_reason(doubt))
