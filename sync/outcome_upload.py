"""What one PUT of a signature to its presigned URL came to: the storage's half of `sync/outcome.py`.

Pure. A PUT of the same bytes to the same key is repeatable, so nothing is ever in doubt. Status and S3's error
code decide together; words of a message only where S3 gives one code two meanings ("Request has expired").
Source: presigned-upload.md sections 4 and 6.
"""

import re
from collections.abc import Mapping
from typing import Literal, TypedDict, assert_never

from sync.answer import excerpt, is_html, retry_after_s
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome_kinds import (
    LocalFault,
    NotOurs,
    Outcome,
    Retryable,
    Unreachable,
    Uploaded,
    UploadRefused,
    UrlSpent,
    WayClosed,
)

# Table 1. No status line. "link": Unreachable when the image did not leave in full, else Retryable.
# A read timeout is never link trouble, however much was written: the storage took the connection and then
# kept silent. It counts, so that a URL which is never answered ends with a person and not in a loop.
_NO_ANSWER: Mapping[FailureKind, tuple[Literal["link", "silent", "local", "not_ours"], str]] = {
    FailureKind.CONNECT: ("link", "no_connection"),
    FailureKind.TLS_UNTRUSTED: ("link", "tls_untrusted"),
    FailureKind.TLS_WRONG_PEER: ("not_ours", "tls_untrusted"),
    FailureKind.CONNECT_TIMEOUT: ("link", "connect_timeout"),
    FailureKind.POOL_TIMEOUT: ("link", "no_free_connection"),
    FailureKind.PROXY: ("link", "proxy_failed"),
    FailureKind.WRITE: ("link", "not_sent_whole"),
    FailureKind.READ_TIMEOUT: ("silent", "upload_answer_lost"),
    FailureKind.DISCONNECTED: ("link", "not_sent_whole"),
    FailureKind.BAD_ANSWER: ("link", "not_sent_whole"),
    FailureKind.LOCAL: ("local", "local_fault"),
    FailureKind.EXCHANGE_TIMEOUT: ("link", "exchange_too_long"),
    FailureKind.UNKNOWN: ("link", "not_sent_whole"),
}

# Table 2. The storage named an error; a code that is not here is refused for good ("upload_refused").
_Verdict = Literal["spent", "refused", "retry"]
_CODES: Mapping[str, tuple[_Verdict, str]] = {
    "ExpiredToken": ("spent", "upload_expired"),  # the signer's session, possibly long before the URL's end
    "InvalidToken": ("spent", "upload_expired"),
    "BadDigest": ("retry", "upload_damaged"),
    "IncompleteBody": ("retry", "upload_damaged"),
    "RequestTimeout": ("retry", "upload_trouble"),
    "SlowDown": ("retry", "busy"),
    "AccessDenied": ("refused", "upload_forbidden"),  # spent where its message says so
    "SignatureDoesNotMatch": ("refused", "upload_signature_mismatch"),
    "InvalidAccessKeyId": ("refused", "upload_signer_invalid"),
    "RequestTimeTooSkewed": ("refused", "upload_signer_invalid"),  # the signer's clock: a PUT carries none
    "IllegalLocationConstraintException": ("refused", "upload_wrong_place"),
    "AuthorizationHeaderMalformed": ("refused", "upload_wrong_place"),
    "NoSuchBucket": ("refused", "upload_missing_place"),
    "NoSuchKey": ("refused", "upload_missing_place"),
    "EntityTooLarge": ("refused", "upload_too_large"),
}

# Table 3. Statuses that decide whatever the code is; with them every 1xx and 5xx, which is "retry".
_STATUS: Mapping[int, tuple[_Verdict, str]] = {
    301: (
        "refused",
        "upload_wrong_place",
    ),  # the URL's signature covers the host: no redirect can be followed
    302: ("refused", "upload_wrong_place"),
    303: ("refused", "upload_wrong_place"),
    304: ("refused", "upload_wrong_place"),
    307: ("retry", "upload_trouble"),  # a bucket so young that its name still settles
    308: ("refused", "upload_wrong_place"),
    408: ("retry", "upload_trouble"),
    429: ("retry", "busy"),
}

_MD5 = re.compile(r"[0-9a-f]{32}")
_MULTIPART_ETAG = re.compile(r"[0-9a-f]{32}-[0-9]+")


