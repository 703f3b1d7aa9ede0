"""What becomes of an entry in doubt, by strategy, time and what a look-up showed. Pure, so every case is one call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.doubts import Doubt
from sync.matching import Kind, Match
from sync.policy import Limits
from sync.reconcile import (
    Do,
    Now,
    Patience,
    Ruling,
    Seen,
    Strategy,
    after_look,
    still_promising,
    waited_ms,
    without_look,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SENT_AT = 1_772_452_800_000
BEGAN_MS = 500_000  # monotonic, when the doubt began
PATIENCE = Patience(settle_s=60, gap_s=60, limits=Limits())
IN_DOUBT = Doubt(
    seq=1, kind="unplanned-preventive", owner=None, lease_fence=2, certainly_created=False, reason="answer_lost",
    attempts=1, first_attempt_at=SENT_AT, first_sent_at=SENT_AT, last_sent_at=SENT_AT, first_sent_server_at=SENT_AT,
    last_sent_server_at=SENT_AT, mono_ms=BEGAN_MS, boot="boot-1", lookups=0, clean_misses=0,
    last_miss_mono_ms=None, looked_mono_ms=BEGAN_MS, waited_ms=0, lookup_due_mono_ms=BEGAN_MS,
)  # fmt: skip
NOTHING = Match(Kind.NONE)
STRATEGIES = [pytest.param(each, id=each.value) for each in Strategy]


def doubt(**changes: Any) -> Doubt:
    return replace(IN_DOUBT, **changes)


def after(seconds: float, *, boot: str = "boot-1", jump_ms: int = 0) -> Now:
    """So long after the doubt began; `jump_ms` is what the wall clock alone did."""
    passed = int(seconds * 1000)
    return Now(SENT_AT + passed + jump_ms, BEGAN_MS + passed, boot, SENT_AT + passed)


def seen(seconds: float, **changes: Any) -> Seen:
    """A reading that began so long after the doubt did; clean unless told otherwise."""
    facts: dict[str, Any] = {"online": True, "trouble": None, "witnessed": True, "searchable": True}
    return Seen(BEGAN_MS + int(seconds * 1000), **(facts | changes))


def looked(at_s: float, entry: Doubt = IN_DOUBT, match: Match = NOTHING, **changes: Any) -> Ruling:
    return after_look(entry, match, seen(at_s, **changes), PATIENCE, after(at_s))


def missed_at(seconds: float, **changes: Any) -> Doubt:
    """With one clean miss behind it."""
    return doubt(clean_misses=1, last_miss_mono_ms=BEGAN_MS + int(seconds * 1000), lookups=1, **changes)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("created", [False, True], ids=["unknown", "created"])
def test_no_strategy_sends_before_the_settling_time(strategy: Strategy, created: bool) -> None:
    ruling = without_look(doubt(certainly_created=created), strategy, PATIENCE, after(59.9))
    assert ruling.do in (Do.WAIT, Do.PARK)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seconds", [0, 61, 3600, 90_000, 10**7])
def test_no_strategy_ever_sends_what_the_server_certainly_has(strategy: Strategy, seconds: float) -> None:
    created = doubt(certainly_created=True, clean_misses=1, last_miss_mono_ms=BEGAN_MS)
    assert without_look(created, strategy, PATIENCE, after(seconds)).do is not Do.SEND
    assert looked(max(seconds, 120), created).do is not Do.SEND


@pytest.mark.parametrize("strategy", [Strategy.LOOKUP, Strategy.KEY, Strategy.RESEND])
def test_settling_time_starts_again_after_a_reboot(strategy: Strategy) -> None:
    assert without_look(IN_DOUBT, strategy, PATIENCE, after(10**6, boot="boot-2")).do is Do.RESTART


@pytest.mark.parametrize(
    ("strategy", "do"),
    [
        (Strategy.LOOKUP, Do.LOOK),
        (Strategy.KEY, Do.SEND),
        (Strategy.RESEND, Do.SEND),
        (Strategy.HOLD, Do.PARK),
    ],
)
def test_each_strategy_does_its_own_once_settled(strategy: Strategy, do: Do) -> None:
    assert without_look(IN_DOUBT, strategy, PATIENCE, after(60)).do is do


@pytest.mark.parametrize(
    ("entry", "now"),
    [
        pytest.param(doubt(), after(86_401), id="a day by the device's clock"),
        pytest.param(doubt(), after(61, jump_ms=DAY_MS), id="a clock that jumped ahead"),
        pytest.param(doubt(), after(61, jump_ms=-DAY_MS), id="a clock that jumped back: nobody knows"),
        pytest.param(doubt(waited_ms=DAY_MS), after(61), id="a day in doubt"),
        pytest.param(
            doubt(first_sent_server_at=SENT_AT - DAY_MS), after(61), id="a day by the server's clock"
        ),
        pytest.param(doubt(certainly_created=True), after(61), id="certainly created"),
        pytest.param(
            doubt(first_sent_server_at=None),
            after(30 * 3600, jump_ms=-DAY_MS // 2),
            id="a day in doubt, never looked up, clock set back",
        ),
    ],
)
def test_key_that_the_server_may_have_forgotten_is_not_trusted(entry: Doubt, now: Now) -> None:
    assert without_look(entry, Strategy.KEY, PATIENCE, now).do is Do.LOOK


@pytest.mark.parametrize("strategy", [Strategy.KEY, Strategy.RESEND])
def test_entry_that_was_sent_too_often_is_parked(strategy: Strategy) -> None:
    worn = doubt(attempts=12)
    assert without_look(worn, strategy, PATIENCE, after(61)) == Ruling(Do.PARK, "attempts_exhausted")


def test_what_is_found_is_adopted_at_any_time() -> None:
    item = {"id": 7}
    for trouble in (None, "lookup_incomplete"):
        ruling = looked(1, match=Match(Kind.ONE, item), trouble=trouble, witnessed=False)
        assert (ruling.do, ruling.item) == (Do.FOUND, item)


def test_several_matches_are_for_a_person() -> None:
    assert looked(61, match=Match(Kind.SEVERAL)) == Ruling(Do.PARK, "several_matches")


def test_miss_that_comes_too_soon_after_another_waits_out_the_gap() -> None:
    """A person's resync hastens the look-up: the next one must not follow at once, and again and again."""
    ruling = looked(100, missed_at(70))
    assert (ruling.do, ruling.clean_miss) == (Do.WAIT, False)
    assert ruling.again_s == pytest.approx(30)


