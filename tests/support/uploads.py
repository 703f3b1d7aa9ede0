"""Gives tests an Uploader with short waits, and presigned URLs of any shape for a server on loopback."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sync.exchange import Exchange, Failure, Reply
from sync.presigned_url import UrlRules
from sync.upload import Uploader
from sync.upload_line import UploadLine

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 80  # 20 KB, every byte value
V4_QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-west-3%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261122T100000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=0123456789abcdef"
)
V2_QUERY = "AWSAccessKeyId=AKIDEXAMPLE&Signature=c2lnbmF0dXJl%3D&Expires=1795341600"


def make_uploader(**changes: Any) -> Uploader:
    """An Uploader for loopback; `changes` replace its arguments and those of its line."""
    own: dict[str, Any] = {"rules": UrlRules(allow_insecure_loopback=True), "fallback": "off"}
    own |= {name: changes.pop(name) for name in own if name in changes}
    options: dict[str, Any] = {
        "connect_timeout_s": 5.0,
        "read_timeout_s": 5.0,
        "max_connections": 8,
        "ca_file": None,
        "user_agent": "fieldsync/test",
        "now": lambda: datetime.now(UTC),
    }
    return Uploader(UploadLine(**(options | changes)), **own)


def put(uploader: Uploader, url: str, body: bytes = PNG, *, mime_type: str = "image/png") -> Exchange:
    """One put with the true MD5."""
    return uploader.put(url, body, mime_type=mime_type, md5_hex=md5(body))


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def reply(exchange: Exchange) -> Reply:
    """The exchange as a Reply, or the test fails saying why there was none."""
    assert isinstance(exchange, Reply), exchange
    return exchange


def failure(exchange: Exchange) -> Failure:
    """The exchange as a Failure, or the test fails showing the answer."""
    assert isinstance(exchange, Failure), exchange
    return exchange
