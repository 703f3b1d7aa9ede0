"""The signature storage: takes a presigned PUT as strictly as S3 does, and refuses in S3's words.

Source: S3 error responses and `PutObject`. A URL made for another method, changed, expired, or used with headers
that were not signed is refused; so is a body that is not what Content-MD5 or a checksum says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Callable
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape

from sync.sandbox import rows, signing
from sync.sandbox.faults import Fault
from sync.sandbox.message import Answer, Head
from sync.sandbox.objects import BUCKET
from sync.sandbox.state import State

_CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
}


class Store:
    """One bucket. Its answers carry the request ids and errors of S3."""

    def __init__(self, state: State) -> None:
        self._state = state

    def refusal(self, head: Head) -> Answer | None:
        """The answer to a request that is wrong by its head alone; None when its body is wanted."""
        try:
            self._check_head(head)
        except signing.UrlRejected as wrong:
            return error_answer(wrong.status, wrong.code, wrong.message, wrong.extra)
        return None

    async def answer(self, head: Head, body: bytes, fault: Fault | None) -> Answer:
        try:
            query = self._check_head(head)
            key = _key(head.path)
            if head.method != "PUT":
                return self._read(key, head.method)
            _check_body(head, query, body)
        except signing.UrlRejected as wrong:
            self._state.journal.count("refused_uploads")
            return error_answer(wrong.status, wrong.code, wrong.message, wrong.extra)
        content_type = head.header("content-type") or "binary/octet-stream"
        facts = self._state.objects.put(key, body, content_type, rows.iso(self._state.now()))
        self._state.journal.count("uploads")
        if facts["puts"] > 1:
            self._state.journal.count("repeated_uploads")
        stored = Answer(200, (("etag", facts["etag"]),))
        return _with_etag_fault(stored, fault) if fault and fault.do == "etag" else stored

    def _check_head(self, head: Head) -> signing.Pairs:
        if head.header("transfer-encoding"):
            message = "A header you provided implies functionality that is not implemented"
            raise signing.UrlRejected(501, "NotImplemented", message, {"Header": "Transfer-Encoding"})
        if head.method not in {"PUT", "GET", "HEAD"}:
            message = "The specified method is not allowed against this resource."
            raise signing.UrlRejected(405, "MethodNotAllowed", message, {"Method": head.method})
        query = signing.verify(
            self._state.signing_key,
            method=head.method,
            target=head.target,
            headers=head.headers,
            now=self._state.now(),
        )
        if _bucket(head.path) != BUCKET:
            message = "The specified bucket does not exist"
            raise signing.UrlRejected(404, "NoSuchBucket", message, {"BucketName": _bucket(head.path)})
        if head.method == "PUT":
            self._check_length(head)
        return query

    def _check_length(self, head: Head) -> None:
        length = head.header("content-length")
        if length is None:
            message = "You must provide the Content-Length HTTP header."
            raise signing.UrlRejected(411, "MissingContentLength", message)
        limit = self._state.options.max_object_bytes
        if int(length) > limit:
            message = "Your proposed upload exceeds the maximum allowed size"
            extra = {"ProposedSize": length, "MaxSizeAllowed": str(limit)}
            raise signing.UrlRejected(400, "EntityTooLarge", message, extra)

    def _read(self, key: str, method: str) -> Answer:
        found = self._state.objects.get(key)
        if found is None:
            message = "The specified key does not exist."
            raise signing.UrlRejected(404, "NoSuchKey", message, {"Key": key})
        facts, data = found
        headers = (("content-type", facts["content_type"]), ("etag", facts["etag"]))
        return Answer(200, headers, data if method == "GET" else b"")


def _check_body(head: Head, query: signing.Pairs, body: bytes) -> None:
    declared = head.header("content-md5")
    if declared is not None:
        try:
            wanted = base64.b64decode(declared, validate=True)
        except binascii.Error:
            wanted = b""
        if len(wanted) != 16:
            message = "The Content-MD5 you specified was invalid."
            raise signing.UrlRejected(400, "InvalidDigest", message, {"Content-MD5": declared})
        found = hashlib.md5(body, usedforsecurity=False).digest()
        if not hmac.compare_digest(wanted, found):
            message = "The Content-MD5 you specified did not match what we received."
            extra = {"ExpectedDigest": declared, "CalculatedDigest": base64.b64encode(found).decode()}
            raise signing.UrlRejected(400, "BadDigest", message, extra)
    # Some signers put a checksum into the URL instead of a header; it binds the body all the same.
    stated = dict(head.headers) | {name.lower(): value for name, value in query}
    for name, digest in _CHECKSUMS.items():
        if name in stated and stated[name] != base64.b64encode(digest(body)).decode():
            kind = name.rpartition("-")[2].upper()
            message = f"The {kind} you specified did not match the calculated checksum."
            raise signing.UrlRejected(400, "BadDigest", message)
    hashed = head.header("x-amz-content-sha256")
    if hashed not in {None, "UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()}:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise signing.UrlRejected(400, "XAmzContentSHA256Mismatch", message)


def _with_etag_fault(stored: Answer, fault: Fault) -> Answer:
    """The bytes are kept, but the answer does not prove it."""
    other = '"' + hashlib.md5(b"other bytes", usedforsecurity=False).hexdigest() + '"'
    if fault.etag == "missing":
        return stored.with_header("etag", None)
    answer = stored.with_header("etag", other)
    # Under KMS the ETag is no digest of the bytes, and says so by this header.
    return answer.with_header("x-amz-server-side-encryption", "aws:kms") if fault.etag == "kms" else answer


def error_answer(status: int, code: str, message: str, extra: dict[str, str] | None = None) -> Answer:
    """S3's error document."""
    elements = {
        "Code": code,
        "Message": message,
        **(extra or {}),
        "RequestId": "SANDBOX",
        "HostId": "sandbox",
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return Answer(status, (("content-type", "application/xml"),), body.encode("utf-8", "replace"))


def _bucket(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]


def _key(path: str) -> str:
    """Percent-decoded once; empty and dot segments are part of the key."""
    raw = path.removeprefix("/").partition("/")[2]
    return unquote_to_bytes(raw).decode("utf-8", "replace")
