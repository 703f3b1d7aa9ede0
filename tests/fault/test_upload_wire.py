"""What an upload puts on the wire, byte for byte, and what it makes of everything that can come back.

Promises P4 and P8. The storage is a raw socket, because stand-ins for S3 accept what S3 refuses.
"""

import base64
import hashlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.exchange import Failure, FailureKind, Reply
from sync.outcome import classify_upload
from sync.presigned_url import UploadImpossible, UrlRefused, UrlRules
from sync.upload import UnsignedUrl, Uploader
from sync.upload_headers import UnsatisfiableHeaders
from tests.support.put_server import Answer, PutServer, Request, refuses, says, stored
from tests.support.uploads import PNG, V2_QUERY, V4_QUERY, failure, make_uploader, md5, put, reply

USUAL_HEADERS = ["Host", "User-Agent", "Accept-Encoding", "Content-Length", "Content-Type", "Content-MD5"]


@pytest.fixture(scope="module")
def uploader() -> Iterator[Uploader]:
    """Shared, as in the worker: making one takes a quarter of a second. Each test has a server of its own."""
    one = make_uploader()
    yield one
    one.close()


def outcome(exchange: Reply | Failure, body: bytes = PNG) -> str:
    judged = classify_upload(exchange, md5_hex=md5(body), url_expired=None)
    return f"{type(judged).__name__}:{judged.reason}"


# --- what is sent


@pytest.mark.parametrize(
    "target",
    [
        f"/bucket/key.png?{V4_QUERY}",
        f"/bucket/a%2Fb%7Ec%c3%a9%C3%A9%41.png?{V4_QUERY}",
        f"/bucket/a+b,c;d=e@f:g!$'()*.png?{V4_QUERY}&plus=a+b%2Bc",
        f"/bucket//double//slash/?{V4_QUERY}",
        f"/bucket/a/../b/./c/..?{V4_QUERY}",
        f"/bucket/key?valueless&empty=&{V4_QUERY}&valueless&again=1&again=2&&",
        f"/bucket/key?z=1&{V4_QUERY}&a=%e2%82%ac&q=?/..//&nested=https://example.org/x",
        f"/bucket/100%?{V4_QUERY}&odd={{}}|^`<>[]%zz",
        "/bucket/key?X-Amz-Signature=a#".rstrip("#"),
    ],
    ids=["plain", "escapes", "plus", "slashes", "dots", "repeated", "order", "not-quite-legal", "short"],
)
def test_request_target_is_the_urls_byte_for_byte(uploader: Uploader, target: str) -> None:
    """The backend signed one spelling of the key; a client that tidies the URL gets 403 for ever."""
    with PutServer(stored) as server:
        assert reply(put(uploader, server.url + target)).status == 200
    assert [request.line for request in server.requests] == [f"PUT {target} HTTP/1.1"]


def test_headers_are_exactly_those_that_an_unsigned_put_may_carry(uploader: Uploader) -> None:
    """No Expect, no chunks, no checksum trailer, no x-amz-*, no token: each one breaks or leaks something."""
    with PutServer(stored) as server:
        put(uploader, f"{server.url}/b/k?{V4_QUERY}")
    (request,) = server.requests
    assert dict(request.headers) == {
        "Host": f"127.0.0.1:{server.port}",
        "User-Agent": "fieldsync/test",
        "Accept-Encoding": "identity",
        "Content-Length": str(len(PNG)),
        "Content-Type": "image/png",
        "Content-MD5": base64.b64encode(hashlib.md5(PNG).digest()).decode(),
    }
    assert [name for name, _ in request.headers] == USUAL_HEADERS
    assert request.body == PNG


