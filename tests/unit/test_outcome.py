"""What each answer and each failure means, row by row: delivery-semantics 3, presigned-upload 4 and 6."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from sync.answer import strip_secrets
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome import (
    SENTENCES,
    Accepted,
    AuthRequired,
    EndpointMissing,
    InDoubt,
    LocalFault,
    NotOurs,
    Outcome,
    Rejected,
    Retryable,
    TargetMissing,
    Unreachable,
    Uploaded,
    UploadRefused,
    UrlSpent,
    classify_send,
    classify_upload,
    retry_after_s,
)

K = FailureKind
KINDS = [kind for kind in FailureKind if kind is not K.LEASE_LOST]
CREATED = (
    b'{"data": {"id": 31, "status": 2}, "presignedUrl": "https://b.s3.amazonaws.com/k?X-Amz-Signature=00"}'
)
PAGE = b"<!DOCTYPE html><title>Sign in</title>"
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def reply(
    status: int,
    body: bytes = b"{}",
    headers: Mapping[str, str] = JSON,
    *,
    complete: bool = True,
    secure: bool = True,
) -> Reply:
    return Reply(status, headers, body, body_complete=complete, secure=secure, received_at=NOON)


def failure(kind: FailureKind, *, written: bool) -> Failure:
    return Failure(kind, fully_written=written, detail="ReadError: gone")


def post(exchange: Exchange, *, wants_url: bool = True, tokens_proven: bool = False) -> Outcome:
    return classify_send(
        exchange, success_status=201, repeatable=False, wants_url=wants_url, tokens_proven=tokens_proven
    )


def patch(exchange: Exchange, *, tokens_proven: bool = False) -> Outcome:
    return classify_send(
        exchange, success_status=200, repeatable=True, wants_url=False, tokens_proven=tokens_proven
    )


@dataclass(frozen=True)
class Means:
    """A class and, where they matter, its reason and further fields."""

    kind: type
    reason: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def check(self, outcome: Outcome) -> None:
        assert type(outcome) is self.kind, outcome
        if self.reason:
            assert outcome.reason == self.reason
        assert {name: getattr(outcome, name) for name in self.more} == dict(self.more)


def certain(reason: str) -> Means:
    return Means(InDoubt, reason, {"certainly_created": True})


def doubt(reason: str) -> Means:
    return Means(InDoubt, reason, {"certainly_created": False})


def again(reason: str, *, counts: bool = True) -> Means:
    return Means(Retryable, reason, {"counts": counts})


FAILURES = {
    "name not found, refused, no route": (K.CONNECT, False, Means(Unreachable, "no_connection"), None),
    "connect timeout": (K.CONNECT_TIMEOUT, False, Means(Unreachable, "connect_timeout"), None),
    "pool timeout": (K.POOL_TIMEOUT, False, Means(Unreachable, "no_free_connection"), None),
    "proxy error": (K.PROXY, False, Means(Unreachable, "proxy_failed"), None),
    "certificate out of order": (K.TLS_UNTRUSTED, False, Means(Unreachable, "tls_untrusted"), None),
    "certificate of somebody else": (K.TLS_WRONG_PEER, False, Means(NotOurs, "tls_untrusted"), None),
    "write failed": (K.WRITE, False, Means(Unreachable, "not_sent_whole"), None),
    "read error while writing": (K.DISCONNECTED, False, Means(Unreachable, "not_sent_whole"), None),
    "garbage while writing": (K.BAD_ANSWER, False, Means(Unreachable, "not_sent_whole"), None),
    "read timeout while writing": (K.READ_TIMEOUT, False, Means(Unreachable, "not_sent_whole"), None),
    "read timeout": (K.READ_TIMEOUT, True, doubt("answer_late"), again("answer_late")),
    "disconnected or reset": (K.DISCONNECTED, True, doubt("answer_lost"), again("answer_lost")),
    "unparsable status line": (K.BAD_ANSWER, True, doubt("answer_garbled"), again("answer_garbled")),
    "our own address, header or body": (K.LOCAL, False, Means(LocalFault, "local_fault"), None),
    "ended by the watchdog before": (
        K.EXCHANGE_TIMEOUT,
        False,
        Means(Unreachable, "exchange_too_long"),
        None,
    ),
    "ended by the watchdog": (K.EXCHANGE_TIMEOUT, True, doubt("answer_late"), again("answer_late")),
    "any other exception before": (K.UNKNOWN, False, Means(Unreachable), None),
    "any other exception": (K.UNKNOWN, True, doubt("answer_lost"), again("answer_lost")),
}


@pytest.mark.parametrize(("kind", "written", "for_post", "for_patch"), FAILURES.values(), ids=FAILURES)
def test_failure_before_a_status_line_means_what_the_table_says(
    kind: FailureKind, written: bool, for_post: Means, for_patch: Means | None
) -> None:
    for_post.check(post(failure(kind, written=written)))
    (for_patch or for_post).check(patch(failure(kind, written=written)))


REPLIES = {
    # id: (reply, POST, PATCH)
    "201 with id": (reply(201, CREATED), Means(Accepted, "accepted", {"server_id": 31}), Means(Accepted)),
    "200 with id to a POST": (reply(200, CREATED), Means(Accepted), Means(Accepted)),
    "any 2xx with id": (reply(299, CREATED), Means(Accepted), Means(Accepted)),
    "id beside a page's content type": (reply(201, CREATED, HTML), Means(Accepted), Means(Accepted)),
    "another 2xx without id": (reply(202), doubt("answer_unclear"), again("answer_unclear")),
    "204": (reply(204, b""), doubt("answer_unclear"), again("answer_unclear")),
    "page with 2xx over plain http": (
        reply(200, PAGE, HTML, secure=False),
        Means(NotOurs, "page_instead_of_answer"),
        Means(NotOurs),
    ),
    "page with 201 over plain http": (reply(201, PAGE, HTML, secure=False), Means(NotOurs), Means(NotOurs)),
    "page with 5xx over plain http": (reply(503, PAGE, HTML, secure=False), Means(NotOurs), Means(NotOurs)),
    "page that calls itself JSON, over plain http": (
        reply(200, PAGE, JSON, secure=False),
        Means(NotOurs),
        Means(NotOurs),
    ),
    "page with 2xx over TLS": (
        reply(200, PAGE, HTML),
        doubt("page_instead_of_answer"),
        again("page_instead_of_answer"),
    ),
    "page with 201 over TLS": (
        reply(201, PAGE, HTML),
        doubt("page_instead_of_answer"),
        again("page_instead_of_answer"),
    ),
    "page with 5xx over TLS": (
        reply(504, b"<html>", HTML),
        doubt("server_trouble"),
        again("server_trouble"),
    ),
    "half a page over plain http": (
        reply(503, PAGE, HTML, secure=False, complete=False),
        doubt("server_trouble"),
        again("server_trouble"),
    ),
    "301": (reply(301), Means(NotOurs, "redirected"), Means(NotOurs)),
    "302 page": (reply(302, PAGE, HTML, secure=False), Means(NotOurs, "redirected"), Means(NotOurs)),
    "307": (reply(307), Means(NotOurs, "redirected"), Means(NotOurs)),
    "400": (reply(400), Means(Rejected, "refused"), Means(Rejected)),
    "400 with half a body": (reply(400, b"{", complete=False), Means(Rejected), Means(Rejected)),
    "413": (reply(413), Means(Rejected), Means(Rejected)),
    "415": (reply(415), Means(Rejected), Means(Rejected)),
    "422": (reply(422), Means(Rejected), Means(Rejected)),
    "404": (
        reply(404),
        Means(EndpointMissing, "endpoint_missing"),
        Means(TargetMissing, "target_missing"),
    ),
    "405": (reply(405), Means(EndpointMissing), Means(EndpointMissing)),
    "401": (reply(401), Means(AuthRequired, "auth_required"), Means(AuthRequired)),
    "401 without a body": (reply(401, b""), Means(AuthRequired), Means(AuthRequired)),
    "403 before the tokens proved good": (reply(403), Means(AuthRequired), Means(AuthRequired)),
    "407": (reply(407), Means(NotOurs, "network_sign_in"), Means(NotOurs)),
    "511": (reply(511), Means(NotOurs, "network_sign_in"), Means(NotOurs)),
    "408": (reply(408), doubt("server_hurried"), again("server_hurried")),
    "425": (reply(425), doubt("server_hurried"), again("server_hurried")),
    "409": (reply(409), certain("conflict"), certain("conflict")),
    "429": (reply(429), again("busy", counts=False), again("busy", counts=False)),
    "500": (reply(500), doubt("server_trouble"), again("server_trouble")),
    "502": (reply(502), doubt("server_trouble"), again("server_trouble")),
    "503 with Retry-After": (
        reply(503, b"{}", {"retry-after": "7"}),
        doubt("server_trouble"),
        Means(Retryable, "server_trouble", {"counts": True, "retry_after_s": 7.0}),
    ),
    "504": (reply(504), doubt("server_trouble"), again("server_trouble")),
    "other 4xx": (reply(418), Means(Rejected), Means(Rejected)),
    "other 5xx": (reply(599), doubt("server_trouble"), again("server_trouble")),
    "101": (reply(101), doubt("answer_unclear"), again("answer_unclear")),
    "beyond 599": (reply(999), doubt("answer_unclear"), again("answer_unclear")),
}


@pytest.mark.parametrize(("answer", "for_post", "for_patch"), REPLIES.values(), ids=REPLIES)
def test_status_means_what_the_table_says(answer: Reply, for_post: Means, for_patch: Means) -> None:
    for_post.check(post(answer))
    for_patch.check(patch(answer))


UNUSABLE = {
    "empty": b"",
    "broken JSON": b'{"data": {"id": 3',
    "no data": b'{"id": 31}',
    "data without id": b'{"data": {}}',
    "data is a list": b'{"data": [{"id": 31}]}',
    "a list": b'[{"data": {"id": 31}}]',
    "null": b"null",
    "id is text": b'{"data": {"id": "31"}}',
    "id is true": b'{"data": {"id": true}}',
    "id is a float": b'{"data": {"id": 31.0}}',
    "id beyond the API's integers": b'{"data": {"id": 9007199254740992}}',
    "id of 5000 digits": b'{"data": {"id": ' + b"9" * 5000 + b"}}",
    "nested without end": b'{"data": ' * 100_000,
    "not UTF-8": b'{"data": "\xff\xfe"}',
    "plain text": b"Created",
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE)
def test_expected_status_with_an_unusable_body_is_certainly_created(body: bytes) -> None:
    certain("answer_unusable").check(post(reply(201, body)))
    certain("answer_unusable").check(patch(reply(200, body)))


def test_expected_status_is_certainly_created_when_the_body_was_cut_off() -> None:
    certain("answer_unusable").check(post(reply(201, CREATED, complete=False)))


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE)
def test_another_success_with_an_unusable_body_is_only_in_doubt(body: bytes) -> None:
    doubt("answer_unclear").check(post(reply(200, body)))


SIGN_IN = {
    "unknown route or no token": {"message": "Missing Authentication Token"},
    "expired": {"message": "The incoming token has expired"},
    "explicit deny": {"Message": "User is not authorized to access this resource with an explicit deny"},
    "nested": {"error": {"code": "session_token", "message": "no"}},
    "session": {"message": "Session expired"},
    "jwt": {"error": "jwt expired"},
}


@pytest.mark.parametrize("body", SIGN_IN.values(), ids=SIGN_IN)
def test_forbidden_asks_for_a_sign_in_when_its_message_is_about_tokens(body: object) -> None:
    answer = reply(403, json.dumps(body).encode())
    Means(AuthRequired, "auth_required").check(post(answer, tokens_proven=True))


def test_forbidden_asks_for_a_sign_in_when_the_gateway_names_its_type() -> None:
    answer = reply(403, b'{"message": "Forbidden"}', {"x-amzn-errortype": "ExpiredTokenException"})
    Means(AuthRequired).check(post(answer, tokens_proven=True))


NO_SIGN_IN = {
    "bare": {"message": "Forbidden"},
    "about the entry": {"message": "You may not sign for site 12"},
    "about a training session": {"message": "This session belongs to another company"},
    "not JSON": None,
}


@pytest.mark.parametrize("body", NO_SIGN_IN.values(), ids=NO_SIGN_IN)
def test_forbidden_rejects_the_entry_when_the_tokens_proved_good(body: object) -> None:
    answer = reply(403, b"no" if body is None else json.dumps(body).encode())
    Means(Rejected, "forbidden").check(post(answer, tokens_proven=True))
    Means(AuthRequired).check(post(answer, tokens_proven=False))


URLS = {
    "absent": b'{"data": {"id": 1}}',
    "null": b'{"data": {"id": 1}, "presignedUrl": null}',
    "blank": b'{"data": {"id": 1}, "presignedUrl": "  "}',
    "a number": b'{"data": {"id": 1}, "presignedUrl": 5}',
    "not to be stored": b'{"data": {"id": 1}, "presignedUrl": "https://b/\\ud800"}',
}


@pytest.mark.parametrize("body", URLS.values(), ids=URLS)
def test_accepted_says_that_the_url_is_lost_when_none_is_usable(body: bytes) -> None:
    Means(Accepted, "signature_url_lost", {"presigned_url": None}).check(post(reply(201, body)))
    Means(Accepted, "accepted", {"presigned_url": None}).check(post(reply(201, body), wants_url=False))


def test_accepted_hands_over_the_url_and_keeps_it_out_of_the_answer_and_of_repr() -> None:
    outcome = post(reply(201, CREATED))
    assert isinstance(outcome, Accepted)
    assert outcome.presigned_url == "https://b.s3.amazonaws.com/k?X-Amz-Signature=00"
    assert outcome.answer == {"data": {"id": 31, "status": 2}}
    assert "X-Amz" not in repr(outcome) + outcome.detail


def test_accepted_finds_the_url_inside_data_as_well() -> None:
    outcome = post(reply(201, b'{"data": {"id": 1, "presignedUrl": "https://b/k"}}'))
    assert isinstance(outcome, Accepted)
    assert (outcome.presigned_url, outcome.answer) == ("https://b/k", {"data": {"id": 1}})


HARD_TO_STORE = {
    "lone surrogate": b'{"data": {"id": 31, "description": "\\ud800"}}',
    "deep": b'{"data": {"id": 31, "more": ' + b"[" * 200 + b"]" * 200 + b"}}",
}


@pytest.mark.parametrize("body", HARD_TO_STORE.values(), ids=HARD_TO_STORE)
def test_accepted_keeps_only_the_id_when_the_answer_cannot_be_stored(body: bytes) -> None:
    Means(Accepted, "", {"server_id": 31, "answer": {"data": {"id": 31}}}).check(
        post(reply(201, body), wants_url=False)
    )


def test_detail_is_one_short_redacted_line() -> None:
    body = b'{"message":"see https://b.s3.amazonaws.com/k?X-Amz-Signature=abc\\n\x1b[31m"}' + b"x" * 5000
    detail = post(reply(400, body)).detail
    assert "abc" not in detail
    assert detail.isprintable()
    assert detail.startswith('{"message"')
    assert len(detail.encode()) <= 1024


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="absent"),
        pytest.param({"retry-after": "12"}, 12.0, id="seconds"),
        pytest.param({"retry-after": " 0 "}, 0.0, id="zero"),
        pytest.param({"retry-after": "90000"}, 3600.0, id="capped at an hour"),
        pytest.param({"retry-after": "9" * 400}, 3600.0, id="absurd"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "inf"}, None, id="not a number"),
        pytest.param({"retry-after": "٣"}, None, id="another script's digit"),
        pytest.param({"retry-after": "Sun, 01 Mar 2026 12:01:00 GMT"}, 60.0, id="date by our clock"),
        pytest.param(
            {"retry-after": "Sun, 01 Mar 2020 12:01:00 GMT", "date": "Sun, 01 Mar 2020 12:00:30 GMT"},
            30.0,
            id="date by the server's clock",
        ),
        pytest.param({"retry-after": "Sun, 01 Mar 2020 12:01:00 GMT"}, 0.0, id="date in the past"),
        pytest.param({"retry-after": "Fri, 99 Foo 99999 99:99:99"}, None, id="no date"),
    ],
)
def test_retry_after_is_read_as_seconds(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, NOON) == expected


def test_retry_after_date_is_unknown_without_any_clock() -> None:
    assert retry_after_s({"retry-after": "Sun, 01 Mar 2026 12:01:00 GMT"}, None) is None


# --- the storage

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
KMS = {"etag": '"0123456789abcdef0123456789abcdef"', "x-amz-server-side-encryption": "aws:kms"}


def stored(status: int = 200, body: bytes = b"", **headers: str) -> Reply:
    return reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def refused(status: int, code: str = "", message: str = "", body: bytes = b"", **headers: str) -> Reply:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, fields, body, received_at=NOON, error_code=code, error_message=message)


def put(exchange: Exchange, *, url_expired: bool | None = None) -> Outcome:
    return classify_upload(exchange, md5_hex=MD5, url_expired=url_expired)


UPLOADS = {
    "200 with the MD5 as ETag": (stored(etag=f'"{MD5}"'), Means(Uploaded, "uploaded", {"etag": MD5})),
    "ETag in capitals, without quotes": (stored(etag=MD5.upper()), Means(Uploaded)),
    "204 with ETag": (stored(204, etag=f'"{MD5}"'), Means(Uploaded)),
    "200 without ETag": (stored(), Means(NotOurs, "not_storage")),
    "200 with an empty ETag": (stored(etag='""'), Means(NotOurs)),
    "200 page": (stored(200, PAGE, etag=f'"{MD5}"', content_type="text/html"), Means(NotOurs)),
    "ETag mismatch": (stored(etag='"0123456789abcdef0123456789abcdef"'), again("upload_damaged")),
    "KMS": (reply(200, b"", KMS), Means(Uploaded)),
    "KMS twice": (reply(200, b"", KMS | {"x-amz-server-side-encryption": "aws:kms:dsse"}), Means(Uploaded)),
    "customer's key": (
        reply(200, b"", {"etag": '"x1"', "x-amz-server-side-encryption-customer-algorithm": "AES256"}),
        Means(Uploaded),
    ),
    "AES256 is plain": (
        reply(200, b"", KMS | {"x-amz-server-side-encryption": "AES256"}),
        again("upload_damaged"),
    ),
    "multipart ETag": (stored(etag='"0123456789abcdef0123456789abcdef-2"'), Means(Uploaded)),
    "opaque ETag": (stored(etag='"5f3c-5a"'), again("upload_unconfirmed")),
    "301": (refused(301, "PermanentRedirect"), Means(UploadRefused, "upload_wrong_place")),
    "302": (refused(302, "302"), Means(UploadRefused, "upload_wrong_place")),
    "307": (refused(307, "TemporaryRedirect"), again("upload_trouble")),
    "wrong region": (
        refused(400, "AuthorizationHeaderMalformed"),
        Means(UploadRefused, "upload_wrong_place"),
    ),
    "wrong location": (
        refused(400, "IllegalLocationConstraintException"),
        Means(UploadRefused, "upload_wrong_place"),
    ),
    "expired": (refused(403, "AccessDenied", "Request has expired"), Means(UrlSpent, "upload_expired")),
    "session over": (refused(400, "ExpiredToken"), Means(UrlSpent, "upload_expired")),
    "session invalid": (refused(400, "InvalidToken"), Means(UrlSpent, "upload_expired")),
    "other AccessDenied": (
        refused(403, "AccessDenied", "There were headers present in the request which were not signed"),
        Means(UploadRefused, "upload_forbidden"),
    ),
    "SignatureDoesNotMatch": (
        refused(403, "SignatureDoesNotMatch"),
        Means(UploadRefused, "upload_signature_mismatch"),
    ),
    "InvalidAccessKeyId": (
        refused(403, "InvalidAccessKeyId"),
        Means(UploadRefused, "upload_signer_invalid"),
    ),
    "RequestTimeTooSkewed": (
        refused(403, "RequestTimeTooSkewed"),
        Means(UploadRefused, "upload_signer_invalid"),
    ),
    "unknown 403 code": (refused(403, "AllAccessDisabled"), Means(UploadRefused, "upload_refused")),
    "403 page": (refused(403, "", "", PAGE, content_type="text/html"), Means(NotOurs, "not_storage")),
    "403 without a body": (refused(403), Means(NotOurs, "not_storage")),
    "403 with a numeric code": (refused(403, "403"), Means(NotOurs, "not_storage")),
    "503 page": (refused(503, "503", "", PAGE, content_type="text/html"), again("upload_trouble")),
    "NoSuchBucket": (refused(404, "NoSuchBucket"), Means(UploadRefused, "upload_missing_place")),
    "NoSuchKey": (refused(404, "NoSuchKey"), Means(UploadRefused, "upload_missing_place")),
    "404 without a code": (refused(404, "404"), Means(UploadRefused, "upload_missing_place")),
    "404 page": (refused(404, "404", "", PAGE), Means(NotOurs)),
    "EntityTooLarge": (refused(400, "EntityTooLarge"), Means(UploadRefused, "upload_too_large")),
    "BadDigest": (refused(400, "BadDigest"), again("upload_damaged")),
    "IncompleteBody": (refused(400, "IncompleteBody"), again("upload_damaged")),
    "RequestTimeout": (refused(400, "RequestTimeout"), again("upload_trouble")),
    "400 without a code": (refused(400), Means(NotOurs)),
    "407": (refused(407), Means(NotOurs, "network_sign_in")),
    "408": (refused(408), again("upload_trouble")),
    "429": (refused(429, "SlowDown"), again("busy", counts=False)),
    "500": (refused(500, "InternalError"), again("upload_trouble")),
    "502": (refused(502), again("upload_trouble")),
    "503 SlowDown": (
        refused(503, "SlowDown", retry_after="9"),
        Means(Retryable, "busy", {"counts": True, "retry_after_s": 9.0}),
    ),
    "504": (refused(504), again("upload_trouble")),
    "511": (refused(511), Means(NotOurs, "network_sign_in")),
    "no connection": (failure(K.CONNECT, written=False), Means(Unreachable, "no_connection")),
    "connect timeout": (failure(K.CONNECT_TIMEOUT, written=False), Means(Unreachable)),
    "proxy": (failure(K.PROXY, written=False), Means(Unreachable, "proxy_failed")),
    "certificate out of order": (
        failure(K.TLS_UNTRUSTED, written=False),
        Means(Unreachable, "tls_untrusted"),
    ),
    "certificate of somebody else": (
        failure(K.TLS_WRONG_PEER, written=False),
        Means(NotOurs, "tls_untrusted"),
    ),
    "write failed": (failure(K.WRITE, written=False), Means(Unreachable, "not_sent_whole")),
    "closed while sending": (failure(K.DISCONNECTED, written=False), Means(Unreachable, "not_sent_whole")),
    "closed after sending": (failure(K.DISCONNECTED, written=True), again("upload_answer_lost")),
    "read timeout": (failure(K.READ_TIMEOUT, written=True), again("upload_answer_lost")),
    "read timeout, writing not observed": (
        failure(K.READ_TIMEOUT, written=False),
        again("upload_answer_lost"),
    ),
    "local": (failure(K.LOCAL, written=False), Means(LocalFault, "local_fault")),
}


@pytest.mark.parametrize(("exchange", "means"), UPLOADS.values(), ids=UPLOADS)
def test_upload_means_what_the_table_says(exchange: Exchange, means: Means) -> None:
    means.check(put(exchange))


@pytest.mark.parametrize("code", ["AccessDenied", "", "403"])
def test_refused_upload_is_spent_when_no_reason_is_given_and_the_url_is_over(code: str) -> None:
    Means(UrlSpent, "upload_expired").check(put(refused(403, code), url_expired=True))


def test_storage_decides_when_our_clock_thinks_the_url_is_over() -> None:
    Means(Uploaded).check(put(stored(etag=MD5), url_expired=True))
    Means(UploadRefused).check(put(refused(403, "SignatureDoesNotMatch"), url_expired=True))
    Means(Retryable).check(put(refused(503, "SlowDown"), url_expired=True))


# --- nothing is left without a name


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_failure_has_an_outcome(kind: FailureKind, written: bool) -> None:
    for classify in (post, patch, put):
        outcome = classify(failure(kind, written=written))
        assert isinstance(outcome, Outcome)
        assert outcome.sentence


@pytest.mark.parametrize("body", [b"", b"{}", CREATED, PAGE], ids=["empty", "object", "created", "page"])
def test_every_status_has_an_outcome(body: bytes) -> None:
    for status in range(100, 600):
        for answer in (reply(status, body), reply(status, body, complete=False, secure=False)):
            for classify in (post, patch, put):
                outcome = classify(answer)
                assert outcome.sentence
                assert outcome.status == status


def test_a_lost_lease_is_never_classified() -> None:
    for classify in (post, put):
        with pytest.raises(AssertionError):
            classify(failure(K.LEASE_LOST, written=False))


def test_every_outcome_has_a_name_of_its_own() -> None:
    assert len({kind.name for kind in get_args(Outcome)}) == len(get_args(Outcome))


def test_every_sentence_is_plain_and_has_an_end() -> None:
    for sentence in SENTENCES.values():
        assert sentence.endswith(".")
        assert not any(word in sentence for word in ("HTTP", "exception", "POST", "403", "JSON"))


def test_answer_that_is_kept_holds_no_signed_address_wherever_it_stood() -> None:
    """P8: the URL is a bearer secret; a receipt is kept for years and copied into every backup."""
    signed = "https://bucket.s3.amazonaws.com/key?X-Amz-Expires=9&X-Amz-Signature=0ddba11"
    answer: dict[str, object] = {
        "data": {
            "id": 1,
            "signature": {"uploadUrl": signed, "name": "a.png"},
            "files": [signed, {"x": signed}],
        },
        "upload": {"url": "https://bucket.example/key?AWSAccessKeyId=A&Signature=0ddba11&Expires=1"},
        "presignedUrl": "plain",
    }
    strip_secrets(answer)
    assert answer == {"data": {"id": 1, "signature": {"name": "a.png"}, "files": [{}]}, "upload": {}}
