"""Which headers a presigned URL asks for, and when it asks for what nobody can know."""

import base64
import hashlib
import zlib

import pytest

from sync.presigned_url import UrlRules, read_url
from sync.upload_headers import UnsatisfiableHeaders, upload_headers

BODY = b"\x89PNG bytes of a signature"
MD5 = hashlib.md5(BODY).hexdigest()


def headers(query: str, *, with_type: bool = True) -> dict[str, str]:
    url = read_url(f"https://b.s3.eu-west-3.amazonaws.com/a.png{query}", UrlRules())
    return upload_headers(url, BODY, mime_type="image/png", md5_hex=MD5, with_type=with_type)


def v4(*signed: str, query: str = "") -> str:
    return f"?X-Amz-Signature=ab&X-Amz-SignedHeaders={'%3B'.join(('host', *signed))}{query}"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


USUAL = {
    "Content-Length": str(len(BODY)),
    "Content-Type": "image/png",
    "Content-MD5": b64(hashlib.md5(BODY).digest()),
}
V2 = "?AWSAccessKeyId=A&Signature=ab&Expires=1795341600"


@pytest.mark.parametrize("signed", [(), ("content-type",), ("content-length", "content-md5", "content-type")])
def test_v4_gets_length_type_and_md5_whether_signed_or_not(signed: tuple[str, ...]) -> None:
    assert headers(v4(*signed)) == USUAL


def test_v2_gets_no_md5_and_its_type_only_when_asked() -> None:
    assert headers(V2) == {"Content-Length": USUAL["Content-Length"], "Content-Type": "image/png"}
    assert headers(V2, with_type=False) == {"Content-Length": USUAL["Content-Length"]}


def test_unsigned_url_gets_type_and_md5() -> None:
    assert headers("") == USUAL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-checksum-crc32", b64(zlib.crc32(BODY).to_bytes(4, "big"))),
        ("x-amz-checksum-sha1", b64(hashlib.sha1(BODY).digest())),
        ("x-amz-checksum-sha256", b64(hashlib.sha256(BODY).digest())),
    ],
)
def test_signed_header_that_can_be_computed_is_sent(name: str, value: str) -> None:
    assert headers(v4(name)) == USUAL | {name: value}


def test_checksum_algorithm_is_named_after_the_one_checksum() -> None:
    signed = headers(v4("x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm"))
    assert signed["x-amz-sdk-checksum-algorithm"] == "SHA256"
    hoisted = headers(v4("x-amz-sdk-checksum-algorithm", query="&x-amz-checksum-crc32=AAAAAA%3D%3D"))
    assert hoisted == USUAL | {"x-amz-sdk-checksum-algorithm": "CRC32"}


@pytest.mark.parametrize(
    "name",
    [
        "x-amz-meta-device",
        "x-amz-acl",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-tagging",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-checksum-crc32c",
        "x-amz-checksum-crc64nvme",
        "cache-control",
        "user-agent",
        "authorization",
    ],
)
def test_signed_header_of_unknown_value_is_refused(name: str) -> None:
    with pytest.raises(UnsatisfiableHeaders) as caught:
        headers(v4(name))
    assert caught.value.problems == (f"it was signed for a value of {name} unknown here",)


def test_all_unknown_values_are_named_at_once_and_odd_names_are_not_repeated() -> None:
    with pytest.raises(UnsatisfiableHeaders) as caught:
        headers(v4("x-amz-acl", "x-amz-meta-a", "x%20y%0Aeyjhbgci"))
    assert [problem.split(" of ")[1] for problem in caught.value.problems] == [
        "x-amz-acl unknown here",
        "x-amz-meta-a unknown here",
        "(unreadable name) unknown here",
    ]


@pytest.mark.parametrize("name", ["x-amz-meta-device", "x-amz-acl", "x-amz-checksum-crc32", "x-amz-tagging"])
def test_value_in_the_query_is_not_repeated_as_a_header(name: str) -> None:
    query = f"&{name.title()}=value"
    assert headers(v4(query=query)) == USUAL
    assert headers(v4(name, query=query)) == USUAL
