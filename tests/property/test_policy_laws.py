"""Laws of waiting and deciding: bounds that hold for any outcome, any number of attempts and any clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from storage.lifecycle import Event, State, next_state
from sync import gate as g
from sync import outcome as o
from sync.gate import Gate, Mode
from sync.policy import (
    RETRY_AFTER_CAP_S,
    HostNews,
    Limits,
    Pause,
    RetryBudget,
    Setback,
    Step,
    Tried,
    backoff_s,
    decide,
    exhausted,
    next_attempt_at,
)
from sync.sentences import SENTENCES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR_S = 3600.0

rngs = st.integers(0, 2**32).map(Random)
attempts = st.integers(1, 10_000)
limits = st.builds(
    Limits,
    backoff_base_s=st.floats(0.01, 60),
    backoff_cap_s=st.floats(60, 7200),
    max_attempts=st.integers(1, 50),
    max_age_s=st.floats(60, 86_400 * 30),
)
# Any wait that a server can name, also those that outcome.py would never let through.
hints = st.none() | st.floats(0, 1e12)
moments = st.floats(-10 * 365 * 86_400, 10 * 365 * 86_400).map(lambda s: NOON + timedelta(seconds=s))
tries = st.builds(
    Tried,
    step=st.sampled_from(Step),
    attempts=st.integers(0, 60),
    first_attempt_at=st.none() | moments,
)
reasons = st.sampled_from(sorted(SENTENCES))
statuses = st.none() | st.integers(100, 599)


def told(kind: Callable[..., Setback], **more: Any) -> st.SearchStrategy[Setback]:
    return st.builds(kind, reason=reasons, status=statuses, **more)


retryables = told(o.Retryable, retry_after_s=hints, counts=st.booleans())
setbacks = st.one_of(
    retryables,
    told(o.Unreachable),
    told(o.NotOurs),
    told(o.InDoubt, certainly_created=st.booleans()),
    told(o.AuthRequired),
    told(o.Rejected),
    told(o.EndpointMissing),
    told(o.TargetMissing),
    told(o.UrlSpent),
    told(o.UploadRefused),
    told(o.LocalFault),
)
FREE = (
    o.Unreachable, o.NotOurs, o.AuthRequired, o.Rejected, o.EndpointMissing, o.TargetMissing, o.UrlSpent,
    o.UploadRefused, o.LocalFault,
)  # fmt: skip
gates = st.builds(
    Gate,
    mode=st.sampled_from(Mode),
    reason=st.none() | reasons,
    since=st.none() | moments,
    probe_at=st.none() | moments,
    hold_until=st.none() | moments,
    failures=st.integers(0, 10_000),
    proven_at=st.none() | moments,
)


@given(attempts, limits, rngs)
def test_backoff_lies_between_nothing_and_its_doubling_cap(attempt: int, limit: Limits, rng: Random) -> None:
    longest = min(limit.backoff_cap_s, limit.backoff_base_s * 2.0 ** min(attempt - 1, 60))
    assert 0 <= backoff_s(attempt, limit, rng) <= longest


@given(attempts, limits)
def test_backoff_has_full_jitter(attempt: int, limit: Limits) -> None:
    """P10: devices that failed together do not come back together: all of the wait is random, not a part of it."""
    longest = min(limit.backoff_cap_s, limit.backoff_base_s * 2.0 ** min(attempt - 1, 60))
    rng = Random(attempt)
    waits = [backoff_s(attempt, limit, rng) for _ in range(200)]
    assert min(waits) < 0.1 * longest
    assert max(waits) > 0.9 * longest
    assert 0.35 * longest < sum(waits) / len(waits) < 0.65 * longest


@given(attempts, hints, limits, rngs)
def test_next_attempt_is_ahead_and_within_the_caps(
    attempt: int, hint_s: float | None, limit: Limits, rng: Random
) -> None:
    """P9: no wait is longer than the larger of our cap and an hour, whatever a server wrote."""
    wait_s = (next_attempt_at(attempt, now=NOON, hint_s=hint_s, limits=limit, rng=rng) - NOON).total_seconds()
    assert 0 <= wait_s <= max(limit.backoff_cap_s, RETRY_AFTER_CAP_S) + 1e-6
    if hint_s is not None:
        assert wait_s >= min(hint_s, RETRY_AFTER_CAP_S) - 1e-5, "a server's wait is a floor"


@given(tries, limits)
def test_patience_ends_with_the_attempts_or_the_age_and_with_nothing_else(
    tried: Tried, limit: Limits
) -> None:
    too_often = tried.attempts + 1 >= limit.max_attempts
    too_old = tried.first_attempt_at is not None and (NOON - tried.first_attempt_at).total_seconds() >= (
        limit.max_age_s
    )
    assert exhausted(tried, NOON, limit) is (too_often or too_old)


@given(setbacks, tries, limits, rngs)
def test_every_setback_has_a_verdict_with_a_wait_within_the_caps(
    outcome: Setback, tried: Tried, limit: Limits, rng: Random
) -> None:
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    longest_s = max(limit.backoff_cap_s, RETRY_AFTER_CAP_S)
    if verdict.due_at is not None:
        assert NOON <= verdict.due_at <= NOON + timedelta(seconds=longest_s + 1e-6)
    if verdict.hold_s is not None:
        assert 0 <= verdict.hold_s <= RETRY_AFTER_CAP_S
    assert (verdict.host is HostNews.HELD) is (verdict.hold_s is not None)
    assert verdict.reason in {outcome.reason, "attempts_exhausted"}


@given(setbacks, tries, limits, rngs)
def test_only_what_was_tried_and_failed_by_itself_costs_an_attempt(
    outcome: Setback, tried: Tried, limit: Limits, rng: Random
) -> None:
    """P6: a dead link, a portal, a sign-in and a busy server are nobody's attempt."""
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    match outcome:
        case o.Retryable(counts=counts):
            assert verdict.counted is counts
        case o.InDoubt():
            assert verdict.counted
        case _:
            assert isinstance(outcome, FREE)
            assert not verdict.counted
    assert verdict.link_failure is isinstance(outcome, o.Unreachable | o.NotOurs)


