"""The far end: keeps records and images, takes its time, forgets nothing, and ignores idempotency keys unless told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync.answer import read_object
from sync.credentials import Tokens
from sync.exchange import Exchange, Failure, Reply
from sync.instants import instant_text
from sync.transport import ApiRequest
from tests.simulator.wire import URL_EXPIRED, said

_URL = (
    "https://bucket.s3.eu-west-3.amazonaws.com/signature/{id}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=sim"
    "&X-Amz-Date={date}&X-Amz-Expires={ttl}&X-Amz-SignedHeaders=host&X-Amz-Signature=0ddba11"
)


@dataclass
class Record:
    """One intervention on the server. `stored_s` is simulated time."""

    id: int
    key: str
    body: dict[str, object]
    stored_s: float
    urls: list[str] = field(default_factory=list)


@dataclass
class Request:
    """One request that left the device whole; `record` is there once it is carried out."""

    key: str
    body: bytes
    record: Record | None = None
    url: str | None = None


class Server:
    """`allowed(key)` says how many records of one capture are in order; one too many is `told`."""

    def __init__(
        self,
        *,
        now: Callable[[], tuple[float, datetime]],
        allowed: Callable[[str], int],
        told: Callable[[str], None],
    ) -> None:
        self._now = now
        self._allowed = allowed
        self._told = told
        self.honours_keys = False
        self.list_lag_s = 0.0
        self.list_hides_ours = False
        self.list_shows_provider = True
        self.most_a_page = 50
        self.url_ttl_s = 900
        self.good_tokens: Callable[[Tokens], bool] = lambda tokens: True
        self.records: list[Record] = []
        self.requests: list[Request] = []
        self.images: dict[str, str] = {}  # URL path -> MD5 of what lies there
        self.put_paths: list[str] = []

    def of(self, key: str) -> list[Record]:
        return [record for record in self.records if record.key == key]

    def takes(self, request: ApiRequest) -> Request:
        """The last byte of a request came in."""
        arrived = Request(request.idempotency_key, request.body)
        self.requests.append(arrived)
        return arrived

    def carries_out(self, request: Request) -> None:
        t, now = self._now()
        known = self.of(request.key)
        if self.honours_keys and known:
            record = known[0]
        else:
            record = Record(1000 + len(self.records), request.key, json.loads(request.body), t)
            self.records.append(record)
            count = len(known) + 1
            if count > self._allowed(request.key):
                self._told(f"DUPLICATE: record {count} of entry {request.key[-4:]}, nobody ordered it")
        request.record = record
        request.url = _URL.format(id=record.id, date=now.strftime("%Y%m%dT%H%M%SZ"), ttl=self.url_ttl_s)
        record.urls.append(request.url)

    @staticmethod
    def created(request: Request) -> Reply:
        """The answer to a request that was carried out."""
        assert request.record is not None
        return said(201, {"data": {"id": request.record.id}, "presignedUrl": request.url})

    def puts(self, url: str, body: bytes) -> Reply:
        """An image comes in whole; its URL may be over."""
        path = url.partition("?")[0]
        self.put_paths.append(path)
        if self._over(url):
            return URL_EXPIRED
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.images[path] = md5
        return Reply(200, {"etag": f'"{md5}"'})

    def reads(self, path: str) -> Reply:
        """A page of the list, or one intervention. A record is in the list some time after it was stored."""
        route, _, query = path.partition("?")
        number = route.rpartition("/")[2]
        listed = self._listed()
        if number.isdigit():
            found = next((each for each in listed if each.id == int(number)), None)
            return said(404) if found is None else said(200, {"data": self._item(found, closer=True)})
        asked = dict(pair.split("=", 1) for pair in query.split("&"))
        size = min(int(asked["pageSize"]), self.most_a_page)
        first = (int(asked["page"]) - 1) * size
        page = [self._item(each, closer=False) for each in listed[first : first + size]]
        return said(200, {"data": page, "totalCount": len(listed)})

    def _listed(self) -> list[Record]:
        if self.list_hides_ours:
            return []
        t, _ = self._now()
        return [record for record in reversed(self.records) if record.stored_s + self.list_lag_s <= t]

    def _item(self, record: Record, *, closer: bool) -> dict[str, object]:
        """As the list shows it; `closer` is what reading it by its id adds."""
        t, now = self._now()
        made_at = now - timedelta(seconds=t - record.stored_s)
        rules, provider = record.body["ruleIds"], record.body["provider"]
        assert isinstance(rules, list)
        assert isinstance(provider, dict)
        name = f"{provider['firstName']} {provider['lastName']}"
        return {
            "id": record.id,
            "createdAt": instant_text(made_at),
            "actualStart": record.body["actualStart"],
            "rule": {"id": rules[0]},
            "rulesCount": len(rules),
            "summary": {"name": name} if closer else None,
            "providerName": name if self.list_shows_provider else None,
        }

    @staticmethod
    def shown(answer: Exchange) -> str:
        """What a read showed, in a word."""
        if isinstance(answer, Failure):
            return answer.kind
        found = read_object(answer) or {}
        items = found.get("data")
        if not isinstance(items, list):
            return f"answer {answer.status}"
        return "shows " + (", ".join(str(item["id"]) for item in items) or "nothing")

    def _over(self, url: str) -> bool:
        _, now = self._now()
        signed = url.partition("X-Amz-Date=")[2][:16]
        ttl = int(url.partition("X-Amz-Expires=")[2].partition("&")[0])
        return now > datetime.strptime(signed + "+0000", "%Y%m%dT%H%M%SZ%z") + timedelta(seconds=ttl)

    def holds_image(self, record: Record, md5: str) -> bool:
        """Whether the image of this record lies where one of its URLs led."""
        return any(self.images.get(url.partition("?")[0]) == md5 for url in record.urls)
