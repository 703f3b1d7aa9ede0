"""The connections an upload travels on: the exact target, a bound on connecting, a cap on the answer.

They serve nothing but the upload in progress (`sync/upload_socket.py`). Importing this loads urllib3.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator
from typing import Any
from urllib.request import getproxies, proxy_bypass

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util import make_headers, parse_url

from sync.exchange import MAX_BODY_BYTES
from sync.upload_socket import BoundedSocket, BoundedTlsSocket, InFlight, current

# Gateways and mobile networks forget idle connections silently; a dead one costs a whole read timeout.
KEEPALIVE_S = 5.0


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
            sock = BoundedSocket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self.timeout)
                sock.bound()
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
        tls.sslsocket_class = BoundedTlsSocket
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
