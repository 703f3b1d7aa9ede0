"""One port of the stand-in: listening, or reserved and refusing connections."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.config import Config
from uvicorn.server import ServerState

from sync.sandbox.front import App
from sync.sandbox.wire import WireProtocol

KEEP_ALIVE_S = 75


class Listener:
    """One port: listening, or reserved and refusing. Used on the event loop only."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._config = Config(
            app,
            http=WireProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._config.load()
        self._server_state = ServerState()
        self._server: asyncio.Server | None = None
        self._socket = _bound(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])

    @property
    def online(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, sock=self._socket, backlog=256)

    async def close(self) -> None:
        """Stop listening and cut every connection, in the middle of whatever it is doing."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        # Twice: what was accepted in the same turn of the loop has no connection to cut yet.
        for _ in range(2):
            for connection in list(self._server_state.connections):
                assert isinstance(connection, WireProtocol)
                await connection.wire.end("reset")
            await asyncio.sleep(0)
        # A bound socket that does not listen refuses connections and keeps the port from everybody else.
        self._socket = _bound(self.host, self.port)

    async def shut(self) -> None:
        await self.close()
        self._socket.close()
        tasks = list(self._server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _protocol(self) -> asyncio.Protocol:
        return WireProtocol(self._config, self._server_state, {})


def _bound(host: str, port: int) -> socket.socket:
    # Named as TCP: asyncio turns Nagle's algorithm off only then, and it would add 40 ms to each answer.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.setblocking(False)
    except OSError:
        found.close()
        raise
    return found
