"""What can be made to go wrong: one value type, and makers for the usual cases.

A fault waits for requests of its route, skips the first `skip`, then hits `times` of them (None: all until it is
removed). Which request meets which fault is decided in `faultbook`; `front` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

KINDS = frozenset({"answer", "drop", "truncate", "drip", "delay", "hang", "garbage", "url", "etag"})
URLS = frozenset({"expired", "get", "unsigned", "missing", "foreign"})
ETAGS = frozenset({"wrong", "missing", "kms"})
ROUTES = frozenset(
    {"unplanned", "execute", "curative", "preventive", "training", "verify", "list", "detail", "reissue"}
)
STORE_ROUTES = frozenset({"upload", "download"})
_ANY = frozenset({"*", "api", "store", "other"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong. The makers below this class build the usual ones."""

    do: str
    route: str = "*"
    times: int | None = 1
    skip: int = 0
    when: Mapping[str, Any] = field(default_factory=dict)
    """Only for bodies with these values: {"companyId": 7, "provider.lastName": "X"}."""
    target: str = ""
    """Only for request targets that contain this."""
    after: bool = False
    """The request is carried out first (the record is stored), then it goes wrong."""
    status: int = 500
    body: Any = "json"
    """For `answer`: "json", "html", "xml", "empty", or a JSON value of its own."""
    message: str = ""
    code: str = "InternalError"
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "reset"
    """For `drop` and `truncate`: "reset" (RST) or "close" (FIN)."""
    keep: int | None = None
    """For `truncate`: body bytes that still go out; None is half of them."""
    seconds: float = 0.0
    """For `delay`: before the answer. For `drip`: between two pieces."""
    piece: int = 1
    """For `drip`: bytes a piece."""
    url: str = "expired"
    etag: str = "wrong"

    def __post_init__(self) -> None:
        problems = [
            (self.do not in KINDS, f"do must be one of {', '.join(sorted(KINDS))}"),
            (self.route not in ROUTES | STORE_ROUTES | _ANY, f"no route {self.route!r}"),
            (self.times is not None and self.times < 1, "times must be 1 or more, or null"),
            (self.how not in {"reset", "close"}, "how must be reset or close"),
            (self.url not in URLS, f"url must be one of {', '.join(sorted(URLS))}"),
            (self.etag not in ETAGS, f"etag must be one of {', '.join(sorted(ETAGS))}"),
            (self.do == "delay" and bool(self.when), "a delay cannot depend on the body"),
            (not 200 <= self.status <= 599, "status must be between 200 and 599"),
            (self.piece < 1 or self.seconds < 0 or self.skip < 0, "negative number"),
        ]
        for wrong, message in problems:
            if wrong:
                raise ValueError(message)

    @property
    def needs_body(self) -> bool:
        """Whether the request has to be read before this can happen."""
        return bool(self.when) or self.after or self.do != "drop"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """Raises ValueError for unknown names and impossible values."""
        unknown = sorted(set(value) - {item.name for item in fields(cls)})
        if unknown or "do" not in value:
            raise ValueError(f"unknown: {', '.join(unknown)}" if unknown else "do is required")
        try:
            return cls(**value)
        except TypeError as wrong:
            raise ValueError(str(wrong)) from None


def answer(route: str, status: int, *, retry_after: str | None = None, **more: Any) -> Fault:
    """Any answer instead of the true one; `after=True` carries the request out first (a late 504)."""
    headers = dict(more.pop("headers", {}))
    if retry_after is not None:
        headers["retry-after"] = retry_after
    return Fault("answer", route, status=status, headers=headers, **more)


def unauthorized(route: str = "api", **more: Any) -> Fault:
    return answer(route, 401, message="Unauthorized", **more)


def forbidden(route: str = "api", **more: Any) -> Fault:
    """403 as an authorizer gives it: about the token, in JSON."""
    return answer(route, 403, message="The incoming token has expired", **more)


def portal(route: str = "*", *, redirect: bool = True, **more: Any) -> Fault:
    """Somebody else's sign-in page: a redirect to it, or the page itself with 200."""
    headers = {"location": "http://portal.invalid/login"} if redirect else {}
    return answer(route, 302 if redirect else 200, body="html", headers=headers, **more)


def dropped(route: str, **more: Any) -> Fault:
    """The connection ends when the request's head is there; its body is not looked at."""
    return Fault("drop", route, **more)


def lost_answer(route: str, **more: Any) -> Fault:
    """Carried out and stored; the connection ends before the first byte of the answer."""
    return Fault("drop", route, after=True, **more)


def truncated(route: str, **more: Any) -> Fault:
    """Carried out; the answer's head is whole, its body is cut short of its Content-Length."""
    return Fault("truncate", route, how=more.pop("how", "close"), **more)


def delay(route: str, seconds: float, **more: Any) -> Fault:
    """Every request until removed: one round trip longer (two with `Expect: 100-continue`)."""
    return Fault("delay", route, seconds=seconds, times=more.pop("times", None), **more)


def refuse(field_name: str, value: Any, *, route: str = "unplanned", status: int = 422, **more: Any) -> Fault:
    """Bodies with this value are refused for good, in a message that names the field."""
    body = {"message": f"{field_name} is not accepted", "field": field_name}
    times = more.pop("times", None)
    return answer(route, status, when={field_name: value}, body=body, times=times, **more)


def bad_url(url: str, route: str = "unplanned", **more: Any) -> Fault:
    """A true 201 with a presigned URL of no use: expired, get, unsigned, missing, foreign."""
    return Fault("url", route, url=url, **more)
