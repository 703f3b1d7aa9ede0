"""Uploads to a real S3 that verifies signatures, expiry, methods and signed headers.

Promise P4. What passes here would pass on S3; what is refused here comes back as the right outcome.
"""

import base64
import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sync.exchange import Exchange
from sync.outcome import classify_upload
from sync.upload import Uploader
from sync.upload_headers import UnsatisfiableHeaders
from tests.support.seaweedfs import BUCKET, SeaweedFs
from tests.support.uploads import PNG, make_uploader, md5, put, reply


@pytest.fixture(scope="module")
def uploader() -> Iterator[Uploader]:
    one = make_uploader(read_timeout_s=30.0)
    yield one
    one.close()


def outcome(exchange: Exchange, body: bytes = PNG) -> str:
    judged = classify_upload(exchange, md5_hex=md5(body), url_expired=None)
    return f"{type(judged).__name__}:{judged.reason}"


def stored(seaweedfs: SeaweedFs, key: str) -> tuple[bytes, str]:
    """Bytes and content type as a signed reader gets them."""
    found: dict[str, Any] = seaweedfs.client().get_object(Bucket=BUCKET, Key=key)
    with found["Body"] as body:
        return body.read(), found["ContentType"]


KEYS = [
    "plain.png",
    "with space+plus.png",
    "héllo/ünï~code.png",
    "a//b.png",
    "100%25.png",
    "q?uestion&mark=1.png",
]


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("key", KEYS)
def test_upload_is_stored_intact_under_the_key_that_was_signed(
    seaweedfs: SeaweedFs, uploader: Uploader, key: str, version: str
) -> None:
    key = f"{version}/{key}"
    url = seaweedfs.presign(key, version=version, ContentType="image/png")
    assert outcome(put(uploader, url)) == "Uploaded:uploaded"
    assert stored(seaweedfs, key) == (PNG, "image/png")


def test_v4_url_without_signed_type_takes_the_declared_type(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    assert outcome(put(uploader, seaweedfs.presign("untyped.png"))) == "Uploaded:uploaded"
    assert stored(seaweedfs, "untyped.png") == (PNG, "image/png")


def test_v2_url_without_signed_type_is_stored_at_the_second_try_and_remembered(seaweedfs: SeaweedFs) -> None:
    uploader = make_uploader()
    for number in range(2):
        url = seaweedfs.presign(f"v2-{number}.png", version="s3")
        assert outcome(put(uploader, url)) == "Uploaded:uploaded"
        assert stored(seaweedfs, f"v2-{number}.png")[0] == PNG


@pytest.mark.parametrize("size", [1, 2 * 1024 * 1024])
def test_body_of_any_size_is_stored_intact(seaweedfs: SeaweedFs, uploader: Uploader, size: int) -> None:
    body = bytes(range(256)) * (size // 256) or b"x"
    assert outcome(put(uploader, seaweedfs.presign(f"size-{size}"), body), body) == "Uploaded:uploaded"
    assert stored(seaweedfs, f"size-{size}")[0] == body


def test_same_bytes_may_be_put_twice(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    """The answer to the first PUT was lost: repeating it is harmless, also with an older URL."""
    url = seaweedfs.presign("twice.png")
    first, second = (reply(put(uploader, url)) for _ in range(2))
    assert first.headers["etag"] == second.headers["etag"]


def test_ambient_credentials_and_checksums_do_not_spoil_the_upload(
    seaweedfs: SeaweedFs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWRONG")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    url = seaweedfs.presign("ambient.png")
    assert outcome(put(make_uploader(), url)) == "Uploaded:uploaded"
    assert stored(seaweedfs, "ambient.png") == (PNG, "image/png")


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_tampered_signature_is_refused(seaweedfs: SeaweedFs, version: str) -> None:
    url = seaweedfs.presign("tampered.png", version=version)
    name = "X-Amz-Signature=" if version == "s3v4" else "Signature="
    at = url.index(name) + len(name)
    tampered = url[:at] + ("0" if url[at] != "0" else "1") + url[at + 1 :]
    exchange = reply(put(make_uploader(), tampered))
    assert (exchange.status, exchange.error_code) == (403, "SignatureDoesNotMatch")
    assert outcome(exchange) == "UploadRefused:upload_signature_mismatch"


def test_signature_for_another_key_is_refused(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    url = seaweedfs.presign("mine.png").replace("mine.png", "theirs.png")
    assert outcome(put(uploader, url)) == "UploadRefused:upload_signature_mismatch"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_expired_url_is_spent(seaweedfs: SeaweedFs, version: str) -> None:
    url = seaweedfs.presign(
        f"expired-{version}.png", version=version, expires_in_s=1, ContentType="image/png"
    )
    uploader = make_uploader()
    until = time.monotonic() + 15
    exchange = reply(put(uploader, url))
    # The storage's clock decides, to the second; nothing but waiting makes a real URL expire.
    while exchange.status == 200 and time.monotonic() < until:
        time.sleep(0.5)
        exchange = reply(put(uploader, url))
    assert exchange.status == 403
    assert outcome(exchange) == "UrlSpent:upload_expired"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_url_signed_for_reading_is_refused(seaweedfs: SeaweedFs, version: str) -> None:
    url = seaweedfs.presign("readable.png", method="get_object", version=version)
    assert outcome(put(make_uploader(), url)) == "UploadRefused:upload_signature_mismatch"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_other_type_than_the_signed_one_is_refused(seaweedfs: SeaweedFs, version: str) -> None:
    url = seaweedfs.presign("typed.png", version=version, ContentType="image/jpeg")
    assert outcome(put(make_uploader(), url)) == "UploadRefused:upload_signature_mismatch"


def test_body_that_is_not_what_its_md5_says_is_not_stored(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    exchange = uploader.put(
        seaweedfs.presign("digest.png"), PNG, mime_type="image/png", md5_hex=md5(b"other")
    )
    assert outcome(exchange) == "Retryable:upload_damaged"
    listed = seaweedfs.client().list_objects_v2(Bucket=BUCKET, Prefix="digest")
    assert listed["KeyCount"] == 0


def test_signer_who_is_gone_is_refused(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    url = seaweedfs.presign("k.png").replace(seaweedfs.access_key, "AKIAGONE")
    assert outcome(put(uploader, url)) == "UploadRefused:upload_signer_invalid"


def test_metadata_signed_by_name_only_is_not_sent(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    url = seaweedfs.presign("meta.png", Metadata={"device": "tablet-7"})
    with pytest.raises(UnsatisfiableHeaders, match="x-amz-meta-device"):
        put(uploader, url)


def test_signed_length_and_checksum_are_accepted(seaweedfs: SeaweedFs, uploader: Uploader) -> None:
    """A backend that pins the size it was told, and a checksum: both can be computed here."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("PUT", f"{seaweedfs.url}/{BUCKET}/sum.png")
    request.headers["content-length"] = str(len(PNG))
    request.headers["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(PNG).digest()).decode()
    S3SigV4QueryAuth(
        Credentials(seaweedfs.access_key, seaweedfs.secret_key), "s3", "us-east-1", 300
    ).add_auth(request)
    assert "SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256" in request.url
    assert outcome(put(uploader, request.url)) == "Uploaded:uploaded"
    assert stored(seaweedfs, "sum.png") == (PNG, "image/png")
