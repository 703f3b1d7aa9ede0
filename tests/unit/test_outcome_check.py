"""What one read of an intervention before its update came to. No answer to it pauses anything or costs an attempt."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from sync import outcome as o
from sync.exchange import Failure, FailureKind, Reply
from sync.policy import Limits, Step, Tried, decide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def reply(
    status: int, body: Any = None, *, secure: bool = True, complete: bool = True, **headers: str
) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, data, body_complete=complete, secure=secure, received_at=NOON)


def read(exchange: Reply | Failure, *, patient: bool = True) -> o.Outcome:
    return o.classify_check(exchange, server_id=7, patient=patient)


SHOWN = {"data": {"id": 7, "updatedAt": "2026-03-01T10:00:00.000Z"}}


@pytest.mark.parametrize("data", [SHOWN["data"], {"updatedAt": "2026-03-01T10:00:00.000Z"}])
def test_intervention_that_is_shown_is_kept(data: dict[str, Any]) -> None:
    shown = read(reply(200, {"data": data}))
    assert isinstance(shown, o.TargetShown)
    assert shown.item == data
    assert "2026" not in repr(shown), "somebody's intervention is in no log"


@pytest.mark.parametrize(
    ("exchange", "kind", "reason"),
    [
        (reply(401), o.ReadRefused, "check_refused"),
        (reply(403), o.ReadRefused, "check_refused"),
        (reply(404), o.ReadRefused, "check_refused"),
        (reply(500), o.ReadRefused, "check_refused"),
        (reply(503, retry_after="9"), o.ReadRefused, "check_refused"),
        (reply(200, {"data": {"id": 8}}), o.ReadRefused, "check_refused"),
        (reply(200, {"data": [SHOWN["data"]]}), o.ReadRefused, "check_refused"),
        (reply(200, b"not json"), o.ReadRefused, "check_refused"),
        (reply(200, b"<html>"), o.ReadRefused, "check_refused"),
        (reply(302), o.ReadRefused, "check_refused"),
        (reply(204, b""), o.ReadRefused, "check_refused"),
        (reply(200, SHOWN, complete=False), o.ReadLost, "check_lost"),
        (reply(302, secure=False), o.NotOurs, "page_instead_of_answer"),
        (reply(200, b"<html>", secure=False), o.NotOurs, "page_instead_of_answer"),
        (reply(511), o.NotOurs, "network_sign_in"),
        (reply(407), o.NotOurs, "network_sign_in"),
        (Failure(FailureKind.CONNECT, False, "no route"), o.Unreachable, "no_connection"),
        (Failure(FailureKind.READ_TIMEOUT, False, "late"), o.Unreachable, "no_connection"),
        (Failure(FailureKind.TLS_UNTRUSTED, False, "bad"), o.Unreachable, "tls_untrusted"),
        (Failure(FailureKind.TLS_WRONG_PEER, False, "bad"), o.NotOurs, "tls_untrusted"),
        (Failure(FailureKind.READ_TIMEOUT, True, "late"), o.ReadLost, "check_lost"),
        (Failure(FailureKind.DISCONNECTED, True, "gone"), o.ReadLost, "check_lost"),
        (Failure(FailureKind.LOCAL, False, "bad"), o.ReadRefused, "check_refused"),
    ],
)
def test_what_is_not_shown_has_a_name(exchange: Reply | Failure, kind: type, reason: str) -> None:
    found = read(exchange)
    assert (type(found), found.reason) == (kind, reason)


@pytest.mark.parametrize(
    "exchange", [reply(200, SHOWN, complete=False), Failure(FailureKind.READ_TIMEOUT, True, "late")]
)
def test_answer_that_was_lost_often_enough_is_no_longer_waited_for(exchange: Reply | Failure) -> None:
    assert isinstance(read(exchange, patient=False), o.ReadRefused)


def test_busy_server_is_given_its_time() -> None:
    busy = read(reply(429, retry_after="30"))
    assert isinstance(busy, o.Retryable)
    assert (busy.retry_after_s, busy.counts) == (30.0, False)


@pytest.mark.parametrize(
    "exchange",
    [
        reply(429),
        reply(511),
        reply(200, SHOWN, complete=False),
        Failure(FailureKind.CONNECT, False, "no route"),
        Failure(FailureKind.READ_TIMEOUT, True, "late"),
    ],
)
def test_read_that_failed_costs_no_attempt_and_pauses_nobody(exchange: Reply | Failure) -> None:
    outcome = read(exchange)
    assert isinstance(outcome, o.Retryable | o.NotOurs | o.Unreachable | o.ReadLost)
    verdict = decide(outcome, Tried(Step.CHECK, 0, None), now=NOON, limits=Limits(), rng=Random(1))
    assert (verdict.counted, verdict.pause, verdict.event.value) == (False, None, "retry")


def test_404_to_an_update_is_about_its_target_whether_or_not_it_may_be_repeated() -> None:
    for repeatable in (True, False):
        found = o.classify_send(
            reply(404),
            success_status=200,
            repeatable=repeatable,
            wants_url=False,
            tokens_proven=True,
            has_target=True,
        )
        assert isinstance(found, o.TargetMissing)
