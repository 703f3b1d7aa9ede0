"""What can happen to one exchange on its way: each fate has a name and says whether and when the request is carried
out, and what the device hears of it.

`carried_after_s` None: the server never gets to it. An answer that speaks of a record waits until that is stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sync.exchange import Exchange, Failure, FailureKind, Reply

GATEWAY_S = 29.0  # after this a gateway answers for the handler behind it
READ_TIMEOUT_S = 40.0
HTML = b"<!doctype html><html><head><title>504</title></head><body>Gateway time-out</body></html>"
_HTML_TYPE = {"content-type": "text/html"}


@dataclass(frozen=True)
class Fate:
    """`answer` None: the server's own, once it has carried the request out.

    `doubtful`: the device cannot know whether it was carried out. `final`: it ends with a person, by its nature.
    """

    name: str
    unreached: FailureKind | None = None  # no byte got through
    unreached_s: float = 0.0
    written: bool = True
    writes_s: float = 0.0  # from the first byte to the last
    carried_after_s: float | None = 0.1
    answer: Exchange | None = None
    answer_after_s: float = 0.3
    doubtful: bool = False
    final: bool = False
    hangs_at: str = ""  # the sending thread stops there, for ever or until somebody lets it go on
    deaf: bool = False  # ending the exchange from outside does not reach it

    def later(self, carried_after_s: float | None) -> Fate:
        """The same, carried out so long after the last byte; None: never."""
        return replace(self, name=f"{self.name}@{carried_after_s}", carried_after_s=carried_after_s)


def _failed(kind: FailureKind, *, written: bool = True) -> Failure:
    return Failure(kind, written, "simulated")


def said(status: int, body: dict[str, Any] | None = None, **headers: str) -> Reply:
    """An answer in JSON over verified TLS."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps(body or {"message": f"answered {status}"}).encode())


GOOD = Fate("good")
NO_ROUTE = Fate("no-route", FailureKind.CONNECT)
CONNECT_TIMEOUT = Fate("connect-timeout", FailureKind.CONNECT_TIMEOUT, unreached_s=10)
TORN_REQUEST = Fate(
    "torn-request", written=False, carried_after_s=None, answer=_failed(FailureKind.WRITE, written=False)
)
LOST_REQUEST = Fate(
    "lost-request",
    carried_after_s=None,
    answer=_failed(FailureKind.READ_TIMEOUT),
    answer_after_s=READ_TIMEOUT_S,
    doubtful=True,
)
LOST_ANSWER = Fate("lost-answer", answer=_failed(FailureKind.DISCONNECTED), doubtful=True)
LATE_ANSWER = Fate(
    "late-answer", answer=_failed(FailureKind.READ_TIMEOUT), answer_after_s=READ_TIMEOUT_S, doubtful=True
)
GARBLED = Fate("garbled", answer=_failed(FailureKind.BAD_ANSWER), doubtful=True)
GATEWAY_504 = Fate("504", answer=said(504), answer_after_s=GATEWAY_S, doubtful=True)
HTML_504 = Fate("html-504", answer=Reply(504, _HTML_TYPE, HTML), answer_after_s=GATEWAY_S, doubtful=True)
BROKE_500 = Fate("500", answer=said(500), doubtful=True)
BUSY_503 = Fate("503", answer=said(503, retry_after="20"), doubtful=True)
# A portal ends the connection itself: nothing comes through it.
HTML_504_PLAIN = Fate(
    "html-504-plain",
    carried_after_s=None,
    answer=Reply(504, _HTML_TYPE, HTML, secure=False),
    answer_after_s=GATEWAY_S,
)
PORTAL = Fate("portal", carried_after_s=None, answer=Reply(200, _HTML_TYPE, HTML, secure=False))
REDIRECT = Fate("redirect", carried_after_s=None, answer=said(302, location="https://portal.example/"))
TORN_201 = Fate("torn-201", answer=Reply(201, {}, b'{"data": {"id"', body_complete=False), doubtful=True)
EMPTY_201 = Fate("empty-201", answer=said(201, {"data": {}}), doubtful=True)
CONFLICT_409 = Fate("409", carried_after_s=None, answer=said(409), doubtful=True)
SLOW_DOWN_429 = Fate("429", carried_after_s=None, answer=said(429, retry_after="30"))
UNAUTHORIZED_401 = Fate("401", carried_after_s=None, answer=said(401))
REFUSED_400 = Fate("400", carried_after_s=None, answer=said(400), final=True)
MISSING_404 = Fate("404", carried_after_s=None, answer=said(404))
HANGS_BEFORE = Fate("hangs-before-first-byte", hangs_at="checked")
HANGS_AFTER = Fate("hangs-after-last-byte", hangs_at="sent", doubtful=True)
# The thread is stuck where ending the exchange does not reach it, and sends when it is let go.
HANGS_DEAF = Fate("hangs-deaf-before-first-byte", hangs_at="checked", deaf=True, doubtful=True)

