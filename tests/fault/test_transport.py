"""What the transport puts on the wire, and what it says when the request did not leave or got no answer."""

import socket
import threading
from collections.abc import Callable

import pytest

from sync.credentials import Tokens
from sync.exchange import Failure, FailureKind, LeaseGone
from sync.outcome import InDoubt, Unreachable
from sync.secret import Secret
from sync.transport import ApiRequest, Timeouts, Transport
from tests.support.raw_server import Peer, RawServer
from tests.support.wire import (
    BEARER,
    BIG,
    BODY,
    BRIEF,
    CREATED,
    KEY,
    LIMIT_S,
    NOON,
    PATH,
    SESSION,
    TOKENS,
    answered,
    created,
    failed,
    hang_up,
    judged,
    lost,
    send,
)

# --- what goes out


def test_request_on_the_wire_carries_exactly_these_headers(new_transport: Callable[..., Transport]) -> None:
    with RawServer(created) as server:
        answered(send(new_transport(server.url)))
        asked = server.asked[0]
    assert asked.line == f"POST /main{PATH} HTTP/1.1"
    assert asked.body == BODY
    assert {name.lower(): value for name, value in asked.headers} == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": f"Bearer {BEARER}",
        "x-session-token": SESSION,
        "content-type": "application/json",
        "idempotency-key": KEY,
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "fieldsync/0",
        "connection": "keep-alive",
        "content-length": str(len(BODY)),
    }
    assert len(asked.headers) == 10


def test_answer_carries_status_headers_body_and_times(new_transport: Callable[..., Transport]) -> None:
    with RawServer(created) as server:
        reply = answered(send(new_transport(server.url)))
    assert (reply.status, reply.body, reply.body_complete, reply.secure) == (201, CREATED, True, False)
    assert reply.headers["content-type"] == "application/json"
    assert (reply.sent_at, reply.received_at) == (NOON, NOON)
    assert "Signature" not in repr(reply)


@pytest.mark.parametrize("base", ["/main", "/main/", "", "/a/b"])
def test_base_path_is_kept_as_it_is(new_transport: Callable[..., Transport], base: str) -> None:
    with RawServer(created) as server:
        answered(send(new_transport(f"http://127.0.0.1:{server.port}{base}")))
        assert server.asked[0].line == f"POST {base.rstrip('/')}{PATH} HTTP/1.1"


@pytest.mark.parametrize("path", ["/a/../b", "/a b", "/ü", "x.example/unplanned"])
def test_path_that_would_be_changed_is_a_local_fault_and_is_not_sent(
    new_transport: Callable[..., Transport], path: str
) -> None:
    with RawServer(created) as server:
        assert failed(send(new_transport(server.url), path=path)) == (FailureKind.LOCAL, False)
        assert server.connections == 0


@pytest.mark.parametrize("token", ["line\nbreak-canary-token", "café-canary-token"])
def test_token_that_is_no_header_value_is_a_local_fault_and_stays_unseen(
    new_transport: Callable[..., Transport], token: str
) -> None:
    with RawServer(created) as server:
        tokens = Tokens(bearer=Secret(token), session=Secret(SESSION), owner=None, expires_at=None)
        exchange = send(new_transport(server.url), tokens=tokens)
        assert server.asked == []
    assert failed(exchange) == (FailureKind.LOCAL, False)
    assert "canary" not in repr(exchange)


def test_connection_is_kept_for_the_next_request(new_transport: Callable[..., Transport]) -> None:
    with RawServer(created) as server:
        transport = new_transport(server.url)
        assert [answered(send(transport)).status for _ in range(3)] == [201, 201, 201]
        assert server.connections == 1


def test_cookies_of_one_answer_are_not_sent_with_the_next(new_transport: Callable[..., Transport]) -> None:
    def handler(peer: Peer) -> None:
        while peer.read_request().line:
            peer.answer("200 OK", b"{}", "Set-Cookie: portal=1; Path=/")

    with RawServer(handler) as server:
        transport = new_transport(server.url)
        send(transport)
        send(transport)
        assert "cookie" not in {name.lower() for name, _ in server.asked[1].headers}


# --- right before the first byte


def test_nothing_is_sent_when_the_lease_is_gone(new_transport: Callable[..., Transport]) -> None:
    """A tablet woke up with another worker's lease on the row; the connection stands, the request must not leave."""

    def gone() -> None:
        raise LeaseGone

    read: list[str] = []
    done = threading.Event()

    def handler(peer: Peer) -> None:
        read.append(peer.read_head().line)
        done.set()

    with RawServer(handler) as server:
        request = ApiRequest("POST", PATH, BODY, KEY)
        exchange = new_transport(server.url).send(request, TOKENS, before_first_byte=gone)
        assert done.wait(LIMIT_S)
    assert failed(exchange) == (FailureKind.LEASE_LOST, False)
    assert isinstance(exchange, Failure)
    assert exchange.sent_at is None
    assert read == [""]


def test_the_lease_is_checked_once_and_after_connecting(new_transport: Callable[..., Transport]) -> None:
    with RawServer(created) as server:
        seen: list[int] = []
        request = ApiRequest("POST", PATH, BODY, KEY)
        transport = new_transport(server.url)
        for _ in range(2):
            transport.send(request, TOKENS, before_first_byte=lambda: seen.append(len(server.asked)))
        assert seen == [0, 1]


