"""The line that uploads of one client travel on: its connections, the end of each exchange, and who is under way.

Both clients of S3 send over one of these from a hook right before the wire. Which request it is and where it goes is
theirs to say; what came back is told by the flight.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sync.upload_socket import CURRENT, InFlight, current

if TYPE_CHECKING:
    from sync.upload_connection import Connections


class UploadLine:
    """For any thread. `exchange_limit_s` bounds one upload with all its tries, however slowly the answer drips; only
    the system's name lookup is outside of it. `now` gives aware UTC; `monotonic` seconds.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        max_connections: int,
        ca_file: Path | None,
        user_agent: str,
        now: Callable[[], datetime],
        exchange_limit_s: float = 90.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.user_agent = user_agent
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._max_connections = max_connections
        self._ca_file = ca_file
        self._now = now
        self._exchange_limit_s = exchange_limit_s
        self._monotonic = monotonic
        self._changing = Lock()
        self._connections: Connections | None = None
        self._under_way: set[InFlight] = set()

    def open(self) -> None:
        """Make what connections are made from, once.

        Raises:
            OSError: the CA file cannot be read.
        """
        from sync.upload_connection import Connections

        with self._changing:
            if self._connections is None:
                cafile = None if self._ca_file is None else str(self._ca_file)
                self._connections = Connections(
                    tls=ssl.create_default_context(cafile=cafile),
                    connect_timeout_s=self._connect_timeout_s,
                    read_timeout_s=self._read_timeout_s,
                    max_connections=self._max_connections,
                )

    def deadline(self) -> float:
        """Until when an upload that begins now may take, on `monotonic`'s clock."""
        return self._monotonic() + self._exchange_limit_s

    def is_over(self, deadline: float) -> bool:
        return self._monotonic() >= deadline

    def flight(
        self,
        body: bytes,
        *,
        deadline: float,
        origin: str = "",
        target: str = "",
        headers: dict[str, str] | None = None,
    ) -> InFlight:
        """One request to come. Where it goes may be said later, before it is sent."""
        return InFlight(
            origin=origin,
            target=target,
            headers=headers or {},
            body=body,
            deadline=deadline,
            write_timeout_s=self._read_timeout_s,
            monotonic=self._monotonic,
            now=self._now,
        )

    def run(self, flight: InFlight, call: Callable[[], Any]) -> Exception | None:
        """Run the client's `call`, which sends `flight` by `send`; what it raised, for the flight tells the rest."""
        with self._changing:
            self._under_way.add(flight)
        token = CURRENT.set(flight)
        try:
            call()
        except Exception as raised:  # noqa: BLE001  what is wrong is told by the flight, not by the type
            return raised
        finally:
            CURRENT.reset(token)
            with self._changing:
                self._under_way.discard(flight)
        return None

    def beginning(self, request: Any) -> InFlight:
        """The flight of this thread, for botocore's `request`: the one PUT of an upload, and not sent yet."""
        flight = current()
        if request.method != "PUT" or flight.sent_at is not None:
            raise RuntimeError("only the one PUT of the upload may be sent")
        return flight

    def send(self, flight: InFlight) -> Any:
        """The answer in botocore's shape; as `before-send` returns it, the client's own connections stay idle."""
        from botocore.awsrequest import AWSResponse

        assert self._connections is not None, "the line is open"
        answer = self._connections.put(flight)
        response = AWSResponse(flight.origin, answer.status, answer.headers, answer)
        _ = response.content  # read here, where the deadline holds and the pool gets its connection back
        return response

    def abort(self) -> None:
        """From another thread: end every put under way; each returns soon, as EXCHANGE_TIMEOUT."""
        with self._changing:
            for flight in self._under_way:
                flight.cut()

    def close(self) -> None:
        """Drop the idle connections. A later put makes new ones."""
        with self._changing:
            if self._connections is not None:
                self._connections.close()


def stay(params: dict[str, Any], **_: Any) -> None:
    """botocore's `before-call`: a redirect is told and not followed, and nobody asks AWS where a bucket lives."""
    params["context"]["s3_redirect"] = {**params["context"].get("s3_redirect", {}), "redirected": True}
