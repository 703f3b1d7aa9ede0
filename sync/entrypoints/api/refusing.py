"""Which requests are refused for where they come from, before anybody asks who sent them. Pure.

A browser on this machine carries out what any web page tells it. What tells such a request from ours: the name that it
thinks it speaks to (Host: another one leads here by DNS rebinding), and where it comes from (Origin, Sec-Fetch-Site).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Headers = Sequence[tuple[bytes, bytes]]

SAFE: Final = frozenset({"GET", "HEAD"})  # they change nothing, anywhere
METHODS: Final = SAFE | {"POST", "PUT"}
API: Final = ("/v1/", "/metrics")  # for programs: no other site has a reason to lead a person there

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_][a-z0-9_.-]{0,252})(?::([0-9]{1,5}))?")
# A slash, a backslash or a NUL in disguise: two readers of one path would read two.
_DISGUISED: Final = re.compile(r"%(?:2f|5c|00)|\\|[\x00-\x20\x7f]", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is stable; its HTTP status stands in `answers.py`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """The origins that are ours, as (scheme, host, port). Empty: nobody is answered."""

    origins: frozenset[tuple[str, str, int]] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str], port: int) -> Allowed:
        """`names` are hosts, each with a port or meaning `port`. Port 443 is reached through a proxy, by https."""
        found = set()
        for name in names:
            host, own_port = _parted(name if name.count(":") < 2 or name.startswith("[") else f"[{name}]")
            at = own_port or port
            found.add(("https" if at == _DEFAULT_PORTS["https"] else "http", host, at))
        return cls(frozenset(found))

    def host(self, authority: str) -> bool:
        """Whether a Host header names us. Without a port it means the port of its scheme."""
        try:
            host, port = _parted(authority)
        except ValueError:
            return False
        return any(
            host == own and (port == at or (port is None and at == _DEFAULT_PORTS[scheme]))
            for scheme, own, at in self.origins
        )

    def origin(self, text: str) -> bool:
        """Whether an Origin header names us: scheme, host and port. `null` does not."""
        scheme, mark, authority = text.partition("://")
        try:
            host, port = _parted(authority)
        except ValueError:
            return False
        known = bool(mark) and scheme in _DEFAULT_PORTS
        return known and (scheme, host, port or _DEFAULT_PORTS[scheme]) in self.origins


def own_names(host: str, more: Iterable[str]) -> tuple[str, ...]:
    """What this server may be called: by the names of this machine itself, by where it listens if that is one address,
    and as the settings say. An address that stands for all names none: then who comes from elsewhere must be named."""
    local = ("127.0.0.1", "localhost", "[::1]")
    listening = () if host in ("0.0.0.0", "::", "") else (host.lower(),)  # noqa: S104  to leave it out
    return (*local, *listening, *more)


def refuse(method: str, target: str, headers: Headers, allowed: Allowed) -> Refusal | None:
    """Why this request is not even looked at; None where it may go on.

    `target` is the path as it was sent, before anything in it was decoded; `headers` have lower-case names.
    """
    if method not in METHODS:
        return Refusal("method_not_allowed", f"the methods here are {', '.join(sorted(METHODS))}")
    if not _is_plain(target):
        return Refusal("refused_target", "the path must begin with one slash and hide none")
    hosts = _values(headers, b"host")
    if len(hosts) != 1 or not allowed.host(hosts[0].lower()):
        return Refusal(
            "refused_host",
            "this is not a name of this server; web.allowed_hosts names what else it is called",
        )
    return _from_elsewhere(method, target, headers, allowed)


def _from_elsewhere(method: str, target: str, headers: Headers, allowed: Allowed) -> Refusal | None:
    origins = _values(headers, b"origin")
    if len(origins) > 1 or not all(allowed.origin(origin) for origin in origins):
        return Refusal("refused_origin", "the request comes from a page of another origin")
    sites = _values(headers, b"sec-fetch-site")
    if not set(sites) <= {"same-origin", "none"} and not _is_visit(method, target, headers):
        return Refusal("refused_origin", "the request comes from another site")
    by_cookie = bool(_values(headers, b"cookie")) and not _values(headers, b"authorization")
    if method not in SAFE and by_cookie and not origins and sites != ["same-origin"]:
        return Refusal("refused_origin", "a request with a cookie must say that it comes from this page")
    return None


def _is_visit(method: str, target: str, headers: Headers) -> bool:
    """Whether a person followed a link of another site to the page. The cookie stays at home then: it is Strict."""
    follows = _values(headers, b"sec-fetch-mode") == ["navigate"]
    on_top = _values(headers, b"sec-fetch-dest") == ["document"]
    return method in SAFE and follows and on_top and not target.startswith(API)


def _is_plain(target: str) -> bool:
    if not target.startswith("/") or "//" in target or _DISGUISED.search(target):
        return False
    parts = target.lower().replace("%2e", ".").split("/")
    return "." not in parts and ".." not in parts


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def _parted(authority: str) -> tuple[str, int | None]:
    """Host and port. Raises ValueError where it is no host, or has more to it, such as a user name."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None or found[1].endswith("."):
        raise ValueError("no host")
    return found[1], int(found[2]) if found[2] else None
