"""Sends signature bytes to a presigned URL and tells what came back; judges nothing.

boto3 has no call that takes a presigned URL. So `put_object` of an unsigned client runs with placeholders, and a
hook right before the wire sends the bytes to the exact URL instead, over connections of our own. Whatever else
the client might think of sending (a HEAD to find the region, say) finds no upload in progress and fails.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.presigned_url import PresignedUrl, UploadImpossible, UrlRules, read_url
from sync.upload_headers import upload_headers
from sync.upload_socket import CURRENT, InFlight, current

if TYPE_CHECKING:
    from sync.upload_connection import Connections

Fallback = Literal["off", "anonymous", "ambient-credentials"]

_PLACEHOLDER = "presigned"


class UnsignedUrl(UploadImpossible):
    """The URL carries no signature and anonymous uploads are not enabled."""

    code = "upload_url_unsigned"


class Uploader:
    """Uploads from any thread over one client, made at the first use or by `warm()`.

    `exchange_limit_s` bounds one `put` with all its tries, however slowly the answer drips; only the system's
    name lookup is outside of it. `now` gives aware UTC; `monotonic` seconds.
    """

    def __init__(
        self,
        *,
        rules: UrlRules,
        fallback: Fallback,
        connect_timeout_s: float,
        read_timeout_s: float,
        max_connections: int,
        ca_file: Path | None,
        user_agent: str,
        now: Callable[[], datetime],
        exchange_limit_s: float = 90.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._anonymous = fallback == "anonymous"
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._max_connections = max_connections
        self._ca_file = ca_file
        self._user_agent = user_agent
        self._now = now
        self._exchange_limit_s = exchange_limit_s
        self._monotonic = monotonic
        self._making = Lock()
        self._client: Any = None
        self._connections: Connections | None = None
        self._under_way: set[InFlight] = set()
        self._untyped_v2_hosts: set[str] = set()

    def warm(self) -> None:
        """Make the client now (a quarter of a second), for instance while the first POST is on its way."""
        with self._making:
            if self._client is None:
                self._connections = self._make_connections()
                self._client = _make_client(self._send)

    def put(self, url: str, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        """Send `body`, all of it, to `url`. Trouble on the network is an answer like any other.

        Raises:
            UploadImpossible: UrlRefused, UnsignedUrl or UnsatisfiableHeaders, before any socket is opened.
        """
        target = read_url(url, self._rules)
        if target.version == "none" and not self._anonymous:
            raise UnsignedUrl("it carries no signature, and anonymous uploads are not enabled")
        deadline = self._monotonic() + self._exchange_limit_s

        def attempt(with_type: bool) -> Exchange:
            headers = upload_headers(target, body, mime_type=mime_type, md5_hex=md5_hex, with_type=with_type)
            return self._put_fresh(target, headers, body, deadline)

        with_type = target.host not in self._untyped_v2_hosts
        exchange = attempt(with_type)
        if target.version != "v2" or not _mismatch(exchange):
            return exchange
        # A V2 signature covers the type but does not say which: the declared one, or none at all.
        other = attempt(not with_type)
        if isinstance(other, Reply) and 200 <= other.status < 300:
            if with_type:
                self._untyped_v2_hosts.add(target.host)
            else:
                self._untyped_v2_hosts.discard(target.host)
        return other

    def abort(self) -> None:
        """From another thread: end every put under way; each returns soon, as EXCHANGE_TIMEOUT."""
        with self._making:
            for flight in self._under_way:
                flight.cut()

    def close(self) -> None:
        """Drop the idle connections. A later put makes new ones."""
        with self._making:
            if self._connections is not None:
                self._connections.close()

    def _put_fresh(
        self, url: PresignedUrl, headers: dict[str, str], body: bytes, deadline: float
    ) -> Exchange:
        exchange, reused = self._put_once(url, headers, body, deadline)
        # The server may close an idle connection just as we use it. That says nothing of the upload, and a PUT
        # may be repeated; every longer wait is the queue's.
        dropped = isinstance(exchange, Failure) and exchange.kind in {
            FailureKind.DISCONNECTED,
            FailureKind.WRITE,
        }
        if dropped and reused and self._monotonic() < deadline:
            exchange, _ = self._put_once(url, headers, body, deadline)
        return exchange

    def _put_once(
        self, url: PresignedUrl, headers: dict[str, str], body: bytes, deadline: float
    ) -> tuple[Exchange, bool]:
        from botocore.exceptions import BotoCoreError

        from sync.upload_result import read_result, told

        try:
            self.warm()
        except (OSError, BotoCoreError) as broken:  # a CA file or an AWS set-up must not end the worker
            return Failure(FailureKind.LOCAL, fully_written=False, detail=told(broken)), False

        flight = InFlight(
            origin=url.origin,
            target=url.reveal_target(),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity", **headers},
            body=body,
            deadline=deadline,
            write_timeout_s=self._read_timeout_s,
            monotonic=self._monotonic,
            now=self._now,
        )
        error: Exception | None = None
        with self._making:
            self._under_way.add(flight)
        token = CURRENT.set(flight)
        try:
            self._client.put_object(Bucket=_PLACEHOLDER, Key=_PLACEHOLDER, Body=body)
        except Exception as raised:  # noqa: BLE001  what is wrong is told by the flight, not by the type
            error = raised
        finally:
            CURRENT.reset(token)
            with self._making:
                self._under_way.discard(flight)
        return read_result(flight, error), flight.reused

    def _send(self, request: Any, **_: Any) -> Any:
        """botocore's `before-send`: what this returns is the answer, and the client's own connections stay idle."""
        from botocore.awsrequest import AWSResponse

        flight = current()
        if request.method != "PUT" or flight.sent_at is not None:
            raise RuntimeError("only the one PUT of the upload may be sent")
        assert self._connections is not None
        answer = self._connections.put(flight)
        response = AWSResponse(flight.origin, answer.status, answer.headers, answer)
        _ = response.content  # read here, where the deadline holds and the pool gets its connection back
        return response

    def _make_connections(self) -> Connections:
        from sync.upload_connection import Connections

        tls = ssl.create_default_context(cafile=None if self._ca_file is None else str(self._ca_file))
        return Connections(
            tls=tls,
            connect_timeout_s=self._connect_timeout_s,
            read_timeout_s=self._read_timeout_s,
            max_connections=self._max_connections,
        )


def _make_client(send: Callable[..., Any]) -> Any:
    """An S3 client that signs nothing and knows nothing of this machine's AWS settings."""
    import boto3
    import botocore
    import botocore.session
    from botocore.config import Config

    # A profile that does not exist, or a broken file of somebody else's, would fail the client's creation.
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    client = boto3.session.Session(botocore_session=session, region_name="us-east-1").client(
        "s3",
        verify=True,
        config=Config(
            signature_version=botocore.UNSIGNED,
            # The default frames the body in chunks with a trailer; unsigned, that is what would be stored.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            ignore_configured_endpoint_urls=True,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    # botocore answers a redirect by asking AWS where the placeholder bucket lives, and hides the real error.
    client.meta.events.register_last("before-call.s3.PutObject", _stay)
    client.meta.events.register_last("before-send.s3", send)
    return client


def _stay(params: dict[str, Any], **_: Any) -> None:
    params["context"]["s3_redirect"] = {**params["context"].get("s3_redirect", {}), "redirected": True}


def _mismatch(exchange: Exchange) -> bool:
    return isinstance(exchange, Reply) and exchange.error_code == "SignatureDoesNotMatch"
