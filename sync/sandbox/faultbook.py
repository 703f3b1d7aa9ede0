"""Which request meets which fault. Thread-safe; decides only, `front` carries it out.

A request meets every delay that matches it and at most one other fault, the oldest.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sync.sandbox.faults import Fault

_PATHS = (
    ("POST", r"/mb/preventive/unplanned", "unplanned"),
    ("PATCH", r"/mb/execute", "execute"),
    ("POST", r"/mb/[^/]+/signature-url", "reissue"),
    ("POST", r"/rs/curative", "curative"),
    ("PATCH", r"/rs/preventive/[^/]+", "preventive"),
    ("PATCH", r"/rs/training-exercise/[^/]+", "training"),
    ("PATCH", r"/rs/[^/]+/verify", "verify"),
    ("GET", r"/rs", "list"),
    ("GET", r"/rs/[^/]+", "detail"),
)


class FaultBook:
    """The faults in force. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[int, list[Any]] = {}
        self._next = 1

    def add(self, fault: Fault) -> int:
        with self._lock:
            number = self._next
            self._next += 1
            self._entries[number] = [fault, fault.skip, fault.times]
            return number

    def remove(self, number: int) -> bool:
        with self._lock:
            return self._entries.pop(number, None) is not None

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def active(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"id": number, **asdict(fault), "skip": skip, "times": left}
                for number, (fault, skip, left) in self._entries.items()
            ]

    def delays(self, routes: frozenset[str], target: str) -> list[Fault]:
        with self._lock:
            found = [
                n for n in self._entries if self._fits(n, routes, target) and self._fault(n).do == "delay"
            ]
            return [fault for number in found if (fault := self._use(number))]

    def on_head(self, routes: frozenset[str], target: str) -> Fault | None:
        """A fault that happens before the body is read."""
        return self._first(routes, target, None, needs_body=False)

    def on_request(self, routes: frozenset[str], target: str, body: Any) -> Fault | None:
        """A fault for a request that was read to its end; `body` is its JSON value, if it has one."""
        return self._first(routes, target, body, needs_body=True)

    def _first(self, routes: frozenset[str], target: str, body: Any, *, needs_body: bool) -> Fault | None:
        with self._lock:
            for number in list(self._entries):
                fault = self._fault(number)
                if fault.do == "delay" or fault.needs_body is not needs_body:
                    continue
                matches = self._fits(number, routes, target) and _has(body, fault.when)
                if matches and (used := self._use(number)):
                    return used
            return None

    def _fault(self, number: int) -> Fault:
        fault: Fault = self._entries[number][0]
        return fault

    def _fits(self, number: int, routes: frozenset[str], target: str) -> bool:
        fault = self._fault(number)
        return fault.route in routes and fault.target in target

    def _use(self, number: int) -> Fault | None:
        entry = self._entries[number]
        if entry[1] > 0:
            entry[1] -= 1
            return None
        if entry[2] is not None:
            entry[2] -= 1
            if entry[2] == 0:
                del self._entries[number]
        fault: Fault = entry[0]
        return fault


def routes_of(server: str, method: str, path: str) -> frozenset[str]:
    """The names a fault may call this request by; its own name first in spirit, `*` for all."""
    if server == "store":
        name = {"PUT": "upload", "GET": "download", "HEAD": "download"}.get(method, "other")
    else:
        _, _, rest = path.partition("/interventions/v2")
        found = (name for verb, form, name in _PATHS if verb == method and re.fullmatch(form, rest))
        name = next(found, "other")
    return frozenset({name, server, "*"})


def _has(body: Any, wanted: Mapping[str, Any]) -> bool:
    for path, value in wanted.items():
        found = body
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found != value:
            return False
    return True
