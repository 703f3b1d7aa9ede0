"""An upload with the machine's own credentials, byte by byte: what goes out, where to, and what is told."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sync.detours import AmbientUnavailable
from sync.exchange import Failure, FailureKind, Reply
from sync.s3_location import Place
from sync.upload_ambient import AmbientUploader
from sync.upload_line import UploadLine
from tests.support.builders import signature_png
from tests.support.put_server import PutServer, Request, refuses, says, stored

KEY, SECRET = "AKIDEXAMPLE", "ambient-secret-canary"
IMAGE = signature_png(3)
MD5 = hashlib.md5(IMAGE).hexdigest()
PLACE = Place("ours", "signatures/7.png", "eu-west-3")
DIRTY = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_DEFAULT_REGION": "ap-south-1",
    "AWS_MAX_ATTEMPTS": "9",
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """This machine has one key in its environment and nothing in its files."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return monkeypatch


@pytest.fixture
def server() -> Iterator[PutServer]:
    with PutServer(stored) as running:
        yield running


def uploader(endpoint: str, **changes: Any) -> AmbientUploader:
    own: dict[str, Any] = {"path_style": True, "instance_credentials": False}
    own |= {name: changes.pop(name) for name in own if name in changes}
    usual: dict[str, Any] = {
        "connect_timeout_s": 5,
        "read_timeout_s": 5,
        "max_connections": 2,
        "ca_file": None,
        "user_agent": "fieldsync/test",
        "now": lambda: datetime.now(UTC),
    }
    return AmbientUploader(UploadLine(**{**usual, **changes}), endpoint=endpoint, **own)


def put(uploader: AmbientUploader, place: Place = PLACE) -> Reply | Failure:
    return uploader.put(place, IMAGE, mime_type="image/png", md5_hex=MD5)


def signature_of(request: Request, region: str) -> str:
    """The SigV4 signature that this request ought to have. Source: AWS, "Create a signed request"."""
    authorization = request.header("authorization") or ""
    signed = authorization.split("SignedHeaders=")[1].split(",")[0]
    headers = "".join(f"{name}:{(request.header(name) or '').strip()}\n" for name in signed.split(";"))
    hashed = request.header("x-amz-content-sha256") or ""
    canonical = "\n".join([request.line.split(" ")[0], request.target, "", headers, signed, hashed])
    at = request.header("x-amz-date") or ""
    scope = f"{at[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in (at[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("key", ["signatures/7.png", "a b+c/é~.png", "a//b", "/a", "x%2Fy", "a=b&c;d'()*!"])
def test_request_is_signed_as_it_goes_out(server: PutServer, key: str) -> None:
    exchange = put(uploader(server.url), Place("ours", key, "eu-west-3"))
    assert isinstance(exchange, Reply)
    assert exchange.status == 200
    (request,) = server.requests
    assert request.body == IMAGE
    assert request.target == f"/ours/{quote(key, safe='/~')}"
    authorization = request.header("authorization") or ""
    assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
    assert authorization.rpartition("Signature=")[2] == signature_of(request, "eu-west-3")


def test_nothing_but_the_image_and_what_is_signed_goes_along(server: PutServer) -> None:
    put(uploader(server.url))
    (request,) = server.requests
    names = {name.lower() for name, _ in request.headers}
    assert {
        "expect",
        "transfer-encoding",
        "content-encoding",
        "x-session-token",
        "idempotency-key",
    }.isdisjoint(names)
    assert request.header("content-length") == str(len(IMAGE))
    assert request.header("content-type") == "image/png"
    assert {name for name in names if name.startswith("x-amz-")} == {"x-amz-date", "x-amz-content-sha256"}


def test_other_settings_of_the_machine_change_nothing(server: PutServer, machine: pytest.MonkeyPatch) -> None:
    for name, value in DIRTY.items():
        machine.setenv(name, value)
    exchange = put(uploader(server.url))
    assert isinstance(exchange, Reply)
    (request,) = server.requests
    assert f"/{PLACE.region}/s3/aws4_request" in (request.header("authorization") or "")
    assert request.header("x-amz-checksum-crc32") is None


