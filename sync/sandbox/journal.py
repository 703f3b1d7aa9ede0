"""What arrived: the request log and the counters tests read. Thread-safe; the log is capped.

Keeps no secret: the values of token headers are replaced before they get here.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

SECRET_HEADERS = frozenset({"authorization", "x-session-token", "cookie", "proxy-authorization"})
COUNTERS = (
    *(
        "posts",
        "patches",
        "gets",
        "puts",
        "reissues",
        "records",
        "edits",
        "mails",
        "notices",
        "uploads",
        "repeated_uploads",
        "refused_uploads",
    ),
    *("duplicate_keys", "duplicate_bodies", "duplicate_records_by_key", "duplicate_records_by_body"),
)
REISSUE = "reissue"  # counted by itself: it is a POST that makes nothing
_PLURAL = {"POST": "posts", "PATCH": "patches", "GET": "gets", "PUT": "puts", REISSUE: "reissues"}

Headers = Sequence[tuple[str, str]]


def public_headers(headers: Headers) -> list[list[str]]:
    """Names and values in their order on the wire, secrets as `***`."""
    return [[name, "***" if name in SECRET_HEADERS else value] for name, value in headers]


class Journal:
    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._log: deque[dict[str, Any]] = deque(maxlen=limit)
        self._counters: Counter[str] = Counter()
        self._seen: set[tuple[str, str]] = set()
        self._number = 0

    def clear(self) -> None:
        with self._lock:
            self._log.clear()
            self._counters.clear()
            self._seen.clear()

    def add(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Number an arrived request. The entry stays shared: `status` and `fault` are set when it is answered."""
        with self._lock:
            self._number += 1
            entry["n"] = self._number
            self._log.append(entry)
            return entry

    def requests(self, *, after: int = 0, server: str | None = None) -> list[dict[str, Any]]:
        """The newest requests, oldest first; `server` is `api` or `store`."""
        with self._lock:
            found = [entry for entry in self._log if entry["n"] > after]
            return copy.deepcopy([entry for entry in found if server in {None, entry["server"]}])

    def count(self, name: str, how_many: int = 1) -> None:
        with self._lock:
            self._counters[name] += how_many

    def count_request(self, method: str, *, key: str, body_sha256: str) -> None:
        """A request read to its end; a POST also by what it repeats."""
        with self._lock:
            self._counters[_PLURAL.get(method, "others")] += 1
            if method == "POST":
                self._repeats("post", "duplicate_keys", key)
                self._repeats("post", "duplicate_bodies", body_sha256)

    def count_record(self, *, key: str, body_sha256: str) -> None:
        with self._lock:
            self._counters["records"] += 1
            self._repeats("record", "duplicate_records_by_key", key)
            self._repeats("record", "duplicate_records_by_body", body_sha256)

    def _repeats(self, kind: str, counter: str, mark: str) -> None:
        if mark and (kind, mark) in self._seen:
            self._counters[counter] += 1
        self._seen.add((kind, mark))

    def counters(self) -> dict[str, int]:
        with self._lock:
            return dict.fromkeys(COUNTERS, 0) | dict(self._counters)
