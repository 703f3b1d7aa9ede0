"""A server on 127.0.0.1 that does exactly what a test's handler does with its socket, byte by byte."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

Handler = Callable[["Peer"], None]


@dataclass(frozen=True)
class Asked:
    """One request as it was on the wire."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes


class Peer:
    """The server's end of one connection; `number` counts connections from 1."""

    def __init__(self, server: "RawServer", sock: socket.socket, number: int) -> None:
        self._server = server
        self._sock = sock
        self._rest = b""
        self.number = number

    def read_head(self) -> Asked:
        """Reads up to the blank line; an empty `line` means that the client has closed."""
        while b"\r\n\r\n" not in self._rest:
            part = self._sock.recv(65536)
            if not part:
                return Asked("", [], b"")
            self._rest += part
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (field.partition(":") for field in fields)]
        return Asked(line, headers, b"")

    def read_request(self) -> Asked:
        """Reads one request in full and keeps it in `server.asked`."""
        head = self.read_head()
        size = next((int(value) for name, value in head.headers if name.lower() == "content-length"), 0)
        while len(self._rest) < size:
            part = self._sock.recv(65536)
            if not part:
                break
            self._rest += part
        asked = Asked(head.line, head.headers, self._rest[:size])
        self._rest = self._rest[size:]
        if asked.line:
            self._server.asked.append(asked)
        return asked

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"))
        self.send(f"{head}\r\n\r\n".encode() + body)

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def wait_for_close(self) -> None:
        """Blocks until the client has ended the connection, or the server stops."""
        while self._sock.recv(65536):
            pass

    def close(self) -> None:
        self._sock.close()


class RawServer:
    """Runs `handler` in a thread for each connection; as a context manager it is gone when the block ends."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None, backlog: int = 16) -> None:
        self._handler = handler
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/main"
        self.asked: list[Asked] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in (self._listener, *self._open):
            sock.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                self.connections += 1
                number = self.connections
                self._start(lambda sock=sock, number=number: self._serve(sock, number))  # type: ignore[misc]

    def _serve(self, sock: socket.socket, number: int) -> None:
        # A client that goes away in the middle is what many of these tests are about.
        with contextlib.suppress(OSError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            try:
                self._handler(Peer(self, sock, number))
            finally:
                sock.close()