def test_miss_before_the_settling_time_counts_for_nothing() -> None:
    ruling = looked(30)
    assert (ruling.do, ruling.clean_miss) == (Do.WAIT, False)
    assert ruling.again_s == pytest.approx(30), "the next look-up comes when one can count"


def test_first_clean_miss_is_remembered_and_the_second_comes_a_gap_later() -> None:
    assert looked(61) == Ruling(Do.WAIT, "lookup_missed", clean_miss=True, again_s=60)


def test_second_miss_too_soon_after_the_first_counts_for_nothing() -> None:
    ruling = looked(130, missed_at(100))
    assert (ruling.do, ruling.clean_miss) == (Do.WAIT, False)


def test_two_misses_let_it_be_sent_again_only_after_settling_time_and_gap() -> None:
    short = Patience(settle_s=60, gap_s=10, limits=Limits())
    early = after_look(missed_at(60), NOTHING, seen(69.9), short, after(69.9))
    assert early.do is Do.WAIT
    assert after_look(missed_at(60), NOTHING, seen(70), short, after(70)).do is Do.SEND
    assert looked(119.9, missed_at(59.9)).do is Do.WAIT
    assert looked(120, missed_at(60)).do is Do.SEND


def test_time_of_a_miss_is_when_its_reading_began() -> None:
    """The list was asked at 119 s and took 30: what was stored in between is not in it."""
    assert after_look(missed_at(55), NOTHING, seen(119), PATIENCE, after(149)).do is Do.WAIT