def test_the_lease_is_not_asked_for_without_a_connection(new_transport: Callable[..., Transport]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    asked: list[None] = []
    request = ApiRequest("POST", PATH, BODY, KEY)
    new_transport(f"http://127.0.0.1:{port}").send(
        request, TOKENS, before_first_byte=lambda: asked.append(None)
    )
    assert asked == []


def test_a_failing_disk_in_the_last_check_is_raised_and_nothing_is_sent(
    new_transport: Callable[..., Transport],
) -> None:
    def broken() -> None:
        raise OSError("disk")

    with RawServer(created) as server:
        request = ApiRequest("POST", PATH, BODY, KEY)
        with pytest.raises(OSError, match="disk"):
            new_transport(server.url).send(request, TOKENS, before_first_byte=broken)
        assert server.asked == []


# --- it did not leave


def test_refused_connection_is_unreachable(new_transport: Callable[..., Transport]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    exchange = send(new_transport(f"http://127.0.0.1:{port}/main"))
    assert failed(exchange) == (FailureKind.CONNECT, False)
    assert isinstance(judged(exchange), Unreachable)


def test_unknown_name_is_unreachable(new_transport: Callable[..., Transport]) -> None:
    assert failed(send(new_transport("https://api.invalid/main"))) == (FailureKind.CONNECT, False)


def test_black_hole_is_unreachable_after_the_connect_timeout(new_transport: Callable[..., Transport]) -> None:
    """The link is up, but packets go nowhere: a listener whose queue is full and who never accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        exchange = send(new_transport(f"http://127.0.0.1:{address[1]}", Timeouts(connect_s=0.3)))
        for sock in waiting:
            sock.close()
    assert failed(exchange) == (FailureKind.CONNECT_TIMEOUT, False)


def test_reset_before_the_whole_body_is_unreachable(new_transport: Callable[..., Transport]) -> None:
    def handler(peer: Peer) -> None:
        peer.read_head()
        peer.reset()

    with RawServer(handler) as server:
        exchange = send(new_transport(server.url), BIG)
    kind, written = failed(exchange)
    assert not written
    assert kind is FailureKind.DISCONNECTED
    assert isinstance(judged(exchange), Unreachable)


def test_server_that_stops_reading_is_unreachable_after_the_write_timeout(
    new_transport: Callable[..., Transport],
) -> None:
    def handler(peer: Peer) -> None:
        peer.read_head()
        release.wait(LIMIT_S)

    release = threading.Event()
    with RawServer(handler) as server:
        exchange = send(new_transport(server.url, BRIEF), BIG)
        release.set()
    assert failed(exchange) == (FailureKind.WRITE, False)


# --- it left, and nobody knows


def test_reset_after_the_whole_body_is_in_doubt(new_transport: Callable[..., Transport]) -> None:
    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.reset()

    exchange = lost(handler, new_transport)
    assert failed(exchange) == (FailureKind.DISCONNECTED, True)
    assert isinstance(judged(exchange), InDoubt)


def test_close_without_an_answer_is_in_doubt(new_transport: Callable[..., Transport]) -> None:
    exchange = lost(hang_up, new_transport)
    assert failed(exchange) == (FailureKind.DISCONNECTED, True)


def test_close_of_a_reused_connection_is_in_doubt_and_not_sent_again(
    new_transport: Callable[..., Transport],
) -> None:
    """The server handled the second request and died before it could answer: a silent resend would create twice."""

    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.answer("201 Created", CREATED)
        peer.read_request()

    with RawServer(handler) as server:
        transport = new_transport(server.url)
        answered(send(transport))
        exchange = send(transport)
        assert (len(server.asked), server.connections) == (2, 1)
    assert failed(exchange) == (FailureKind.DISCONNECTED, True)
    assert isinstance(judged(exchange), InDoubt)


def test_connection_closed_while_idle_is_replaced(new_transport: Callable[..., Transport]) -> None:
    closed = threading.Event()

    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.answer("201 Created", CREATED)
        if peer.number == 1:
            peer.close()
            closed.set()

    with RawServer(handler) as server:
        transport = new_transport(server.url)
        answered(send(transport))
        assert closed.wait(LIMIT_S)
        assert answered(send(transport)).status == 201
        assert server.connections == 2


def test_silence_is_in_doubt_after_the_read_timeout(new_transport: Callable[..., Transport]) -> None:
    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.wait_for_close()

    assert failed(lost(handler, new_transport, BRIEF)) == (FailureKind.READ_TIMEOUT, True)


BROKEN_STATUS = {
    "half a status line": (b"HTTP/1.1 20", FailureKind.DISCONNECTED),
    "half the headers": (b"HTTP/1.1 201 Created\r\nContent-Le", FailureKind.DISCONNECTED),
    "no status line": (b"220 mail.example ESMTP\r\n\r\n", FailureKind.BAD_ANSWER),
    "impossible status": (b"HTTP/1.1 099 Odd\r\n\r\n", FailureKind.BAD_ANSWER),
    "bytes": (bytes(range(256)) + b"\r\n\r\n", FailureKind.BAD_ANSWER),
}


@pytest.mark.parametrize(("data", "kind"), BROKEN_STATUS.values(), ids=BROKEN_STATUS)
def test_unreadable_status_is_in_doubt(
    new_transport: Callable[..., Transport], data: bytes, kind: FailureKind
) -> None:
    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)

    exchange = lost(handler, new_transport)
    assert failed(exchange) == (kind, True)
    assert isinstance(judged(exchange), InDoubt)
