"""The server's side of the story: the sandbox as a process of its own, seen and steered from outside."""

from __future__ import annotations

import json
import secrets
import socket
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sync.demo.asking import TIMEOUT_S, Found, ask
from sync.demo.children import Children, DemoBroken, wait_for
from sync.demo.comparison import Arrived
from sync.demo.network import Control, Network
from sync.payload import to_body
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.sandbox.objects import BUCKET
from sync.sandbox.signing import presign
from sync.sandbox.state import State

START_WITHIN_S: Final = 20.0


class Backend:
    """The sandbox of one demo. Everything it tells, it was asked for over HTTP."""

    def __init__(self, children: Children) -> None:
        self._children = children
        # The demo chose the seed, so it can sign reads of the storage itself, as the owner of the bucket would.
        self._seed = secrets.token_hex(16)
        self._process = children.start(
            "sandbox", "--honour-keys", "--json", "--seed", self._seed, log="sandbox"
        )
        self.environment: dict[str, str] = {}
        self._facts: dict[str, Any] = {}

    def ready(self) -> None:
        """Returns when it listens.

        Raises:
            DemoBroken: it did not start.
        """
        listening = wait_for(self._read_facts, within_s=START_WITHIN_S)
        if not listening:
            raise DemoBroken("the sandbox did not start", self._children.end_of_log("sandbox"))
        self.environment = dict(self._facts["environment"])
        self._control = Control(self.control_url)
        self._network = Network(self._control)

    def _read_facts(self) -> bool:
        text = self._children.output("sandbox")
        if text.endswith("\n"):
            self._facts = json.loads(text)
        elif self._process.poll() is not None:
            raise DemoBroken("the sandbox ended at its start", self._children.end_of_log("sandbox"))
        return bool(self._facts) and "environment" in self._facts

    @property
    def api_url(self) -> str:
        return str(self._facts["api_url"])

    @property
    def control_url(self) -> str:
        return str(self._facts["control_url"])

    def offline(self) -> None:
        """API and storage refuse connections from when this returns."""
        self._network.turn(online=False)

    def online(self) -> None:
        self._network.turn(online=True)

    def refuses(self) -> bool:
        """Whether a connection to the API is really refused, seen by trying one."""
        parts = urlsplit(self.api_url)
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=TIMEOUT_S):
                return False
        except ConnectionRefusedError:
            return True

    def disturb(self, fault: Fault) -> int:
        """Make something go wrong; answers the number to end it by."""
        wanted = {name: getattr(fault, name) for name in Fault.__dataclass_fields__}
        return int(self._control.order("POST", "/faults", wanted)["id"])

    def undisturb(self, number: int) -> None:
        self._control.order("DELETE", f"/faults/{number}", known=(200, 404))

    def refuse_company(self, number: int) -> None:
        """One customer the server does not know: what names it is refused for good."""
        message = f"companyId {number} is not a customer of this account"
        body = {"message": message, "field": "companyId"}
        self.disturb(faults.answer("unplanned", 422, when={"companyId": number}, body=body, times=None))

    def counters(self) -> dict[str, int]:
        return dict(self._control.order("GET", "/state")["counters"])

    def arrived(self) -> list[Arrived]:
        """Every record the server made, with the image that lies in the storage for it."""
        return [self._arrived(record) for record in self._control.order("GET", "/records")["records"]]

    def _arrived(self, record: dict[str, Any]) -> Arrived:
        image = self._image(record["image_key"])
        return Arrived(
            key=record["idempotency_key"],
            server_id=record["id"],
            body=to_body(record["body"]),
            body_sha256=record["body_sha256"],
            image=None if image is None else image.body,
            mime_type="" if image is None else image.content_type,
        )

    def image_url(self, key: str, method: str = "GET") -> str:
        """An address, signed for `method`, for an object of the storage."""
        url = f"{self._facts['store_url']}/{BUCKET}/{key}"
        signing_key = State(seed=self._seed).signing_key
        return presign(signing_key, url, method=method, now=datetime.now(UTC), lifetime_s=60)

    def _image(self, key: str) -> Found | None:
        found = ask("GET", self.image_url(key))
        return found if found.status == 200 else None
