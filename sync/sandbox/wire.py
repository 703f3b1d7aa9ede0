"""Reach below HTTP: end a connection as a broken network would, or write bytes that are no HTTP.

uvicorn's protocol class hands its transport to nobody; this subclass puts it into each request's scope.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

WIRE = "sandbox.wire"
_LINGER = "hh" if sys.platform == "win32" else "ii"
_numbers = itertools.count(1)


class Wire:
    """One connection. `number` tells connections apart in the request log."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.number = next(_numbers)
        self.closed = asyncio.Event()
        self._transport = transport

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    async def end(self, how: str) -> None:
        """Returns when the connection is gone: with RST for "reset", with FIN after the last byte for "close"."""
        if self.closed.is_set():
            return
        if how == "reset":
            found = self._transport.get_extra_info("socket")
            # A linger time of zero makes close() send RST instead of FIN.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
            self._transport.abort()
        else:
            self._transport.close()
        await self.closed.wait()


class WireProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the connection at hand and without its loggers."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        # Set here and not in uvicorn's configuration, which would silence the loggers of the whole process.
        self.logger = logging.getLogger("sync.sandbox")
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.wire = Wire(transport)
        app, wire = self.app, self.wire

        async def with_wire(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, WIRE: wire}, receive, send)

        self.app = with_wire

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.wire.closed.set()
