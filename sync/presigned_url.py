"""May signature bytes be sent to this URL, and what does the URL say about itself?

Pure: reads the text once, before any socket, and names every objection together. The URL's query is a bearer
secret, so nothing of it ever reaches a repr, a str or an error of this module.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

from sync.secret import Secret

MAX_URL_CHARS = 16_384
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

_PARTS = re.compile(r"([^:/?#]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_REGION = r"[a-z]{2,4}(?:-[a-z]+){1,2}-\d+"
# Matched against the whole host, so that neither `s3.amazonaws.com.evil.test` nor a bucket called `s3` passes
# for S3. What stands before the s3 label is the bucket, an access point or nothing.
_S3_HOST = re.compile(
    r"(?:[a-z0-9_.-]+\.)?"
    rf"(?:s3|s3-{_REGION}|s3-fips(?:-{_REGION})?|s3-accelerate|s3-external-1|s3-global"
    r"|s3-accesspoint(?:-fips)?|s3-outposts|s3-object-lambda|s3express-(?:fips-)?[a-z0-9-]+)"
    rf"(?:\.dualstack)?(?:\.{_REGION})?(?:\.vpce)?"
    r"\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk"
    r"|csp\.hci\.ic\.gov)"
)
_AUTH_PARTS = frozenset(
    f"x-amz-{part}"
    for part in ("algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token")
)


class UploadImpossible(Exception):
    """This URL cannot take the upload, however often it is tried. Raised before any socket is opened."""

    code = "upload_impossible"

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class UrlRefused(UploadImpossible):
    """The URL fails the safety checks."""

    code = "upload_url_refused"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """Where uploads may go besides S3 itself.

    `allowed_hosts`: names (each with all its subdomains) or addresses, with `:port` where it is not 443.
    `api_host`: the API's own host; no upload target unless listed here too, or by the loopback setting.
    """

    allowed_hosts: tuple[str, ...] = ()
    allow_insecure_loopback: bool = False
    api_host: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class PresignedUrl:
    """A URL that passed the checks. `signed_headers` and `hoisted` are lower-case header names.

    `hoisted`: `x-amz-*` headers whose value travels in the query. `expires_at` is what the URL says of itself
    (with `session_token` it may die earlier): a hint, S3 decides.
    """

    url: Secret
    scheme: str
    host: str
    port: int
    path: str
    version: Literal["v4", "v2", "none"]
    signed_headers: tuple[str, ...]
    expires_at: datetime | None
    session_token: bool
    hoisted: tuple[str, ...]

    @property
    def origin(self) -> str:
        """Scheme, host and port, as an address without path or query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _default_port(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def reveal_target(self) -> str:
        """Path and query exactly as given: the signature covers these bytes, so they are never rebuilt."""
        text = self.url.reveal()
        return text[text.index("/", text.index("://") + 3) :]

    def redacted(self) -> str:
        """The URL without its query, for people."""
        return f"{self.origin}{self.path}" + ("?***" if "?" in self.url.reveal() else "")

    def __repr__(self) -> str:
        return f"<PresignedUrl {self.origin} {self.version}>"


@lru_cache(maxsize=64)  # a URL is read when it comes and again when it is used
def read_url(url: str, rules: UrlRules) -> PresignedUrl:
    """Check `url` and read what it says about itself.

    Raises:
        UrlRefused: with every problem at once, none of them quoting the URL beyond a well-formed host.
    """
    problems = _shape_problems(url)
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise UrlRefused(*problems, "it is not an absolute URL")
    scheme, authority, path, query, fragment = (part or "" for part in parts.groups())
    scheme = scheme.lower()
    if "@" in authority:
        problems.append("it carries a user name or password")
    host, port = _host_and_port(authority.rpartition("@")[2], scheme)
    if fragment:
        problems.append("it has a fragment")
    if path in {"", "/"}:
        problems.append("it names no object")
    problems += _place_problems(scheme, host, port, rules)
    names = _parameters(query[1:])
    version = _version(names)
    if version == "none" and names.keys() & (_AUTH_PARTS | {"signature", "awsaccesskeyid"}):
        problems.append("it carries parts of a signature but not all of it")
    if problems or host is None or port is None:
        raise UrlRefused(*problems)
    return PresignedUrl(
        url=Secret(url, remembered=False),
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        version=version,
        signed_headers=_signed_headers(names) if version == "v4" else (),
        expires_at=_expires_at(names, version),
        session_token="x-amz-security-token" in names,
        hoisted=tuple(name for name in names if name.startswith("x-amz-") and name not in _AUTH_PARTS),
    )


def read_given_url(text: str, rules: UrlRules) -> PresignedUrl:
    """As `read_url`, for what a person gives: one line, and signed, for nobody signs it afterwards.

    Raises:
        UrlRefused: with every problem at once, none of them quoting the URL beyond a well-formed host.
    """
    lines = text.strip().splitlines()
    if len(lines) != 1:
        raise UrlRefused("it is missing" if not lines else "it is more than one line")
    found = read_url(lines[0].strip(), rules)
    if found.version == "none":
        raise UrlRefused("it carries no signature")
    return found


def _shape_problems(url: str) -> list[str]:
    problems = []
    if len(url) > MAX_URL_CHARS:
        problems.append(f"it is longer than {MAX_URL_CHARS} characters")
    if any(not "!" <= char <= "~" for char in url):
        problems.append("it contains spaces, control characters or characters outside ASCII")
    if "\\" in url:
        problems.append("it contains a backslash")
    return problems


def _default_port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def _host_and_port(text: str, scheme: str) -> tuple[str | None, int | None]:
    """Lower-case host and port; None for what is missing or malformed."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]*))(?::(\d{1,5}))?", text.lower())
    if match is None:
        return None, None
    address, name, digits = match.groups()
    host = address or name
    port = int(digits) if digits else _default_port(scheme)
    if address is None and not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return None, port
    if address is not None and _address(address) is None:
        return None, port
    return host, port if 0 < port < 65_536 else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _place_problems(scheme: str, host: str | None, port: int | None, rules: UrlRules) -> list[str]:
    loopback = host in LOOPBACK_NAMES and rules.allow_insecure_loopback
    problems = []
    if scheme != "https" and not (scheme == "http" and loopback):
        problems.append("it is not https")
    if port is None and host is not None:
        problems.append("its port is not a port number")
    if host is None:
        problems.append("its host is missing or malformed")
        return problems
    if loopback:
        return problems
    ports = [at for name, at in map(_allowance, rules.allowed_hosts) if _covers(name, host)]
    if port is not None and port != 443 and port not in ports:
        problems.append(f"port {port} is not configured for uploads")
    if rules.api_host and host == _allowance(rules.api_host)[0] and not ports:
        problems.append("it points at the API itself")
    address = _address(host)
    # A machine's neighbours and its cloud's metadata service are never storage, whatever the settings say.
    if address is not None and (address.is_link_local or address.is_multicast or address.is_unspecified):
        problems.append("its address can never be storage")
    elif not ports and (address is not None or _ends_in_number(host)):
        problems.append("its host is an address, not a name")
    elif not ports and not _S3_HOST.fullmatch(host):
        problems.append(f"host {host} is not on the list of upload hosts")
    return problems


def _allowance(entry: str) -> tuple[str, int]:
    """An entry of the allow-list as (host, port). A leading `*.` or dot says what is meant anyway."""
    host, port = _host_and_port(entry.strip().lower().removeprefix("*").removeprefix("."), "https")
    return host or "", port or 443


def _covers(allowed: str, host: str) -> bool:
    if not allowed:
        return False
    suffix = "." in allowed and not _ends_in_number(host) and host.endswith(f".{allowed}")
    return host == allowed or suffix


def _ends_in_number(host: str) -> bool:
    """Whether resolvers would read the name as an address: 2130706433, 0x7f.1, 127.1."""
    return re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]) is not None


def _parameters(query: str) -> dict[str, str]:
    """Decoded values by lower-case name; the first of a repeated name counts."""
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name).lower(), unquote(value))
    return found


def _version(names: Mapping[str, str]) -> Literal["v4", "v2", "none"]:
    if names.get("x-amz-signature"):
        return "v4"
    if names.get("signature") and ("awsaccesskeyid" in names or "expires" in names):
        return "v2"
    return "none"


def _signed_headers(names: Mapping[str, str]) -> tuple[str, ...]:
    listed = names.get("x-amz-signedheaders", "").lower().split(";")
    return tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))


def _expires_at(names: Mapping[str, str], version: str) -> datetime | None:
    """Source: X-Amz-Date plus X-Amz-Expires seconds (V4), Expires in epoch seconds (V2)."""
    try:
        if version == "v4":
            signed_at = datetime.strptime(names["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return signed_at + timedelta(seconds=int(names["x-amz-expires"]))
        if version == "v2":
            return datetime.fromtimestamp(int(names["expires"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return None
