"""A device with its page: outbox, worker and local server in threads of this process, the sandbox as its API.

What `fieldsync run` joins, joined without a process of its own, so that each test can have a fresh one.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Final, Self

from config.settings import load
from storage import guarded
from storage.queries import reading
from storage.signatures import read_signature
from sync import app
from sync.capture import ImageLimits, Input, capture, check_input
from sync.clock import Clock
from sync.entrypoints.server import LocalServer
from sync.sandbox.server import Sandbox
from sync.scheduler import Worker
from sync.visitor import Visitor, technician
from tests.support.builders import signature_png, unplanned_body
from tests.support.polling import eventually

OWNER: Final = "9"  # whom the sandbox's tokens name
_LIMITS: Final = ImageLimits(2**21, 4_000_000)


class SandboxSwitch:
    """The network of the test, as the page of the demo can throw it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def online(self) -> bool:
        return self._sandbox.is_online("api")

    def turn(self, *, online: bool) -> None:
        if online:
            self._sandbox.online()
        else:
            self._sandbox.offline()


class ServedDevice:
    """A context manager. `stop` and `start` in between are a worker that ends and comes back, on the same port."""

    def __init__(self, root: Path, sandbox: Sandbox, *, switch: bool = True, **settings: object) -> None:
        self.sandbox = sandbox
        self._switch = SandboxSwitch(sandbox) if switch else None
        self._clock = Clock()
        self.root = root / "outbox"
        tokens = sandbox.state.tokens
        self._environment = {
            "FIELDSYNC_STORAGE__DIR": str(self.root),
            "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
            "FIELDSYNC_API__BASE_URL": sandbox.api_url,
            "FIELDSYNC_API__TOKEN": tokens.bearer,
            "FIELDSYNC_API__SESSION_TOKEN": tokens.session,
            "FIELDSYNC_UPLOAD__ALLOW_INSECURE_LOOPBACK": "true",
            "FIELDSYNC_SYNC__INTERVAL_S": "1",
            "FIELDSYNC_SYNC__START_SPREAD_S": "0",
            "FIELDSYNC_SYNC__PROBE_CAP_S": "0.5",
            "FIELDSYNC_SYNC__BACKOFF_BASE_S": "0.2",
            "FIELDSYNC_SYNC__BACKOFF_CAP_S": "1",
            "FIELDSYNC_SYNC__SETTLE_S": "1",
            "FIELDSYNC_WEB__ENABLED": "true",
            "FIELDSYNC_WEB__PORT": "0",
            **{f"FIELDSYNC_{name}": str(value) for name, value in settings.items()},
        }
        self._broken: list[BaseException] = []

    def start(self, *, worker: bool = True) -> None:
        """Without `worker` nothing is sent; the page is there all the same."""
        self.settings = load(environ=self._environment)
        self.database = app.open_to_drain(self.settings.storage.dir, self._clock)
        self._server = LocalServer(self.settings, self.database, self._clock, switch=self._switch)
        self._server.start()
        assert self._server.started.wait(20), "the page did not come up"
        assert self._server.address is not None
        self.url = self._server.address.url
        # Who looked at the page goes on looking there after a restart.
        self._environment["FIELDSYNC_WEB__PORT"] = self.url.rpartition(":")[2]
        drain = app.build_drain(self.settings, self.database, self._clock)
        self._worker = Worker(
            self.database,
            drain,
            interval_s=self.settings.sync.interval_s,
            settle_s=self.settings.sync.settle_s,
            clock=self._clock,
        )
        self._drain = drain
        self._thread = threading.Thread(target=self._work, name="worker-of-test", daemon=True)
        if worker:
            self._thread.start()

    def stop(self) -> None:
        self._server.ask_to_stop()
        self._worker.stop()
        if self._thread.is_alive():
            self._thread.join(15)
        self._server.stop()
        self._drain.close()
        self.database.close()
        assert not self._broken, self._broken

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _work(self) -> None:
        try:
            self._worker.run()
        except BaseException as error:  # noqa: BLE001  told by `stop`, in the thread of the test
            self._broken.append(error)

    def link(self, visitor: Visitor | None = None) -> str:
        """A one-time link; for the technician of this device unless told otherwise."""
        code = self._server.access.new_link(visitor or technician(OWNER)).code.reveal()
        return f"{self.url}/open/{code}"

    def cookie(self, visitor: Visitor | None = None) -> dict[str, Any]:
        """The session of somebody who was let in, as a browser keeps it."""
        secret, _ = self._server.access.new_session(visitor or technician(OWNER))
        return {
            "name": self._server.access.cookie_name,
            "value": secret.reveal(),
            "url": self.url,
            "httpOnly": True,
            "sameSite": "Strict",
        }

    def bearer(self) -> dict[str, str]:
        """The header of a program."""
        return {"Authorization": f"Bearer {self._server.access.bearer().reveal()}"}

    def capture(self, seed: int = 1, *, owner: str | None = OWNER, **changes: Any) -> str:
        """One signed intervention through the front door; its id."""
        body = unplanned_body(**changes)
        given = Input("unplanned-preventive", json.dumps(body).encode(), signature_png(seed))
        checked = check_input(given, _LIMITS)
        new_id = app.new_id(self._clock)
        return capture(self.database, checked, clock=self._clock, new_id=new_id, owner=owner).id

    def states(self) -> dict[str, str]:
        """Every entry's state by its id."""
        with reading(self.database.folder) as reader:
            return {} if reader is None else {each["id"]: each["state"] for each in reader.entries()}

    def until(self, id: str, state: str, *, within_s: float = 30) -> None:
        eventually(lambda: self.states().get(id) == state, within_s=within_s)

    def image(self, id: str) -> bytes | None:
        """The signature as it is stored on the device; None when it has been let go after its delivery."""
        with self.database.read() as transaction:
            row = guarded.held(transaction, id=id)
        signature = None if row is None else read_signature(self.database, row.seq)
        return None if signature is None else signature.data

    def arrived_image(self, number: int = -1) -> bytes:
        """The signature as the server has it; by default of its newest record."""
        record = self.sandbox.state.records()[number]
        found = self.sandbox.state.objects.get(record["image_key"])
        assert found is not None, "nothing lies where the signature belongs"
        return found[1]
