"""An upload in progress, and sockets that end when its time is over.

A read timeout bounds each read, so an answer that drips a byte a minute would hold a worker for ever. The sockets
made here look at the deadline of their upload before every operation. Standard library only.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_PIECE_BYTES = 65_536


@dataclass(slots=True, eq=False)
class InFlight:
    """One request on the wire: what is to be sent, until when, and what has been seen of it so far."""

    origin: str
    target: str = field(repr=False)
    headers: dict[str, str]
    body: bytes = field(repr=False)
    deadline: float  # on `monotonic`'s clock
    write_timeout_s: float  # for each piece of the body
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    sent_at: datetime | None = None
    fully_written: bool = False
    reused: bool = True
    status: int | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    received_at: datetime | None = None
    answer: bytearray = field(default_factory=bytearray)
    answer_complete: bool = False
    sock: socket.socket | None = None

    def remaining_s(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        left = self.deadline - self.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange took too long")
        return left

    def cut(self) -> None:
        """End the exchange from another thread; whoever waits on the socket wakes at once."""
        self.deadline = float("-inf")
        if self.sock is not None:
            try:
                # Not SSLSocket.shutdown: that one drops the TLS state under the reading thread.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
            except OSError:
                return  # closed already, which is what was wanted


CURRENT: ContextVar[InFlight | None] = ContextVar("upload_in_progress", default=None)


def current() -> InFlight:
    """The upload this thread is busy with. Nothing but an upload may use these connections."""
    flight = CURRENT.get()
    if flight is None:
        raise RuntimeError("no upload is in progress")
    return flight


class BoundedSocket(socket.socket):
    """A socket whose every operation ends by the deadline of the upload in progress."""

    _own_timeout_s: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._own_timeout_s = value
        super().settimeout(value)

    def bound(self) -> None:
        """Let the next operation wait until the deadline at most; TimeoutError when it is over."""
        flight = CURRENT.get()
        if flight is None:
            return
        flight.sock = self
        left = flight.remaining_s()
        super().settimeout(left if self._own_timeout_s is None else min(self._own_timeout_s, left))

    def recv(self, *args: Any) -> bytes:
        self.bound()
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        self.bound()
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        self.bound()
        return super().send(*args)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        # In pieces: the timeout is there to notice a stalled link, not to punish a slow one.
        with memoryview(data).cast("B") as view:
            for start in range(0, len(view), _PIECE_BYTES):
                self.bound()
                super().sendall(view[start : start + _PIECE_BYTES], flags)


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS."""

    def do_handshake(self, *args: Any) -> None:
        self.bound()
        super().do_handshake(*args)
