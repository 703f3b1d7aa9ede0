"""The local API as it is served: a real socket in this process, and `fieldsync run` as one of its own.

What comes from elsewhere is refused, reading changes nothing, logs keep silent, and delivery goes on whatever happens
to the page.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlcipher3 import dbapi2

from config.settings import load
from storage.database import Database
from storage.folder import StorageFolder
from sync import app, events
from sync.clock import Clock
from sync.entrypoints import orders
from sync.entrypoints import server as serving
from sync.entrypoints.api.app import create_app
from sync.entrypoints.lines import MOST_LINES, Line
from sync.entrypoints.server import LocalServer
from sync.local_access import Address, LocalAccess
from sync.sandbox.server import Sandbox
from sync.visitor import OPS, Scope, Visitor
from tests.support.device import COMMAND, Device
from tests.support.local_api import desk_in, routes_of
from tests.support.polling import eventually

Raw = Callable[[bytes], bytes]


class Served:
    """One outbox and its server in this process."""

    def __init__(self, folder: Path, **settings: object) -> None:
        environment = {
            "HOME": str(folder),
            "FIELDSYNC_STORAGE__DIR": str(folder / "outbox"),
            "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
            "FIELDSYNC_WEB__PORT": "0",
            **{f"FIELDSYNC_{name}": str(value) for name, value in settings.items()},
        }
        clock = Clock()
        self.database: Database = app.open_outbox(folder / "outbox", clock)
        self.folder = StorageFolder(folder / "outbox")
        self.server = LocalServer(load(environ=environment), self.database, clock)
        self.access: LocalAccess = self.server.access

    def __enter__(self) -> Served:
        self.server.start()
        return self

    def __exit__(self, *error: object) -> None:
        assert self.server.stop()
        self.database.close()

    @property
    def url(self) -> str:
        assert self.server.started.wait(30)
        assert self.server.address is not None
        return self.server.address.url

    @property
    def token(self) -> dict[str, str]:
        assert self.url
        return {"Authorization": f"Bearer {self.access.bearer().reveal()}"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as started:
        yield started


def talk(url: str, request: bytes) -> bytes:
    """What comes back for these very bytes; a server that closes before it has read all of them may lose its answer."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        answer = b""
        with suppress(ConnectionError):
            line.sendall(request)
            while not _is_whole(answer) and (more := line.recv(65536)):
                answer += more
        return answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# What no HTTP library would send.

