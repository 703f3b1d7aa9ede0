"""The event stream over real sockets: other processes are heard, who vanishes is freed, a stop lets everybody go."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.settings import load
from storage.folder import StorageFolder
from storage.schema import open_database
from sync.clock import Clock
from sync.entrypoints.api.feed import Feed
from sync.entrypoints.api.news import REMEMBERED
from sync.entrypoints.server import LocalServer
from sync.sandbox.server import Sandbox
from sync.visitor import OPS, Visitor
from tests.support.device import Device
from tests.support.listening import Ear, Heard, entries
from tests.support.polling import eventually
from tests.support.scratch import DATABASE_ID, NOON_MS

WITHIN_S = 60.0


class Stream:
    """One connection, read in a thread; `heard` grows with each event."""

    def __init__(self, url: str, token: str, **ask: Any) -> None:
        headers = {"Authorization": f"Bearer {token}", **ask.pop("headers", {})}
        self.heard: list[Heard] = []
        self.headers: httpx.Headers | None = None
        self._line: socket.socket | None = None
        self.ear = Ear()
        self.let_go = False  # it ended as an answer ends, not because somebody cut the line
        self._client = httpx.Client(base_url=url, headers=headers, timeout=WITHIN_S)
        self._ask = ask
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # Cut from this side or that: what was heard is what counts.
        with suppress(httpx.HTTPError), self._client.stream("GET", "/v1/events", **self._ask) as answer:
            self.headers = answer.headers
            self._line = answer.extensions["network_stream"].get_extra_info("socket")
            for piece in answer.iter_bytes():
                self.heard += self.ear.hear(piece)
            self.let_go = True

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        """As one who closes the page: the connection ends, whatever is on its way."""
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join(WITHIN_S)
        self._client.close()

    def opened(self) -> Stream:
        """Once it was told where everything stands."""
        eventually(lambda: any(each.event == "status" for each in self.heard), within_s=WITHIN_S)
        return self

    def states_of(self, id: str) -> list[str]:
        return [each["state"] for each in entries(self.heard) if each["id"] == id]

    def numbers(self) -> list[int]:
        return [each["seq"] for each in entries(self.heard)]


class Served:
    """An outbox, and the local API on a free port of this machine."""

    def __init__(self, place: Path) -> None:
        environment = {
            "HOME": str(place),
            "FIELDSYNC_STORAGE__DIR": str(place / "outbox"),
            "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
            "FIELDSYNC_WEB__PORT": "0",
        }
        loaded = load(environ=environment)
        clock = Clock()
        self.database = open_database(StorageFolder(loaded.storage.dir), new_id=DATABASE_ID, now=clock.now())
        self.server = LocalServer(loaded, self.database, clock)
        self.server.start()
        assert self.server.started.wait(WITHIN_S)
        self._streams: list[Stream] = []

    @property
    def feed(self) -> Feed:
        assert self.server._feed is not None
        return self.server._feed

    def stream(self, visitor: Visitor = OPS, **ask: Any) -> Stream:
        assert self.server.address is not None
        made = Stream(self.server.address.url, self.server.access.token(visitor).reveal(), **ask)
        self._streams.append(made)
        return made

    def change(self, count: int = 1) -> None:
        with self.database.write() as transaction:
            transaction.cursor.executemany(
                "INSERT INTO change (entry_id, kind, owner, state, at) VALUES ('e', 'k', NULL, 'pending', ?)",
                [(NOON_MS,)] * count,
            )

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        self.server.stop()
        self.database.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def test_stream_is_one_that_browsers_understand(served: Served) -> None:
    stream = served.stream().opened()
    assert stream.headers is not None
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    assert stream.ear.again_ms == 1000


@pytest.mark.parametrize("way", ["header", "query"])
def test_listener_that_comes_back_over_the_wire_misses_nothing(served: Served, way: str) -> None:
    first = served.stream().opened()
    served.change(2)
    eventually(lambda: first.numbers() == [1, 2], within_s=WITHIN_S)
    last_id = first.ear.last_id
    assert last_id is not None
    first.close()
    served.change(3)
    ask: dict[str, Any] = (
        {"headers": {"Last-Event-ID": last_id}} if way == "header" else {"params": {"last_event_id": last_id}}
    )
    second = served.stream(**ask)
    eventually(lambda: second.numbers() == [3, 4, 5], within_s=WITHIN_S)
    assert "reset" not in [each.event for each in second.heard]


def test_listener_of_another_database_begins_anew(served: Served) -> None:
    stream = served.stream(headers={"Last-Event-ID": "00000000-7"}).opened()
    assert [each.event for each in stream.heard] == ["reset", "status"]


def test_fifty_listeners_are_served_by_one_look(served: Served) -> None:
    streams = [served.stream() for _ in range(50)]
    for stream in streams:
        stream.opened()
    assert served.feed.listeners == 50
    assert [thread.name for thread in threading.enumerate()].count("feed") == 1
    served.change()
    for stream in streams:
        eventually(lambda stream=stream: stream.numbers() == [1], within_s=WITHIN_S)  # type: ignore[misc]


def test_listeners_that_vanish_are_freed(served: Served) -> None:
    streams = [served.stream().opened() for _ in range(5)]
    assert served.feed.listeners == 5
    for stream in streams:
        stream.close()
    eventually(lambda: served.feed.listeners == 0, within_s=WITHIN_S)
    eventually(lambda: served.feed._probe is None, within_s=WITHIN_S)


@contextmanager
def deaf(served: Served) -> Iterator[socket.socket]:
    """One who asks for events and reads none of them."""
    assert served.server.address is not None
    host, port = served.server.address.url.removeprefix("http://").split(":")
    token = served.server.access.token(OPS).reveal()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((host, int(port)))
        asked = f"GET /v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        line.sendall(asked.encode())
        eventually(lambda: served.feed.listeners > 0, within_s=WITHIN_S)
        yield line


def received(line: socket.socket, most: int) -> bytes:
    """Some bytes; an end is none that was expected."""
    found = line.recv(most)
    assert found, "the stream ended"
    return found


def test_listener_that_does_not_read_holds_up_nobody_and_is_told_everything_when_it_reads(
    served: Served,
) -> None:
    """A tab in the background: it sleeps through an import of thousands."""
    awake = served.stream().opened()
    with deaf(served) as line:
        eventually(lambda: served.feed.listeners == 2, within_s=WITHIN_S)
        line.settimeout(WITHIN_S)
        first = line.recv(64)
        assert first.startswith(b"HTTP/1.1 200")
        # Opened before anything changes: its own look at the database comes first.
        text = first
        while b"event: status" not in text:
            text += received(line, 64)
        for _ in range(6):
            served.change(1_500)
        eventually(lambda: len(awake.numbers()) == 9_000, within_s=WITHIN_S)
        assert served.feed.news is not None
        assert len(served.feed.news.told) == REMEMBERED
        while f"-{9_000}\n".encode() not in text:
            text += received(line, 65_536)
    told = [int(each.split(b",")[0]) for each in text.split(b'data: {"seq":')[1:]]
    assert told == list(range(1, 9_001))


def test_stop_lets_every_listener_go_also_one_that_does_not_read(served: Served) -> None:
    streams = [served.stream().opened() for _ in range(3)]
    with deaf(served):
        served.change(9_000)
        served.server.stop()
        eventually(lambda: all(stream.ended for stream in streams), within_s=WITHIN_S)
        assert all(stream.let_go for stream in streams)
        assert not served.server._thread.is_alive()
    eventually(lambda: "feed" not in [thread.name for thread in threading.enumerate()], within_s=WITHIN_S)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Device:
    return Device(tmp_path, sandbox, SYNC__INTERVAL_S=600, WEB__ENABLED="true", WEB__PORT=0)


@pytest.fixture
def worker(device: Device) -> Iterator[subprocess.Popen[str]]:
    process = device.start("run")
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def stream_of(device: Device) -> Stream:
    """A stream of the worker, with the token that it left for programs of this machine."""
    web = device.storage / "web"
    eventually(lambda: (web / "address").exists() and (web / "token").exists(), within_s=WITHIN_S)
    url = json.loads((web / "address").read_text())["url"]
    return Stream(url, (web / "token").read_text().strip()).opened()


def test_capture_of_another_process_is_followed_until_it_is_delivered(
    device: Device, worker: subprocess.Popen[str]
) -> None:
    stream = stream_of(device)
    id = device.capture()
    expected = ["pending", "sending", "accepted", "done"]
    eventually(lambda: stream.states_of(id) == expected, within_s=WITHIN_S)
    stream.close()


def test_worker_with_an_open_stream_stops_within_ten_seconds_of_sigterm(
    device: Device, worker: subprocess.Popen[str]
) -> None:
    stream = stream_of(device)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    eventually(lambda: stream.ended, within_s=WITHIN_S)
    assert stream.let_go
    stream.close()
