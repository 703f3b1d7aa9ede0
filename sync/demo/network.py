"""The network between device and sandbox: a switch, thrown through the sandbox's control port.

The story throws it itself; beside the page of the demo it is the page's own switch.
"""

from __future__ import annotations

import json
from typing import Any

from sync.demo.asking import TIMEOUT_S, ask
from sync.demo.children import DemoBroken, wait_for


class Control:
    """The control port of a sandbox; it answers also while the API is offline."""

    def __init__(self, url: str) -> None:
        self._url = url

    def order(
        self, method: str, path: str, body: Any = None, *, known: tuple[int, ...] = (200, 201, 202)
    ) -> Any:
        """The document that it answers.

        Raises:
            DemoBroken: it answered something else, or nothing.
        """
        sent = None if body is None else json.dumps(body).encode()
        found = ask(method, self._url + path, sent)
        if found.status not in known:
            raise DemoBroken(f"the sandbox answered {found.status} to {path}: {found.body[:200]!r}")
        return found.document


class Network:
    """On or off, for API and storage together."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def online(self) -> bool:
        """Whether API and storage take connections."""
        return all(self._states())

    def turn(self, *, online: bool) -> None:
        """Returns when it is so.

        Raises:
            DemoBroken: it did not come about.
        """
        order = "online" if online else "offline"
        self._control.order("POST", f"/{order}", {})

        def switched() -> bool:
            return all(state is online for state in self._states())

        if not wait_for(switched, within_s=TIMEOUT_S):
            raise DemoBroken(f"the sandbox did not go {order}")

    def _states(self) -> list[bool]:
        return list(self._control.order("GET", "/state")["online"].values())
