"""What can be changed while the stand-in runs, and the tokens it hands out. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

TOKEN_LIFETIME_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Options:
    """Settable in process (`State.set_options`) and under `/_sandbox/options`."""

    honour_keys: bool = False
    """A second POST with the same Idempotency-Key gets the first one's record and a fresh URL; a second PATCH
    changes nothing more and mails nobody."""
    strict_tokens: bool = False
    """Only the current token pair is let in; otherwise any non-empty one."""
    sign_content_type: bool = False
    """The declared mime type becomes part of the URL's signature."""
    reissue_urls: bool = False
    """`POST /mb/{id}/signature-url` gives another URL. An invention of ours: the API documents no such call."""
    url_lifetime_s: int = 900
    clock_offset_s: float = 0.0
    """Moves the server's clock: a positive value ages every URL given out so far."""
    list_lag_s: float = 0.0
    """How long a new record stays out of the list."""
    list_hidden: bool = False
    """The list answers and shows none of the records that POSTs made, as to a role that may not see them."""
    full_detail: bool = False
    """The detail also shows the fields of the flat row: its page was cut, so it may."""
    max_page_size: int = 100
    max_object_bytes: int = 16 * 1024 * 1024

    def changed(self, changes: Mapping[str, Any]) -> Options:
        """Raises ValueError for an unknown name or a value of another type."""
        current = asdict(self)
        for name, value in changes.items():
            if name not in current:
                raise ValueError(f"no option {name!r}; known: {', '.join(current)}")
            kind = type(current[name])
            if isinstance(value, bool) != (kind is bool) or not isinstance(value, (kind, int)):
                raise ValueError(f"{name} must be {kind.__name__}")
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class TokenPair:
    bearer: str
    session: str


def derive(seed: str, purpose: str) -> str:
    """64 hex digits that depend on nothing else: the same seed gives the same run."""
    return hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()


def make_tokens(seed: str, rotation: int, now: datetime) -> TokenPair:
    """Shaped like the real ones (the session token names its user and its end), of no use anywhere else."""
    issued = int(now.timestamp())
    claims = {
        "userId": "9",
        "sessionId": derive(seed, f"session{rotation}")[:12],
        "iat": issued,
        "exp": issued + TOKEN_LIFETIME_S,
    }
    parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "none", "typ": "JWT"}, claims)]
    signature = _base64url(bytes.fromhex(derive(seed, f"signature{rotation}")))
    return TokenPair(derive(seed, f"bearer{rotation}"), ".".join([*parts, signature]))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