@pytest.mark.parametrize("size", [0, 1, 65_536, 2 * 1024 * 1024])
def test_body_of_any_size_arrives_whole_with_its_length(uploader: Uploader, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with PutServer(stored) as server:
        assert outcome(put(uploader, f"{server.url}/b/k?{V4_QUERY}", body), body) == "Uploaded:uploaded"
    assert server.requests[0].body == body
    assert server.requests[0].header("Content-Length") == str(size)


def test_signed_headers_that_can_be_computed_are_added(uploader: Uploader) -> None:
    query = V4_QUERY.replace(
        "=host", "=content-type%3Bhost%3Bx-amz-checksum-sha256%3Bx-amz-sdk-checksum-algorithm"
    )
    with PutServer(stored) as server:
        put(uploader, f"{server.url}/b/k?{query}")
    (request,) = server.requests
    assert request.header("x-amz-checksum-sha256") == base64.b64encode(hashlib.sha256(PNG).digest()).decode()
    assert request.header("x-amz-sdk-checksum-algorithm") == "SHA256"
    assert len(request.headers) == len(USUAL_HEADERS) + 2


def test_hoisted_values_are_not_sent_again_as_headers(uploader: Uploader) -> None:
    query = f"{V4_QUERY}&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-amz-meta-a=b"
    with PutServer(stored) as server:
        put(uploader, f"{server.url}/b/k?{query}")
    assert [name for name, _ in server.requests[0].headers] == USUAL_HEADERS


def test_unsigned_url_gets_a_plain_put_when_anonymous_is_enabled() -> None:
    with PutServer(stored) as server:
        assert reply(put(make_uploader(fallback="anonymous"), f"{server.url}/b/k.png")).status == 200
    assert [name for name, _ in server.requests[0].headers] == USUAL_HEADERS


AMBIENT = {
    "AWS_ACCESS_KEY_ID": "AKIAAMBIENTCANARY",
    "AWS_SECRET_ACCESS_KEY": "ambient-canary",
    "AWS_SESSION_TOKEN": "ambient-canary",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_supported",
    "AWS_MAX_ATTEMPTS": "5",
    "AWS_RETRY_MODE": "legacy",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_DEFAULT_REGION": "xx-nowhere-9",
    "AWS_DEFAULTS_MODE": "mobile",
    "AWS_PROFILE": "there-is-no-such-profile",
    "AWS_CONFIG_FILE": "broken",
    "AWS_SHARED_CREDENTIALS_FILE": "broken",
    "AWS_CA_BUNDLE": "/there/is/no/such/file",
}


def test_ambient_aws_settings_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody else's AWS tooling on the tablet: profile gone, keys expired, endpoint redirected."""
    broken = tmp_path / "broken"
    broken.write_text("[default\nthis is no ini file")
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, str(broken) if value == "broken" else value)
    uploader = make_uploader()
    with PutServer(refuses("503 Slow Down", "SlowDown")) as server:
        assert outcome(put(uploader, f"{server.url}/b/k?{V4_QUERY}")) == "Retryable:busy"
    (request,) = server.requests
    assert [name for name, _ in request.headers] == USUAL_HEADERS
    assert "ambient" not in str(request).lower()


# --- what is not sent


