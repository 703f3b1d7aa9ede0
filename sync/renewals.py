"""Fresh tokens while a pass goes on: the sign-in command runs beside it, for a few owners at a time.

What it printed is stored as `auth set` would store it; what became of that is written down by the drain.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore, Event, Thread
from typing import Final, Protocol

from sync.auth_command import FAILED, REFUSED, CommandFailed
from sync.credentials import TokensRefused
from sync.secret import Secret, redact

_AT_ONCE: Final = 4
_ENDS_WITHIN_S: Final = 5.0


class Command(Protocol):
    """What gets fresh tokens; `AuthCommand` is the real one."""

    def run(self, owner: str | None, stop: Event) -> tuple[Secret, Secret]: ...


@dataclass(frozen=True, slots=True)
class Renewed:
    """How one run ended. `reason` is empty where new tokens are stored now; `said` adds words that are no secret."""

    owner: str | None
    reason: str = ""
    said: str = ""


class Renewals:
    """The runs of one process. `store` keeps a pair for an owner, and raises `TokensRefused` or OSError."""

    def __init__(self, command: Command, store: Callable[[str | None, Secret, Secret], None]) -> None:
        self._command = command
        self._store = store
        self._threads: list[Thread] = []
        self._turns = BoundedSemaphore(_AT_ONCE)
        self._ended: queue.SimpleQueue[Renewed] = queue.SimpleQueue()
        self._stop = Event()
        self._under_way = 0

    @property
    def under_way(self) -> bool:
        """Whether a run is not over, or its end was not collected."""
        return self._under_way > 0

    def start(self, owner: str | None) -> None:
        """Have the command run for this owner."""
        self._under_way += 1
        self._threads = [each for each in self._threads if each.is_alive()]
        thread = Thread(target=self._work, args=(owner, self._stop), name="renew-tokens", daemon=True)
        self._threads.append(thread)
        thread.start()

    def collect(self) -> list[Renewed]:
        """The runs that have ended since the last time. Waits for none."""
        found: list[Renewed] = []
        while not self._ended.empty():
            found.append(self._ended.get())
        self._under_way -= len(found)
        return found

    def stop(self) -> None:
        """End every run, and all that it started, now. They are over when they can be collected."""
        self._stop.set()
        self._stop = Event()

    def end(self) -> None:
        """As `stop`, and wait until it is done."""
        self.stop()
        for thread in self._threads:
            thread.join(_ENDS_WITHIN_S)

    def _work(self, owner: str | None, stop: Event) -> None:
        with self._turns:
            try:
                self._ended.put(self._run(owner, stop))
            except BaseException as error:  # noqa: BLE001  nobody else could catch it, and the pass would wait for ever
                self._ended.put(Renewed(owner, FAILED, redact(f"{type(error).__name__}: {error}")[:200]))

    def _run(self, owner: str | None, stop: Event) -> Renewed:
        try:
            bearer, session = self._command.run(owner, stop)
        except CommandFailed as failed:
            return Renewed(owner, failed.reason, failed.said)
        try:
            self._store(owner, bearer, session)
        except TokensRefused as refused:
            return Renewed(owner, REFUSED, str(refused))
        except OSError as error:
            return Renewed(owner, FAILED, error.strerror or type(error).__name__)
        return Renewed(owner)
