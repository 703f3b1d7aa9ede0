"""One exchange of the transport with a raw server, and what the tests ask of it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sync.credentials import Tokens
from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.outcome import Outcome, classify_send
from sync.secret import Secret
from sync.transport import ApiRequest, Timeouts, Transport
from tests.support.raw_server import Handler, Peer, RawServer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEARER = "canary-bearer-0123456789abcdef"
SESSION = "canary-session-0123456789abcdef"
TOKENS = Tokens(bearer=Secret(BEARER), session=Secret(SESSION), owner=None, expires_at=None)
KEY = "0190f3c2-7a5b-7cc3-98c4-dc0c0c07398f"
PATH = "/interventions/v2/mb/preventive/unplanned"
BODY = b'{"companyId":1}'
CREATED = b'{"data":{"id":31},"presignedUrl":"https://b.s3.amazonaws.com/k?X-Amz-Signature=0"}'
BIG = b"x" * (16 * 1024 * 1024)  # more than the kernel's buffers on both sides take without a reader
BRIEF = Timeouts(connect_s=2, write_s=0.5, read_s=0.5, pool_s=1)
PATIENT = Timeouts(connect_s=10, write_s=10, read_s=10, pool_s=5)
LIMIT_S = 15.0
OK = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"

Send = Callable[..., Exchange]


def send(transport: Transport, body: bytes = BODY, path: str = PATH, tokens: Tokens = TOKENS) -> Exchange:
    return transport.send(ApiRequest("POST", path, body, KEY), tokens, before_first_byte=lambda: None)


def judged(exchange: Exchange) -> Outcome:
    return classify_send(exchange, success_status=201, repeatable=False, wants_url=True, tokens_proven=True)


def failed(exchange: Exchange) -> tuple[FailureKind, bool]:
    assert isinstance(exchange, Failure), exchange
    return exchange.kind, exchange.fully_written


def answered(exchange: Exchange) -> Reply:
    assert isinstance(exchange, Reply), exchange
    return exchange


def created(peer: Peer) -> None:
    while peer.read_request().line:
        peer.answer(
            "201 Created", CREATED, "Content-Type: application/json", "Date: Sun, 01 Mar 2026 12:00:00 GMT"
        )


def hang_up(peer: Peer) -> None:
    peer.read_request()


def telling(status_read: threading.Event) -> Callable[[], datetime]:
    """A clock that says when it is read for the second time: for the status, after the first byte."""
    reads: list[None] = []

    def now() -> datetime:
        reads.append(None)
        if len(reads) == 2:
            status_read.set()
        return NOON

    return now


class Background:
    """An exchange in a thread of its own, so that the test can interfere."""

    def __init__(self, work: Callable[[], Exchange]) -> None:
        self._ended: list[Exchange] = []
        self._thread = threading.Thread(target=lambda: self._ended.append(work()), daemon=True)
        self._thread.start()

    def result(self) -> Exchange:
        self._thread.join(LIMIT_S)
        assert self._ended, "the exchange did not end"
        return self._ended[0]


def lost(handler: Handler, make: Callable[..., Transport], timeouts: Timeouts = PATIENT) -> Exchange:
    with RawServer(handler) as server:
        exchange = send(make(server.url, timeouts))
        assert len(server.asked) == 1, "it must not be sent twice"
    return exchange


def dripping(first: bytes) -> tuple[Handler, threading.Event]:
    started = threading.Event()

    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.send(first)
        started.set()
        while True:
            peer.send(b"a")
            time.sleep(0.02)

    return handler, started