RAW = {
    "foreign host": (b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n{token}\r\n", 421),
    "host of another port": (b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:1\r\n{token}\r\n", 421),
    "host with a dot": (b"GET /v1/status HTTP/1.1\r\nHost: localhost.:{port}\r\n{token}\r\n", 421),
    "host with a user": (b"GET /v1/status HTTP/1.1\r\nHost: x@127.0.0.1:{port}\r\n{token}\r\n", 421),
    "forwarded host": (
        b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: 127.0.0.1:{port}\r\n{token}\r\n",
        421,
    ),
    "no host": (b"GET /v1/status HTTP/1.1\r\n{token}\r\n", 400),
    "no host, old protocol": (b"GET /v1/status HTTP/1.0\r\n{token}\r\n", 421),
    "two hosts": (b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil\r\n{token}\r\n", 400),
    "whole address": (b"GET http://evil/v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{token}\r\n", 400),
    "two slashes": (b"GET //evil/v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{token}\r\n", 400),
    "hidden slash": (b"GET /v1%2Fstatus HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{token}\r\n", 400),
    "trace": (b"TRACE /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{token}\r\n", 405),
    "options": (b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{token}\r\n", 405),
    "preflight": (
        b"OPTIONS /v1/entries HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n"
        b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n",
        405,
    ),
    "foreign origin": (
        b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n{token}\r\n",
        403,
    ),
    "origin null": (
        b"POST /v1/pause HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: null\r\n{token}Content-Length: 0\r\n\r\n",
        403,
    ),
    "another site": (
        b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-site\r\n{token}\r\n",
        403,
    ),
    "no token": (b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", 401),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "ours": (b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{token}\r\n", 200),
}


@pytest.mark.parametrize(("request_", "expected"), RAW.values(), ids=RAW)
def test_what_comes_over_the_wire_is_refused_by_rule(served: Served, request_: bytes, expected: int) -> None:
    token = served.access.bearer().reveal() if served.url else ""
    sent = request_.replace(b"{port}", served.url.rpartition(":")[2].encode())
    answer = talk(served.url, sent.replace(b"{token}", f"Authorization: Bearer {token}\r\n".encode()))
    assert status(answer) == expected, answer[:300]
    assert b"access-control" not in answer.lower()
    assert token.encode() not in answer


def test_headers_without_end_are_not_kept(served: Served) -> None:
    port = served.url.rpartition(":")[2]
    endless = f"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: {'a' * 400_000}"
    answer = talk(served.url, endless.encode())
    assert not answer or status(answer) == 400
    assert httpx.get(f"{served.url}/v1/status", headers=served.token).status_code == 200


def test_connections_that_say_nothing_leave_the_worker_its_open_files(served: Served) -> None:
    """Somebody without a token holds every connection that there is to have, and the tablet stops to deliver."""
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    lines = [socket.create_connection((host, int(port)), timeout=20) for _ in range(MOST_LINES + 60)]
    try:
        for line in lines[:10]:
            with suppress(ConnectionError):
                line.sendall(b"GET /v1/sta")
        eventually(lambda: sum(map(_is_cut, lines)) >= 60)
        assert httpx.get(f"{served.url}/v1/status", headers=served.token).status_code == 200
        assert not _is_cut(lines[-1]), "those that came last are not the ones that make room"
    finally:
        for line in lines:
            line.close()


@pytest.mark.parametrize("said", [b"", b"GET /v1/sta"])
@pytest.mark.parametrize("answered", [False, True])
def test_connection_that_asks_nothing_whole_is_ended(
    served: Served, monkeypatch: pytest.MonkeyPatch, said: bytes, answered: bool
) -> None:
    monkeypatch.setattr(Line, "silent_s", 0.3)
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        if answered:
            line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert status(line.recv(65536)) == 200
        line.sendall(said)
        # It comes as an end or a reset; without one, what reads here waits for its twenty seconds and fails.
        with suppress(ConnectionError):
            while line.recv(65536):
                pass


def test_connection_that_takes_no_answer_is_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody without a token asks for much, reads nothing, and so keeps the place of others."""
    monkeypatch.setattr(Line, "deaf_s", 0.3)
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.settimeout(20)
        line.connect((host, int(port)))
        line.sendall(f"GET /openapi.json HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode() * 60)

        def is_cut() -> bool:
            try:
                line.send(b"GET")
            except OSError:
                return True
            return False

        eventually(is_cut)


def test_answer_that_takes_its_time_is_not_cut(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "silent_s", 0.3)
    with httpx.stream("GET", f"{served.url}/v1/events", headers=served.token, timeout=20) as stream:
        lines = stream.iter_lines()
        assert any(line == "event: status" for line in lines)
        threading.Event().wait(3 * Line.silent_s)
        orders.pause(served.database, Clock(), "lunch")
        assert any('"lunch"' in line for line in lines)


def _is_cut(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_form_that_names_a_length_and_comes_in_pieces_is_not_taken(served: Served) -> None:
    """Its length is looked at, and not kept to: it could go on until the disk is full."""
    host = served.url.removeprefix("http://")
    head = (
        f"POST /new HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {served.access.bearer().reveal()}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="signature"; filename="a"\r\n\r\n'
    begun = b"%x\r\n%s\r\n" % (len(part), part)
    assert status(talk(served.url, head.encode() + begun)) == 413


def test_wrong_token_and_missing_scope_are_told_apart(served: Served) -> None:
    assert httpx.get(f"{served.url}/v1/status", headers={"Authorization": "Bearer wrong"}).status_code == 401
    token = served.access.token(Visitor(frozenset({Scope.AUTH}))).reveal()
    answer = httpx.get(f"{served.url}/v1/events", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


def test_of_two_that_press_the_button_at_once_one_is_let_in(served: Served) -> None:
    for _ in range(5):
        url = f"{served.url}/open/{served.access.new_link(OPS).code.reveal()}"
        together, statuses = threading.Barrier(3), []

        def press(url: str = url, together: threading.Barrier = together, told: list[int] = statuses) -> None:
            together.wait()
            told.append(httpx.post(url, headers={"Origin": served.url}).status_code)

        threads = [threading.Thread(target=press) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [303, 410, 410]


# Reading changes nothing.


def everything_kept(folder: StorageFolder) -> tuple[dict[str, list[Any]], dict[str, bytes]]:
    """Every row of every table, and every other file."""
    connection = dbapi2.connect(f"file:{folder.database}?mode=ro", uri=True)
    try:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = {name: connection.execute(f'SELECT rowid, * FROM "{name}"').fetchall() for name in tables}
    finally:
        connection.close()
    beside = {folder.database, *folder.side_files}
    files = [each for each in sorted(folder.root.rglob("*")) if each.is_file() and each not in beside]
    return rows, {str(each.relative_to(folder.root)): each.read_bytes() for each in files}


def test_reading_changes_nothing_on_any_route(tmp_path: Path, served: Served) -> None:
    """A prefetch, a preview, an image of another page: nothing that a GET does may matter."""
    device = OneCapture(served)
    with desk_in(tmp_path / "other") as desk:
        templates = sorted(set(routes_of(create_app(desk), "GET")))
    assert {"/v1/status", "/open/{code}", "/openapi.json"} <= set(templates)
    code = served.access.new_link(OPS).code.reveal()
    cookie, _ = served.access.new_session(OPS)
    before = everything_kept(served.folder)
    answered = {}
    with httpx.Client(base_url=served.url, timeout=20) as client:
        for template in templates:
            path = re.sub(
                r"\{(\w+)(?::\w+)?\}", lambda name: code if name[1] == "code" else device.id, template
            )
            for headers in (
                served.token,
                {"Cookie": f"{served.access.cookie_name}={cookie.reveal()}", "Accept": "text/html"},
                {"X-HTTP-Method-Override": "POST", **served.token},
            ):
                for query in ("", "?dry_run=false&_method=POST&all=true&reason=x"):
                    with client.stream("GET", path + query, headers=headers) as answer:
                        answered[template] = answer.status_code
                        if "event-stream" not in answer.headers.get("content-type", ""):
                            answer.read()
    assert everything_kept(served.folder) == before, answered
    assert served.access.opens(code) == OPS
    assert not {template: found for template, found in answered.items() if found >= 500}


class OneCapture:
    """An entry to be looked at, captured through the front door."""

    def __init__(self, served: Served) -> None:
        from sync.capture import ImageLimits, Input, capture, check_input
        from tests.support.builders import signature_png
        from tests.support.device import distinct_body

        given = Input("unplanned-preventive", json.dumps(distinct_body(1)).encode(), signature_png(1))
        clock = Clock()
        checked = check_input(given, ImageLimits(2**21, 4_000_000))
        self.id = capture(served.database, checked, clock=clock, new_id=app.new_id(clock), owner=None).id


# The port, and who may reach it.


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    events.configure_logging("DEBUG", "text", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_page_comes_when_its_port_is_free_again(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "AGAIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Served(tmp_path, WEB__PORT=port) as served:
            eventually(lambda: log.getvalue().count("page_unavailable") >= 3)
            assert log.getvalue().count("WARNING") == 1, "told once aloud, then quietly"
            assert "cannot_listen" in log.getvalue()
            assert served.access.address() is None
            taken.close()
            assert httpx.get(f"{served.url}/v1/status", headers=served.token).status_code == 200


def test_listening_beyond_this_machine_is_warned_about_and_answers_nobody_who_is_not_named(
    tmp_path: Path, log: io.StringIO
) -> None:
    with Served(tmp_path, WEB__HOST="0.0.0.0", WEB__ALLOWED_HOSTS='["box.lan"]') as served:
        assert served.url.startswith("http://127.0.0.1:")
        port = served.url.rpartition(":")[2]
        warned = [line for line in log.getvalue().splitlines() if "page_not_loopback" in line]
        assert len(warned) == 1
        assert " WARNING " in warned[0]
        for host, expected in (
            (f"192.168.7.7:{port}", 421),
            (f"box.lan:{port}", 200),
            (f"127.0.0.1:{port}", 200),
        ):
            headers = {"Host": host, **served.token}
            assert httpx.get(f"{served.url}/v1/status", headers=headers).status_code == expected
        assert httpx.get(f"{served.url}/v1/status", headers={"Host": f"box.lan:{port}"}).status_code == 401


def test_listening_on_loopback_warns_about_nothing(served: Served, log: io.StringIO) -> None:
    assert served.url
    assert "WARNING" not in log.getvalue()


def test_folder_that_cannot_be_used_is_told_and_stops_nothing(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "AGAIN_S", 0.1)
    served = Served(tmp_path)
    (served.folder.root / "web").symlink_to(tmp_path)
    with served:
        eventually(lambda: "storage_obstructed" in log.getvalue())
        (served.folder.root / "web").unlink()
        assert httpx.get(f"{served.url}/v1/status", headers=served.token).status_code == 200


def test_stop_waits_for_no_route_that_hangs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started it then ends the process: the interpreter would wait for the route's thread."""
    reached, release = threading.Event(), threading.Event()
    made = LocalServer._made

    def with_a_route_that_hangs(server: LocalServer, listening: socket.socket) -> Any:
        def hang() -> None:
            reached.set()
            release.wait(30)

        found = made(server, listening)
        found.config.app.add_api_route("/v1/hang", hang)  # type: ignore[union-attr]
        return found

    monkeypatch.setattr(LocalServer, "_made", with_a_route_that_hangs)
    with Served(tmp_path) as served:
        asking = threading.Thread(
            target=lambda: suppress_all(httpx.get, f"{served.url}/v1/hang", headers=served.token)
        )
        asking.start()
        assert reached.wait(20)
        began_s = time.monotonic()
        assert served.server.stop() is False
        assert time.monotonic() - began_s < 8
        release.set()
        asking.join()


def suppress_all(call: Callable[..., object], *given: object, **named: object) -> None:
    """What a browser sees of a server that goes away is its own business."""
    with suppress(httpx.HTTPError):
        call(*given, **named)


def test_two_outboxes_on_one_host_leave_each_others_sessions_alone(tmp_path: Path) -> None:
    """A cookie goes to every port of a host."""
    with Served(tmp_path / "one") as one, Served(tmp_path / "two") as two, httpx.Client() as browser:
        for served in (one, two):
            link = f"{served.url}/open/{served.access.new_link(OPS).code.reveal()}"
            assert browser.post(link, headers={"Origin": served.url}).status_code == 303
        assert len({cookie.name for cookie in browser.cookies.jar}) == 2
        for served in (one, two):
            assert browser.get(f"{served.url}/v1/status").status_code == 200


# The worker as a process.


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with Sandbox() as sandbox:
        yield Device(tmp_path, sandbox, WEB__ENABLED="true", WEB__PORT=0, LOG__LEVEL="DEBUG")


@pytest.fixture
def started(device: Device) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the worker with its log in a file, and ends it after the test whatever happened."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (device.folder / "log").open("ab") as file:
            process = subprocess.Popen(
                [*COMMAND, "run"], env=device.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()


def logged(device: Device) -> str:
    return (device.folder / "log").read_text("utf-8", "replace")


def opened(device: Device, *options: str) -> str:
    """A link to the page, as the command prints it."""
    ended = device.run("open", "--no-browser", *options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def ended_within_s(process: subprocess.Popen[bytes]) -> float:
    """After SIGTERM."""
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    return time.monotonic() - began_s


def test_person_opens_the_page_and_nothing_of_it_is_in_the_log(
    device: Device, started: Callable[[], subprocess.Popen[bytes]]
) -> None:
    worker = started()
    eventually((device.storage / "web" / "address").exists)
    link = opened(device, "--ops")
    origin, _, code = link.partition("/open/")
    bearer = (device.storage / "web" / "token").read_text().strip()
    token = device.json("open", "--token", "--scope", "read")["token"]
    with httpx.Client(base_url=origin, headers={"Origin": origin}) as browser:
        assert browser.get(link, params={"q": "c4n4ry"}).status_code == 200
        assert browser.post(link).status_code == 303
        (cookie,) = browser.cookies.jar
        assert cookie.value
        assert browser.get("/v1/entries", params={"q": bearer}).status_code == 200
        for each in (bearer, token):
            headers = {"Authorization": f"Bearer {each}"}
            assert httpx.get(f"{origin}/v1/entries?q=c4n4ry", headers=headers).status_code == 200
        talk(origin, b"GET /" + b"c4n4ry" * 20_000 + b" HTTP/1.1\r\n\r\n")
        talk(origin, b"c4n4ry\r\n\r\n")

        assert device.json("open", "--revoke") == {"schema": 1, "revoked": True}
        assert browser.get("/v1/status").status_code == 401, "the running worker knows it at once"
        assert browser.get("/v1/status", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert ended_within_s(worker) < 10
    assert worker.returncode == 0
    text = logged(device)
    assert text.count("request_ended") >= 7
    for secret in (code, bearer, token, cookie.value, "c4n4ry"):
        assert secret not in text
    assert "Traceback" not in text
    assert not (device.storage / "web" / "address").exists()
    shown = device.run("config", "show").stdout + device.run("status").stdout
    assert not any(secret in shown for secret in (bearer, token, cookie.value))


def test_stop_waits_for_no_stream_and_no_slow_visitor(
    device: Device, started: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """SIGTERM at the end of a shift, with the ops page open in three browsers."""
    worker = started()
    eventually((device.storage / "web" / "address").exists)
    origin = json.loads((device.storage / "web" / "address").read_text())["url"]
    host, _, port = origin.removeprefix("http://").rpartition(":")
    bearer = (device.storage / "web" / "token").read_text().strip()
    head = f"Host: {host}:{port}\r\nAuthorization: Bearer {bearer}\r\n"
    lines = [socket.create_connection((host, int(port)), timeout=20) for _ in range(4)]
    try:
        lines[0].sendall(f"GET /v1/events HTTP/1.1\r\n{head}\r\n".encode())
        lines[1].sendall(f"GET /v1/status HTTP/1.1\r\n{head}\r\n".encode())
        lines[2].sendall(f"POST /v1/entries HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n{{".encode())
        lines[3].sendall(b"GET /v1/sta")
        began = b""
        while b"event: status" not in began:
            more = lines[0].recv(65536)
            assert more, began
            began += more
        assert b"text/event-stream" in began
        assert status(lines[1].recv(65536)) == 200
        assert ended_within_s(worker) < 10
    finally:
        for line in lines:
            line.close()
    assert worker.returncode == 0
    assert "Traceback" not in logged(device)


def test_port_that_is_taken_stops_no_delivery(
    device: Device, started: Callable[[], subprocess.Popen[bytes]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        device.environment["FIELDSYNC_WEB__PORT"] = str(taken.getsockname()[1])
        # Left by a worker whose battery ran out.
        before = LocalAccess(StorageFolder(device.storage), "", now=Clock().now)
        before.make()
        before.announce(Address("http://127.0.0.1:9", 4_000_000))
        worker = started()
        device.capture(1)
        eventually(lambda: device.json("status")["counts"]["done"] == 1)
        assert logged(device).count("page_unavailable") == 1
        failed = device.run("open", "--json")
        assert failed.returncode == 5
        assert json.loads(failed.stdout)["error"]["code"] == "page_not_served"
        assert ended_within_s(worker) < 10
    assert worker.returncode == 0


def test_worker_without_the_page_loads_nothing_of_it(device: Device) -> None:
    device.environment["FIELDSYNC_WEB__ENABLED"] = "false"
    with (device.folder / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "sync", "run"],
            env=device.environment,
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        eventually(lambda: "drain_ended" in logged(device) or "worker_started" in logged(device))
        device.capture(1)
        eventually(lambda: device.json("status")["counts"]["done"] == 1)
        ended_within_s(worker)
    finally:
        worker.kill()
        worker.wait()
    loaded = {
        line.rsplit("|", 1)[-1].strip().partition(".")[0]
        for line in logged(device).splitlines()
        if "|" in line
    }
    assert "sqlalchemy" in loaded
    assert not loaded & {"fastapi", "starlette", "uvicorn", "jinja2", "itsdangerous", "prometheus_client"}
    assert not (device.storage / "web").exists()


def test_open_says_what_is_missing(device: Device) -> None:
    failed = device.run("open", "--json")
    assert failed.returncode == 5
    error = json.loads(failed.stdout)["error"]
    assert (error["code"], error["next_command"], error["retryable"]) == (
        "page_not_running",
        "fieldsync run",
        True,
    )


@pytest.mark.skipif(os.name != "posix", reason="who may read a file is told in modes")
def test_open_lets_in_again_where_others_could_read_the_key(
    device: Device, started: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """The folder was copied back from a backup that kept no modes, while the worker ran."""
    started()
    eventually((device.storage / "web" / "address").exists)
    key = device.storage / "web" / "key"
    before = key.read_bytes()
    key.chmod(0o644)
    ended = device.run("open", "--no-browser")
    assert ended.returncode == 0, ended.stderr
    assert "the key could be read by others" in ended.stderr
    assert key.read_bytes() != before
    link = ended.stdout.strip()
    origin = link.partition("/open/")[0]
    assert httpx.post(link, headers={"Origin": origin}).status_code == 303
    again = device.run("open", "--no-browser")
    assert "the key could be read by others" not in again.stderr