def no_socket(*args: object, **options: object) -> None:
    raise AssertionError("a socket was opened")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"https://evil.test/k?{V4_QUERY}", UrlRefused),
        (f"http://b.s3.amazonaws.com/k?{V4_QUERY}", UrlRefused),
        (f"https://169.254.169.254/k?{V4_QUERY}", UrlRefused),
        (f"https://b.s3.amazonaws.com/k\r\n?{V4_QUERY}", UrlRefused),
        ("https://b.s3.amazonaws.com/k.png", UnsignedUrl),
        (
            f"https://b.s3.amazonaws.com/k?{V4_QUERY.replace('=host', '=host%3Bx-amz-meta-a')}",
            UnsatisfiableHeaders,
        ),
        (
            f"https://b.s3.amazonaws.com/k?{V4_QUERY.replace('=host', '=host%3Bx-amz-acl')}",
            UnsatisfiableHeaders,
        ),
    ],
)
def test_impossible_upload_opens_no_socket(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch, url: str, problem: type[UploadImpossible]
) -> None:
    monkeypatch.setattr(socket, "socket", no_socket)
    monkeypatch.setattr(socket, "getaddrinfo", no_socket)
    with pytest.raises(problem) as caught:
        put(uploader, url)
    assert "Signature" not in str(caught.value)


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
@pytest.mark.parametrize("document", [True, False], ids=["s3", "portal"])
def test_redirect_is_reported_and_never_followed(uploader: Uploader, status: str, document: bool) -> None:
    """A portal or a wrong region points elsewhere; the signature must not go there, nor a HEAD to find the region."""
    body = "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>" if document else ""
    with PutServer(stored) as elsewhere:
        answer = says(
            f"HTTP/1.1 {status}\r\nLocation: {elsewhere.url}/b/k\r\nx-amz-bucket-region: eu-west-1\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}",
            keep=True,
        )
        with PutServer(answer) as server:
            exchange = reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
    assert exchange.status == int(status[:3])
    assert exchange.error_code == ("PermanentRedirect" if document else "")
    assert (len(server.requests), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize("code", ["AuthorizationHeaderMalformed", "IllegalLocationConstraintException"])
def test_wrong_region_answer_starts_no_search_for_the_region(uploader: Uploader, code: str) -> None:
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **options: Any) -> Any:
        looked_up.append(host)
        return real(host, *args, **options)

    with PutServer(refuses("400 Bad Request", code)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        assert outcome(put(uploader, f"{server.url}/b/k?{V4_QUERY}")) == "UploadRefused:upload_wrong_place"
    assert (looked_up, len(server.requests)) == (["127.0.0.1"], 1)


# --- what comes back

HTML = "<html><body>Welcome to our Wi-Fi</body></html>"


def page(status: str, body: str = HTML) -> Answer:
    return says(f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n{body}")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(page("200 OK"), "NotOurs:not_storage", id="html-200"),
        pytest.param(page("403 Forbidden"), "NotOurs:not_storage", id="html-403"),
        pytest.param(page("503 Service Unavailable"), "Retryable:upload_trouble", id="html-503"),
        pytest.param(
            says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "NotOurs:not_storage", id="empty-200"
        ),
        pytest.param(
            says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "NotOurs:not_storage", id="empty-403"
        ),
        pytest.param(
            says(f'HTTP/1.1 200 OK\r\nETag: "{"0" * 32}"\r\nContent-Length: 0\r\n\r\n'),
            "Retryable:upload_damaged",
            id="other-etag",
        ),
        pytest.param(
            says(
                f'HTTP/1.1 200 OK\r\nETag: "{"0" * 32}"\r\nx-amz-server-side-encryption: aws:kms\r\n'
                "Content-Length: 0\r\n\r\n"
            ),
            "Uploaded:uploaded",
            id="kms",
        ),
        pytest.param(
            refuses("403 Forbidden", "AccessDenied", "Request has expired"),
            "UrlSpent:upload_expired",
            id="expired",
        ),
        pytest.param(
            refuses("400 Bad Request", "ExpiredToken"), "UrlSpent:upload_expired", id="session-over"
        ),
        pytest.param(refuses("403 Forbidden", "AccessDenied"), "UploadRefused:upload_forbidden", id="policy"),
        pytest.param(
            refuses("403 Forbidden", "SignatureDoesNotMatch"),
            "UploadRefused:upload_signature_mismatch",
            id="mismatch",
        ),
        pytest.param(
            refuses("404 Not Found", "NoSuchBucket"), "UploadRefused:upload_missing_place", id="no-bucket"
        ),
        pytest.param(refuses("400 Bad Request", "BadDigest"), "Retryable:upload_damaged", id="bad-digest"),
        pytest.param(
            refuses("400 Bad Request", "RequestTimeout"), "Retryable:upload_trouble", id="request-timeout"
        ),
        pytest.param(
            refuses("500 Internal Server Error", "InternalError"), "Retryable:upload_trouble", id="500"
        ),
        pytest.param(refuses("503 Slow Down", "SlowDown"), "Retryable:busy", id="slow-down"),
        pytest.param(
            says("HTTP/1.1 500 Oops\r\nContent-Length: 12\r\n\r\n<Error><Code"),
            "Retryable:upload_trouble",
            id="cut-xml",
        ),
    ],
)
def test_answer_is_reported_after_one_request(uploader: Uploader, answer: Answer, expected: str) -> None:
    """The durable queue does the waiting: a second layer of retries here would multiply with it."""
    with PutServer(answer) as server:
        assert outcome(put(uploader, f"{server.url}/b/k?{V4_QUERY}")) == expected
    assert len(server.requests) == 1


