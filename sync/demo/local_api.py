"""The device's own local API, as an app on the tablet uses it: capture, list, and the stream of what happens."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sync.demo.asking import ask, connected, target
from sync.demo.children import DemoBroken
from sync.demo.visits import Visit

QUIET_AT_MOST_S: Final = 20.0  # the stream gives a sign of life every 15
_WHO: Final = "the local API"


class LocalApi:
    """Speaks to the worker's own port with the bearer token of its file."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    def capture(self, visit: Visit, kind: str) -> str:
        """The id of what was made durable. Raises: DemoBroken."""
        order = {
            "kind": kind,
            "data": visit.expected,
            "signature": base64.b64encode(visit.image).decode(),
        }
        return str(self._document("POST", "/v1/entries", order, status=201)["id"])

    def listed(self, state: str) -> list[str]:
        """The ids of the entries in this state. Raises: DemoBroken."""
        return [entry["id"] for entry in self._document("GET", f"/v1/entries?state={state}")["entries"]]

    @contextmanager
    def listening(self) -> Iterator[Iterator[dict[str, Any]]]:
        """What happens from now on: the data of each change of a state, in its order. Raises: DemoBroken."""
        url = f"{self._url}/v1/events"
        connection = connected(url, timeout_s=QUIET_AT_MOST_S)
        try:
            connection.request("GET", target(url), headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise DemoBroken(f"{_WHO} answered {answer.status} to GET /v1/events")
            yield _changes(answer)
        except (OSError, http.client.HTTPException) as error:
            raise DemoBroken(f"{_WHO} told nothing more ({type(error).__name__})") from error
        finally:
            connection.close()

    def _document(self, method: str, path: str, order: Any = None, *, status: int = 200) -> Any:
        body = None if order is None else json.dumps(order).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        found = ask(method, self._url + path, body, headers=headers, who=_WHO)
        if found.status != status:
            raise DemoBroken(f"{_WHO} answered {found.status} to {method} {path}: {found.body[:200]!r}")
        return found.document


def _changes(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The data of each event `entry`."""
    event = ""
    for line in iter(answer.readline, b""):
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name == "event":
            event = value.strip()
        elif name == "data" and event == "entry":
            yield json.loads(value)
