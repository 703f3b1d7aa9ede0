"""The technician's side of the story: a storage folder of its own, real captures, and the worker that gets killed.

Looks are read-only and pass by the worker; what the story prints comes from the `fieldsync` commands themselves.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from storage.control import GATE, WORKER
from storage.database import Database
from storage.errors import StorageProblem
from storage.folder import StorageFolder
from storage.guarded import held
from storage.queries import reading
from storage.schema import open_database
from storage.signatures import read_signature
from storage.story import story
from sync.capture import ImageLimits, Input, capture, check_input
from sync.clock import Clock
from sync.demo.children import Children, DemoBroken, wait_for
from sync.demo.comparison import Kept, Taken
from sync.demo.local_api import LocalApi
from sync.demo.visits import Visit
from sync.ids import uuid7
from sync.local_access import Address, LocalAccess
from sync.payload import to_body
from sync.secret import Secret
from sync.token_claims import user_of
from sync.visitor import Visitor

COMMAND_WITHIN_S: Final = 20.0
START_WITHIN_S: Final = 20.0
KIND: Final = "unplanned-preventive"
_WITH_SWITCH: Final = "sync.entrypoints.cli.demo_worker"
_LIMITS: Final = ImageLimits(max_bytes=2 * 1024 * 1024, max_pixels=4_000_000)
# A demo has no time to wait like a fleet does. Everything else is as on a real device.
_HURRIED: Final = {
    "FIELDSYNC_STORAGE__RESERVE_MIB": "1",
    "FIELDSYNC_SYNC__INTERVAL_S": "1",
    "FIELDSYNC_SYNC__START_SPREAD_S": "0",
    "FIELDSYNC_SYNC__PROBE_CAP_S": "0.5",
    "FIELDSYNC_SYNC__BACKOFF_BASE_S": "0.2",
    "FIELDSYNC_SYNC__BACKOFF_CAP_S": "1",
    "FIELDSYNC_SYNC__CONCURRENCY": "3",
    "FIELDSYNC_SYNC__SETTLE_S": "1",
    # The sandbox honours the Idempotency-Key, so what was cut off may be sent again under its key.
    "FIELDSYNC_SYNC__IN_DOUBT": "key",
    "FIELDSYNC_WEB__ENABLED": "false",
}


class Device:
    """One tablet: its outbox, what was handed in on it, its worker."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self.folder = StorageFolder(children.folder / "outbox")
        self._handed_in = children.folder / "handed-in"
        self._handed_in.mkdir()
        self._clock = Clock()
        self._environment = {**_HURRIED, "FIELDSYNC_STORAGE__DIR": str(self.folder.root)}
        self._worker: subprocess.Popen[bytes] | None = None
        self.owner: str | None = None
        self.taken: list[Taken] = []

    def sign_in(self, environment: Mapping[str, str]) -> None:
        """The address of the API and tokens for it, which say who works here."""
        self._environment |= environment
        self.owner = user_of(Secret(environment["FIELDSYNC_API__SESSION_TOKEN"], remembered=False))

    def begin_capture(self, visit: Visit) -> subprocess.Popen[bytes]:
        """The installed command, as a person would run it."""
        data, image = self._hand_in(visit)
        order = ("capture", KIND, "--data", str(data), "--signature", str(image), "--json")
        return self._start(*order, log="capture")

    def end_capture(self, process: subprocess.Popen[bytes], visit: Visit) -> Taken:
        """What `begin_capture` came to."""
        answer = json.loads(self._finish(process, "capture"))
        return self._note(visit, answer["id"])

    def capture(self, visit: Visit) -> Taken:
        """The same front door, without the second that starting a process takes."""
        data, image = self._hand_in(visit)
        checked = check_input(Input(KIND, data.read_bytes(), image), _LIMITS)
        database = self._open()
        try:
            new_id = str(uuid7(self._clock.now_ms(), os.urandom))
            captured = capture(database, checked, clock=self._clock, new_id=new_id, owner=self.owner)
        finally:
            database.close()
        return self._note(visit, captured.id)

    def capture_over_http(self, visit: Visit, api: LocalApi) -> Taken:
        """As an app on the tablet hands it in."""
        return self._note(visit, api.capture(visit, KIND))

    def _hand_in(self, visit: Visit) -> tuple[Path, Path]:
        data = self._handed_in / f"visit-{visit.number:02d}.json"
        data.write_text(json.dumps(visit.data, ensure_ascii=False, indent=2), "utf-8")
        image = self._handed_in / visit.image_name
        image.write_bytes(visit.image)
        return data, image

    def _note(self, visit: Visit, id: str) -> Taken:
        told = self._told(id)
        taken = Taken(
            id=id,
            key=told["idempotency_key"],
            title=visit.title,
            expected=visit.expected,
            body=to_body(told["payload"]),
            image=visit.image,
            mime_type=visit.mime_type,
        )
        self.taken.append(taken)
        return taken

    def entries(self) -> list[dict[str, Any]]:
        """Every entry, oldest first, in the shape of `fieldsync list --json`."""
        with reading(self.folder) as reader:
            return [] if reader is None else reader.entries()

    def _told(self, id: str) -> dict[str, Any]:
        with reading(self.folder) as reader:
            if reader is None:
                raise DemoBroken("the outbox is not there")
            return story(reader, id)

    def found_no_network(self) -> bool:
        """Whether the worker has tried and now waits for the API to come back."""
        with reading(self.folder) as reader:
            facts = {} if reader is None else reader.control()
        return WORKER in facts and (facts.get(f"{GATE}api") or {}).get("mode") == "closed"

    def ask(self, *order: str) -> Any:
        """What the command says with --json."""
        return json.loads(self._finish(self._start(*order, "--json", log="asked"), "asked"))

    def start_worker(self) -> None:
        self._worker = self._start("run", log="worker")

    def start_worker_with_page(self, control_url: str | None = None) -> None:
        """The same with local API and page, on a free port; with `control_url` the page can switch that network off."""
        environment = {**self._environment, "FIELDSYNC_WEB__ENABLED": "true", "FIELDSYNC_WEB__PORT": "0"}
        if control_url is None:
            self._worker = self._children.start("run", log="worker", environment=environment)
        else:
            self._worker = self._children.start(
                control_url, log="worker", environment=environment, module=_WITH_SWITCH
            )

    def local_api(self) -> LocalApi:
        """The local API of the running worker. Raises: DemoBroken: it does not come up."""
        if not wait_for(
            lambda: self._address() is not None or not self.worker_runs(), within_s=START_WITHIN_S
        ):
            raise DemoBroken("the page did not come up", self.worker_log())
        address = self._address()
        if address is None:
            raise DemoBroken("the worker ended by itself", self.worker_log())
        return LocalApi(address.url, self._access().bearer().reveal())

    def name_places(self, reference_list: bytes) -> None:
        """What companies, sites and rules are called."""
        path = self._handed_in / "reference.csv"
        path.write_bytes(reference_list)
        self.ask("reference", "import", str(path))

    def link(self, visitor: Visitor) -> str:
        """A one-time link to the page. Raises: DemoBroken."""
        address = self._address()
        if address is None:
            raise DemoBroken("the page is not served", self.worker_log())
        return f"{address.url}/open/{self._access().new_link(visitor).code.reveal()}"

    def open_browser(self) -> None:
        """Let the installed command show the technician's page."""
        self._start("open", log="open")

    def _address(self) -> Address | None:
        """Where the worker that was started last answers."""
        found = self._access().address()
        running = self._worker is not None and found is not None and found.pid == self._worker.pid
        return found if running else None

    def _access(self) -> LocalAccess:
        return LocalAccess(self.folder, self.folder.marked_id() or "", now=self._clock.now)

    def worker_runs(self) -> bool:
        return self._worker is not None and self._worker.poll() is None

    def worker_log(self) -> str:
        return self._children.end_of_log("worker")

    def kill_worker(self) -> int:
        """SIGKILL: no goodbye, no last write. Answers the id of the process that was.

        Raises:
            DemoBroken: it had ended before.
        """
        worker = self._worker
        if worker is None or worker.poll() is not None:
            raise DemoBroken("the worker ended by itself", self.worker_log())
        self._children.kill(worker)
        if os.name == "posix" and worker.returncode != -signal.SIGKILL:
            raise DemoBroken("the worker ended by itself", self.worker_log())
        return worker.pid

    def stop_worker(self) -> None:
        """SIGTERM, as a service manager does it."""
        if self._worker is not None:
            self._children.stop(self._worker)

    def kept(self) -> dict[str, Kept]:
        """What lies on the device now, by entry. Signatures are read where they are still owed or needed."""
        found: dict[str, Kept] = {}
        database = self._open()
        try:
            for entry in self.entries():
                body = to_body(self._told(entry["id"])["payload"])
                found[entry["id"]] = Kept(entry["state"], body, self._image(database, entry["id"]))
        finally:
            database.close()
        return found

    def _image(self, database: Database, id: str) -> bytes | None:
        with database.read() as transaction:
            row = held(transaction, id=id)
        try:
            signature = None if row is None else read_signature(database, row.seq)
        except StorageProblem:
            return None
        return None if signature is None else signature.data

    def _open(self) -> Database:
        return open_database(self.folder, new_id=str(uuid4()), now=self._clock.now())

    def _start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        return self._children.start(*arguments, log=log, environment=self._environment)

    def _finish(self, process: subprocess.Popen[bytes], log: str) -> str:
        """The last line of what it printed."""
        try:
            process.wait(COMMAND_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise DemoBroken(f"a command of the demo took more than {COMMAND_WITHIN_S:.0f} s") from None
        finally:
            self._children.kill(process)
        lines = self._children.output(log).strip().split("\n")
        if process.returncode != 0 or not lines[-1]:
            raise DemoBroken(
                f"a command of the demo ended with {process.returncode}", self._children.end_of_log(log)
            )
        return lines[-1]
