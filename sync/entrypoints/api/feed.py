"""What changed, found out once for all who listen: a thread looks at the database, and only while somebody does.

What it finds is published as one `News`, from which each listener takes what it was not told yet; who is behind that
reads the database. So nobody has a queue that could grow, and who does not read costs nothing but a place.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from storage import changes
from storage.database import Database
from storage.errors import StorageProblem
from storage.probe import data_version
from sync import events
from sync.entrypoints.api import event_lines
from sync.entrypoints.api.event_lines import event_id
from sync.entrypoints.api.news import REMEMBERED, News
from sync.visitor import Visitor

LOOK_S: Final = 0.3
HERE_S: Final = 15.0
# A drain changes something all the time, and where everything stands costs more to find out than what changed.
STATUS_S: Final = 1.0
# Who was let in is looked at again when they come back, which loses nothing.
LONGEST_S: Final = 600.0
MOST_LISTENERS: Final = 200
_PAGE: Final = 200

_LOG: Final = logging.getLogger(__name__)


class Feed:
    """For one outbox. `status` answers the document of `fieldsync status`; it may raise StorageProblem."""

    def __init__(
        self,
        database: Database,
        status: Callable[[], Mapping[str, Any]],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._database = database
        self._status = status
        self._monotonic_s = monotonic_s
        self._look_s = look_s
        self.longest_s = longest_s
        self._somebody = threading.Condition()
        self._asleep: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._thread: threading.Thread | None = None
        self.stopped = threading.Event()
        self.news: News | None = None
        self.looks = 0
        self._probe: Any = None
        self._version: int | None = None
        self._status_due = True
        self._disturbed = False
        self._status_s = self._sign_s = 0.0

    @property
    def listeners(self) -> int:
        return len(self._asleep)

    @contextmanager
    def heard(self, wake: asyncio.Event) -> Iterator[None]:
        """Look while this lasts, and set `wake`, an event of the running loop, when there may be something new."""
        with self._somebody:
            self._asleep[wake] = asyncio.get_running_loop()
            if self._thread is None and not self.stopped.is_set():
                self._thread = threading.Thread(target=self._watch, name="feed", daemon=True)
                self._thread.start()
            self._somebody.notify()
        try:
            yield
        finally:
            with self._somebody:
                del self._asleep[wake]

    def stop(self) -> None:
        """Let every listener go, and look no more; from any thread or a signal handler, and returns at once."""
        self.stopped.set()
        with self._somebody:
            self._somebody.notify()
        self._wake()

    def _watch(self) -> None:
        try:
            while not self.stopped.is_set():
                with self._somebody:
                    if not self._asleep:
                        self._forget()
                        self._somebody.wait_for(lambda: self._asleep or self.stopped.is_set())
                more = not self.stopped.is_set() and self.look()
                if not more:
                    self.stopped.wait(self._look_s)
        finally:
            self._forget()

    def look(self) -> bool:
        """One look for all; whether there is more to read at once. What cannot be read is looked for again."""
        self.looks += 1
        before = self.news
        more = False
        try:
            with self._database.translated():
                more = self._read()
            self._look_at_status()
            self._disturbed = False
        except Exception as error:  # noqa: BLE001  it is told; those who listen must not wait for a thread that ended
            self._tell_trouble(error)
            self._forget()
        self._give_sign()
        if self.news is not before:
            self._wake()
        return more

    def _read(self) -> bool:
        if self._probe is None:
            self._probe, self._version = self._database.probe(), None
        version = data_version(self._probe)
        if version == self._version and self.news is not None:
            return False
        # The version first: what is committed between the two is seen now, and looked for once more.
        self._version, self._status_due = version, True
        if self.news is None:
            newest = changes.ends(self._probe).newest
            self.news = News(changes.numbering(self._probe), newest, newest)
            return False
        found = changes.after(self._probe, self.news.newest, REMEMBERED)
        if found:
            numbering = self.news.numbering
            self.news = self.news.grown([event_lines.told(numbering, each) for each in found])
        if len(found) == REMEMBERED:
            self._version = None
            return True
        return False

    def _look_at_status(self) -> None:
        now_s = self._monotonic_s()
        rested_s = now_s - self._status_s
        assert self.news is not None
        first = self.news.status is None
        if not first and not (rested_s >= HERE_S or (self._status_due and rested_s >= STATUS_S)):
            return
        self._status_s, self._status_due = now_s, False
        data = event_lines.status_data(self._status())
        if data != self.news.status:
            self.news = replace(self.news, status=data)

    def _tell_trouble(self, error: Exception) -> None:
        """Once, not at every look, until it is over."""
        if not self._disturbed:
            reason = error.code if isinstance(error, StorageProblem) else type(error).__name__
            events.log(_LOG, events.FEED_DISTURBED, level=logging.WARNING, reason=reason)
        self._disturbed = True

    def _give_sign(self) -> None:
        now_s = self._monotonic_s()
        if self.news is not None and now_s - self._sign_s >= HERE_S:
            self._sign_s = now_s
            self.news = replace(self.news, signs=self.news.signs + 1)

    def _forget(self) -> None:
        """Nobody listens, or the database could not be read: begin anew, with nothing remembered."""
        if self._probe is not None:
            with suppress(Exception):
                self._probe.close()
        self._probe, self.news = None, None

    def _wake(self) -> None:
        asleep: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}
        with self._somebody:
            for wake, loop in self._asleep.items():
                asleep.setdefault(loop, []).append(wake)
        for loop, wakes in asleep.items():
            with suppress(RuntimeError):  # the loop has ended, and who listened in it
                loop.call_soon_threadsafe(_set_all, wakes)

    def opening(self, id: str | None) -> tuple[int, str, bytes]:
        """Where a listener with this last id begins: number, numbering, and what to tell it first. Reads the database.

        Raises:
            StorageProblem: it cannot be read now.
        """
        with self._database.read() as transaction:
            numbering, ends = changes.numbering(transaction.cursor), changes.ends(transaction.cursor)
        if not id:
            return ends.newest, numbering, b""
        known = event_lines.read_id(id)
        if known is None or known[0] != numbering or known[1] > ends.newest:
            why = "unknown"
        elif known[1] < ends.oldest - 1:
            why = "too_old"
        else:
            return known[1], numbering, b""
        return ends.newest, numbering, event_lines.reset(why, event_id(numbering, ends.newest))

    def page(self, seq: int, visitor: Visitor) -> tuple[int, bytes]:
        """Some changes after `seq` from the database, for who is behind the news: up to which number, and the events.

        Raises:
            StorageProblem: it cannot be read now.
        """
        with self._database.read() as transaction:
            numbering, ends = changes.numbering(transaction.cursor), changes.ends(transaction.cursor)
            found = changes.after(transaction.cursor, seq, _PAGE)
        if seq < ends.oldest - 1:
            return ends.newest, event_lines.reset("too_old", event_id(numbering, ends.newest))
        text = b"".join(event_lines.told(numbering, each).text for each in found if visitor.sees(each.owner))
        return (found[-1].seq if found else seq), text


def _set_all(wakes: list[asyncio.Event]) -> None:
    for wake in wakes:
        wake.set()
