"""Which kind of failure an exception of the HTTP library is, and what may be told of it.

How far the request got is no question for exceptions: see `sync/wire_trace.py`.
"""

import ssl

import httpx

from sync.exchange import FailureKind
from sync.secret import redact
from sync.wire_trace import Aborted

_DETAIL_CHARS = 400
# OpenSSL's reasons that say "this is somebody else" rather than "this certificate is out of order".
_WRONG_PEER_CODES = frozenset(
    {
        2,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
        18,  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
        19,  # X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
        20,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        21,  # X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
        62,  # X509_V_ERR_HOSTNAME_MISMATCH
        64,  # X509_V_ERR_IP_ADDRESS_MISMATCH
    }
)


def kind_of(exc: Exception) -> FailureKind:  # noqa: PLR0911  a table of types
    """The kind of a failure before any status line."""
    match exc:
        case httpx.ConnectError():
            return _connect_kind(exc)
        case httpx.ConnectTimeout():
            return FailureKind.CONNECT_TIMEOUT
        case httpx.PoolTimeout():
            return FailureKind.POOL_TIMEOUT
        case httpx.ProxyError():
            return FailureKind.PROXY
        case httpx.WriteTimeout() | httpx.WriteError():
            return FailureKind.WRITE
        case httpx.ReadTimeout():
            return FailureKind.READ_TIMEOUT
        case httpx.ReadError():
            return FailureKind.DISCONNECTED
        case httpx.RemoteProtocolError():
            # Only for the reader of a log: both are judged alike.
            gone = str(exc).startswith("Server disconnected")
            return FailureKind.DISCONNECTED if gone else FailureKind.BAD_ANSWER
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol() | httpx.InvalidURL() | UnicodeError():
            return FailureKind.LOCAL
        case _ if type(exc).__name__ == "LocalProtocolError":
            # h11's own, which the client lets through unmapped while it writes a body.
            return FailureKind.LOCAL
        case _:
            return FailureKind.UNKNOWN


def _connect_kind(exc: BaseException) -> FailureKind:
    # The cause hides in the arguments: the pool cuts the chain when it raises again.
    waiting, seen = [exc], set[int]()
    while waiting:
        part = waiting.pop()
        if isinstance(part, ssl.SSLCertVerificationError):
            wrong = part.verify_code in _WRONG_PEER_CODES
            return FailureKind.TLS_WRONG_PEER if wrong else FailureKind.TLS_UNTRUSTED
        if id(part) not in seen:
            seen.add(id(part))
            linked = (part.__cause__, part.__context__, *part.args)
            waiting += (link for link in linked if isinstance(link, BaseException))
    return FailureKind.CONNECT


def describe(kind: FailureKind, exc: Exception) -> str:
    """What happened, for ops: redacted, never a header value or an address's query."""
    if isinstance(exc, Aborted):
        return "ended by the watchdog"
    if kind is FailureKind.LOCAL:
        # The text of these quotes the header or address that was wrong.
        return type(exc).__name__
    return redact(f"{type(exc).__name__}: {exc}")[:_DETAIL_CHARS]
