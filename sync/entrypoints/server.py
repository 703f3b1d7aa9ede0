"""Serves the local API and the page in a thread beside the worker, and stops when told to."""

from __future__ import annotations

import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI

PATIENCE_S: Final = 3.0


class LocalServer:
    """One listening port. `start` returns when it answers; `stop` cuts what is still open after `PATIENCE_S`."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._socket = socket.create_server((host, port), backlog=128, reuse_port=False)
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=int(PATIENCE_S),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="local-api", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """From any thread. Harmless when it has ended already."""
        self._server.should_exit = True
        self._thread.join(PATIENCE_S + 2)
        self._socket.close()
