"""What becomes of an update in doubt after a read of its target. Pure, so every case is one call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.doubts import Doubt
from sync.policy import Limits
from sync.reconcile import Do, Now, Patience, Ruling
from sync.reconcile_update import Finding, UpdateSeen, after_read

SENT_AT = 1_772_452_800_000
BEGAN_MS = 500_000
PATIENCE = Patience(settle_s=60, gap_s=60, limits=Limits())
IN_DOUBT = Doubt(
    seq=1, kind="preventive-update", owner=None, lease_fence=2, certainly_created=False, reason="answer_lost",
    attempts=1, first_attempt_at=SENT_AT, first_sent_at=SENT_AT, last_sent_at=SENT_AT, first_sent_server_at=SENT_AT,
    last_sent_server_at=SENT_AT, mono_ms=BEGAN_MS, boot="boot-1", lookups=0, clean_misses=0,
    last_miss_mono_ms=None, looked_mono_ms=BEGAN_MS, waited_ms=0, lookup_due_mono_ms=BEGAN_MS, creates=False,
)  # fmt: skip
MISSED_ONCE = replace(IN_DOUBT, clean_misses=1, last_miss_mono_ms=BEGAN_MS + 61_000)
CERTAIN = replace(IN_DOUBT, certainly_created=True, reason="answer_unusable")
REFUSED = replace(IN_DOUBT, certainly_created=True, reason="conflict")
ANSWERED = [each for each in Finding if each is not Finding.UNREACHABLE]


def ruled(finding: Finding, at_s: float = 61, entry: Doubt = IN_DOUBT, **facts: Any) -> Ruling:
    """What follows from a read that began, and was written down, so long after the doubt did."""
    usual: dict[str, Any] = {"has_quiet_form": True, "parks_changed": True}
    started = BEGAN_MS + int(at_s * 1000)
    seen = UpdateSeen(finding, started, **(usual | facts))
    return after_read(entry, seen, PATIENCE, Now(SENT_AT + int(at_s * 1000), started, "boot-1", SENT_AT))


@pytest.mark.parametrize(
    ("finding", "do", "reason"),
    [
        (Finding.THERE, Do.QUIET, "change_found"),
        (Finding.UNTOLD, Do.QUIET, "notice_withheld"),
        (Finding.CHANGED, Do.PARK, "changed_at_server"),
        (Finding.ABSENT, Do.WAIT, "lookup_missed"),
        (Finding.REFUSED, Do.WAIT, "lookup_unavailable"),
        (Finding.UNREACHABLE, Do.WAIT, "lookup_unreachable"),
    ],
)
def test_first_reading_after_the_settling_time(finding: Finding, do: Do, reason: str) -> None:
    assert ruled(finding)[:2] == (do, reason)


@pytest.mark.parametrize("finding", ANSWERED)
def test_nothing_is_sent_or_held_before_the_settling_time(finding: Finding) -> None:
    ruling = ruled(finding, 59)
    assert (ruling.do, ruling.counts, ruling.clean_miss) == (Do.WAIT, False, False)
    assert ruling.again_s == pytest.approx(1)


def test_second_miss_a_gap_later_has_the_same_bytes_sent_again() -> None:
    assert ruled(Finding.ABSENT, 120, MISSED_ONCE).do is Do.WAIT, "not a gap after the first"
    assert ruled(Finding.ABSENT, 121, MISSED_ONCE) == Ruling(Do.SEND)


def test_edit_by_somebody_else_is_overwritten_only_where_that_is_wanted() -> None:
    assert ruled(Finding.CHANGED, parks_changed=False)[:2] == (Do.QUIET, "notice_withheld")


@pytest.mark.parametrize("finding", [Finding.THERE, Finding.UNTOLD, Finding.REFUSED, Finding.CHANGED])
def test_update_without_a_quiet_form_is_for_a_person(finding: Finding) -> None:
    entry = replace(IN_DOUBT, lookups=2)
    assert ruled(finding, 61, entry, has_quiet_form=False, parks_changed=False) == Ruling(
        Do.PARK, "notice_unknown"
    )


def test_refusal_is_believed_the_third_time() -> None:
    assert ruled(Finding.REFUSED, 61, replace(IN_DOUBT, lookups=1)).do is Do.WAIT
    assert ruled(Finding.REFUSED, 61, replace(IN_DOUBT, lookups=2)).do is Do.QUIET


@pytest.mark.parametrize("finding", [Finding.THERE, Finding.UNTOLD, Finding.REFUSED, Finding.CHANGED])
def test_update_that_the_server_took_is_done(finding: Finding) -> None:
    assert ruled(finding, 61, CERTAIN) == Ruling(Do.FOUND)


@pytest.mark.parametrize("finding", Finding)
@pytest.mark.parametrize("entry", [CERTAIN, REFUSED], ids=["taken", "conflict"])
def test_what_the_server_has_is_never_sent_again(entry: Doubt, finding: Finding) -> None:
    for at_s in (1, 61, 200):
        assert ruled(finding, at_s, entry).do not in (Do.SEND, Do.QUIET)


def test_conflict_is_done_only_where_the_change_is_shown() -> None:
    assert ruled(Finding.THERE, 61, REFUSED).do is Do.FOUND
    for finding in (Finding.ABSENT, Finding.UNTOLD, Finding.CHANGED, Finding.REFUSED):
        assert ruled(finding, 61, REFUSED) == Ruling(Do.PARK, "conflict")
    assert ruled(Finding.ABSENT, 61, CERTAIN) == Ruling(Do.PARK, "answer_unusable")


@pytest.mark.parametrize("finding", [Finding.THERE, Finding.UNTOLD])
def test_update_that_was_sent_too_often_is_parked(finding: Finding) -> None:
    tired = replace(IN_DOUBT, attempts=12)
    assert ruled(finding, 61, tired) == Ruling(Do.PARK, "attempts_exhausted")


def test_doubt_of_another_boot_begins_anew() -> None:
    assert ruled(Finding.THERE, 61, replace(IN_DOUBT, boot="boot-0")).do is Do.RESTART
