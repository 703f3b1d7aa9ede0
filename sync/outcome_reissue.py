"""What one call for another address of a signature came to: the third part of `sync/outcome.py`.

Pure. The call may be repeated, and nothing depends on it but one signature: so no answer to it ever pauses anything,
it only says that this way is closed for now. Assumed: all of it; the API's pages know no such call.
"""

from collections.abc import Mapping
from typing import assert_never

from sync.answer import excerpt, is_page, read_object, retry_after_s, storable
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome_kinds import NotOurs, Outcome, Retryable, Unreachable, UrlIssued, WayClosed
from sync.presigned_url import UploadImpossible, UrlRules, read_url


def classify_reissue(exchange: Exchange, *, pointer: str, rules: UrlRules) -> Outcome:
    """What came of it. `pointer` is a JSON pointer (RFC 6901) to the address in the answer."""
    match exchange:
        case Failure():
            return _no_answer(exchange)
        case Reply():
            return _answered(exchange, pointer, rules)
        case _:
            assert_never(exchange)


def _no_answer(failure: Failure) -> Outcome:
    assert failure.kind is not FailureKind.LEASE_LOST, "a lost lease is dropped by the drain, not classified"
    detail = excerpt(failure.detail)
    if failure.fully_written or failure.kind is FailureKind.LOCAL:
        return WayClosed(reason="reissue_unavailable", detail=detail)
    if failure.kind is FailureKind.TLS_WRONG_PEER:
        return NotOurs(reason="tls_untrusted", detail=detail)
    untrusted = failure.kind is FailureKind.TLS_UNTRUSTED
    return Unreachable(reason="tls_untrusted" if untrusted else "no_connection", detail=detail)


def _answered(reply: Reply, pointer: str, rules: UrlRules) -> Outcome:
    status, detail = reply.status, excerpt(reply.body)
    # Over verified TLS even a redirect is our own server's, and a wrong path must not close the way to it.
    foreign = not reply.secure and ((reply.body_complete and is_page(reply)) or 300 <= status < 400)
    if status in (407, 511):
        return NotOurs(reason="network_sign_in", status=status, detail=detail)
    if foreign:
        return NotOurs(reason="page_instead_of_answer", status=status, detail=detail)
    if status == 429:
        wait_s = retry_after_s(reply.headers, reply.received_at)
        return Retryable(reason="busy", status=status, detail=detail, retry_after_s=wait_s, counts=False)
    if not 200 <= status < 300:
        return WayClosed(reason="reissue_unavailable", status=status, detail=detail)
    return _given(reply, pointer, rules)


def _given(reply: Reply, pointer: str, rules: UrlRules) -> Outcome:
    """The address in a success. Its body is never quoted: it may hold the address where we do not look for it."""
    answer = read_object(reply) if reply.body_complete else None
    found = None if answer is None else find(answer, pointer)
    if not isinstance(found, str) or not found.strip() or not storable(found):
        told = "the answer holds no address where upload.reissue_pointer looks for it"
        return WayClosed(reason="reissue_unusable", status=reply.status, detail=told)
    url = found.strip()
    try:
        expires_at = read_url(url, rules).expires_at
    except UploadImpossible as problem:
        return WayClosed(reason="reissue_unusable", status=reply.status, detail=excerpt(str(problem)))
    return UrlIssued(reason="url_issued", status=reply.status, url=url, expires_at=expires_at)


def find(document: object, pointer: str) -> object:
    """What a JSON pointer leads to; None where it leads nowhere."""
    if pointer and not pointer.startswith("/"):
        return None
    for raw in pointer.split("/")[1:]:
        token = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(token)
        elif (
            isinstance(document, list)
            and token.isascii()
            and token.isdigit()
            and int(token[:9]) < len(document)
        ):
            document = document[int(token[:9])]
        else:
            return None
    return document
