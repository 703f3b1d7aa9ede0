"""What one exchange on the wire ended with: an answer, or a failure with how far the request got.

These are facts only. The transport and the upload fill them in and judge nothing; what a fact means
for an entry is said in one place, `sync/outcome.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# Larger answers are cut off: the status is what counts, and a tablet has little memory.
MAX_BODY_BYTES = 1024 * 1024


class LeaseGone(Exception):
    """The entry is no longer ours to send; raised right before the first byte, so that none leaves."""


class FailureKind(StrEnum):
    """Why there is no status line. Who reached whom is the other fact, `Failure.fully_written`."""

    CONNECT = "connect"  # name not found, refused, no route, TLS handshake broken off
    TLS_UNTRUSTED = "tls_untrusted"  # certificate not valid: expired, not yet valid, revoked
    TLS_WRONG_PEER = "tls_wrong_peer"  # certificate of another name or of an unknown issuer
    CONNECT_TIMEOUT = "connect_timeout"
    POOL_TIMEOUT = "pool_timeout"
    PROXY = "proxy"
    WRITE = "write"
    READ_TIMEOUT = "read_timeout"
    DISCONNECTED = "disconnected"
    BAD_ANSWER = "bad_answer"  # bytes came, but no status line that can be read
    LOCAL = "local"  # our own address, header or body was unusable
    EXCHANGE_TIMEOUT = "exchange_timeout"  # ended by abort(): the whole exchange took too long
    LEASE_LOST = "lease_lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status line was read. Body and headers stay out of `repr`: they may hold a presigned URL."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # lower-case names
    body: bytes = field(default=b"", repr=False)  # at most MAX_BODY_BYTES; may be partial
    body_complete: bool = True  # False: truncated, reset, undecodable or too large
    secure: bool = True  # the peer was verified by TLS; False on plain http
    sent_at: datetime | None = None  # device clock, just before the first byte; aware UTC
    received_at: datetime | None = None  # device clock, when the status was read; aware UTC
    error_code: str = ""  # upload only: S3's Code
    error_message: str = ""  # upload only: S3's Message, redacted


@dataclass(frozen=True, slots=True)
class Failure:
    """No status line was read."""

    kind: FailureKind
    fully_written: bool  # the last byte of the request was handed to the network
    detail: str  # redacted: never a URL query, a token or a header value
    sent_at: datetime | None = None  # None: no byte of the request left


Exchange = Reply | Failure
