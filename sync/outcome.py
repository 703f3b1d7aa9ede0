"""What one exchange means for an entry: the only file that gives a status or a failure its meaning.

Pure: facts in (`sync/exchange.py`), one named outcome out (`sync/outcome_kinds.py`). The two tables here are
the truth for the API, those of `sync/outcome_upload.py` for the storage; `sync/outcome_reissue.py` has the one call
for another address, `sync/outcome_check.py` the read before an update. In comments "POST" is any call that
is not repeatable, "PATCH" any that is. What follows from an outcome is `sync/policy.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict, assert_never

from sync.answer import (
    excerpt,
    is_page,
    read_object,
    retry_after_s,
    server_id,
    speaks_of_sign_in,
    storable,
    take_presigned_url,
)
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome_check import classify_check
from sync.outcome_kinds import (
    Accepted,
    AuthRequired,
    EndpointMissing,
    InDoubt,
    LocalFault,
    NotOurs,
    Outcome,
    ReadLost,
    ReadRefused,
    Rejected,
    Retryable,
    TargetMissing,
    TargetShown,
    Unreachable,
    Uploaded,
    UploadRefused,
    UrlIssued,
    UrlSpent,
    WayClosed,
)
from sync.outcome_reissue import classify_reissue
from sync.outcome_upload import classify_ambient, classify_upload
from sync.sentences import SENTENCES

__all__ = [
    "SENTENCES",
    "Accepted",
    "AuthRequired",
    "EndpointMissing",
    "InDoubt",
    "LocalFault",
    "NotOurs",
    "Outcome",
    "ReadLost",
    "ReadRefused",
    "Rejected",
    "Retryable",
    "TargetMissing",
    "TargetShown",
    "Unreachable",
    "UploadRefused",
    "Uploaded",
    "UrlIssued",
    "UrlSpent",
    "WayClosed",
    "classify_ambient",
    "classify_check",
    "classify_reissue",
    "classify_send",
    "classify_upload",
    "retry_after_s",
]

# Table 1. No status line: (reason when the request did not leave in full, reason when it did).
# Not in full: nothing can have been carried out. In full: nobody knows, whatever the exception was called.
_NO_ANSWER: Mapping[FailureKind, tuple[str, str]] = {
    FailureKind.CONNECT: ("no_connection", "answer_lost"),
    FailureKind.TLS_UNTRUSTED: ("tls_untrusted", "answer_lost"),
    FailureKind.TLS_WRONG_PEER: ("tls_untrusted", "answer_lost"),  # the one that is NotOurs
    FailureKind.CONNECT_TIMEOUT: ("connect_timeout", "answer_lost"),
    FailureKind.POOL_TIMEOUT: ("no_free_connection", "answer_lost"),
    FailureKind.PROXY: ("proxy_failed", "answer_lost"),
    FailureKind.WRITE: ("not_sent_whole", "answer_lost"),
    FailureKind.READ_TIMEOUT: ("not_sent_whole", "answer_late"),
    FailureKind.DISCONNECTED: ("not_sent_whole", "answer_lost"),
    FailureKind.BAD_ANSWER: ("not_sent_whole", "answer_garbled"),
    FailureKind.LOCAL: ("local_fault", "answer_lost"),  # the one that is LocalFault
    FailureKind.EXCHANGE_TIMEOUT: ("exchange_too_long", "answer_late"),
    FailureKind.UNKNOWN: ("not_sent_whole", "answer_lost"),
}


@dataclass(frozen=True, slots=True)
class _Sent:
    """An answer and what was asked."""

    reply: Reply
    success_status: int
    repeatable: bool
    wants_url: bool
    tokens_proven: bool
    has_target: bool


def classify_send(
    exchange: Exchange,
    *,
    success_status: int,
    repeatable: bool,
    wants_url: bool,
    tokens_proven: bool,
    has_target: bool = False,
) -> Outcome:
    """What came of one write to the API.

    `wants_url`: the answer owes a presigned URL. `tokens_proven`: the server took these tokens for another
    request, so a 403 that does not speak of them is about this entry. `has_target`: its path names what it changes.

    Source: delivery-semantics.md section 3. Assumed: all of it, the API's pages list no error status.
    """
    match exchange:
        case Failure():
            return _no_answer(exchange, repeatable)
        case Reply():
            sent = _Sent(
                exchange, success_status, repeatable, wants_url, tokens_proven, has_target or repeatable
            )
            if not 300 <= exchange.status < 400 and _is_foreign_page(exchange):
                return NotOurs(reason="page_instead_of_answer", **_told(exchange))
            rule = _BY_STATUS.get(exchange.status) or _BY_HUNDRED.get(exchange.status // 100, _unclear)
            return rule(sent)
        case _:
            assert_never(exchange)


def _no_answer(failure: Failure, repeatable: bool) -> Outcome:
    assert failure.kind is not FailureKind.LEASE_LOST, "a lost lease is dropped by the drain, not classified"
    unsent, sent = _NO_ANSWER[failure.kind]
    detail = excerpt(failure.detail)
    if failure.fully_written:
        return Retryable(reason=sent, detail=detail) if repeatable else InDoubt(reason=sent, detail=detail)
    if failure.kind is FailureKind.LOCAL:
        return LocalFault(reason=unsent, detail=detail)
    if failure.kind is FailureKind.TLS_WRONG_PEER:
        return NotOurs(reason=unsent, detail=detail)
    return Unreachable(reason=unsent, detail=detail)


def _is_foreign_page(reply: Reply) -> bool:
    # Over TLS that was verified a page may be our own gateway's, so there the status decides. An incomplete
    # one is no evidence of anything: the status decides as well.
    return not reply.secure and reply.body_complete and is_page(reply)


def _success(sent: _Sent) -> Outcome:
    reply = sent.reply
    answer = read_object(reply) if reply.body_complete else None
    found = server_id(answer) if answer is not None else None
    if answer is not None and found is not None:
        url = take_presigned_url(answer)
        return Accepted(
            reason="signature_url_lost" if sent.wants_url and url is None else "accepted",
            status=reply.status,
            server_id=found,
            presigned_url=url if sent.wants_url else None,
            answer=answer if storable(answer) else {"data": {"id": found}},
        )
    if reply.body_complete and is_page(reply):
        # A gateway's own page looks like this: the expected status proves nothing then.
        return _may_have_happened(sent, "page_instead_of_answer")
    if reply.status == sent.success_status:
        return InDoubt(reason="answer_unusable", certainly_created=True, **_measured(reply))
    return _may_have_happened(sent, "answer_unclear")


def _may_have_happened(sent: _Sent, reason: str) -> Outcome:
    if sent.repeatable:
        return Retryable(reason=reason, retry_after_s=_wait(sent.reply), **_told(sent.reply))
    return InDoubt(reason=reason, **_told(sent.reply))


def _unclear(sent: _Sent) -> Outcome:
    return _may_have_happened(sent, "answer_unclear")


def _hurried(sent: _Sent) -> Outcome:
    return _may_have_happened(sent, "server_hurried")


def _trouble(sent: _Sent) -> Outcome:
    # 503 with Retry-After too: a gateway gives up while the handler behind it goes on.
    return _may_have_happened(sent, "server_trouble")


def _redirected(sent: _Sent) -> Outcome:
    if sent.reply.status == 303 and sent.reply.secure and not sent.repeatable:
        # "See other" is what is said after something was created, and nobody stands between over verified TLS.
        return _may_have_happened(sent, "answer_unclear")
    return NotOurs(reason="redirected", **_told(sent.reply))


def _network_sign_in(sent: _Sent) -> Outcome:
    return NotOurs(reason="network_sign_in", **_told(sent.reply))


def _refused(sent: _Sent) -> Outcome:
    return Rejected(reason="refused", **_told(sent.reply))


def _auth(sent: _Sent) -> Outcome:
    return AuthRequired(reason="auth_required", **_told(sent.reply))


def _forbidden(sent: _Sent) -> Outcome:
    if speaks_of_sign_in(sent.reply):
        return _auth(sent)
    if sent.tokens_proven:
        return Rejected(reason="forbidden", **_told(sent.reply))
    return AuthRequired(reason="auth_required", perhaps_only_this=True, **_told(sent.reply))


def _missing(sent: _Sent) -> Outcome:
    if sent.has_target and sent.reply.status == 404:
        return TargetMissing(reason="target_missing", **_told(sent.reply))
    return EndpointMissing(reason="endpoint_missing", **_told(sent.reply))


def _conflict(sent: _Sent) -> Outcome:
    # Found -> accepted, not found -> parked: exactly what an entry in doubt gets that must not be sent again.
    return InDoubt(reason="conflict", certainly_created=True, **_told(sent.reply))


def _busy(sent: _Sent) -> Outcome:
    # A refusal before processing, so a POST may be repeated; being turned away costs no attempt.
    return Retryable(reason="busy", retry_after_s=_wait(sent.reply), counts=False, **_told(sent.reply))


# Table 2. A status. A page over plain http is NotOurs before this table is asked.
_Rule = Callable[[_Sent], Outcome]
_BY_STATUS: Mapping[int, _Rule] = {
    401: _auth,
    403: _forbidden,  # Rejected only where the tokens proved good and the message is not about them
    404: _missing,  # POST: the route; PATCH: the target
    405: _missing,
    407: _network_sign_in,
    408: _hurried,  # POST: InDoubt; PATCH: Retryable; so with every _may_have_happened
    409: _conflict,
    425: _hurried,
    429: _busy,
    511: _network_sign_in,
}
_BY_HUNDRED: Mapping[int, _Rule] = {
    2: _success,
    3: _redirected,
    4: _refused,  # 400, 413, 415, 422 and every other
    5: _trouble,
}


class _Facts(TypedDict):
    status: int
    detail: str


def _told(reply: Reply) -> _Facts:
    return {"status": reply.status, "detail": excerpt(reply.body)}


def _measured(reply: Reply) -> _Facts:
    # An acceptance repeats what was sent, with names and the PIN: nothing of it belongs into a history.
    return {"status": reply.status, "detail": f"{len(reply.body)} bytes of an answer"}


def _wait(reply: Reply) -> float | None:
    return retry_after_s(reply.headers, reply.received_at)
