"""What each outcome means for its entry, the host it went to, and the pass: the table, row by row."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from storage.lifecycle import Event
from sync import outcome as o
from sync.policy import (
    HostNews,
    Limits,
    Pause,
    RetryBudget,
    Setback,
    Step,
    Tried,
    Verdict,
    decide,
    exhausted,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEND = Tried(Step.SEND, 0, None)
LIMITS = Limits()


def verdict(outcome: Setback, tried: Tried = SEND, limits: Limits = LIMITS) -> Verdict:
    return decide(outcome, tried, now=NOON, limits=limits, rng=Random(1))


@pytest.mark.parametrize(
    ("outcome", "event", "host", "counted", "pause"),
    [
        (o.Unreachable(reason="no_connection"), Event.RETRY, HostNews.UNREACHABLE, False, None),
        (o.NotOurs(reason="redirected", status=302), Event.RETRY, HostNews.UNREACHABLE, False, None),
        (o.InDoubt(reason="answer_lost"), Event.DOUBT, HostNews.NONE, True, None),
        (o.InDoubt(reason="server_trouble", status=500), Event.DOUBT, HostNews.TROUBLED, True, None),
        (o.InDoubt(reason="server_trouble", status=503), Event.DOUBT, HostNews.TROUBLED, True, None),
        (o.InDoubt(reason="server_trouble", status=504), Event.DOUBT, HostNews.TROUBLED, True, None),
        (o.InDoubt(reason="answer_late"), Event.DOUBT, HostNews.TROUBLED, True, None),
        (
            o.InDoubt(reason="conflict", status=409, certainly_created=True),
            Event.DOUBT,
            HostNews.NONE,
            True,
            None,
        ),
        (
            o.AuthRequired(reason="auth_required", status=401),
            Event.RETRY,
            HostNews.ANSWERED,
            False,
            Pause.OWNER,
        ),
        (
            o.EndpointMissing(reason="endpoint_missing", status=404),
            Event.RETRY,
            HostNews.ANSWERED,
            False,
            Pause.QUEUE,
        ),
        (o.Rejected(reason="refused", status=422), Event.REJECT, HostNews.ANSWERED, False, None),
        (o.TargetMissing(reason="target_missing", status=404), Event.PARK, HostNews.ANSWERED, False, None),
        (o.UrlSpent(reason="upload_expired", status=403), Event.PARK, HostNews.TROUBLED, False, None),
        (o.UploadRefused(reason="upload_forbidden", status=403), Event.PARK, HostNews.TROUBLED, False, None),
        (o.LocalFault(reason="local_fault"), Event.PARK, HostNews.NONE, False, None),
        (o.Retryable(reason="upload_trouble", status=500), Event.RETRY, HostNews.TROUBLED, True, None),
        (
            o.Retryable(reason="busy", status=429, retry_after_s=30, counts=False),
            Event.RETRY,
            HostNews.HELD,
            False,
            None,
        ),
        (
            o.Retryable(reason="busy", status=503, retry_after_s=30),
            Event.RETRY,
            HostNews.HELD,
            True,
            None,
        ),
    ],
    ids=lambda value: f"{value.name}-{value.status or value.reason}" if hasattr(value, "sentence") else "",
)
def test_each_outcome_has_its_consequence(
    outcome: Setback, event: Event, host: HostNews, counted: bool, pause: Pause | None
) -> None:
    found = verdict(outcome)
    assert (found.event, found.host, found.counted, found.pause) == (event, host, counted, pause)
    assert found.reason == outcome.reason


def test_free_outcomes_leave_the_waiting_to_gates_and_pauses() -> None:
    for outcome in (
        o.Unreachable(reason="no_connection"),
        o.NotOurs(reason="redirected"),
        o.AuthRequired(reason="auth_required"),
        o.Retryable(reason="busy", counts=False, retry_after_s=60),
    ):
        assert verdict(outcome).due_at is None


def test_counted_retry_waits_for_itself() -> None:
    found = verdict(o.Retryable(reason="upload_trouble", status=500), Tried(Step.UPLOAD, 5, NOON))
    assert found.due_at is not None
    assert NOON <= found.due_at <= NOON + timedelta(seconds=64)


def test_wait_that_the_server_names_is_a_floor_for_the_entry_and_holds_the_host() -> None:
    found = verdict(o.Retryable(reason="busy", status=503, retry_after_s=300))
    assert found.due_at is not None
    assert found.due_at >= NOON + timedelta(seconds=300)
    assert found.hold_s == 300


@pytest.mark.parametrize("named_s", [None, 0.0])
def test_busy_server_that_names_no_wait_gets_one_of_ours(named_s: float | None) -> None:
    holds = {
        decide(
            o.Retryable(reason="busy", status=429, retry_after_s=named_s, counts=False),
            SEND,
            now=NOON,
            limits=LIMITS,
            rng=Random(seed),
        ).hold_s
        for seed in range(50)
    }
    assert len(holds) == 50, "devices that were turned away together come back apart"
    assert all(hold_s is not None and 0 <= hold_s <= 16 for hold_s in holds)


@pytest.mark.parametrize("named_s", [3601.0, 1e9])
def test_named_wait_is_cut_to_an_hour(named_s: float) -> None:
    assert verdict(o.Retryable(reason="busy", retry_after_s=named_s, counts=False)).hold_s == 3600
    found = verdict(o.Retryable(reason="busy", retry_after_s=named_s))
    assert (found.due_at, found.hold_s) == (NOON + timedelta(hours=1), 3600)


@pytest.mark.parametrize(
    ("attempts", "first_s_ago", "over"),
    [
        (0, None, False),
        (10, 60, False),
        (11, 60, True),  # this one is the twelfth
        (12, 60, True),
        (1, 7 * 86_400 - 1, False),
        (1, 7 * 86_400, True),
        (0, -86_400, False),  # the clock went back
    ],
)
def test_patience_ends_after_twelve_tries_or_seven_days(
    attempts: int, first_s_ago: float | None, over: bool
) -> None:
    first = None if first_s_ago is None else NOON - timedelta(seconds=first_s_ago)
    assert exhausted(Tried(Step.UPLOAD, attempts, first), NOON, LIMITS) is over


def test_counted_retry_parks_when_patience_ends() -> None:
    found = verdict(o.Retryable(reason="upload_trouble", status=500), Tried(Step.UPLOAD, 11, NOON))
    assert (found.event, found.reason, found.counted) == (Event.PARK, "attempts_exhausted", True)


def test_being_turned_away_never_ends_patience() -> None:
    found = verdict(
        o.Retryable(reason="busy", status=429, counts=False),
        Tried(Step.SEND, 500, NOON - timedelta(days=90)),
    )
    assert (found.event, found.reason, found.counted) == (Event.RETRY, "busy", False)


def test_storage_that_stored_something_else_did_answer() -> None:
    """Its own trouble, not the host's: the others' uploads go on."""
    found = verdict(o.Retryable(reason="upload_damaged", status=200), Tried(Step.UPLOAD, 0, None))
    assert (found.host, found.counted) == (HostNews.ANSWERED, True)


def test_repeats_are_paid_for_from_a_budget_of_ten() -> None:
    budget = RetryBudget()
    for _ in range(9):
        budget.retried()
    assert not budget.spent
    budget.retried()
    assert budget.spent
    budget.retried()
    assert budget.tokens == 0
    budget.succeeded()
    assert budget.spent
    budget.succeeded()
    assert not budget.spent


def test_budget_does_not_grow_beyond_its_size() -> None:
    budget = RetryBudget()
    for _ in range(100):
        budget.succeeded()
    for _ in range(10):
        budget.retried()
    assert budget.spent
