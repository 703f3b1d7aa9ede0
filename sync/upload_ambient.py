"""Puts a signature image with the machine's own AWS credentials, where its address is spent; judges nothing.

boto3 signs an ordinary `put_object`; a hook right before the wire sends it over the connections of an ordinary upload,
with their deadline, TLS and cap. This client and the unsigned one of `sync/upload.py` share nothing else: what the
machine's AWS environment says never reaches an address that the server gave.
"""

from __future__ import annotations

import base64
import zlib
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

from sync.detours import AmbientUnavailable
from sync.exchange import Exchange, Reply
from sync.s3_location import Place
from sync.upload_line import UploadLine, stay

# What S3 says where the credentials themselves are the trouble: the next try asks the chain for others.
_STALE: Final = frozenset({"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
# Set by the connection, not by whoever signs.
_NOT_OURS: Final = frozenset({"expect", "host", "transfer-encoding", "connection"})


class AmbientUploader:
    """Signed uploads from any thread. The client of a region is made at its first use; credentials by the chain.

    `endpoint` empty: Amazon's own of the region. `instance_credentials`: also ask the cloud's metadata service, which
    elsewhere costs seconds and is answered by whoever owns that address.
    """

    def __init__(
        self,
        line: UploadLine,
        *,
        endpoint: str,
        path_style: bool,
        instance_credentials: bool,
    ) -> None:
        self._line = line
        self._endpoint = endpoint
        self._path_style = path_style
        self._instance_credentials = instance_credentials
        self._making = Lock()
        self._clients: dict[str, Any] = {}

    def put(self, place: Place, body: bytes, *, mime_type: str, md5_hex: str) -> Exchange:
        """Send `body`, all of it, to `place`. Trouble on the network is an answer like any other.

        Raises:
            AmbientUnavailable: no credentials, or an AWS set-up that cannot be used; nothing was sent.
        """
        from sync.upload_result import read_result

        if place.region is None:
            raise AmbientUnavailable("nothing tells the region of the bucket; set upload.region")
        client = self._client(place.region)
        flight = self._line.flight(body, deadline=self._line.deadline())  # its origin: when it is signed
        error = self._line.run(
            flight,
            lambda: client.put_object(
                Bucket=place.bucket,
                Key=place.key,
                Body=body,
                ContentType=mime_type,
                ContentMD5=base64.b64encode(bytes.fromhex(md5_hex)).decode(),
                **self._checksum(body),
            ),
        )
        if error is not None and not flight.origin:
            self._forget(place.region)
            raise AmbientUnavailable(
                _why(error)
            ) from None  # the text of botocore's errors may quote a request
        exchange = read_result(flight, error)
        if isinstance(exchange, Reply) and exchange.error_code in _STALE:
            self._forget(place.region)
        return exchange

    def abort(self) -> None:
        """From another thread: end every put under way; each returns soon, as EXCHANGE_TIMEOUT."""
        self._line.abort()

    def close(self) -> None:
        """Drop clients and idle connections. A later put makes new ones."""
        with self._making:
            self._clients.clear()
        self._line.close()

    def _checksum(self, body: bytes) -> dict[str, str]:
        # Given here and not left to the client: by default that frames the body in chunks with a trailer.
        # Stores that only speak like S3 may not know it.
        crc = zlib.crc32(body).to_bytes(4, "big")
        return {} if self._endpoint else {"ChecksumCRC32": base64.b64encode(crc).decode()}

    def _client(self, region: str) -> Any:
        from botocore.exceptions import BotoCoreError

        with self._making:
            if region not in self._clients:
                try:
                    self._line.open()
                    self._clients[region] = self._make_client(region)
                except (OSError, ValueError, BotoCoreError) as broken:
                    raise AmbientUnavailable(_why(broken)) from None
            return self._clients[region]

    def _forget(self, region: str) -> None:
        """A client keeps the credentials it was made with, or that there were none."""
        with self._making:
            self._clients.pop(region, None)

    def _make_client(self, region: str) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        session = botocore.session.Session()
        if not self._instance_credentials:
            session.get_component("credential_provider").remove("iam-role")
        client = boto3.session.Session(botocore_session=session, region_name=region).client(
            "s3",
            endpoint_url=self._endpoint or None,
            verify=True,
            config=Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={
                    "addressing_style": "path" if self._path_style else "auto",
                    "us_east_1_regional_endpoint": "regional",
                },
                # The settings say where signatures go, and no variable of somebody else's.
                ignore_configured_endpoint_urls=True,
                use_dualstack_endpoint=False,
                use_fips_endpoint=False,
                retries={"mode": "standard", "total_max_attempts": 1},
                user_agent=self._line.user_agent,
            ),
        )
        client.meta.events.register_last("before-call.s3.PutObject", stay)
        client.meta.events.register_last("before-send.s3", self._send)
        return client

    def _send(self, request: Any, **_: Any) -> Any:
        """What boto3 has signed, taken over as it is."""
        flight = self._line.beginning(request)
        parts = urlsplit(request.url)
        flight.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        flight.headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
            if name.lower() not in _NOT_OURS
        }
        flight.headers.update({"Accept-Encoding": "identity", "Content-Length": str(len(flight.body))})
        flight.origin = f"{parts.scheme}://{parts.netloc}"
        return self._line.send(flight)


def _why(error: Exception) -> str:
    """By type: botocore's words may quote a file's content, a command line or an address."""
    from botocore import exceptions as botocore

    if isinstance(error, botocore.NoCredentialsError):
        return "no credentials were found in the environment, the shared files or a container's role"
    if isinstance(error, botocore.PartialCredentialsError):
        return "the credentials that were found are not complete"
    if isinstance(error, botocore.ProfileNotFound):
        return "AWS_PROFILE names a profile that does not exist"
    return f"the AWS set-up of this machine cannot be used ({type(error).__name__})"
