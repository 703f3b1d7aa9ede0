"""What one upload ended with, in the words of `sync/exchange.py`.

The exceptions of botocore and urllib3 quote the whole signed URL in their text, so nothing of that text is used:
only types and what the operating system said.
"""

from __future__ import annotations

import re
import ssl
from http.client import HTTPException, RemoteDisconnected

from urllib3 import exceptions as urllib3

from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.secret import redact
from sync.upload_socket import InFlight

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._]{0,63}")
_DETAIL_CHARS = 300
# OpenSSL's numbers for "not the one you asked for": self-signed, unknown issuer, other name or address.
_WRONG_PEER = frozenset({2, 18, 19, 20, 21, 62, 64})


def read_result(flight: InFlight, error: Exception | None) -> Exchange:
    """The answer if there was a status line, else why there was none. `error`: what the client raised."""
    return _failure(flight, error) if flight.status is None else _reply(flight, error)


def _reply(flight: InFlight, error: Exception | None) -> Reply:
    parsed = getattr(error, "response", None)
    told = parsed.get("Error", {}) if isinstance(parsed, dict) else {}
    code = str(told.get("Code", ""))
    assert flight.status is not None
    return Reply(
        status=flight.status,
        headers=flight.answer_headers,
        body=bytes(flight.answer),
        body_complete=flight.answer_complete,
        secure=flight.origin.startswith("https:"),
        sent_at=flight.sent_at,
        received_at=flight.received_at,
        error_code=code if _CODE.fullmatch(code) else "",
        error_message=redact(str(told.get("Message", "")))[:_DETAIL_CHARS],
    )


def _failure(flight: InFlight, error: Exception | None) -> Failure:
    kind = FailureKind.UNKNOWN if error is None else _kind(flight, error)
    detail = "no answer" if error is None else told(error)
    return Failure(kind, fully_written=flight.fully_written, detail=detail, sent_at=flight.sent_at)


def _kind(flight: InFlight, error: Exception) -> FailureKind:  # noqa: PLR0911  a table
    roots = _chain(error)
    if flight.monotonic() >= flight.deadline:
        return FailureKind.EXCHANGE_TIMEOUT
    if isinstance(error, urllib3.ProxyError):
        return FailureKind.PROXY
    for root in roots:
        if isinstance(root, ssl.SSLCertVerificationError):
            wrong_peer = root.verify_code in _WRONG_PEER
            return FailureKind.TLS_WRONG_PEER if wrong_peer else FailureKind.TLS_UNTRUSTED
    if isinstance(error, urllib3.NewConnectionError):  # a ConnectTimeoutError too, by its class
        return FailureKind.CONNECT
    if isinstance(error, urllib3.ConnectTimeoutError):
        return FailureKind.CONNECT_TIMEOUT
    network = isinstance(error, (urllib3.HTTPError, OSError))
    if not network:
        return FailureKind.LOCAL if isinstance(error, (ValueError, TypeError)) else FailureKind.UNKNOWN
    if flight.sent_at is None:
        slow = any(isinstance(root, TimeoutError) for root in roots)
        return FailureKind.CONNECT_TIMEOUT if slow else FailureKind.CONNECT
    if not flight.fully_written:
        return FailureKind.WRITE
    if isinstance(error, urllib3.ReadTimeoutError):
        return FailureKind.READ_TIMEOUT
    if any(isinstance(root, HTTPException) and not isinstance(root, RemoteDisconnected) for root in roots):
        return FailureKind.BAD_ANSWER
    return FailureKind.DISCONNECTED


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what caused it, outermost first; urllib3 also hides causes in `args`."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        item = waiting.pop()
        if item is None or item in found:
            continue
        found.append(item)
        waiting += [
            item.__context__,
            item.__cause__,
            *(part for part in item.args if isinstance(part, BaseException)),
        ]
    return found


def told(error: Exception) -> str:
    """Types and the system's own words only: the text of a network error may quote the request."""
    chain = _chain(error)
    names = "/".join(dict.fromkeys(type(item).__name__ for item in chain))
    words = next(
        (item.strerror for item in reversed(chain) if isinstance(item, OSError) and item.strerror), ""
    )
    return redact(f"{names}: {words}" if words else names)[:_DETAIL_CHARS]
