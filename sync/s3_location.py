"""Which bucket, key and region does the address of a signature name?

Pure. Needed only where the address itself is spent and the image is put with the machine's own credentials; an
ordinary upload never takes its address apart. Source: presigned-upload.md section 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

_PARTS: Final = re.compile(
    r"https?://(?P<host>[^/?#:\[]+|\[[^\]]*\])(?::\d+)?(?P<path>/[^?#]*)?(?:\?(?P<query>.*))?", re.I
)
_SUFFIX: Final = (
    r"\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk"
    r"|csp\.hci\.ic\.gov)"
)
_REGION: Final = r"[a-z]{2,4}(?:-[a-z]+){1,2}-\d+"
# Both are matched against the whole host. The bucket is greedy, so the last s3 label counts: a bucket may be called
# `s3.b`, and `s3.amazonaws.com.evil.test` is nobody's.
_BUCKET_HOST: Final = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9._-]*)\.)?"
    rf"(?:(?P<accelerate>s3-accelerate)(?:\.dualstack)?|s3(?:-fips)?-(?P<dashed>{_REGION})|(?P<external>s3-external-1)"
    rf"|s3(?:-fips)?(?:\.dualstack)?(?:\.(?P<region>{_REGION}))?)" + _SUFFIX
)
_S3_HOST: Final = re.compile(rf"(?:.+\.)?(?:s3[a-z0-9-]*)(?:\.[a-z0-9-]+)*{_SUFFIX}")
_NO_BUCKET: Final = re.compile(
    rf"(?:.*\.)?(?:s3-(?:accesspoint|outposts|object-lambda|control|website)[a-z0-9-]*|accesspoint\.s3-global"
    rf"|s3express-[a-z0-9-]+|s3express-control)(?:\.dualstack)?(?:\.{_REGION})?{_SUFFIX}|.+\.vpce{_SUFFIX}"
)
_EXPRESS: Final = re.compile(r".+--[a-z0-9-]+--x-s3")
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{3,255}")
_MAX_KEY_BYTES: Final = 1024  # Source: S3, "Object key names"


class NoPlace(Exception):
    """No bucket and key can be told; the text says why and quotes no query."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object goes. `region` None: the address does not say."""

    bucket: str
    key: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceRules:
    """What the settings say of places. A bucket given here is the only one that is ever written to.

    `key_pattern` holds `{server_id}`, `{entry_id}`, `{name}` or `{image_key}`; empty where no key can be told
    without an address. `path_style`: whether an address on a host that is not Amazon's begins with the bucket.
    """

    bucket: str = ""
    region: str = ""
    key_pattern: str = ""
    path_style: bool = False


def place_of(url: str | None, facts: Mapping[str, str], rules: PlaceRules) -> Place:
    """Where the image of an entry goes: as its spent address says, else by the pattern.

    Raises:
        NoPlace: neither tells.
    """
    place = by_pattern(facts, rules) if url is None else locate(url, rules)
    region = place.region or rules.region
    return replace(place, region=region or None)


def locate(url: str, rules: PlaceRules) -> Place:
    """Bucket, key and region named by an address; the region of the host, else that of the signature's scope.

    Raises:
        NoPlace: the address names none, or another bucket than the settings.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise NoPlace("the address cannot be read")
    host, path, query = parts["host"].lower(), parts["path"] or "/", parts["query"] or ""
    match = _BUCKET_HOST.fullmatch(host)
    if _NO_BUCKET.fullmatch(host) or (match is None and _S3_HOST.fullmatch(host)):
        raise NoPlace("the address is no plain bucket of S3: an access point, an outpost or the like")
    if match is None:
        return Place(*_elsewhere(path, rules), _scope_region(query))
    bucket, path = (match["bucket"], path) if match["bucket"] else _first_segment(path)
    if not match["bucket"] and match["accelerate"]:
        raise NoPlace("the address names no bucket")
    region = match["region"] or match["dashed"]
    if region is None and (match["external"] or (not match["bucket"] and "s3-fips" not in host)):
        region = "us-east-1"  # what a path-style address without a region means
    return Place(_allowed(bucket, rules), _key(path), region or _scope_region(query))


def by_pattern(facts: Mapping[str, str], rules: PlaceRules) -> Place:
    """The place by the key pattern of the settings, filled with `facts`.

    Raises:
        NoPlace: there is no pattern or bucket, or a fact that the pattern wants is not known.
    """
    if not rules.key_pattern or not rules.bucket:
        raise NoPlace("there is no address, and upload.bucket and upload.key_pattern do not name a place")
    wanted = [name for _, name, _, _ in Formatter().parse(rules.key_pattern) if name is not None]
    missing = [name for name in wanted if not facts.get(name)]
    if missing:
        raise NoPlace(f"upload.key_pattern wants {' and '.join(missing)}, which the server did not tell")
    return Place(_allowed(rules.bucket, rules), _sound(rules.key_pattern.format_map(dict(facts))))


def _elsewhere(path: str, rules: PlaceRules) -> tuple[str, str]:
    """On somebody's own domain nothing tells a bucket from a folder, so the settings must."""
    if not rules.bucket:
        raise NoPlace("the address is not one of Amazon's, and upload.bucket is not set")
    if not rules.path_style:
        return rules.bucket, _key(path)
    bucket, path = _first_segment(path)
    return _allowed(bucket, rules), _key(path)


def _first_segment(path: str) -> tuple[str, str]:
    first, slash, rest = path[1:].partition("/")
    return unquote(first), slash + rest


def _allowed(bucket: str, rules: PlaceRules) -> str:
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise NoPlace("the address names no bucket")
    if _EXPRESS.fullmatch(bucket):
        raise NoPlace("the address is no plain bucket of S3: an access point, an outpost or the like")
    if rules.bucket and bucket != rules.bucket:
        raise NoPlace("the address names another bucket than upload.bucket")
    return bucket


def _key(path: str) -> str:
    """Decoded once: `+` stays `+`, empty and dot segments are part of the key. The client encodes it again."""
    try:
        return _sound(unquote_to_bytes(path[1:]).decode())
    except UnicodeDecodeError:
        raise NoPlace("the key of the address is not UTF-8") from None


def _sound(key: str) -> str:
    if not key:
        raise NoPlace("the address names no object")
    if len(key.encode("utf-8", "replace")) > _MAX_KEY_BYTES:
        raise NoPlace("the key is longer than S3 allows")
    return key


def _scope_region(query: str) -> str | None:
    """Source: X-Amz-Credential is KEY/DATE/REGION/s3/aws4_request."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if unquote(name).lower() == "x-amz-credential":
            scope = unquote(value).rsplit("/", 4)
            if (
                len(scope) == 5
                and scope[3:] == ["s3", "aws4_request"]
                and re.fullmatch(r"[a-z0-9-]{1,40}", scope[2])
            ):
                return scope[2]
    return None