def test_what_the_storage_said_is_kept_without_the_signature(uploader: Uploader) -> None:
    message = f"The key https://b.s3.amazonaws.com/k?{V4_QUERY} is not allowed"
    answer = refuses("403 Forbidden", "AccessDenied", message.replace("&", "&amp;"))
    with PutServer(answer) as server:
        exchange = reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.error_code, exchange.body_complete, exchange.secure) == ("AccessDenied", True, False)
    assert exchange.error_message.startswith("The key https://b.s3.amazonaws.com/k?***")
    assert "0123456789abcdef" not in exchange.error_message


def test_times_are_taken_right_before_the_first_byte_and_at_the_status_line() -> None:
    ticks = iter(datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=n) for n in range(9))
    with PutServer(stored) as server:
        exchange = reply(put(make_uploader(now=lambda: next(ticks)), f"{server.url}/b/k?{V4_QUERY}"))
    assert exchange.sent_at == datetime(2026, 11, 22, tzinfo=UTC)
    assert exchange.received_at == datetime(2026, 11, 22, second=1, tzinfo=UTC)


def test_refusal_while_the_body_is_still_being_sent_is_read(uploader: Uploader) -> None:
    """S3 refuses at the headers and hangs up; a client that only sees the broken pipe would retry for ever."""
    body = b"x" * 8_000_000

    def early(client: socket.socket, request: Request) -> bool:
        refuses("403 Forbidden", "AccessDenied", "Request has expired")(client, request)
        client.shutdown(socket.SHUT_WR)
        # Reading on for a moment keeps the reset, and with it the loss of the answer, away from the client.
        client.settimeout(0.2)
        while client.recv(65_536):
            pass
        return False

    with PutServer(stored, at_headers=early) as server:
        exchange = put(uploader, f"{server.url}/b/k?{V4_QUERY}", body)
    assert outcome(exchange, body) == "UrlSpent:upload_expired"
    assert len(server.requests) == 1


def test_connection_dropped_before_the_body_is_unreachable(uploader: Uploader) -> None:
    body = b"x" * 64_000_000
    with PutServer(stored, at_headers=lambda client, request: False) as server:
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}", body))
    assert (exchange.kind, exchange.fully_written) == (FailureKind.WRITE, False)
    assert exchange.sent_at is not None
    assert len(server.requests) == 1


def test_connection_dropped_after_the_body_says_that_all_was_written(uploader: Uploader) -> None:
    with PutServer(lambda client, request: False) as server:
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.kind, exchange.fully_written) == (FailureKind.DISCONNECTED, True)
    assert outcome(exchange) == "Retryable:upload_answer_lost"
    assert len(server.requests) == 1


def test_answer_that_is_no_http_is_a_bad_answer(uploader: Uploader) -> None:
    with PutServer(says("SSH-2.0-OpenSSH_9.6\r\n")) as server:
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.kind, exchange.fully_written) == (FailureKind.BAD_ANSWER, True)


def test_answer_cut_off_in_its_body_is_still_an_answer(uploader: Uploader) -> None:
    etag = md5(PNG)
    with PutServer(says(f'HTTP/1.1 200 OK\r\nETag: "{etag}"\r\nContent-Length: 100\r\n\r\nhalf')) as server:
        exchange = reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.body, exchange.body_complete) == (b"half", False)
    assert outcome(exchange) == "Uploaded:uploaded"


def test_endless_answer_is_cut_at_one_mebibyte(uploader: Uploader) -> None:
    def pour(client: socket.socket, request: Request) -> bool:
        client.sendall(b"HTTP/1.1 503 Busy\r\n\r\n")
        while True:
            client.sendall(b"x" * 65_536)

    with PutServer(pour) as server:
        exchange = reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
        assert (exchange.status, len(exchange.body), exchange.body_complete) == (503, 1_048_576, False)


