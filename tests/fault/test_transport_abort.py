"""The watchdog ends an exchange from another thread: whatever was known by then is kept."""

import threading
import time
from collections.abc import Callable

from sync.exchange import Failure, FailureKind
from sync.outcome import InDoubt
from sync.transport import ApiRequest, Timeouts, Transport
from tests.support.raw_server import Peer, RawServer
from tests.support.wire import (
    BIG,
    BODY,
    CREATED,
    KEY,
    LIMIT_S,
    OK,
    PATH,
    TOKENS,
    Background,
    answered,
    created,
    dripping,
    failed,
    judged,
    send,
    telling,
)

# --- ended by the watchdog


def test_header_drip_is_ended_by_abort(new_transport: Callable[..., Transport]) -> None:
    """Each byte renews the read timeout, so without the watchdog such an exchange outlives its lease."""
    handler, started = dripping(b"HTTP/1.1 201 Created\r\nX: ")
    with RawServer(handler) as server:
        transport = new_transport(server.url)
        background = Background(lambda: send(transport))
        assert started.wait(LIMIT_S)
        transport.abort()
        exchange = background.result()
    assert failed(exchange) == (FailureKind.EXCHANGE_TIMEOUT, True)
    assert isinstance(judged(exchange), InDoubt)


def test_abort_in_the_middle_of_a_body_keeps_the_status(new_transport: Callable[..., Transport]) -> None:
    handler, _ = dripping(OK + b"Content-Length: 900000\r\n\r\n")
    with RawServer(handler) as server:
        status_read = threading.Event()
        transport = new_transport(server.url, now=telling(status_read))
        background = Background(lambda: send(transport))
        assert status_read.wait(LIMIT_S)
        transport.abort()
        reply = answered(background.result())
    assert (reply.status, reply.body_complete) == (201, False)


def test_abort_while_writing_is_unreachable(new_transport: Callable[..., Transport]) -> None:
    def handler(peer: Peer) -> None:
        peer.read_head()
        reading.set()
        release.wait(LIMIT_S)

    reading, release = threading.Event(), threading.Event()
    with RawServer(handler) as server:
        transport = new_transport(server.url)
        background = Background(lambda: send(transport, BIG))
        assert reading.wait(LIMIT_S)
        transport.abort()
        exchange = background.result()
        release.set()
    assert failed(exchange) == (FailureKind.EXCHANGE_TIMEOUT, False)


def test_abort_right_before_the_first_byte_sends_nothing(new_transport: Callable[..., Transport]) -> None:
    with RawServer(created) as server:
        transport = new_transport(server.url)
        request = ApiRequest("POST", PATH, BODY, KEY)
        exchange = transport.send(request, TOKENS, before_first_byte=transport.abort)
    assert failed(exchange) == (FailureKind.EXCHANGE_TIMEOUT, False)
    assert isinstance(exchange, Failure)
    assert exchange.sent_at is None
    assert server.asked == []


def test_abort_ends_a_tls_handshake_that_hangs(new_transport: Callable[..., Transport]) -> None:
    def handler(peer: Peer) -> None:
        greeted.set()
        peer.wait_for_close()

    greeted = threading.Event()
    with RawServer(handler) as server:
        transport = new_transport(server.url.replace("http:", "https:"), Timeouts(connect_s=60))
        background = Background(lambda: send(transport))
        assert greeted.wait(LIMIT_S)
        time.sleep(0.1)  # the subject: it must be inside the handshake, past the connect
        transport.abort()
        assert failed(background.result()) == (FailureKind.EXCHANGE_TIMEOUT, False)


def test_abort_between_two_exchanges_harms_neither(new_transport: Callable[..., Transport]) -> None:
    with RawServer(created) as server:
        transport = new_transport(server.url)
        answered(send(transport))
        transport.abort()
        assert answered(send(transport)).status == 201
        assert server.connections == 1


def test_transport_works_again_after_an_abort(new_transport: Callable[..., Transport]) -> None:
    silent = threading.Event()

    def handler(peer: Peer) -> None:
        peer.read_request()
        if peer.number == 1:
            silent.set()
            peer.wait_for_close()
            return
        peer.answer("201 Created", CREATED)

    with RawServer(handler) as server:
        transport = new_transport(server.url)
        background = Background(lambda: send(transport))
        assert silent.wait(LIMIT_S)
        transport.abort()
        assert failed(background.result()) == (FailureKind.EXCHANGE_TIMEOUT, True)
        assert answered(send(transport)).status == 201


def test_server_sees_the_end_of_a_connection_that_was_dropped(
    new_transport: Callable[..., Transport],
) -> None:
    ended = threading.Event()

    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"garbage\r\n\r\n")
        peer.wait_for_close()
        ended.set()

    with RawServer(handler) as server:
        send(new_transport(server.url))
        assert ended.wait(LIMIT_S)
