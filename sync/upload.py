"""Sends signature bytes to a presigned URL and tells what came back; judges nothing.

boto3 has no call that takes a presigned URL. So `put_object` of an unsigned client runs with placeholders, and a
hook right before the wire sends the bytes to the exact URL instead, over connections of our own. Whatever else
the client might think of sending (a HEAD to find the region, say) finds no upload in progress and fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
from typing import Any, Literal

from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.presigned_url import PresignedUrl, UploadImpossible, UrlRules, read_url
from sync.upload_headers import upload_headers
from sync.upload_line import UploadLine, stay

Fallback = Literal["off", "anonymous", "ambient-credentials"]

_PLACEHOLDER = "presigned"


class UnsignedUrl(UploadImpossible):
    """The URL carries no signature and anonymous uploads are not enabled."""

    code = "upload_url_unsigned"


class Uploader:
    """Uploads from any thread over one client, made at the first use or by `warm()`."""

    def __init__(self, line: UploadLine, *, rules: UrlRules, fallback: Fallback) -> None:
        self._line = line
        self._rules = rules
        self._anonymous = fallback == "anonymous"
        self._making = Lock()
        self._client: Any = None
        self._untyped_v2_hosts: set[str] = set()

    def warm(self) -> None:
        """Make the client now (a quarter of a second), for instance while the first POST is on its way."""
        with self._making:
            if self._client is None:
                self._line.open()
                self._client = _make_client(self._send)

    def put(self, url: str, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        """Send `body`, all of it, to `url`. Trouble on the network is an answer like any other.

        Raises:
            UploadImpossible: UrlRefused, UnsignedUrl or UnsatisfiableHeaders, before any socket is opened.
        """
        target = read_url(url, self._rules)
        if target.version == "none" and not self._anonymous:
            raise UnsignedUrl("it carries no signature, and anonymous uploads are not enabled")
        deadline = self._line.deadline()

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
        self._line.abort()

    def close(self) -> None:
        """Drop the idle connections. A later put makes new ones."""
        self._line.close()

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
        if dropped and reused and not self._line.is_over(deadline):
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

        flight = self._line.flight(
            body,
            deadline=deadline,
            origin=url.origin,
            target=url.reveal_target(),
            headers={"User-Agent": self._line.user_agent, "Accept-Encoding": "identity", **headers},
        )
        error = self._line.run(
            flight, lambda: self._client.put_object(Bucket=_PLACEHOLDER, Key=_PLACEHOLDER, Body=body)
        )
        return read_result(flight, error), flight.reused

    def _send(self, request: Any, **_: Any) -> Any:
        return self._line.send(self._line.beginning(request))


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
    client.meta.events.register_last("before-call.s3.PutObject", stay)
    client.meta.events.register_last("before-send.s3", send)
    return client


def _mismatch(exchange: Exchange) -> bool:
    return isinstance(exchange, Reply) and exchange.error_code == "SignatureDoesNotMatch"
