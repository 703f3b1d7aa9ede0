"""Uploads over TLS and through proxies: who is believed, and that the bounds hold there as well."""

import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from sync.exchange import FailureKind
from tests.support.certificates import server_certificate
from tests.support.put_server import PutServer, Request, stored
from tests.support.uploads import PNG, V4_QUERY, failure, make_uploader, put, reply


def test_pinned_authority_is_believed_and_the_reply_says_secure(tmp_path: Path) -> None:
    tls, authority = server_certificate(tmp_path)
    uploader = make_uploader(ca_file=authority)
    with PutServer(stored, tls=tls) as server:
        for _ in range(2):
            exchange = reply(put(uploader, f"{server.url}/b/k%7e?{V4_QUERY}"))
            assert (exchange.status, exchange.secure) == (200, True)
    assert [request.line for request in server.requests] == [f"PUT /b/k%7e?{V4_QUERY} HTTP/1.1"] * 2
    assert server.requests[0].body == PNG
    assert server.connections == 1


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ({}, FailureKind.TLS_WRONG_PEER),
        ({"address": "127.0.0.9"}, FailureKind.TLS_WRONG_PEER),
        ({"valid_for": timedelta(days=-1)}, FailureKind.TLS_UNTRUSTED),
    ],
    ids=["unknown-issuer", "other-name", "expired"],
)
def test_server_that_is_not_believed_gets_nothing(
    tmp_path: Path, made: dict[str, object], kind: FailureKind
) -> None:
    """A portal that answers for S3 with a certificate of its own must not even see the URL."""
    tls, authority = server_certificate(tmp_path / "server", **made)  # type: ignore[arg-type]
    other = server_certificate(tmp_path / "other")[1]
    with PutServer(stored, tls=tls) as server:
        exchange = failure(
            put(make_uploader(ca_file=authority if made else other), f"{server.url}/b/k?{V4_QUERY}")
        )
    assert (exchange.kind, exchange.fully_written, exchange.sent_at) == (kind, False, None)
    assert server.requests == []


def test_system_authorities_are_believed_when_none_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same trust as towards the API: a company's own authority counts once it is installed."""
    tls, authority = server_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with PutServer(stored, tls=tls) as server:
        assert reply(put(make_uploader(), f"{server.url}/b/k?{V4_QUERY}")).status == 200


def test_pinned_authority_is_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, authority = server_certificate(tmp_path / "server")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    other = server_certificate(tmp_path / "other")[1]
    with PutServer(stored, tls=tls) as server:
        exchange = failure(put(make_uploader(ca_file=other), f"{server.url}/b/k?{V4_QUERY}"))
    assert exchange.kind is FailureKind.TLS_WRONG_PEER


def test_answer_dripping_over_tls_ends_with_the_exchange_limit(tmp_path: Path) -> None:
    tls, authority = server_certificate(tmp_path)
    uploader = make_uploader(ca_file=authority, exchange_limit_s=1.0)
    uploader.warm()

    def drip(client: socket.socket, request: Request) -> bool:
        while True:
            client.sendall(b"x")
            time.sleep(0.1)

    with PutServer(drip, tls=tls) as server:
        started = time.monotonic()
        exchange = failure(put(uploader, f"{server.url}/b/k?{V4_QUERY}"))
        assert (exchange.kind, exchange.fully_written) == (FailureKind.EXCHANGE_TIMEOUT, True)
        assert time.monotonic() - started < 3


def test_handshake_that_never_comes_is_a_connect_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/b/k?{V4_QUERY}"
        exchange = failure(put(make_uploader(connect_timeout_s=0.3), url))
    assert (exchange.kind, exchange.sent_at) == (FailureKind.CONNECT_TIMEOUT, None)


class TunnelProxy:
    """Answers CONNECT with `status` and, if that is 200, passes the bytes on."""

    def __init__(self, status: str) -> None:
        self.asked: list[str] = []
        self.status = status

    def __call__(self, client: socket.socket, request: Request) -> bool:
        self.asked.append(request.line)
        client.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if not self.status.startswith("200"):
            return False
        host, _, port = request.target.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as onward:
            onward.settimeout(0.05)
            client.settimeout(0.05)
            while True:
                for source, sink in ((client, onward), (onward, client)):
                    try:
                        data = source.recv(65_536)
                    except TimeoutError:
                        continue
                    if not data:
                        return False
                    sink.sendall(data)


def use_proxy(monkeypatch: pytest.MonkeyPatch, url: str, *, bypass: str = "") -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("no_proxy", bypass)


def test_tls_upload_goes_through_the_proxy_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, authority = server_certificate(tmp_path)
    tunnel = TunnelProxy("200 OK")
    with PutServer(stored, tls=tls) as server, PutServer(tunnel) as proxy:
        use_proxy(monkeypatch, proxy.url)
        exchange = reply(put(make_uploader(ca_file=authority), f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.status, exchange.secure) == (200, True)
    assert tunnel.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
    assert "Signature" not in str(tunnel.asked)
    assert [request.target for request in server.requests] == [f"/b/k?{V4_QUERY}"]


def test_proxy_that_wants_a_sign_in_is_told_from_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, authority = server_certificate(tmp_path)
    with (
        PutServer(stored, tls=tls) as server,
        PutServer(TunnelProxy("407 Proxy Authentication Required")) as proxy,
    ):
        use_proxy(monkeypatch, proxy.url)
        exchange = failure(put(make_uploader(ca_file=authority), f"{server.url}/b/k?{V4_QUERY}"))
    assert (exchange.kind, exchange.sent_at, server.connections) == (FailureKind.PROXY, None, 0)


def test_proxy_is_left_out_for_hosts_that_the_environment_excepts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client decides by the upload's host, not by that of its placeholder bucket."""
    with PutServer(stored) as server, PutServer(stored) as proxy:
        use_proxy(monkeypatch, proxy.url, bypass="127.0.0.1")
        assert reply(put(make_uploader(), f"{server.url}/b/k?{V4_QUERY}")).status == 200
    assert (server.connections, proxy.connections) == (1, 0)


def test_plain_http_proxy_gets_the_whole_address_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    with PutServer(stored) as proxy:
        use_proxy(monkeypatch, proxy.url)
        put(make_uploader(), f"http://127.0.0.1:9/b/%7e/../k?{V4_QUERY}")
    assert [request.target for request in proxy.requests] == [f"http://127.0.0.1:9/b/%7e/../k?{V4_QUERY}"]
