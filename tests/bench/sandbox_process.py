"""The stand-in for the API and the storage in a process of its own, so that it takes no time of the one measured.

`python -m tests.bench.sandbox_process` runs it until its standard input ends; the first line it prints says where.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from sync.sandbox.server import run

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    """Where it is, and the tokens it takes."""

    api_url: str
    control_url: str
    token: str
    session_token: str

    def delay(self, seconds: float, *routes: str) -> None:
        """From now on these routes answer so much later; an upload's `100 Continue` comes later as well."""
        self._control("DELETE", "/faults")
        for route in routes:
            self._control(
                "POST", "/faults", {"do": "delay", "route": route, "seconds": seconds, "times": None}
            )

    def forget(self) -> None:
        """As after the start: records, objects, log and delays are gone."""
        self._control("POST", "/reset")

    def state(self) -> dict[str, Any]:
        facts: dict[str, Any] = self._control("GET", "/state")
        return facts

    def headers(self, key: str) -> dict[str, str]:
        """What every POST to the API carries."""
        return {
            "authorization": f"Bearer {self.token}",
            "x-session-token": self.session_token,
            "content-type": "application/json",
            "idempotency-key": key,
        }

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        place = urlsplit(self.control_url)
        connection = HTTPConnection(place.netloc, timeout=_PATIENCE_S)
        try:
            connection.request(method, place.path + path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            value = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {value}")
        return value


@contextmanager
def sandbox() -> Iterator[Running]:
    """It runs inside the block."""
    command = [sys.executable, "-m", "tests.bench.sandbox_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            yield Running(told["api_url"], told["control_url"], told["token"], told["session_token"])
        finally:
            process.stdin.close()


def _until_input_ends() -> None:
    stop = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    run(ready=lambda facts: print(json.dumps(facts), flush=True), stop=stop)  # noqa: T201  told to the parent


if __name__ == "__main__":
    _until_input_ends()
