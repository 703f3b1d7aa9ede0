"""What a gate does with what was seen of its host. Bounds for any gate are in tests/property/test_policy_laws.py."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from sync import gate as g
from sync.gate import Gate, Mode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN = Gate(Mode.OPEN, since=NOON, proven_at=NOON)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def unreachable(gate: Gate, now: datetime = NOON, cap_s: float = 120.0) -> Gate:
    return g.unreachable(gate, "no_connection", now, probe_cap_s=cap_s, rng=Random(1))


def troubled(gate: Gate) -> Gate:
    return g.troubled(gate, "server_trouble", NOON, probe_cap_s=120, rng=Random(1))


def test_fresh_gate_lets_one_go_first() -> None:
    assert Gate().mode is Mode.CANARY
    assert g.waits_until(Gate(), NOON) is None


def test_dead_link_closes_at_once() -> None:
    closed = unreachable(OPEN)
    assert (closed.mode, closed.reason, closed.failures) == (Mode.CLOSED, "no_connection", 1)
    assert g.waits_until(closed, NOON) == closed.probe_at


def test_closed_gate_waits_until_its_next_look_and_no_longer() -> None:
    closed = unreachable(OPEN)
    assert closed.probe_at is not None
    assert g.waits_until(closed, closed.probe_at - timedelta(milliseconds=1)) == closed.probe_at
    assert g.waits_until(closed, closed.probe_at) is None


def test_wait_between_looks_doubles_to_the_cap() -> None:
    longest = []
    gate = OPEN
    for _ in range(8):
        waits = []
        for seed in range(200):
            looked = g.unreachable(gate, "no_connection", NOON, probe_cap_s=120, rng=Random(seed))
            assert looked.probe_at is not None
            waits.append((looked.probe_at - NOON).total_seconds())
        longest.append(round(max(waits)))
        assert min(waits) >= max(waits) / 2 - 1
        gate = unreachable(gate)
    assert longest == [5, 10, 20, 40, 80, 120, 120, 120]


def test_since_tells_when_the_link_went_and_not_when_it_was_last_looked_for() -> None:
    closed = unreachable(unreachable(OPEN), after(500))
    assert closed.since == NOON


def test_two_troubles_leave_a_canary_and_the_third_closes() -> None:
    once = troubled(OPEN)
    twice = troubled(once)
    thrice = troubled(twice)
    assert [each.mode for each in (once, twice, thrice)] == [Mode.CANARY, Mode.CANARY, Mode.CLOSED]
    assert g.waits_until(twice, NOON) is None
    assert g.waits_until(thrice, NOON) is not None


@pytest.mark.parametrize(
    "gate", [Gate(), unreachable(OPEN), troubled(OPEN)], ids=["fresh", "closed", "troubled"]
)
def test_success_opens_and_forgets(gate: Gate) -> None:
    opened = g.answered(gate, after(9))
    assert (opened.mode, opened.failures, opened.reason) == (Mode.OPEN, 0, None)
    assert opened.proven_at == after(9)
    assert g.waits_until(opened, after(9)) is None


def test_success_of_an_open_gate_only_proves_it_again() -> None:
    assert g.answered(OPEN, after(60)) == Gate(Mode.OPEN, since=NOON, proven_at=after(60))


def test_named_wait_holds_an_open_gate_and_then_lets_one_go_first() -> None:
    held = g.held(OPEN, "busy", NOON, wait_s=60)
    assert g.waits_until(held, NOON) == after(60)
    assert g.waits_until(held, after(60)) is None
    assert held.mode is Mode.CANARY


def test_shorter_wait_does_not_replace_a_longer_one() -> None:
    held = g.held(g.held(OPEN, "busy", NOON, wait_s=600), "busy", after(1), wait_s=5)
    assert held.hold_until == after(600)


def test_success_that_was_under_way_leaves_a_named_wait_standing() -> None:
    held = g.held(OPEN, "busy", NOON, wait_s=60)
    assert g.waits_until(g.answered(held, after(1)), after(1)) == after(60)


def test_success_after_a_named_wait_opens() -> None:
    held = g.held(OPEN, "busy", NOON, wait_s=60)
    assert g.answered(held, after(61)).mode is Mode.OPEN
    assert g.answered(held, after(61)).hold_until is None


def test_dead_link_keeps_a_named_wait() -> None:
    closed = unreachable(g.held(OPEN, "busy", NOON, wait_s=600))
    assert g.waits_until(closed, NOON) == after(600)


def test_link_that_is_back_is_spread_over_the_fleet() -> None:
    closed = unreachable(OPEN)
    starts = []
    for seed in range(200):
        back = g.link_is_back(closed, NOON, spread_s=30, rng=Random(seed))
        assert back.mode is Mode.CANARY
        starts.append(((g.waits_until(back, NOON) or NOON) - NOON).total_seconds())
    assert 0 <= min(starts) < 3
    assert 27 < max(starts) <= 30


def test_link_that_is_back_goes_at_once_where_a_person_waits() -> None:
    back = g.link_is_back(unreachable(OPEN), NOON, spread_s=0, rng=Random(1))
    assert g.waits_until(back, NOON) is None


@pytest.mark.parametrize("spread_s", [0.0, 30.0], ids=["at-once", "spread"])
def test_link_that_is_back_does_not_end_a_named_wait(spread_s: float) -> None:
    closed = unreachable(g.held(OPEN, "busy", NOON, wait_s=600))
    back = g.link_is_back(closed, after(10), spread_s=spread_s, rng=Random(1))
    assert g.waits_until(back, after(10)) == after(600)


@pytest.mark.parametrize("stored", [None, {}, {"mode": "ajar"}, {"mode": "open", "since": "yesterday"}])
def test_note_that_cannot_be_understood_is_a_fresh_gate(stored: dict[str, object] | None) -> None:
    assert Gate.from_json(stored) == Gate()
