"""Whom the transport talks to: TLS that cannot be trusted, and proxies in between."""

import ipaddress
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sync.exchange import FailureKind
from sync.outcome import NotOurs, Unreachable
from sync.transport import ApiRequest, Transport, TransportUnusable, ssl_context
from tests.support.raw_server import Peer, RawServer
from tests.support.wire import (
    BEARER,
    BODY,
    KEY,
    LIMIT_S,
    PATH,
    PATIENT,
    TOKENS,
    Background,
    answered,
    created,
    dripping,
    failed,
    hang_up,
    judged,
    send,
)

# --- TLS


def certificate(folder: Path, name: str, *, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server context with a self-signed certificate for 127.0.0.1 or `name`, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = (
        [x509.IPAddress(ipaddress.ip_address(name))] if name[0].isdigit() else [x509.DNSName(name)]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "server.pem", folder / "server.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, chain


def test_verified_peer_is_secure(new_transport: Callable[..., Transport], tmp_path: Path) -> None:
    context, ca = certificate(tmp_path, "127.0.0.1")
    with RawServer(created, tls=context) as server:
        transport = new_transport(server.url, PATIENT, ssl_context(ca))
        replies = [answered(send(transport)) for _ in range(2)]
        assert server.connections == 1
    assert [(reply.status, reply.secure) for reply in replies] == [(201, True)] * 2


# id: (host asked for, name in the certificate, days it still has, issuer pinned, what it is)
TRUST: dict[str, tuple[str, str, int, bool, tuple[FailureKind, type]]] = {
    "issuer unknown": ("127.0.0.1", "127.0.0.1", 1, False, (FailureKind.TLS_WRONG_PEER, NotOurs)),
    "another name": ("localhost", "portal.example", 1, True, (FailureKind.TLS_WRONG_PEER, NotOurs)),
    "another address": ("127.0.0.1", "portal.example", 1, True, (FailureKind.TLS_WRONG_PEER, NotOurs)),
    "expired": ("127.0.0.1", "127.0.0.1", -1, True, (FailureKind.TLS_UNTRUSTED, Unreachable)),
}


@pytest.mark.parametrize("case", TRUST.values(), ids=TRUST)
def test_untrusted_certificate_gets_no_byte_of_the_request(
    new_transport: Callable[..., Transport],
    tmp_path: Path,
    case: tuple[str, str, int, bool, tuple[FailureKind, type]],
) -> None:
    host, name, days, pinned, (kind, means) = case
    context, ca = certificate(tmp_path, name, days=days)
    with RawServer(created, tls=context) as server:
        url = server.url.replace("127.0.0.1", host)
        exchange = send(new_transport(url, PATIENT, ssl_context(ca if pinned else None)))
        assert server.asked == []
    assert failed(exchange) == (kind, False)
    outcome = judged(exchange)
    assert (type(outcome), outcome.reason) == (means, "tls_untrusted")


def test_abort_of_a_tls_exchange_is_seen_as_such(
    new_transport: Callable[..., Transport], tmp_path: Path
) -> None:
    context, ca = certificate(tmp_path, "127.0.0.1")
    handler, started = dripping(b"HTTP/1.1 201 Created\r\nX: ")
    with RawServer(handler, tls=context) as server:
        transport = new_transport(server.url, PATIENT, ssl_context(ca))
        background = Background(lambda: send(transport))
        assert started.wait(LIMIT_S)
        transport.abort()
        assert failed(background.result()) == (FailureKind.EXCHANGE_TIMEOUT, True)


def test_ca_file_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(TransportUnusable, match="CA file"):
            ssl_context(path)


# --- proxies


def test_request_behind_a_proxy_that_refuses_the_tunnel_is_unreachable(
    new_transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tunnel's own request is written in full; ours never was."""

    def handler(peer: Peer) -> None:
        peer.read_request()
        peer.answer("407 Proxy Authentication Required")

    with RawServer(handler) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        asked: list[None] = []
        exchange = new_transport("https://api.example/main").send(
            ApiRequest("POST", PATH, BODY, KEY), TOKENS, before_first_byte=lambda: asked.append(None)
        )
        assert server.asked[0].line == "CONNECT api.example:443 HTTP/1.1"
        assert BEARER not in str(server.asked)
    assert failed(exchange) == (FailureKind.PROXY, False)
    assert asked == []


def test_proxy_that_hangs_up_on_the_tunnel_is_unreachable(
    new_transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(hang_up) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        exchange = send(new_transport("https://api.example/main"))
    assert not failed(exchange)[1]
    assert isinstance(judged(exchange), Unreachable)


def test_proxy_variable_that_cannot_be_used_is_said_without_its_password(
    new_transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "gopher://me:canary@proxy.example")
    with pytest.raises(TransportUnusable) as caught:
        new_transport("https://api.example/main")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_token_is_logged_at_debug(
    new_transport: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    """Our own lines; the library's loggers are held above DEBUG where logging is set up."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.INFO, logger=name)
    with RawServer(hang_up) as server:
        send(new_transport(server.url))
    assert "canary" not in caplog.text
