"""What happens to one process at one exact step: it dies, stops, loses a claim, its clock jumps, its disk is full.

Only the torture's own child installs it, by wrapping four calls of the product: write transactions, the API send and
the upload. No setting and no variable can bring it about in `fieldsync` itself.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from storage import rehearsal
from storage.database import Database, Transaction
from storage.folder import StorageFolder
from storage.rehearsal import Theft
from sync import clock as clocks
from sync.clock import Clock, boot_id

# Where something can strike, in the order in which a delivery passes them.
COMMIT: Final = "commit"  # a write transaction is complete, and not yet committed
COMMITTED: Final = "committed"
POST: Final = "post"  # before connecting to the API
FIRST_BYTE: Final = "first-byte"  # connected, nothing written
POSTED: Final = "posted"  # the exchange with the API has ended, nobody knows of it yet
PUT: Final = "put"  # the receipt is stored, the upload has not begun
PUT_ENDED: Final = "put-ended"  # the upload has ended, nobody knows of it yet


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that happens when `at` is passed for the `number`-th time, and `times` times in a row.

    `do` is kill, stop, jump, steal or full; `theft` says how a claim is taken, `seconds` how far the clock jumps.
    """

    at: str
    do: str
    number: int = 1
    times: int = 1
    theft: str = Theft.TAKEN.value
    seconds: float = 0.0

    def hits(self, count: int) -> bool:
        return self.number <= count < self.number + self.times


@dataclass(frozen=True, slots=True)
class Plan:
    """All that happens to one process. `clock_s` is how far its clock is off from its start on."""

    strikes: tuple[Strike, ...] = ()
    clock_s: float = 0.0
    reboot: bool = False  # monotonic time of another boot

    def to_json(self) -> dict[str, Any]:
        strikes = [{name: getattr(each, name) for name in Strike.__slots__} for each in self.strikes]
        return {"strikes": strikes, "clock_s": self.clock_s, "reboot": self.reboot}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        strikes = tuple(Strike(**each) for each in value["strikes"])
        return cls(strikes, float(value["clock_s"]), bool(value["reboot"]))


class Fate:
    """Counts how often each point is passed, and lets the plan happen. What struck is written to `notes` first."""

    def __init__(self, plan: Plan, notes: Path) -> None:
        self._plan = plan
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._offset_s = plan.clock_s
        self._thief: Database | None = None
        self._boot = f"{boot_id()}-later" if plan.reboot else boot_id()

    def install(self) -> None:
        """From here on this process meets its fate."""
        import sync.transport
        import sync.upload

        self._watch_transactions()
        self._watch_sends(sync.transport.Transport)
        self._watch_uploads(sync.upload.Uploader)
        # Every command makes its clock itself, with this name, at the moment of its start.
        clocks.Clock = self._clock  # type: ignore[misc,assignment]

    def _clock(self) -> Clock:
        return Clock(
            now=lambda: datetime.now(UTC) + timedelta(seconds=self._offset_s),
            monotonic_s=time.monotonic,
            boot=lambda: self._boot,
        )

    def passes(self, point: str, id: str | None = None, transaction: Transaction | None = None) -> None:
        """This process passes `point`, with the entry `id` where it is about one."""
        with self._lock:
            self._counts[point] += 1
            count = self._counts[point]
        if id is not None:
            self._note({"at": point, "id": id})
        for strike in self._plan.strikes:
            if strike.at == point and strike.hits(count):
                self._strike(strike, id, transaction)

    def _strike(self, strike: Strike, id: str | None, transaction: Transaction | None) -> None:
        told = {"struck": strike.do, "at": strike.at, "id": id}
        if strike.do == "steal":
            assert id is not None, "a claim is stolen where it is about an entry"
            row = self._steal(id, Theft(strike.theft))
            self._note({**told, "theft": strike.theft, "row": row})
            return
        self._note(told)
        if strike.do == "kill":
            # No handler, no `finally`, no flush: as when the battery is pulled, but for the disk's own cache.
            os.kill(os.getpid(), signal.SIGKILL)
        elif strike.do == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif strike.do == "jump":
            self._offset_s += strike.seconds
        elif strike.do == "full":
            assert transaction is not None, "a disk is full where something is written"
            rehearsal.fill_up(transaction)

    def _steal(self, id: str, theft: Theft) -> dict[str, Any] | None:
        if self._thief is None:
            self._thief = Database(StorageFolder(Path(os.environ["FIELDSYNC_STORAGE__DIR"])))
        clock = self._clock()
        with self._thief.write() as transaction:
            now, mono_ms = clock.now_ms(), clock.monotonic_ms()
            return rehearsal.take_away(transaction, id, theft, now=now, mono_ms=mono_ms, boot=self._boot)

    def _note(self, note: Mapping[str, Any]) -> None:
        os.write(self._notes, json.dumps(note).encode() + b"\n")

    def _watch_transactions(self) -> None:
        whole = Database.write
        fate = self

        @contextmanager
        def write(database: Database) -> Iterator[Transaction]:
            if database is fate._thief:
                with whole(database) as transaction:
                    yield transaction
                return
            with whole(database) as transaction:
                yield transaction
                fate.passes(COMMIT, transaction=transaction)
            fate.passes(COMMITTED)

        Database.write = write  # type: ignore[method-assign,assignment]

    def _watch_sends(self, transport: Any) -> None:
        whole = transport.send

        def send(this: Any, request: Any, tokens: Any, *, before_first_byte: Callable[[], None]) -> Any:
            id = request.idempotency_key  # fixed at capture, and the same as the entry's id
            if not id:  # a look-up: it is about no claim
                return whole(this, request, tokens, before_first_byte=before_first_byte)

            def looked() -> None:
                self.passes(FIRST_BYTE, id)
                before_first_byte()

            self.passes(POST, id)
            exchange = whole(this, request, tokens, before_first_byte=looked)
            self.passes(POSTED, id)
            return exchange

        transport.send = send

    def _watch_uploads(self, uploader: Any) -> None:
        whole = uploader.put

        def put(this: Any, url: str, body: bytes, **named: Any) -> Any:
            id = self._entry_of(url)
            self.passes(PUT, id)
            exchange = whole(this, url, body, **named)
            self.passes(PUT_ENDED, id)
            return exchange

        uploader.put = put

    def _entry_of(self, url: str) -> str | None:
        database = Database(StorageFolder(Path(os.environ["FIELDSYNC_STORAGE__DIR"])))
        try:
            with database.read() as transaction:
                return rehearsal.entry_of_url(transaction, url)
        finally:
            database.close()