def test_nobody_listening_is_unreachable(uploader: Uploader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exchange = failure(put(uploader, f"http://127.0.0.1:{port}/b/k?{V4_QUERY}"))
    assert (exchange.kind, exchange.fully_written, exchange.sent_at) == (FailureKind.CONNECT, False, None)
    assert outcome(exchange).startswith("Unreachable:")


def test_unknown_name_is_unreachable(uploader: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    exchange = failure(put(uploader, f"https://b.s3.eu-west-3.amazonaws.com/k?{V4_QUERY}"))
    assert (exchange.kind, exchange.sent_at) == (FailureKind.CONNECT, None)
    assert "Name or service not known" in exchange.detail


# --- an end in bounded time


def hang(client: socket.socket, request: Request) -> bool:
    client.recv(1)
    return False


def drip(head: bytes) -> Answer:
    """Sends `head`, then a byte every tenth of a second, for as long as somebody listens."""

    def send(client: socket.socket, request: Request) -> bool:
        client.sendall(head)
        while True:
            client.sendall(b"x")
            time.sleep(0.1)

    return send


def test_server_that_never_answers_costs_one_read_timeout() -> None:
    with PutServer(hang) as server:
        started = time.monotonic()
        exchange = failure(put(make_uploader(read_timeout_s=0.5), f"{server.url}/b/k?{V4_QUERY}"))
        assert (exchange.kind, exchange.fully_written) == (FailureKind.READ_TIMEOUT, True)
        assert time.monotonic() - started < 3
    assert len(server.requests) == 1


def test_silence_ends_with_the_exchange_limit_when_that_comes_first() -> None:
    uploader = make_uploader(read_timeout_s=30.0, exchange_limit_s=0.5)
    uploader.warm()
    with PutServer(hang) as server:
        started = time.monotonic()
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
        assert exchange.kind is FailureKind.EXCHANGE_TIMEOUT
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nx-slow: "], ids=["status-line", "headers"])
def test_dripping_answer_ends_with_the_exchange_limit(head: bytes) -> None:
    """Each byte resets a read timeout: only a bound on the whole exchange frees the worker."""
    uploader = make_uploader(exchange_limit_s=1.0)
    uploader.warm()
    with PutServer(drip(head)) as server:
        started = time.monotonic()
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
        assert (exchange.kind, exchange.fully_written) == (FailureKind.EXCHANGE_TIMEOUT, True)
        assert 0.9 < time.monotonic() - started < 3


def test_dripping_body_ends_with_the_exchange_limit_and_keeps_the_status() -> None:
    uploader = make_uploader(exchange_limit_s=1.0)
    uploader.warm()
    with PutServer(drip(b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n")) as server:
        started = time.monotonic()
        exchange = reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
        assert (exchange.status, exchange.body_complete) == (500, False)
        assert time.monotonic() - started < 3


def test_server_that_stops_reading_ends_with_the_exchange_limit() -> None:
    uploader = make_uploader(exchange_limit_s=1.0)
    uploader.warm()
    over = threading.Event()

    def hold(client: socket.socket, request: Request) -> bool:
        over.wait(5)
        return False

    with PutServer(stored, at_headers=hold) as server:
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}", b"x" * 64_000_000))
        assert (exchange.kind, exchange.fully_written) == (FailureKind.EXCHANGE_TIMEOUT, False)
        over.set()


def test_writing_may_outlast_the_connect_timeout() -> None:
    """A big image on a slow link: the connect timeout is no measure for sending it."""

    def slow(client: socket.socket, request: Request) -> bool:
        time.sleep(1.0)
        return True

    with PutServer(stored, at_headers=slow) as server:
        body = b"x" * 64_000_000
        exchange = put(make_uploader(connect_timeout_s=0.3), f"{server.url}/b/k?{V4_QUERY}", body)
    assert outcome(exchange, body) == "Uploaded:uploaded"


def test_abort_ends_every_put_under_way() -> None:
    uploader = make_uploader(read_timeout_s=30.0)
    uploader.warm()
    reached = threading.Semaphore(0)

    def reach(client: socket.socket, request: Request) -> bool:
        reached.release()
        return hang(client, request)

    with PutServer(reach) as server, ThreadPoolExecutor(2) as pool:
        puts = [pool.submit(put, uploader, f"{server.url}/b/{n}?{V4_QUERY}") for n in range(2)]
        assert all(reached.acquire(timeout=5) for _ in puts)
        uploader.abort()
        assert [failure(one.result(5)).kind for one in puts] == [FailureKind.EXCHANGE_TIMEOUT] * 2
    with PutServer(stored) as server:
        assert reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}")).status == 200


# --- connections


def test_one_connection_serves_one_upload_after_the_other(uploader: Uploader) -> None:
    with PutServer(stored) as server:
        for number in range(5):
            put(uploader, f"{server.url}/b/{number}?{V4_QUERY}")
    assert (len(server.requests), server.connections) == (5, 1)


def test_upload_is_one_round_trip(uploader: Uploader) -> None:
    """`Expect: 100-continue` would wait for the server before sending the body."""

    def early(client: socket.socket, request: Request) -> bool:
        # Without the body on its way already, this waits in vain.
        client.settimeout(0.5)
        seen.append(len(client.recv(1, socket.MSG_PEEK)))
        client.settimeout(None)
        return True

    seen: list[int] = []
    with PutServer(stored, at_headers=early) as server:
        assert reply(put(uploader, f"{server.url}/b/k?{V4_QUERY}", b"x" * 1_000_000)).status == 200
    assert seen == [1]


def test_connection_that_goes_stale_in_use_is_replaced_once(uploader: Uploader) -> None:
    """The server closed the idle connection just as we used it: that says nothing about the upload."""

    def second_time_gone(client: socket.socket, request: Request) -> bool:
        return stored(client, request) if len(server.requests) != 2 else False

    with PutServer(second_time_gone) as server:
        for number in range(2):
            assert reply(put(uploader, f"{server.url}/b/{number}?{V4_QUERY}")).status == 200
    assert [request.connection for request in server.requests] == [0, 0, 1]


def test_connection_idle_for_long_is_not_trusted() -> None:
    """Mobile networks forget idle connections without a word; using one costs a whole read timeout."""
    clock = [100.0]
    uploader = make_uploader(monotonic=lambda: clock[0])
    with PutServer(stored) as server:
        put(uploader, f"{server.url}/b/1?{V4_QUERY}")
        clock[0] += 5.1
        put(uploader, f"{server.url}/b/2?{V4_QUERY}")
        clock[0] += 4.9
        put(uploader, f"{server.url}/b/3?{V4_QUERY}")
    assert [request.connection for request in server.requests] == [0, 1, 1]


def test_eight_threads_and_two_hosts_do_not_mix() -> None:
    uploader = make_uploader(max_connections=8)
    with PutServer(stored) as one, PutServer(stored) as two:

        def upload(number: int) -> None:
            server = (one, two)[number % 2]
            body = f"signature {number}".encode() * 500
            exchange = put(uploader, f"{server.url}/b/{number}?n={number}&{V4_QUERY}", body)
            assert outcome(exchange, body) == "Uploaded:uploaded"

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(upload, range(200)))
    for remainder, server in enumerate((one, two)):
        numbers = Counter(int(request.target.split("/")[2].split("?")[0]) for request in server.requests)
        assert numbers == Counter(range(remainder, 200, 2))
        assert server.connections <= 8
        for request in server.requests:
            number = request.target.split("n=")[1].split("&")[0]
            assert request.body == f"signature {number}".encode() * 500
            assert request.header("Content-Length") == str(len(request.body))


# --- SigV2


def wants(mime_type: str | None) -> Answer:
    """A V2 signer that signed exactly this type."""

    def check(client: socket.socket, request: Request) -> bool:
        if request.header("Content-Type") == mime_type:
            return stored(client, request)
        return bool(refuses("403 Forbidden", "SignatureDoesNotMatch")(client, request))

    return check


def test_v2_url_signed_with_the_type_needs_one_request() -> None:
    uploader = make_uploader()  # what it remembers of the host is the subject
    with PutServer(wants("image/png")) as server:
        assert reply(put(uploader, f"{server.url}/b/k?{V2_QUERY}")).status == 200
    (request,) = server.requests
    assert [name for name, _ in request.headers] == [name for name in USUAL_HEADERS if name != "Content-MD5"]


def test_v2_url_signed_without_type_is_tried_again_and_remembered_by_host() -> None:
    uploader = make_uploader()  # what it remembers of the host is the subject
    with PutServer(wants(None)) as server:
        for number in range(3):
            assert reply(put(uploader, f"{server.url}/b/{number}?{V2_QUERY}")).status == 200
    assert [request.header("Content-Type") for request in server.requests] == ["image/png", None, None, None]


def test_v2_memory_is_corrected_when_the_backend_changes() -> None:
    uploader = make_uploader()  # what it remembers of the host is the subject
    wanted: list[str | None] = [None]

    def as_wanted(client: socket.socket, request: Request) -> bool | None:
        return wants(wanted[0])(client, request)

    with PutServer(as_wanted) as server:
        put(uploader, f"{server.url}/b/1?{V2_QUERY}")
        wanted[0] = "image/png"
        assert reply(put(uploader, f"{server.url}/b/2?{V2_QUERY}")).status == 200
        assert reply(put(uploader, f"{server.url}/b/3?{V2_QUERY}")).status == 200
    sent = [request.header("Content-Type") for request in server.requests]
    assert sent == ["image/png", None, None, "image/png", "image/png"]


def test_v2_url_that_fails_both_ways_is_refused_after_two_requests() -> None:
    uploader = make_uploader()  # what it remembers of the host is the subject
    with PutServer(refuses("403 Forbidden", "SignatureDoesNotMatch")) as server:
        exchange = put(uploader, f"{server.url}/b/k?{V2_QUERY}")
    assert outcome(exchange) == "UploadRefused:upload_signature_mismatch"
    assert len(server.requests) == 2


def test_v4_mismatch_is_never_tried_again(uploader: Uploader) -> None:
    with PutServer(refuses("403 Forbidden", "SignatureDoesNotMatch")) as server:
        put(uploader, f"{server.url}/b/k?{V4_QUERY}")
    assert len(server.requests) == 1


# --- secrets


@pytest.mark.parametrize(
    "answer",
    [
        stored,
        hang,
        lambda client, request: False,
        says("garbage\r\n"),
        refuses("403 Forbidden", "AccessDenied"),
        page("302 Found"),
    ],
    ids=["stored", "hang", "dropped", "garbage", "refused", "redirect"],
)
def test_nothing_of_the_query_is_logged_or_reported_even_at_debug(
    caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    """Who reads the log could write to the bucket."""
    caplog.set_level(logging.DEBUG)
    uploader = make_uploader(read_timeout_s=0.3)
    with PutServer(answer) as server:
        exchange = put(uploader, f"{server.url}/b/k?{V4_QUERY}&x-canary=cnry12345")
    # Below the redacting handler, on the bare records: the libraries must not even know the query.
    shown = caplog.text + repr(exchange) + (exchange.detail if isinstance(exchange, Failure) else "")
    assert "cnry12345" not in shown
    assert "0123456789abcdef" not in shown
    assert "AKIDEXAMPLE" not in shown


def test_unreadable_ca_file_is_a_local_failure(tmp_path: Path) -> None:
    with PutServer(stored) as server:
        exchange = failure(put(make_uploader(ca_file=tmp_path / "none.pem"), f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.kind, exchange.sent_at, server.connections) == (FailureKind.LOCAL, None, 0)


def test_client_is_not_made_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(send: object) -> object:
        made.append(1)
        return object()

    monkeypatch.setattr("sync.upload._make_client", make)
    uploader = make_uploader()
    with pytest.raises(UrlRefused):
        put(uploader, "https://evil.test/k")
    assert made == []
    uploader.warm()
    uploader.warm()
    assert made == [1]


def test_rules_of_the_uploader_decide_where_it_sends() -> None:
    with PutServer(stored) as server, pytest.raises(UrlRefused):
        put(make_uploader(rules=UrlRules()), f"{server.url}/b/k?{V4_QUERY}")
    assert server.connections == 0