@given(setbacks, tries, limits, rngs)
def test_free_outcome_never_uses_up_the_budget(
    outcome: Setback, tried: Tried, limit: Limits, rng: Random
) -> None:
    """P6: however long it lasts, what counts nothing ends nothing."""
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    if not verdict.counted:
        assert verdict.reason == outcome.reason
    if verdict.reason == "attempts_exhausted" and outcome.reason != "attempts_exhausted":
        assert verdict.event is Event.PARK
        assert exhausted(tried, NOON, limit)


@given(retryables, tries, limits, rngs)
def test_counted_retries_end(outcome: o.Retryable, tried: Tried, limit: Limits, rng: Random) -> None:
    """P3: an entry that fails for ever is parked one day."""
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    over = outcome.counts and exhausted(tried, NOON, limit)
    assert verdict.event is (Event.PARK if over else Event.RETRY)


@given(setbacks, tries, limits, rngs)
def test_doubt_is_told_as_doubt_and_certainty_is_passed_on(
    outcome: Setback, tried: Tried, limit: Limits, rng: Random
) -> None:
    """P2: nothing but a doubt becomes one, and no doubt becomes a retry."""
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    assert (verdict.event is Event.DOUBT) is isinstance(outcome, o.InDoubt)
    assert verdict.certainly_created is (isinstance(outcome, o.InDoubt) and outcome.certainly_created)


@given(setbacks, tries, limits, rngs)
def test_only_sign_in_and_missing_route_pause(
    outcome: Setback, tried: Tried, limit: Limits, rng: Random
) -> None:
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    wanted = {o.AuthRequired: Pause.OWNER, o.EndpointMissing: Pause.QUEUE}.get(type(outcome))
    assert verdict.pause is wanted
    if wanted is not None:
        assert verdict.event is Event.RETRY