SEND_FATES = (
    NO_ROUTE,
    CONNECT_TIMEOUT,
    TORN_REQUEST,
    LOST_REQUEST,
    LOST_ANSWER,
    LATE_ANSWER,
    GARBLED,
    GATEWAY_504,
    HTML_504,
    BROKE_500,
    BUSY_503,
    HTML_504_PLAIN,
    PORTAL,
    REDIRECT,
    TORN_201,
    EMPTY_201,
    CONFLICT_409,
    SLOW_DOWN_429,
    UNAUTHORIZED_401,
    REFUSED_400,
    MISSING_404,
    HANGS_BEFORE,
    HANGS_AFTER,
    HANGS_DEAF,
)


def _refusal(status: int, code: str, message: str = "") -> Reply:
    return Reply(
        status, {"content-type": "application/xml"}, b"<Error/>", error_code=code, error_message=message
    )


URL_EXPIRED = _refusal(403, "AccessDenied", "Request has expired")

PUT_LOST = Fate("put-answer-lost", answer=_failed(FailureKind.READ_TIMEOUT), answer_after_s=60.0)
PUT_NEVER_CAME = Fate(
    "put-never-came", carried_after_s=None, answer=_failed(FailureKind.DISCONNECTED, written=False)
)
PUT_WRONG_ETAG = Fate(
    "put-wrong-etag", carried_after_s=None, answer=Reply(200, {"etag": '"' + "0" * 32 + '"'})
)
PUT_NO_ETAG = Fate("put-no-etag", carried_after_s=None, answer=Reply(200, {}))
PUT_SLOW_DOWN = Fate("put-slow-down", carried_after_s=None, answer=_refusal(503, "SlowDown"))
PUT_DAMAGED = Fate("put-bad-digest", carried_after_s=None, answer=_refusal(400, "BadDigest"))
PUT_PORTAL = Fate("put-portal", carried_after_s=None, answer=Reply(200, _HTML_TYPE, HTML, secure=False))
PUT_EXPIRED = Fate("put-url-expired", carried_after_s=None, answer=URL_EXPIRED, final=True)
PUT_FORBIDDEN = Fate(
    "put-forbidden", carried_after_s=None, answer=_refusal(403, "SignatureDoesNotMatch"), final=True
)
PUT_HANGS = Fate("put-hangs", hangs_at="put-sent")

PUT_FATES = (
    NO_ROUTE,
    CONNECT_TIMEOUT,
    PUT_LOST,
    PUT_NEVER_CAME,
    PUT_WRONG_ETAG,
    PUT_NO_ETAG,
    PUT_SLOW_DOWN,
    PUT_DAMAGED,
    PUT_PORTAL,
    PUT_EXPIRED,
    PUT_FORBIDDEN,
    PUT_HANGS,
)

LIST_REFUSED = Fate("list-403", answer=said(403))
LIST_BROKEN = Fate("list-500", answer=said(500))
LIST_BUSY = Fate("list-429", answer=said(429, retry_after="30"))
LIST_TORN = Fate("list-torn", answer=Reply(200, {}, b'{"data": [', body_complete=False))
LIST_EMPTY = Fate("list-empty", answer=said(200, {"data": [], "totalCount": 0}))
LIST_SLOW = Fate("list-slow", answer_after_s=20.0)
LIST_LOST = Fate("list-lost", answer=_failed(FailureKind.READ_TIMEOUT), answer_after_s=READ_TIMEOUT_S)

READ_FATES = (
    NO_ROUTE,
    CONNECT_TIMEOUT,
    PORTAL,
    UNAUTHORIZED_401,
    LIST_REFUSED,
    LIST_BROKEN,
    LIST_BUSY,
    LIST_TORN,
    LIST_EMPTY,
    LIST_SLOW,
    LIST_LOST,
)
