"""The least that can deliver: http.client, one connection a thread and host, no storage, no judgement.

Not an aim: it shows what the stand-in and this machine allow at all, in the same run.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.bench.sandbox_process import Running

PATH = "/interventions/v2/mb/preventive/unplanned"
_PATIENCE_S = 30.0


def deliver(server: Running, captures: Sequence[tuple[str, bytes, bytes]], width: int) -> None:
    """POST and PUT each (key, body, image), `width` at a time."""
    work: queue.SimpleQueue[tuple[str, bytes, bytes] | None] = queue.SimpleQueue()
    for each in captures:
        work.put(each)
    for _ in range(width):
        work.put(None)
    broken: list[Exception] = []

    def go() -> None:
        try:
            with_connections = Client(server)
            while (capture := work.get()) is not None:
                with_connections.put(with_connections.post(*capture[:2]), capture[2])
            with_connections.close()
        except Exception as error:  # noqa: BLE001  told below, by the thread that waits
            broken.append(error)

    threads = [threading.Thread(target=go, daemon=True) for _ in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]


class Client:
    """One connection to the API, one to the storage."""

    def __init__(self, server: Running) -> None:
        self._server = server
        place = urlsplit(server.api_url)
        self._base = place.path
        self._api = HTTPConnection(place.netloc, timeout=_PATIENCE_S)
        self._store: HTTPConnection | None = None

    def post(self, key: str, body: bytes) -> str:
        """The presigned URL of the new record."""
        self._api.request("POST", self._base + PATH, body, self._server.headers(key))
        answer = self._api.getresponse()
        value = json.loads(answer.read())
        if answer.status != 201:
            raise RuntimeError(f"POST: {answer.status} {value}")
        return str(value["presignedUrl"])

    def put(self, url: str, image: bytes, *, expect: bool = False) -> None:
        """Upload; with `expect` as boto3 does it by default, waiting for `100 Continue` before the body."""
        place = urlsplit(url)
        if self._store is None:
            self._store = HTTPConnection(place.netloc, timeout=_PATIENCE_S)
        store = self._store
        store.putrequest("PUT", f"{place.path}?{place.query}")
        store.putheader("content-type", "image/jpeg")
        store.putheader("content-length", str(len(image)))
        if expect:
            store.putheader("expect", "100-continue")
        store.endheaders()
        if expect:
            # http.client cannot read an interim answer by itself; nothing else is sent before this one.
            interim = store.sock.recv(4096)
            if not interim.startswith(b"HTTP/1.1 100"):
                raise RuntimeError(f"expected 100 Continue, not {interim[:40]!r}")
        store.send(image)
        answer = store.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"PUT: {answer.status}")

    def close(self) -> None:
        self._api.close()
        if self._store is not None:
            self._store.close()
