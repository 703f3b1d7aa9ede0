"""The sockets an upload travels on: exact target, a bound on the whole exchange, a cap on the answer.

urllib3 bounds each read, so an answer that drips a byte a minute would hold a worker for ever. The sockets made
here look at the deadline of the upload in progress before every operation. Importing this loads urllib3.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.request import getproxies, proxy_bypass

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util import make_headers, parse_url

from sync.exchange import MAX_BODY_BYTES

# Gateways and mobile networks forget idle connections silently; a dead one costs a whole read timeout.
KEEPALIVE_S = 5.0
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


class _Bounded(socket.socket):
    """A socket whose every operation ends by the deadline of the upload in progress."""

    _own_timeout_s: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._own_timeout_s = value
        super().settimeout(value)

    def _bound(self) -> None:
        flight = CURRENT.get()
        if flight is None:
            return
        flight.sock = self
        left = flight.remaining_s()
        super().settimeout(left if self._own_timeout_s is None else min(self._own_timeout_s, left))

    def recv(self, *args: Any) -> bytes:
        self._bound()
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        self._bound()
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        self._bound()
        return super().send(*args)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        # In pieces: the timeout is there to notice a stalled link, not to punish a slow one.
        with memoryview(data).cast("B") as view:
            for start in range(0, len(view), _PIECE_BYTES):
                self._bound()
                super().sendall(view[start : start + _PIECE_BYTES], flags)


class _BoundedTls(_Bounded, ssl.SSLSocket):
    """The same over TLS."""

    def do_handshake(self, *args: Any) -> None:
        self._bound()
        super().do_handshake(*args)


class _Connection(HTTPConnection):
    """Sends the upload's own target, and writes down how far the exchange got."""

    idle_since: float | None = None

    def _new_conn(self) -> socket.socket:
        # urllib3 would give each address the full connect timeout and know no end for all of them together.
        flight = current()
        flight.reused = False
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        problem: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in found:
            sock = _Bounded(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self.timeout)
                sock._bound()
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = error
            else:
                sys.audit("http.client.connect", self, self.host, self.port)
                return sock
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, "connecting took too long") from problem
        raise NewConnectionError(self, problem.strerror or type(problem).__name__) from problem

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        flight = current()
        if self.sock is None:
            self.connect()
        # Only a plain-http proxy is asked for an absolute address.
        target = flight.target if url.startswith("/") else flight.origin + flight.target
        # Left alone, urllib3 writes under the connect timeout: a large image on a slow link would never arrive.
        self.timeout = flight.write_timeout_s
        flight.sent_at = flight.now()
        super().request(method, target, body=body, headers=headers, **options)
        flight.fully_written = True

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own choice
        flight = current()
        response = super().getresponse()
        flight.received_at = flight.now()
        flight.answer_headers = {name.lower(): value for name, value in response.headers.items()}
        flight.status = response.status
        self.idle_since = flight.monotonic()
        _cap(response, flight)
        return response


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


def _cap(response: HTTPResponse, flight: InFlight) -> None:
    """Make `response.stream()` keep what it reads in `flight` and stop at the cap."""
    read = response.stream

    def stream(*args: Any, **options: Any) -> Iterator[bytes]:
        for piece in read(*args, **options):
            room = MAX_BODY_BYTES - len(flight.answer)
            flight.answer += piece[:room]
            yield piece[:room]
            if len(piece) > room:
                response.close()
                response.release_conn()
                return
        declared = flight.answer_headers.get("content-length", "")
        flight.answer_complete = not declared.isdigit() or int(declared) == len(flight.answer)

    response.stream = stream  # type: ignore[assignment,method-assign]


class _FreshOnly:
    """Hands out no connection that was idle for longer than networks can be trusted to remember it."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        idle_since = connection.idle_since
        if idle_since is not None and current().monotonic() - idle_since > KEEPALIVE_S:
            connection.close()
            connection.idle_since = None
        return connection


class _Pool(_FreshOnly, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(_FreshOnly, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Connections:
    """The pools of one process: a plain one, and one for each proxy the environment names for a host."""

    def __init__(
        self, *, tls: ssl.SSLContext, connect_timeout_s: float, read_timeout_s: float, max_connections: int
    ) -> None:
        tls.sslsocket_class = _BoundedTls
        self._options: dict[str, Any] = {
            "maxsize": max_connections,
            "ssl_context": tls,
            "cert_reqs": "CERT_REQUIRED",
            "timeout": Timeout(connect=connect_timeout_s, read=read_timeout_s),
            "retries": False,
        }
        self._direct = _with_our_pools(PoolManager(**self._options))
        self._proxied: dict[str, PoolManager] = {}

    def put(self, flight: InFlight) -> HTTPResponse:
        """Send `flight` and give back the answer with its body still to be read."""
        scheme, _, place = flight.origin.partition("://")
        proxy = None if proxy_bypass(place) else getproxies().get(scheme, getproxies().get("all"))
        manager = self._through(proxy) if proxy else self._direct
        pool = manager.connection_from_url(flight.origin)
        forwarded = proxy is not None and scheme == "http"
        answer = pool.urlopen(
            "PUT",
            flight.origin + "/" if forwarded else "/",  # a placeholder: logs of urllib3 show this
            body=flight.body,
            headers=flight.headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )
        assert isinstance(answer, HTTPResponse)
        return answer

    def _through(self, proxy: str) -> PoolManager:
        address = proxy if "://" in proxy else f"http://{proxy}"
        if address not in self._proxied:
            login = parse_url(address).auth
            headers = make_headers(proxy_basic_auth=login) if login else None
            manager = ProxyManager(address, proxy_headers=headers, **self._options)
            self._proxied[address] = _with_our_pools(manager)
        return self._proxied[address]

    def close(self) -> None:
        """Drop every idle connection."""
        for manager in (self._direct, *self._proxied.values()):
            manager.clear()


def _with_our_pools(manager: PoolManager) -> PoolManager:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