@pytest.mark.parametrize(
    ("changes", "match", "reason"),
    [
        pytest.param({"trouble": "lookup_unavailable"}, NOTHING, "lookup_unavailable", id="refused"),
        pytest.param({"trouble": "lookup_incomplete"}, NOTHING, "lookup_incomplete", id="goes on"),
        pytest.param({"witnessed": False}, NOTHING, "lookup_blind", id="nothing of ours"),
        pytest.param({"searchable": False}, NOTHING, "lookup_unclear", id="other instants than were sent"),
        pytest.param({}, Match(Kind.UNCLEAR), "lookup_unclear", id="made at another time"),
    ],
)
def test_unclean_miss_never_counts_and_says_why(changes: dict[str, Any], match: Match, reason: str) -> None:
    ruling = looked(10_000, missed_at(60), match, **changes)
    assert (ruling.do, ruling.clean_miss, ruling.reason) == (Do.WAIT, False, reason)


def test_list_that_cannot_answer_is_asked_more_and_more_rarely() -> None:
    waits = [looked(100, doubt(lookups=n), trouble="lookup_unavailable").again_s for n in range(8)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (60, 3600)


def test_what_could_not_be_read_closer_yet_is_neither_match_nor_miss_nor_tried() -> None:
    ruling = looked(10_000, missed_at(60), Match(Kind.LATER, {"id": 1}))
    assert (ruling.do, ruling.clean_miss, ruling.counts, ruling.again_s) == (Do.WAIT, False, False, 60)


def test_without_a_gap_an_unclean_look_up_is_not_repeated_at_once() -> None:
    eager = Patience(settle_s=0, gap_s=0, limits=Limits())
    ruling = after_look(IN_DOUBT, NOTHING, seen(1, trouble="lookup_unavailable"), eager, after(1))
    assert ruling.again_s >= 1


@pytest.mark.parametrize(
    ("waited", "lookups", "online", "do"),
    [
        (DAY_MS, 2, True, Do.PARK),
        (DAY_MS, 3, False, Do.PARK),
        (DAY_MS, 1, True, Do.WAIT),
        (DAY_MS, 2, False, Do.WAIT),
        (DAY_MS - HOUR_MS, 50, True, Do.WAIT),
    ],
)
def test_person_is_asked_after_a_day_and_three_look_ups_that_reached_the_server(
    waited: int, lookups: int, online: bool, do: Do
) -> None:
    entry = doubt(waited_ms=waited, lookups=lookups)
    ruling = looked(1, entry, trouble="lookup_unavailable", online=online)
    assert (ruling.do, ruling.reason) == (do, "arrival_unknown" if do is Do.PARK else "lookup_unavailable")


def test_clock_that_jumps_brings_nobody_closer_to_giving_up() -> None:
    assert waited_ms(IN_DOUBT, after(60, jump_ms=3 * DAY_MS)) == 60_000
    assert waited_ms(IN_DOUBT, after(60, jump_ms=-700 * DAY_MS)) == 60_000
    assert waited_ms(doubt(waited_ms=5), after(60, boot="boot-2")) == 5


@pytest.mark.parametrize(
    ("reason", "parked"),
    [("conflict", "conflict"), ("server_id_taken", "server_id_taken"), ("answer_unusable", "answer_unusable"),
     ("interrupted", "answer_unusable"), (None, "answer_unusable")],
)  # fmt: skip
def test_record_that_certainly_exists_and_is_not_shown_is_for_a_person(
    reason: str | None, parked: str
) -> None:
    entry = missed_at(60, certainly_created=True, reason=reason)
    assert looked(120, entry) == Ruling(Do.PARK, parked, clean_miss=True)
    waiting = looked(61, doubt(certainly_created=True, reason=reason))
    assert waiting.reason is None, "meanwhile it goes on saying what made it so"


def test_list_that_was_of_no_use_three_times_is_not_waited_for() -> None:
    assert still_promising(doubt(lookups=2))
    assert not still_promising(doubt(lookups=3))
    assert still_promising(
        missed_at(
            60,
        )
    )
