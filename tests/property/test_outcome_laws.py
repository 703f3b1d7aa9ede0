"""Laws of sync/outcome.py that hold for any answer and any failure, however hostile."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.answer import MAX_INT, retry_after_s, storable
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome import (
    Accepted,
    InDoubt,
    LocalFault,
    NotOurs,
    Outcome,
    Retryable,
    Unreachable,
    Uploaded,
    classify_send,
    classify_upload,
)

# Deeply nested bodies are the point; that their repr is long is no defect.
pytestmark = pytest.mark.filterwarnings("ignore:.*overly large repr:hypothesis.errors.HypothesisWarning")

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MD5 = "d41d8cd98f00b204e9800998ecf8427e"

numbers = st.integers() | st.integers(min_value=10**30) | st.floats() | st.booleans() | st.none()
texts = st.text(st.characters(codec=None), max_size=20)  # lone surrogates as well
json_values = st.recursive(
    numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "id", "x"]), inner),
    max_leaves=8,
)


def dumped(value: Any) -> bytes:
    # ASCII only: lone surrogates travel as escapes, as a hostile server would send them.
    return json.dumps(value).encode()


bodies = (
    json_values.map(dumped)
    | st.fixed_dictionaries(
        {"data": st.fixed_dictionaries({"id": numbers}), "presignedUrl": json_values}
    ).map(dumped)
    | st.binary(max_size=200)
    | st.integers(1, 200_000).map(lambda depth: b'{"data": ' * depth)
    | st.integers(1, 200_000).map(lambda depth: b"[" * depth + b"]" * depth)
    | st.just(b'{"data": {"id": ' + b"9" * 5000 + b"}}")
    | st.sampled_from(
        [b"<html>", b"\xef\xbb\xbf<!DOCTYPE html>", b'{"message": "token expired"}', b"\xff\xfe{\x00}\x00"]
    )
)
header_values = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=40)
headers = st.dictionaries(
    st.sampled_from(
        ["content-type", "retry-after", "date", "etag", "x-amzn-errortype", "x-amz-server-side-encryption"]
    ),
    header_values
    | st.sampled_from(
        ["text/html", "application/json", "120", "Sun, 01 Mar 2026 12:01:00 GMT", f'"{MD5}"', "aws:kms"]
    ),
)
replies = st.builds(
    Reply,
    status=st.integers(100, 599) | st.integers(0, 999),
    headers=headers,
    body=bodies,
    body_complete=st.booleans(),
    secure=st.booleans(),
    received_at=st.just(NOON) | st.none(),
    error_code=st.sampled_from(["", "403", "AccessDenied", "ExpiredToken", "SlowDown", "Unheard"]) | texts,
    error_message=st.sampled_from(["", "Request has expired"]) | texts,
)
failures = st.builds(
    Failure,
    kind=st.sampled_from([kind for kind in FailureKind if kind is not FailureKind.LEASE_LOST]),
    fully_written=st.booleans(),
    detail=texts,
)
Classify = Callable[[Exchange], Outcome]
sends = st.fixed_dictionaries(
    {
        "success_status": st.sampled_from([200, 201]),
        "repeatable": st.booleans(),
        "wants_url": st.booleans(),
        "tokens_proven": st.booleans(),
    }
)


@given(exchange=replies | failures, asked=sends, url_expired=st.sampled_from([True, False, None]))
def test_any_exchange_has_an_outcome_that_can_be_stored_and_shown(
    exchange: Exchange, asked: dict[str, Any], url_expired: bool | None
) -> None:
    for outcome in (
        classify_send(exchange, **asked),
        classify_upload(exchange, md5_hex=MD5, url_expired=url_expired),
    ):
        assert outcome.sentence
        assert len(outcome.detail.encode()) <= 1024
        assert outcome.detail.isprintable()
        if isinstance(outcome, Accepted):
            json.dumps(outcome.answer, ensure_ascii=False).encode()
            (outcome.presigned_url or "").encode()
        if isinstance(outcome, Retryable) and outcome.retry_after_s is not None:
            assert 0 <= outcome.retry_after_s <= 3600


@given(failure=failures, wants_url=st.booleans(), tokens_proven=st.booleans())
def test_unknown_result_of_a_post_written_in_full_is_always_in_doubt(
    failure: Failure, wants_url: bool, tokens_proven: bool
) -> None:
    outcome = classify_send(
        failure, success_status=201, repeatable=False, wants_url=wants_url, tokens_proven=tokens_proven
    )
    assert isinstance(outcome, InDoubt) == failure.fully_written
    assert failure.fully_written or isinstance(outcome, Unreachable | NotOurs | LocalFault)


@given(reply=replies, wants_url=st.booleans(), tokens_proven=st.booleans())
def test_an_answer_lets_a_post_go_again_only_where_a_row_says_so(
    reply: Reply, wants_url: bool, tokens_proven: bool
) -> None:
    outcome = classify_send(
        reply, success_status=201, repeatable=False, wants_url=wants_url, tokens_proven=tokens_proven
    )
    assert not isinstance(outcome, Unreachable)
    if isinstance(outcome, Retryable):
        assert reply.status == 429
    if isinstance(outcome, NotOurs):
        somebody_else = 300 <= reply.status < 400 or reply.status in (407, 511)
        assert somebody_else or (not reply.secure and reply.body_complete)


@given(reply=replies, asked=sends)
def test_a_success_or_server_error_over_tls_is_never_answered_by_sending_a_post_again(
    reply: Reply, asked: dict[str, Any]
) -> None:
    verified = Reply(reply.status, reply.headers, reply.body, reply.body_complete, secure=True)
    outcome = classify_send(verified, **(asked | {"repeatable": False}))
    if reply.status // 100 in (1, 2) or (reply.status >= 500 and reply.status != 511):
        assert isinstance(outcome, Accepted | InDoubt)


@given(
    status=st.integers(200, 299),
    number=st.integers(-MAX_INT, MAX_INT),
    more=json_values,
    secure=st.booleans(),
    asked=sends,
)
@example(
    status=200,
    number=0,
    more="\ud800",
    secure=False,
    asked=dict.fromkeys(("success_status", "repeatable", "wants_url", "tokens_proven"), 0),
)
def test_any_success_with_an_integer_id_is_accepted(
    status: int, number: int, more: Any, secure: bool, asked: dict[str, Any]
) -> None:
    body = dumped({"data": {"id": number, "more": more}, "presignedUrl": more})
    outcome = classify_send(Reply(status, {}, body, secure=secure), **asked)
    assert isinstance(outcome, Accepted)
    assert outcome.server_id == number


@given(reply=replies, asked=sends)
def test_nothing_is_accepted_without_a_whole_success(reply: Reply, asked: dict[str, Any]) -> None:
    if isinstance(classify_send(reply, **asked), Accepted):
        assert 200 <= reply.status < 300
        assert reply.body_complete


@given(exchange=replies | failures, asked=sends)
def test_a_repeatable_call_is_in_doubt_only_where_it_was_carried_out(
    exchange: Exchange, asked: dict[str, Any]
) -> None:
    outcome = classify_send(exchange, **(asked | {"repeatable": True}))
    assert not isinstance(outcome, InDoubt) or outcome.certainly_created


@given(exchange=replies | failures, url_expired=st.sampled_from([True, False, None]))
def test_an_upload_is_never_in_doubt_and_stored_only_with_an_etag(
    exchange: Exchange, url_expired: bool | None
) -> None:
    outcome = classify_upload(exchange, md5_hex=MD5, url_expired=url_expired)
    assert not isinstance(outcome, InDoubt | Accepted)
    if isinstance(outcome, Uploaded):
        assert isinstance(exchange, Reply)
        assert exchange.headers["etag"]


@given(value=header_values, date=header_values, now=st.just(NOON) | st.none())
def test_retry_after_is_within_bounds_or_unknown(value: str, date: str, now: datetime | None) -> None:
    found = retry_after_s({"retry-after": value, "date": date}, now)
    assert found is None or 0 <= found <= 3600


@given(json_values)
def test_what_is_called_storable_can_be_written_as_utf8(value: Any) -> None:
    if storable(value):
        json.dumps(value, ensure_ascii=False).encode()
