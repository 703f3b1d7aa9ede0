"""Which headers go with the signature bytes to a presigned URL?

Pure. A signed URL fixes more than the address: each header it lists must be sent with the value the backend
signed, and on S3 no other `x-amz-*` header may be sent at all.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

from sync.presigned_url import PresignedUrl, UploadImpossible

_CHECKSUM = "x-amz-checksum-"
_SENT_ANYWAY = frozenset({"host", "content-length", "content-type", "content-md5"})
_READABLE = re.compile(r"[a-z0-9-]{1,64}")


class UnsatisfiableHeaders(UploadImpossible):
    """The URL was signed for header values that nobody told us."""

    code = "upload_headers_unsatisfiable"


def upload_headers(
    url: PresignedUrl, body: bytes, *, mime_type: str, md5_hex: str, with_type: bool = True
) -> dict[str, str]:
    """Every header of the PUT except Host, User-Agent and Accept-Encoding. `with_type` matters for V2 only.

    Raises:
        UnsatisfiableHeaders: the URL was signed for values that cannot be computed here.
    """
    headers = {"Content-Length": str(len(body))}
    # A V2 signature always covers Content-Type and Content-MD5 and never says whether they were used.
    if url.version != "v2" or with_type:
        headers["Content-Type"] = mime_type
    if url.version != "v2":
        headers["Content-MD5"] = base64.b64encode(bytes.fromhex(md5_hex)).decode()
    missing = []
    for name in url.signed_headers:
        # What the query carries is part of the URL already; servers read it there.
        if name in _SENT_ANYWAY or name in url.hoisted:
            continue
        value = _computed(name, url, body)
        if value is None:
            missing.append(name if _READABLE.fullmatch(name) else "(unreadable name)")
        else:
            headers[name] = value
    if missing:
        raise UnsatisfiableHeaders(*(f"it was signed for a value of {name} unknown here" for name in missing))
    return headers


def _computed(name: str, url: PresignedUrl, body: bytes) -> str | None:
    if name == "x-amz-content-sha256":
        # Assumed: who signs before seeing the bytes can only have signed this word.
        return "UNSIGNED-PAYLOAD"
    if name == "x-amz-sdk-checksum-algorithm":
        algorithms = {
            header.removeprefix(_CHECKSUM)
            for header in (*url.signed_headers, *url.hoisted)
            if header.startswith(_CHECKSUM) and header != f"{_CHECKSUM}type"
        }
        return algorithms.pop().upper() if len(algorithms) == 1 else None
    digest = {
        "x-amz-checksum-crc32": lambda: zlib.crc32(body).to_bytes(4, "big"),
        "x-amz-checksum-sha1": lambda: hashlib.sha1(body, usedforsecurity=False).digest(),
        "x-amz-checksum-sha256": lambda: hashlib.sha256(body).digest(),
    }.get(name)
    return base64.b64encode(digest()).decode() if digest else None
