"""Serves the local API and the page in a thread beside the worker. Whatever happens here, delivery goes on.

What is heavy is loaded in that thread, so that the first pass does not wait for it. A port that is taken, or a folder
that cannot be used, is told once and tried again every minute.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from storage.errors import StorageProblem
from sync import events
from sync.local_access import Address, LocalAccess

if TYPE_CHECKING:
    from uvicorn import Server

    from config.settings import Settings
    from storage.database import Database
    from sync.clock import Clock
    from sync.entrypoints.api.desk import Switch
    from sync.entrypoints.api.feed import Feed

PATIENCE_S: Final = 2  # for what is being answered when told to stop; event streams never end by themselves
AGAIN_S: Final = 60.0
_HEADERS_AT_MOST: Final = 32 * 1024
_BACKLOG: Final = 128
_ALL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where a browser of this machine goes then

_EXPOSED: Final = (
    "what the page shows travels unencrypted and other machines reach it; better 127.0.0.1 and a tunnel"
)
_LOG: Final = logging.getLogger(__name__)


class LocalServer:
    """One listening port. `started` is set while it answers; `stop` returns within about three seconds."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, *, switch: Switch | None = None
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._switch = switch
        self.access = LocalAccess(database.folder, database.folder.marked_id() or "", now=clock.now)
        self.started = threading.Event()
        self.address: Address | None = None
        self._stopping = threading.Event()
        self._server: Server | None = None
        self._feed: Feed | None = None
        self._told = ""
        self._thread = threading.Thread(target=self._serve, name="local-api", daemon=True)

    def start(self) -> None:
        """Returns at once; the port is bound and everything loaded in the thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Answers nothing new from here on; from any thread or a signal handler, and returns at once."""
        self._stopping.set()
        if self._feed is not None:
            self._feed.stop()  # first: the server waits for those who listen
        if self._server is not None:
            self._server.should_exit = True

    def stop(self) -> bool:
        """Harmless when it never started, or has ended. False where a route still hangs: only the end of the process
        ends it, and the interpreter would wait for its thread."""
        self.ask_to_stop()
        deadline_s = time.monotonic() + PATIENCE_S + 1
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S + 1)
        for thread in _left_behind():
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self.access.withdraw(os.getpid())
        return not (self._thread.is_alive() or _left_behind())

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve_once()
            except StorageProblem as problem:
                self._tell(problem.code, str(problem))
            except OSError as error:
                where = f"{self._settings.web.host} port {self._settings.web.port}"
                self._tell("cannot_listen", f"{where}: {error.strerror or type(error).__name__}")
            except (Exception, SystemExit) as error:  # noqa: BLE001  the page must never end the worker
                self._tell("unexpected", type(error).__name__)
            finally:
                self.started.clear()
            self._stopping.wait(AGAIN_S)

    def _tell(self, reason: str, detail: str) -> None:
        # Once aloud, then quietly: a port that stays taken must not fill the log.
        level = logging.DEBUG if reason == self._told else logging.WARNING
        self._told = reason
        events.log(_LOG, events.PAGE_UNAVAILABLE, level=level, reason=reason, detail=detail, again_s=AGAIN_S)

    def _serve_once(self) -> None:
        web = self._settings.web
        with bound(web.host, web.port) as listening:
            if self.access.make():
                events.log(_LOG, events.ACCESS_RENEWED, level=logging.WARNING, reason="others_could_read")
            self._server = self._made(listening)
            if self._stopping.is_set():
                return
            if not ip_address(listening.getsockname()[0]).is_loopback:
                events.log(
                    _LOG, events.PAGE_NOT_LOOPBACK, level=logging.WARNING, host=web.host, detail=_EXPOSED
                )
            # From here on who connects waits in line: it may be told before the first is answered.
            self.address = Address(url_of(web.host, listening.getsockname()[1]), os.getpid())
            self.access.announce(self.address)
            self._told = ""
            events.log(_LOG, events.PAGE_SERVED, url=self.address.url)
            self.started.set()
            self._server.run(sockets=[listening])

    def _made(self, listening: socket.socket) -> Server:
        import uvicorn

        from sync.entrypoints.api.app import create_app
        from sync.entrypoints.api.desk import Desk
        from sync.entrypoints.api.refusing import Allowed, own_names
        from sync.entrypoints.lines import Line

        web = self._settings.web
        allowed = Allowed.of(own_names(web.host, web.allowed_hosts), listening.getsockname()[1])
        desk = Desk(self._settings, self._database, self._clock, self.access, allowed, self._switch)
        app = create_app(desk)
        self._feed = app.state.feed
        config = uvicorn.Config(
            app,
            http=Line,  # h11: says what a request looks like in one place only, whatever else is installed
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="critical",  # its lines quote requests; ours do not
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_HEADERS_AT_MOST,
            timeout_graceful_shutdown=PATIENCE_S,
        )
        return uvicorn.Server(config)


def _left_behind() -> list[threading.Thread]:
    """The threads of routes whose server has ended. They are no daemons: the end of the process waits for them."""
    tasks = [(thread, getattr(thread, "root_task", None)) for thread in threading.enumerate()]
    return [thread for thread, task in tasks if task is not None and task.done()]


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there and nowhere else.

    Raises:
        OSError: the port is taken, or no such address is here.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # One of a name's addresses; where there are several, the one that everything understands.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    # Named as TCP: asyncio turns Nagle's algorithm off only then, and it would add 40 ms to each answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(host: str, port: int) -> str:
    """Where a browser of this machine finds what listens on `host`."""
    near = _ALL.get(host, host)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"
