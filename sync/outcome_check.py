"""What one read of an intervention came to, before an update of it is sent: the fourth part of `sync/outcome.py`.

Pure. Nothing depends on the read but what we know: no answer to it ever pauses anything or costs an attempt. A read
that is refused lets the update go unread. Source: delivery-semantics.md section 3, "to a look-up or other read".
"""

from collections.abc import Mapping
from typing import assert_never

from sync.answer import excerpt, is_page, read_object, retry_after_s
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome_kinds import (
    NotOurs,
    Outcome,
    ReadLost,
    ReadRefused,
    Retryable,
    TargetShown,
    Unreachable,
)


def classify_check(exchange: Exchange, *, server_id: int, patient: bool) -> Outcome:
    """What came of reading the intervention with this server id. `patient`: an answer that is lost is waited for."""
    match exchange:
        case Failure():
            return _no_answer(exchange, patient)
        case Reply():
            return _answered(exchange, server_id, patient)
        case _:
            assert_never(exchange)


def _no_answer(failure: Failure, patient: bool) -> Outcome:
    assert failure.kind is not FailureKind.LEASE_LOST, "a lost lease is dropped by the drain, not classified"
    detail = excerpt(failure.detail)
    if failure.kind is FailureKind.LOCAL:
        return ReadRefused(reason="check_refused", detail=detail)
    if failure.fully_written:
        return _lost(detail, patient)
    if failure.kind is FailureKind.TLS_WRONG_PEER:
        return NotOurs(reason="tls_untrusted", detail=detail)
    untrusted = failure.kind is FailureKind.TLS_UNTRUSTED
    return Unreachable(reason="tls_untrusted" if untrusted else "no_connection", detail=detail)


def _lost(detail: str, patient: bool) -> Outcome:
    # A server that never answers this one call must not keep the update for ever.
    if patient:
        return ReadLost(reason="check_lost", detail=detail)
    return ReadRefused(reason="check_refused", detail=detail)


def _answered(reply: Reply, server_id: int, patient: bool) -> Outcome:
    status = reply.status
    if status in (407, 511):
        return NotOurs(reason="network_sign_in", status=status, detail=excerpt(reply.body))
    # Over verified TLS a page or a redirect is our own server's.
    if not reply.secure and ((reply.body_complete and is_page(reply)) or 300 <= status < 400):
        return NotOurs(reason="page_instead_of_answer", status=status, detail=excerpt(reply.body))
    if status == 429:
        wait_s = retry_after_s(reply.headers, reply.received_at)
        return Retryable(reason="busy", status=status, retry_after_s=wait_s, counts=False)
    if status != 200:
        return ReadRefused(reason="check_refused", status=status, detail=excerpt(reply.body))
    return _shown(reply, server_id) if reply.body_complete else _lost("the answer was cut off", patient)


def _shown(reply: Reply, server_id: int) -> Outcome:
    answer = read_object(reply)
    item = None if answer is None else answer.get("data")
    # Never quoted: it is somebody's intervention.
    if not isinstance(item, Mapping) or item.get("id", server_id) != server_id:
        told = "the answer shows no intervention, or another one"
        return ReadRefused(reason="check_refused", status=reply.status, detail=told)
    return TargetShown(reason="check_passed", status=reply.status, item=item)
