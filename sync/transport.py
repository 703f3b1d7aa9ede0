"""Sends one request to the API and says what came back, or how far it got; judges nothing.

One `Transport` a worker thread, with one kept connection. No redirects, no retries, HTTP/1.1. The usual
HTTPS_PROXY, HTTP_PROXY and NO_PROXY variables are honoured (`trust_env`). Meaning is `sync/outcome.py`.
"""

import contextlib
import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from sync.credentials import Tokens
from sync.exchange import MAX_BODY_BYTES, Exchange, Failure, FailureKind, LeaseGone, Reply
from sync.wire_failure import describe, kind_of
from sync.wire_trace import Lifeline, Progress

# Shorter than the gateway's own, so that a kept connection is seldom one that the server has just closed.
_KEEPALIVE_S = 5.0
# Below this a token could be part of honest text, and hiding it would change the answer.
_SCRUB_FROM_CHARS = 16


class TransportUnusable(Exception):
    """The network settings cannot be used as they are: base address, proxy variables, CA file."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One call of the API; `path`, with its query if it has one, is joined to the base address as it stands."""

    method: str
    path: str
    body: bytes
    idempotency_key: str  # empty: none is sent, as with a read


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Each bounds one wait, not the exchange; the watchdog that calls `abort()` bounds that."""

    connect_s: float = 10
    write_s: float = 30
    read_s: float = 40  # above the gateway's 29, so that its own answer is seen
    pool_s: float = 5


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """A verifying context: the pinned CA alone where `ca_file` is given, else the system's.

    Raises: TransportUnusable where the file cannot be read or holds no certificate.
    """
    if ca_file is None:
        paths = ssl.get_default_verify_paths()
        context = ssl.create_default_context()
        if not (paths.cafile or paths.capath or context.cert_store_stats()["x509_ca"]):
            return httpx.create_ssl_context(trust_env=False)  # a system without any: the bundle httpx brings
        return context
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as exc:
        raise TransportUnusable(
            f"The CA file cannot be used ({exc.strerror or type(exc).__name__})."
        ) from exc


class Transport:
    """One connection to the API. `send` and `close` belong to one thread, `abort` to any other."""

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts,
        verify: ssl.SSLContext,
        user_agent: str,
        now: Callable[[], datetime],
    ) -> None:
        """Raises: TransportUnusable, for a base address or proxy variable that cannot be used."""
        self._base_url = base_url.rstrip("/")
        self._timeout = httpx.Timeout(
            connect=timeouts.connect_s, write=timeouts.write_s, read=timeouts.read_s, pool=timeouts.pool_s
        ).as_dict()
        self._user_agent = user_agent
        self._now = now
        self._lifeline = Lifeline()
        try:
            url = httpx.URL(self._base_url)
            self._client = httpx.Client(
                verify=verify,
                http1=True,
                http2=False,
                follow_redirects=False,
                trust_env=True,
                limits=httpx.Limits(
                    max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE_S
                ),
            )
        except (httpx.InvalidURL, ValueError, ImportError):
            # Its text may quote a proxy address with a password in it.
            raise TransportUnusable("The base address or a proxy variable cannot be used.") from None
        self._secure = (
            url.scheme == "https" and verify.verify_mode is ssl.CERT_REQUIRED and verify.check_hostname
        )

    def send(self, request: ApiRequest, tokens: Tokens, *, before_first_byte: Callable[[], None]) -> Exchange:
        """One exchange, to its end. Never raises for trouble of the network or of the answer.

        `before_first_byte` is called once connected, right before the first byte; where it raises
        `LeaseGone`, nothing is sent. Whatever else it raises is raised here, and nothing is sent either.
        """
        progress = Progress(before_first_byte, self._now, self._lifeline)
        secrets = tuple(
            secret
            for secret in (tokens.bearer.reveal(), tokens.session.reveal())
            if len(secret) >= _SCRUB_FROM_CHARS
        )
        self._lifeline.begin()
        try:
            body, complete = self._exchange(self._build(request, tokens, progress))
            return self._reply(progress, body, complete, secrets)
        except LeaseGone:
            return _failure(FailureKind.LEASE_LOST, progress, "")
        except Exception as exc:
            # Every type: the table has a row for "any other exception".
            if exc is progress.veto:
                raise
            if progress.status is not None:
                return self._reply(progress, b"", False, secrets)
            kind = FailureKind.EXCHANGE_TIMEOUT if self._lifeline.aborted else kind_of(exc)
            return _failure(kind, progress, describe(kind, exc))
        finally:
            self._lifeline.end()

    def abort(self) -> None:
        """Ends the exchange that runs now, if any, by shutting its socket down; for another thread."""
        self._lifeline.abort()

    def close(self) -> None:
        """Closes the kept connection; the transport is not used again."""
        self._client.close()
        self._lifeline.end()

    def _build(self, request: ApiRequest, tokens: Tokens, progress: Progress) -> httpx.Request:
        # Not client.build_request: that would add defaults and cookies of earlier answers.
        built = httpx.Request(
            request.method,
            self._base_url + request.path,
            headers={
                "authorization": f"Bearer {tokens.bearer.reveal()}",
                "x-session-token": tokens.session.reveal(),
                "content-type": "application/json",
                **({"idempotency-key": request.idempotency_key} if request.idempotency_key else {}),
                "accept": "application/json",
                "accept-encoding": "identity",
                "user-agent": self._user_agent,
                "connection": "keep-alive",
            },
            content=request.body,
            extensions={"timeout": self._timeout, "trace": progress.trace},
        )
        if not (request.path.startswith("/") and str(built.url).endswith(request.path)):
            # The client would have tidied it (dot segments, escapes): another route than the one asked for.
            raise httpx.InvalidURL("the path would not go out as it is written")
        return built

    def _exchange(self, request: httpx.Request) -> tuple[bytes, bool]:
        response = self._client.send(request, stream=True)
        body = bytearray()
        with contextlib.suppress(Exception), contextlib.closing(response):
            # Suppressed: the status is known by now, and it outweighs how the body ended.
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return bytes(body[:MAX_BODY_BYTES]), False
            return bytes(body), True
        return bytes(body), False

    def _reply(self, progress: Progress, body: bytes, complete: bool, secrets: tuple[str, ...]) -> Reply:
        assert progress.status is not None
        headers = httpx.Headers(progress.headers)
        content, decoded = _decode(body, headers.get("content-encoding", ""))
        for secret in secrets:
            # A portal that echoes our headers must not carry a token into a stored excerpt.
            content = content.replace(secret.encode(), b"***")
        return Reply(
            status=progress.status,
            headers=dict(headers.items()),
            body=content,
            body_complete=complete and decoded,
            secure=self._secure,
            sent_at=progress.sent_at,
            received_at=progress.received_at,
        )


def _decode(body: bytes, encoding: str) -> tuple[bytes, bool]:
    """The body as it was meant, within the cap. We ask for identity; a proxy may compress all the same."""
    match encoding.strip().lower():
        case "" | "identity":
            return body, True
        case "gzip" | "x-gzip" | "deflate":
            unpack = zlib.decompressobj(wbits=47)
            try:
                content = unpack.decompress(body, MAX_BODY_BYTES)
            except zlib.error:
                return b"", False
            return content, unpack.eof
        case _:
            return b"", False


def _failure(kind: FailureKind, progress: Progress, detail: str) -> Failure:
    return Failure(kind=kind, fully_written=progress.fully_written, detail=detail, sent_at=progress.sent_at)
