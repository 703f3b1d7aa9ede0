"""How far a request got, and the means to end it: what `sync/transport.py` learns from the HTTP library's trace.

Exception types cannot tell this: the library swallows a failed write and reports a read error later. The
events can, and they come in the thread that sends.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any


class Aborted(Exception):
    """abort() was called before there was a socket to shut down, or before the first byte."""


class Lifeline:
    """A second handle on the connection's socket, through which another thread can end it.

    Its own descriptor: that of the library may be closed, and its number reused, at any moment, and shutting
    down a TLS socket object first drops its encryption, which the sending thread must never run into.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._used: socket.socket | None = None
        self._running = False
        self._aborted = False

    @property
    def aborted(self) -> bool:
        """Whether the exchange that runs now, or ran last, was aborted."""
        return self._aborted

    def begin(self) -> None:
        """An exchange starts."""
        with self._lock:
            self._running, self._aborted = True, False

    def connected(self, used: socket.socket) -> None:
        """A new plain connection stands. Raises: Aborted."""
        with self._lock:
            self._let_go()
            self._handle, self._used = used.dup(), used
        self.check()

    def encrypted(self, used: socket.socket) -> None:
        """The library goes on with another socket object over the same connection."""
        with self._lock:
            self._used = used

    def check(self) -> None:
        """Raises: Aborted."""
        if self._aborted:
            raise Aborted

    def abort(self) -> None:
        """Shuts the connection down, for both directions; no effect while no exchange runs."""
        with self._lock:
            if not self._running:
                return
            self._aborted = True
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """An exchange ended. Where the library closed its socket, ours goes too, or the peer sees no end."""
        with self._lock:
            self._running = False
            if self._used is not None and self._used.fileno() < 0:
                self._let_go()

    def _let_go(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._used = None


class Progress:
    """Facts of one exchange, filled by the events of `trace`."""

    def __init__(
        self, before_first_byte: Callable[[], None], now: Callable[[], datetime], lifeline: Lifeline
    ) -> None:
        self._before_first_byte = before_first_byte
        self._now = now
        self._lifeline = lifeline
        self._ours = False
        self.sent_at: datetime | None = None
        self.received_at: datetime | None = None
        self.fully_written = False
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.veto: Exception | None = None  # what before_first_byte raised

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Called by the library. Whatever is raised here ends the request."""
        match event:
            case "connection.connect_tcp.complete":
                self._lifeline.connected(info["return_value"].get_extra_info("socket"))
            case "connection.start_tls.complete" | "proxy.start_tls.complete":
                self._lifeline.encrypted(info["return_value"].get_extra_info("socket"))
            case "http11.send_request_headers.started":
                # A tunnel through a proxy is asked for with events of the same names.
                self._ours = info["request"].method != b"CONNECT"
                if self._ours:
                    self._ask()
            case "http11.send_request_body.complete":
                self.fully_written = self._ours
            case "http11.receive_response_headers.complete" if self._ours:
                # Kept from here on: the library may still stumble over a header, and the status must stand.
                _, self.status, _, self.headers = info["return_value"]
                self.received_at = self._now()
            case _:
                pass

    def _ask(self) -> None:
        try:
            self._before_first_byte()
        except Exception as exc:
            self.veto = exc
            raise
        self._lifeline.check()
        self.sent_at = self._now()
