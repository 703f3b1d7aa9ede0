"""A raw socket server that writes down the exact bytes of each request and answers as a script says.

No HTTP library stands between the test and the wire: what was sent is what is seen, in order and case.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType


@dataclass(frozen=True)
class Request:
    """One request as it came in. `headers` in order, names as sent; `connection` counts from 0."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} was sent twice"
        return found[0] if found else None


Answer = Callable[[socket.socket, Request], bool | None]
"""Writes to the socket; True keeps the connection open for another request."""


class PutServer:
    """Listens on a free loopback port. `answer` gets each whole request; `at_headers` runs before the body is read."""

    def __init__(
        self, answer: Answer, *, at_headers: Answer | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._answer = answer
        self._at_headers = at_headers
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.scheme = "http" if tls is None else "https"
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> PutServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        for open_socket in (self._listener, *self._open):
            # shutdown wakes whoever waits in accept or recv; close alone would not.
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            number = self.connections
            self.connections += 1
            self._open.append(client)
            thread = threading.Thread(target=self._serve, args=(client, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
                self._open.append(client)
            with client, client.makefile("rb") as reader:
                while (head := _head(reader.readline)) is not None:
                    line, headers = head
                    early = Request(line, headers, b"", number)
                    if self._at_headers is not None:
                        self.requests.append(early)  # before the answer: the client may go away during it
                        if not self._at_headers(client, early):
                            return
                        self.requests.remove(early)
                    body = reader.read(int(early.header("content-length") or 0))
                    request = Request(line, headers, body, number)
                    self.requests.append(request)
                    if not self._answer(client, request):
                        return
        except OSError:
            return  # the client went away, which is the point of some tests


def _head(readline: Callable[[], bytes]) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    lines = []
    while (line := readline()) not in {b"\r\n", b""}:
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    if not lines or line == b"":
        return None
    pairs = [text.split(": ", 1) for text in lines[1:]]
    return lines[0], tuple((name, value) for name, value in pairs)


def stored(client: socket.socket, request: Request) -> bool:
    """S3's answer to a PUT that went well; the connection stays open."""
    etag = hashlib.md5(request.body).hexdigest()
    return says(f'HTTP/1.1 200 OK\r\nETag: "{etag}"\r\nContent-Length: 0\r\n\r\n')(client, request) or True


def says(answer: str | bytes, *, keep: bool = False) -> Answer:
    """Exactly these bytes, whatever was asked."""

    def send(client: socket.socket, request: Request) -> bool:
        client.sendall(answer.encode("latin-1") if isinstance(answer, str) else answer)
        return keep

    return send


def refuses(status: str, code: str, message: str = "No.") -> Answer:
    """An S3 error document."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return says(
        f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        keep=True,
    )