def classify_upload(exchange: Exchange, *, md5_hex: str, url_expired: bool | None) -> Outcome:
    """What came of one PUT. `md5_hex` is that of the image.

    `url_expired` is our own reckoning (None: unknown). It only breaks the tie of a refusal that gives no
    usable reason: the storage is the judge of its URLs.
    """
    match exchange:
        case Failure():
            return _no_answer(exchange)
        case Reply() if 200 <= exchange.status < 300:
            return _success(exchange, md5_hex)
        case Reply():
            return _error(exchange, url_expired)
        case _:
            assert_never(exchange)


def classify_ambient(exchange: Exchange, *, md5_hex: str) -> Outcome:
    """What came of one PUT with the machine's own credentials: a refusal is about them, not about an address."""
    outcome = classify_upload(exchange, md5_hex=md5_hex, url_expired=None)
    if isinstance(outcome, UrlSpent | UploadRefused):
        return WayClosed(reason="ambient_refused", status=outcome.status, detail=outcome.detail)
    return outcome


def _no_answer(failure: Failure) -> Outcome:
    assert failure.kind is not FailureKind.LEASE_LOST, "a lost lease is dropped by the drain, not classified"
    rule, reason = _NO_ANSWER[failure.kind]
    detail = excerpt(failure.detail)
    match rule:
        case "local":
            return LocalFault(reason=reason, detail=detail)
        case "not_ours":
            return NotOurs(reason=reason, detail=detail)
        case "link" if not failure.fully_written:
            return Unreachable(reason=reason, detail=detail)
        case "link" | "silent":
            return Retryable(reason="upload_answer_lost", detail=detail)
        case _:
            assert_never(rule)


def _success(reply: Reply, md5_hex: str) -> Outcome:
    etag = reply.headers.get("etag", "").strip().removeprefix("W/").strip('"').lower()
    if etag == md5_hex.lower() and not reply.body.strip():
        # Some stores call their empty answer HTML; a page with something on it comes from somebody else.
        return Uploaded(reason="uploaded", status=reply.status, etag=etag)
    if not etag or is_html(reply):
        return NotOurs(reason="not_storage", **_told(reply))
    # With KMS or a customer's key the ETag is no MD5; the storage has checked our Content-MD5 instead.
    other_etag = (
        "x-amz-server-side-encryption-customer-algorithm" in reply.headers
        or reply.headers.get("x-amz-server-side-encryption", "").lower().startswith("aws:")
        or _MULTIPART_ETAG.fullmatch(etag)
    )
    if other_etag or etag == md5_hex.lower():
        return Uploaded(reason="uploaded", status=reply.status, etag=etag)
    reason = "upload_damaged" if _MD5.fullmatch(etag) else "upload_unconfirmed"
    return Retryable(reason=reason, status=reply.status, detail=excerpt(f"ETag {etag}"))


def _error(reply: Reply, url_expired: bool | None) -> Outcome:
    status, code = reply.status, reply.error_code.strip()
    if status in (407, 511):
        return NotOurs(reason="network_sign_in", **_told(reply))
    verdict, reason = _CODES.get(code, ("refused", "upload_refused"))
    if status in _STATUS:
        verdict, reason = _STATUS[status]
    elif status >= 500 or status < 200:
        verdict, reason = "retry", reason if verdict == "retry" else "upload_trouble"
    elif is_html(reply) or (status != 404 and (not code or code.isdigit())):
        # Storage names its refusals, so this is somebody in between. Where the URL is over by our own
        # reckoning it ends here all the same, or such an answer would be asked for without end.
        if not (status == 403 and url_expired):
            return NotOurs(reason="not_storage", **_told(reply))
        verdict, reason = "spent", "upload_expired"
    elif status == 404:
        verdict, reason = "refused", "upload_missing_place"
    elif code == "AccessDenied" and (url_expired or "request has expired" in reply.error_message.lower()):
        verdict, reason = "spent", "upload_expired"
    return _judged(verdict, reason, reply)


def _judged(verdict: _Verdict, reason: str, reply: Reply) -> Outcome:
    match verdict:
        case "spent":
            return UrlSpent(reason=reason, **_told(reply))
        case "retry":
            wait_s = retry_after_s(reply.headers, reply.received_at)
            # 429 alone costs no attempt, as with the API.
            return Retryable(reason=reason, retry_after_s=wait_s, counts=reply.status != 429, **_told(reply))
        case "refused":
            return UploadRefused(reason=reason, **_told(reply))
        case _:
            assert_never(verdict)


class _Facts(TypedDict):
    status: int
    detail: str


def _told(reply: Reply) -> _Facts:
    named = " ".join(part for part in (reply.error_code, reply.error_message) if part)
    return {"status": reply.status, "detail": excerpt(named or reply.body)}
