"""AWS Signature Version 4 in the query, for one bucket and one key pair: make a URL, judge a URL.

Pure: the time comes in. Needs nothing but hmac, so the stand-in shares no code with the client it tests;
the contract tests hold it against botocore. Source: presigned-URL section of the S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_S = 604_800
SKEW = timedelta(minutes=15)
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_NEEDED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Whose signature it is and where it holds."""

    access_key: str
    secret_key: str
    region: str = "eu-west-3"
    service: str = "s3"

    def scope(self, day: str) -> str:
        return f"{day}/{self.region}/{self.service}/aws4_request"

    def sign(self, day: str, message: str) -> str:
        key = ("AWS4" + self.secret_key).encode()
        for part in (day, self.region, self.service, "aws4_request", message):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()


class UrlRejected(Exception):
    """S3's refusal: status, code, message and the extra elements of its error document."""

    def __init__(self, status: int, code: str, message: str, extra: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.extra = status, code, message, dict(extra or {})


def presign(
    key: SigningKey,
    url: str,
    *,
    method: str,
    now: datetime,
    lifetime_s: int,
    headers: Mapping[str, str] | None = None,
) -> str:
    """`url` (scheme, host, encoded path, no query) with a signature for `method` from `now` on.

    `headers` are signed besides host: whoever uses the URL has to send exactly these.
    """
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {"host": host} | {name.lower(): value for name, value in (headers or {}).items()}
    query: Pairs = [
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{key.access_key}/{key.scope(stamp[:8])}"),
        ("X-Amz-Date", stamp),
        ("X-Amz-Expires", str(lifetime_s)),
        ("X-Amz-SignedHeaders", ";".join(sorted(signed))),
    ]
    request = canonical_request(method, f"/{path}", query, headers=signed, signed=sorted(signed))
    signature = key.sign(stamp[:8], string_to_sign(key, stamp, request))
    return f"{scheme}://{host}/{path}?{_encode(query)}&X-Amz-Signature={signature}"


def verify(
    key: SigningKey, *, method: str, target: str, headers: Sequence[tuple[str, str]], now: datetime
) -> Pairs:
    """The decoded query of a request that may go on. Raises UrlRejected, in the order S3 looks at things.

    `target` is the request target as it stood on the wire, `headers` the request's with lower-case names.
    """
    path, _, raw_query = target.partition("?")
    query = parse_query(raw_query)
    fields = {name: value for name, value in query if name.startswith("X-Amz-")}
    if any(name == "authorization" for name, _ in headers):
        _refuse_two_mechanisms(bool(fields))
    if not fields and any(name in {"AWSAccessKeyId", "Signature"} for name, _ in query):
        message = (
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        )
        raise UrlRejected(400, "InvalidRequest", message)
    if not fields:
        raise UrlRejected(403, "AccessDenied", "Access Denied")
    stamp, signed_names = _read_fields(key, fields)
    unsigned = sorted({name for name, _ in headers if name.startswith("x-amz-")} - set(signed_names))
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise UrlRejected(403, "AccessDenied", message, {"HeadersNotSigned": ", ".join(unsigned)})
    _check_time(stamp, int(fields["X-Amz-Expires"]), now)
    payload = dict(headers).get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    request = canonical_request(
        method, path, query, headers=_joined(headers), signed=signed_names, payload=payload
    )
    expected = key.sign(stamp[:8], string_to_sign(key, stamp, request))
    if not hmac.compare_digest(
        expected.encode(), fields["X-Amz-Signature"].encode("utf-8", "surrogateescape")
    ):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise UrlRejected(403, "SignatureDoesNotMatch", message, {"AWSAccessKeyId": key.access_key})
    return query


def canonical_request(
    method: str,
    path: str,
    query: Pairs,
    *,
    headers: Mapping[str, str],
    signed: Sequence[str],
    payload: str = "UNSIGNED-PAYLOAD",
) -> str:
    """The text whose hash is signed. Encoded anew from decoded parts: `%c3` and `%C3` are the same path."""
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed]
    unsigned = [(name, value) for name, value in query if name != "X-Amz-Signature"]
    return "\n".join(
        [
            method,
            quote(unquote_to_bytes(path), safe="/-_.~"),
            _encode(sorted(unsigned, key=lambda pair: (_quote(pair[0]), _quote(pair[1])))),
            "".join(lines),
            ";".join(signed),
            payload,
        ]
    )


def string_to_sign(key: SigningKey, stamp: str, request: str) -> str:
    digest = hashlib.sha256(request.encode()).hexdigest()
    return f"{ALGORITHM}\n{stamp}\n{key.scope(stamp[:8])}\n{digest}"


def parse_query(raw: str) -> Pairs:
    """Decoded names and values in their order; a plus sign stays one, and a name may stand without value."""
    split = (part.partition("=") for part in raw.split("&") if part)
    return [(_unquote(name), _unquote(value)) for name, _, value in split]


def _read_fields(key: SigningKey, fields: Mapping[str, str]) -> tuple[str, list[str]]:
    def malformed(message: str) -> UrlRejected:
        return UrlRejected(400, "AuthorizationQueryParametersError", message)

    if any(not fields.get(f"X-Amz-{name}") for name in _NEEDED):
        needed = ", ".join(f"X-Amz-{name}" for name in _NEEDED)
        raise malformed(f"Query-string authentication version 4 requires the {needed} parameters.")
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise malformed(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    stamp, expires, signed = (fields[f"X-Amz-{name}"] for name in ("Date", "Expires", "SignedHeaders"))
    if not _STAMP.fullmatch(stamp):
        raise malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if not re.fullmatch(r"[0-9]{1,9}", expires) or not 1 <= int(expires) <= LONGEST_S:
        raise malformed("X-Amz-Expires must be between 1 and 604800 seconds")
    access_key, _, scope = fields["X-Amz-Credential"].partition("/")
    if access_key != key.access_key:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise UrlRejected(403, "InvalidAccessKeyId", message, {"AWSAccessKeyId": access_key})
    if scope != key.scope(stamp[:8]):
        raise malformed(f'Error parsing the X-Amz-Credential parameter; expecting "{key.scope(stamp[:8])}"')
    names = signed.split(";")
    if "host" not in names:
        raise malformed("X-Amz-SignedHeaders must include host")
    return stamp, names


def _check_time(stamp: str, expires_s: int, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        message = "X-Amz-Date must be a date"
        raise UrlRejected(400, "AuthorizationQueryParametersError", message) from None
    server_time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if signed_at > now + SKEW:
        raise UrlRejected(403, "AccessDenied", "Request is not yet valid", {"ServerTime": server_time})
    expires_at = signed_at + timedelta(seconds=expires_s)
    if now >= expires_at:
        extra = {
            "X-Amz-Expires": str(expires_s),
            "Expires": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ServerTime": server_time,
        }
        raise UrlRejected(403, "AccessDenied", "Request has expired", extra)


def _refuse_two_mechanisms(signed_query: bool) -> None:
    if signed_query:
        message = (
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
            "string parameter or the Authorization header should be specified"
        )
        # The real answer echoes the header's value here; a token does not belong into a test's output.
        raise UrlRejected(400, "InvalidArgument", message, {"ArgumentName": "Authorization"})
    raise UrlRejected(400, "InvalidArgument", "Unsupported Authorization Type")


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _quote(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe="-_.~")


def _unquote(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _encode(query: Pairs) -> str:
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in query)