@pytest.mark.parametrize(
    ("place", "origin", "target"),
    [
        (PLACE, "https://ours.s3.eu-west-3.amazonaws.com", "/signatures/7.png"),
        (Place("my.dot.b", "k", "eu-west-3"), "https://s3.eu-west-3.amazonaws.com", "/my.dot.b/k"),
        (Place("ours", "k", "us-east-1"), "https://ours.s3.us-east-1.amazonaws.com", "/k"),
        (Place("ours", "k", "cn-north-1"), "https://ours.s3.cn-north-1.amazonaws.com.cn", "/k"),
    ],
)
def test_amazon_is_found_by_region_and_gets_a_checksum(place: Place, origin: str, target: str) -> None:
    """Looked at right before the wire: no test speaks to Amazon."""
    sent: list[Any] = []

    class Wire:
        def put(self, flight: Any) -> Any:
            sent.append(flight)
            raise OSError("no wire")

        def close(self) -> None:
            """Nothing is open."""

    amazon = uploader("", path_style=False)
    amazon._line._connections = Wire()  # type: ignore[assignment]
    put(amazon, place)
    (flight,) = sent
    assert (flight.origin, flight.target, flight.body) == (origin, target, IMAGE)
    headers = {name.lower(): value for name, value in flight.headers.items()}
    assert "x-amz-checksum-crc32" in headers
    assert "transfer-encoding" not in headers


def test_without_credentials_nothing_is_sent_and_later_ones_are_found(
    server: PutServer, machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.delenv("AWS_ACCESS_KEY_ID")
    own = uploader(server.url)
    with pytest.raises(AmbientUnavailable, match="no credentials were found"):
        put(own)
    assert server.requests == []
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    assert isinstance(put(own), Reply)


def test_set_up_that_cannot_be_used_is_told_without_quoting_it(
    server: PutServer, machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.setenv("AWS_PROFILE", "nobody-canary")
    with pytest.raises(AmbientUnavailable, match="AWS_PROFILE names a profile") as caught:
        put(uploader(server.url))
    assert "canary" not in str(caught.value)
    machine.delenv("AWS_PROFILE")
    machine.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIDcanary\n")
    with pytest.raises(AmbientUnavailable, match="not complete") as caught:
        put(uploader(server.url))
    assert "canary" not in str(caught.value)
    assert server.requests == []


def test_unknown_region_is_told_before_anything_is_sent(server: PutServer) -> None:
    with pytest.raises(AmbientUnavailable, match=r"upload\.region"):
        put(uploader(server.url), Place("ours", "k"))
    assert server.requests == []


def test_refusal_is_told_in_the_storages_words_and_asks_for_other_credentials(
    machine: pytest.MonkeyPatch,
) -> None:
    """A key that was replaced: the next try asks the machine again, and does not keep the old one for its life."""
    with PutServer(refuses("403 Forbidden", "InvalidAccessKeyId")) as server:
        own = uploader(server.url)
        refused = put(own)
        assert isinstance(refused, Reply)
        assert (refused.status, refused.error_code) == (403, "InvalidAccessKeyId")
        machine.setenv("AWS_ACCESS_KEY_ID", "AKIDNEW")
        put(own)
        assert "Credential=AKIDNEW/" in (server.requests[-1].header("authorization") or "")


def test_redirect_is_reported_and_never_followed() -> None:
    with PutServer(stored) as other:
        answer = says(
            f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.url}/ours/k\r\nContent-Length: 0\r\n\r\n"
        )
        with PutServer(answer) as server:
            exchange = put(uploader(server.url))
            assert isinstance(exchange, Reply)
            assert exchange.status == 307
            assert len(server.requests) == 1
        assert other.requests == []


def test_dead_storage_is_a_failure_like_any_other() -> None:
    exchange = put(uploader("http://127.0.0.1:9"))
    assert isinstance(exchange, Failure)
    assert (exchange.kind, exchange.fully_written) == (FailureKind.CONNECT, False)


def test_exchange_ends_by_its_limit() -> None:
    with PutServer(lambda *_: True) as server:  # takes everything and never answers
        exchange = put(uploader(server.url, exchange_limit_s=0.3))
    assert isinstance(exchange, Failure)
    assert exchange.kind is FailureKind.EXCHANGE_TIMEOUT
