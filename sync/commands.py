"""What a person may order, whoever passes the order on: resync, pause, resume, and following a pass.

Orders write rows and a wake flag; they need no drain lock and are safe beside a running worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from storage import control, doubts, orders, waits
from storage.database import Database
from storage.locks import FileLock, Holder
from storage.queries import Reader
from sync.clock import Clock
from sync.holds import pause_queue

_BATCH: Final = 200
PERSON: Final = "person"
SENT_TWICE: Final = (
    "It goes on from here. Where its bundle was imported on another device, that one sends it as well, and the server "
    "gets it twice."
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries a resync is about; none named and nothing else: the waits of all.

    `force` also lets go on what was handed over to another device.
    """

    ids: tuple[str, ...] = ()
    all: bool = False
    states: tuple[str, ...] = ()
    reason: str | None = None
    kinds: tuple[str, ...] = ()
    force: bool = False

    @property
    def named(self) -> bool:
        return bool(self.ids or self.all or self.states or self.reason or self.kinds)


@dataclass(slots=True)
class Resynced:
    """What a resync did, in the shape of `resync --json`. `taken_back`: ids that another device may be sending too."""

    hastened: int = 0
    released: int = 0
    requeued: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)
    drain: str = "none"

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "hastened": self.hastened,
            "released": self.released,
            "requeued": self.requeued,
            "skipped": self.skipped,
            "warnings": [
                {"id": id, "code": "may_be_sent_twice", "message": SENT_TWICE} for id in self.taken_back
            ],
            "drain": self.drain,
        }


def worker(database: Database) -> Holder | None:
    """The running worker of this outbox, if there is one."""
    return FileLock.holder(database.folder.worker_lock)


def resync(
    database: Database,
    selection: Selection,
    clock: Clock,
    *,
    dry_run: bool = False,
    only: str | None = None,
) -> Resynced:
    """Forget waits and go now; with a selection also release what is parked and requeue what is dead.

    `only` narrows a selection to the entries of one owner, "" to those that are nobody's.
    """
    done = Resynced(drain="none" if worker(database) is None else "worker")
    selected = _selected(database, selection, only)
    for first in range(0, len(selected), _BATCH):
        with database.write() as transaction:
            for id in selected[first : first + _BATCH]:
                ordered = orders.resync(
                    transaction, id, now=clock.now_ms(), dry_run=dry_run, force=selection.force
                )
                if ordered.did == "skipped":
                    done.skipped.append({"id": id, "why": ordered.why})
                else:
                    setattr(done, ordered.did, getattr(done, ordered.did) + 1)
                    if ordered.why:
                        done.taken_back.append(id)
    with database.write() as transaction:
        if not selection.named:
            done.hastened = waits.forget_waits(transaction, dry_run=dry_run)
            if not dry_run:
                doubts.hasten_looks(transaction)
        if not dry_run:
            control.wake(transaction, now=clock.now_ms(), forced=True)
    return done


def _selected(database: Database, selection: Selection, only: str | None) -> list[str]:
    if not selection.named:
        return []
    with database.read() as transaction:
        reader = Reader(transaction.cursor)
        if selection.ids:
            return [reader.resolve(suffix, owner=only) for suffix in dict.fromkeys(selection.ids)]
        return reader.ids_for_resync(selection.states, selection.reason, selection.kinds, only)


def pause(database: Database, reason: str | None, clock: Clock) -> bool:
    """Hold the whole queue; whether it was not held before."""
    with database.write() as transaction:
        before = control.get(transaction, control.PAUSE)
        pause_queue(transaction, PERSON, reason, clock.now())
        control.wake(transaction, now=clock.now_ms())
        return before is None


def resume(database: Database, clock: Clock) -> bool:
    """Let the queue go on, whoever held it; whether it was held."""
    with database.write() as transaction:
        was_held = control.clear(transaction, control.PAUSE)
        control.clear(transaction, control.REJECTIONS)
        control.wake(transaction, now=clock.now_ms())
        return was_held


def ask_worker(database: Database, clock: Clock, *, forced: bool) -> int:
    """Ask the running worker for a pass now; answers the number that `follow` waits for."""
    with database.write() as transaction:
        return control.wake(transaction, now=clock.now_ms(), forced=forced)


class WorkerSilent(Exception):
    """The worker holds its lock and does nothing: it is stopped, or hangs."""


def follow(
    database: Database,
    number: int,
    progress: Callable[[dict[str, Any]], None],
    *,
    silent_after_s: float = 75.0,  # more than two of the worker's beats
    poll_s: float = 0.1,
) -> dict[str, Any] | None:
    """Wait until the worker has finished a pass that saw our wish; its report, or None when the worker has gone.

    Raises:
        WorkerSilent: it gave no sign of life for too long.
    """
    seen: Any = None
    quiet_since_s = time.monotonic()
    while True:
        with database.read() as transaction:
            report = control.get(transaction, control.REPORT)
            beat = control.get(transaction, control.WORKER)
        if report and report["wake"] >= number and not report["running"]:
            result: dict[str, Any] = report["report"]
            return result
        if worker(database) is None:
            return None
        if (report, beat) != seen:
            seen = (report, beat)
            quiet_since_s = time.monotonic()
            if report and report["running"] and report["report"]:
                progress(report["report"])
        elif time.monotonic() - quiet_since_s > silent_after_s:
            raise WorkerSilent
        time.sleep(poll_s)
