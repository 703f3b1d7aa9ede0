"""One port of the stand-in: listening, or reserved and refusing connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from uvicorn.config import Config
from uvicorn.server import ServerState

from sync.sandbox.front import App
from sync.sandbox.wire import WireProtocol

KEEP_ALIVE_S = 75
BACKLOG = 256


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
        self._socket = _bound(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.online = False
        self._arriving: set[asyncio.Task[object]] = set()

    def open(self) -> None:
        """Raises OSError when somebody else has the port after all."""
        if not self.online:
            self._socket.listen(BACKLOG)
            asyncio.get_running_loop().add_reader(self._socket, self._accept)
            self.online = True

    async def close(self) -> None:
        """Stop listening and cut every connection, in the middle of whatever it is doing."""
        if not self.online:
            return
        self.online = False
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        for connection in list(self._server_state.connections):
            assert isinstance(connection, WireProtocol)
            await connection.wire.end("reset")
        # A bound socket that does not listen refuses connections and keeps the port from everybody else.
        self._socket = _bound(self.host, self.port)

    async def shut(self) -> None:
        await self.close()
        self._socket.close()

    def _accept(self) -> None:
        # By hand, because asyncio's own server leaks what it has accepted but not yet set up when it is closed.
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._socket.accept()
                accepted.setblocking(False)
                loop = asyncio.get_running_loop()
                task: asyncio.Task[object] = loop.create_task(
                    loop.connect_accepted_socket(self._protocol, accepted)
                )
                self._arriving.add(task)
                task.add_done_callback(self._arriving.discard)

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