@given(setbacks, tries, limits, rngs)
def test_lifecycle_knows_every_verdict_of_a_send(
    outcome: Setback, tried: Tried, limit: Limits, rng: Random
) -> None:
    """P3: a verdict that the table has no move for would leave the entry where it is."""
    verdict = decide(outcome, tried, now=NOON, limits=limit, rng=rng)
    next_state(State.SENDING, verdict.event)
    if isinstance(
        outcome, o.Retryable | o.Unreachable | o.NotOurs | o.UrlSpent | o.UploadRefused | o.LocalFault
    ):
        after = next_state(State.ACCEPTED, verdict.event)
        assert after in (State.ACCEPTED, State.PARKED), "upload trouble is never dead"


@given(gates, rngs, st.floats(1, 3600), reasons)
def test_look_at_a_dead_link_comes_within_its_cap(gate: Gate, rng: Random, cap_s: float, reason: str) -> None:
    """P10: neither a storm of looks nor silence: between half the floor and the cap."""
    closed = g.unreachable(gate, reason, NOON, probe_cap_s=cap_s, rng=rng)
    assert closed.probe_at is not None
    wait_s = (closed.probe_at - NOON).total_seconds()
    assert min(cap_s, g.PROBE_FLOOR_S) / 2 - 1e-6 <= wait_s <= cap_s + 1e-6
    assert (closed.mode, closed.failures) == (Mode.CLOSED, gate.failures + 1)


@given(gates, st.floats(1, 3600), st.floats(1, 3600))
def test_no_loaded_gate_waits_longer_than_its_caps(gate: Gate, probe_cap_s: float, hold_cap_s: float) -> None:
    """P9: whatever a clock that jumped had written."""
    loaded = g.clamped(gate, NOON, probe_cap_s=probe_cap_s, hold_cap_s=hold_cap_s)
    until = g.waits_until(loaded, NOON)
    assert until is None or NOON < until <= NOON + timedelta(seconds=max(probe_cap_s, hold_cap_s) + 1e-6)


@given(gates)
def test_gate_survives_being_stored(gate: Gate) -> None:
    assert Gate.from_json(gate.to_json()) == gate


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=3,
    ).flatmap(
        lambda junk: st.dictionaries(
            st.sampled_from(["mode", "probe_at", "hold_until", "failures", "since", "x"]), st.just(junk)
        )
    )
)
def test_gate_that_cannot_be_understood_is_a_fresh_one(stored: dict[str, Any]) -> None:
    """P3: a damaged note about a host must not stop the device from looking for it."""
    assert isinstance(Gate.from_json(stored), Gate)


@given(gates, st.floats(0, 3600), st.floats(0, 3600), reasons)
def test_longer_of_two_named_waits_stands(gate: Gate, first_s: float, second_s: float, reason: str) -> None:
    held = g.held(g.held(gate, reason, NOON, wait_s=first_s), reason, NOON, wait_s=second_s)
    assert held.hold_until is not None
    assert held.hold_until >= NOON + timedelta(seconds=max(first_s, second_s))


@given(gates, st.floats(1, 3600), reasons)
def test_success_under_way_does_not_end_a_named_wait(gate: Gate, wait_s: float, reason: str) -> None:
    """P10: several requests are on the wire; the server that told one of them to wait means all that come after."""
    answered = g.answered(g.held(gate, reason, NOON, wait_s=wait_s), NOON)
    until = g.waits_until(answered, NOON)
    assert until is not None
    assert until >= NOON + timedelta(seconds=wait_s)


@given(st.lists(st.booleans(), max_size=200))
def test_retry_budget_stays_in_bounds_and_never_stops_a_queue(events: list[bool]) -> None:
    """P10: at most ten repeats at once, never less than nothing, and one success too few is made up in the end."""
    budget = RetryBudget()
    for succeeded in events:
        if succeeded:
            budget.succeeded()
        else:
            budget.retried()
        assert 0 <= budget.tokens <= 10
        assert budget.spent is (budget.tokens < 1)
    budget.succeeded()
    budget.succeeded()
    assert not budget.spent, "two successes always pay for one repeat"
