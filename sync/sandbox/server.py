"""Runs the stand-in: two loopback ports (API, signature storage) and a third for control, in a thread or a process.

`Sandbox` is for code in the same process, `run` for a command. A server that is offline refuses connections; its
port stays reserved, so that it comes back under the same address.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from sync.sandbox.app import ApiServer, make_app
from sync.sandbox.control import make_control, make_control_app
from sync.sandbox.faultbook import FaultBook
from sync.sandbox.front import App, Front
from sync.sandbox.listener import Listener
from sync.sandbox.objects import BUCKET
from sync.sandbox.options import Options
from sync.sandbox.state import State, utc_now
from sync.sandbox.store import Store

PATIENCE_S = 10.0
T = TypeVar("T")


class Sandbox:
    """The stand-in in threads of this process; also a context manager.

    `state` and `faults` may be used from any thread at any time. With port 0 a free one is taken.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        api_port: int = 0,
        store_port: int = 0,
        control_port: int = 0,
        base_path: str = "/main",
        seed: str = "0",
        first_id: int = 1001,
        clock: Callable[[], datetime] = utc_now,
        options: Options | None = None,
        log_limit: int = 10_000,
    ) -> None:
        self.state = State(seed=seed, clock=clock, first_id=first_id, options=options, log_limit=log_limit)
        self.faults = FaultBook()
        self._host, self._base_path = host, base_path
        self._ports = {"api": api_port, "store": store_port, "control": control_port}
        self._listeners: dict[str, Listener] = {}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._switching: set[asyncio.Task[None]] = set()

    @property
    def api_url(self) -> str:
        return self._url("api") + self._base_path

    @property
    def store_url(self) -> str:
        return self._url("store")

    @property
    def control_url(self) -> str:
        return self._url("control") + "/_sandbox"

    def _url(self, which: str) -> str:
        return f"http://{self._host}:{self._listeners[which].port}"

    def describe(self) -> dict[str, Any]:
        """What a client needs, and where control is."""
        return {
            "api_url": self.api_url,
            "store_url": self.store_url,
            "control_url": self.control_url,
            "bucket": BUCKET,
            "token": self.state.tokens.bearer,
            "session_token": self.state.tokens.session,
        }

    def start(self) -> Sandbox:
        """Returns when all ports answer. Raises OSError when a port is taken."""
        assert self._thread is None, "it runs already"
        # Not Windows' default loop, which cannot watch a socket for us.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        running = threading.Event()
        self._loop.call_soon(running.set)
        self._thread.start()
        running.wait()  # on a busy machine the loop may take its time
        try:
            self._call(self._open())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Cuts all connections, gives the ports back, ends the thread. Harmless when it does not run."""
        if self._thread is None or self._loop is None:
            return
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()
        self._thread = self._loop = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def offline(self, which: str = "both") -> None:
        """`api`, `store` or `both` refuse connections from now on; open ones are reset."""
        for name in _chosen(which):
            self._call(self._listeners[name].close())

    def online(self, which: str = "both") -> None:
        """Back under the same address."""
        for name in _chosen(which):
            self._call(self._reopen(name))

    def is_online(self, which: str) -> bool:
        return self._listeners[which].online

    def switch_soon(self, which: str, *, online: bool, for_s: float | None = None) -> None:
        """For the control routes, which run on the loop and have to send their answer first."""
        task = asyncio.get_running_loop().create_task(self._switch(self._listeners[which], online, for_s))
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)

    async def _switch(self, listener: Listener, online: bool, for_s: float | None) -> None:
        await asyncio.sleep(0.05)
        if online:
            listener.open()
        else:
            await listener.close()
        if for_s is not None:
            await asyncio.sleep(for_s)
            listener.open()

    def reset(self) -> None:
        """As after the start: nothing recorded, no faults, both servers online; addresses and ids go on."""
        self.faults.clear()
        self.state.reset()
        self.online()

    async def _open(self) -> None:
        control = make_control(self.state, self.faults, self)
        api = make_app(self.state, base_path=self._base_path, store_url=lambda: self.store_url, extra=control)
        apps: dict[str, App] = {
            "api": Front("api", ApiServer(api), self.state, self.faults, api),
            "store": Front("store", Store(self.state), self.state, self.faults, None),
            "control": make_control_app(control),
        }
        for name, app in apps.items():
            self._listeners[name] = Listener(app, self._host, self._ports[name])
        for listener in self._listeners.values():
            listener.open()

    async def _reopen(self, which: str) -> None:
        self._listeners[which].open()

    async def _shut(self) -> None:
        for listener in self._listeners.values():
            await listener.shut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A few rounds of the loop: transports tell their end in the next one, and must have by the time it closes.
        for _ in range(5):
            await asyncio.sleep(0)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or not self._loop.is_running():
            work.close()
            raise RuntimeError("the sandbox does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)


def run(
    host: str = "127.0.0.1",
    api_port: int = 0,
    store_port: int = 0,
    ready: Callable[[dict[str, Any]], None] = lambda _: None,
    *,
    control_port: int = 0,
    seed: str | None = None,
    first_id: int | None = None,
    options: Options | None = None,
    stop: threading.Event | None = None,
) -> None:
    """The stand-in as a process: until SIGINT, SIGTERM, or `stop` is set. Prints nothing; calls `ready` once.

    Without a seed its keys are new each time; without `first_id` the ids begin where no earlier run's ended, so
    that a client's database can outlive it. Raises OSError when a port is taken.
    """
    ended = stop or threading.Event()
    sandbox = Sandbox(
        host=host,
        api_port=api_port,
        store_port=store_port,
        control_port=control_port,
        seed=seed if seed is not None else secrets.token_hex(16),
        first_id=first_id if first_id is not None else int(utc_now().timestamp()),
        options=options,
    )
    with sandbox, _ended_by_signals(ended):
        ready(sandbox.describe())
        # In pieces: a wait without a limit cannot be interrupted by a signal on every system.
        while not ended.wait(0.5):
            pass


@contextlib.contextmanager
def _ended_by_signals(ended: threading.Event) -> Any:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _chosen(which: str) -> tuple[str, ...]:
    if which not in {"api", "store", "both"}:
        raise ValueError("which must be api, store or both")
    return ("api", "store") if which == "both" else (which,)
