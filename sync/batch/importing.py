"""Takes rows into the outbox, a hundred in one transaction: good ones are kept, bad ones are written to the rejects.

Memory holds one transaction's rows and never the file. What is counted is durable: whatever ends an import early, the
same import again adds what is missing and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from storage import batches
from storage.database import Database, Transaction
from storage.errors import IdConflict
from storage.reserve import keep_reserve
from sync.batch.dry_run import DryRun
from sync.batch.images import ImageFolder
from sync.batch.names import Names
from sync.batch.preparing import Defaults, Prepared, prepare
from sync.batch.rejects import Takes
from sync.batch.row import Row
from sync.batch.tally import Tally
from sync.capture import Captured, ImageLimits, capture_in
from sync.clock import Clock
from sync.clock_jump import present_offset_s
from sync.errors import InputRefused, Problem

ROWS_AT_ONCE: Final = 100
# Large images make the transactions smaller, not the memory larger.
BYTES_AT_ONCE: Final = 16 * 1024 * 1024
# A row may hold a megabyte of mistakes; nobody reads more of them.
MOST_PROBLEMS: Final = 50
_TICK: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """How this import goes. `dry_run`: everything but keeping it."""

    limits: ImageLimits
    defaults: Defaults
    reserve_bytes: int
    dry_run: bool = False


class _Undone(Exception):
    """Ends the transaction of a dry run."""


@dataclass(slots=True)
class _Group:
    """The rows of one transaction, and what was refused among them."""

    rows: list[Prepared] = field(default_factory=list)
    refused: list[tuple[int, str | None, tuple[Problem, ...]]] = field(default_factory=list)
    size_bytes: int = 0
    last_line: int = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.refused)


class Import:
    """One import into `database`. `tally` is true at any moment, also when `run` was left by an exception."""

    def __init__(
        self, database: Database, rejects: Takes, images: ImageFolder, rules: Rules, clock: Clock
    ) -> None:
        self.tally = Tally()
        self._database = database
        self._rejects = rejects
        self._images = images
        self._rules = rules
        self._wall = clock
        boot = clock.boot()
        self._clock = replace(clock, now=self._now, boot=lambda: boot)
        self._names = Names(self._knows)
        self._moment: datetime | None = None
        self._dry_run = DryRun(clock.now_ms()) if rules.dry_run else None
        with database.read() as transaction:
            self._offset_s = present_offset_s(transaction, clock)
            self._before = batches.newest(transaction)

    def run(self, rows: Iterable[Row], *, stopped: Callable[[], bool], told: Callable[[Tally], None]) -> None:
        """Take rows until there are no more, or `stopped` says so; `told` hears of each transaction that is durable.

        Raises:
            StorageProblem: the outbox takes no more at the moment. What `tally` counts is in it.
            SourceLost, RejectsLost: a file cannot be read or written any further.
        """
        group = _Group()
        for row in rows:
            if stopped():
                return
            self._prepare(row, group)
            if len(group) >= ROWS_AT_ONCE or group.size_bytes >= BYTES_AT_ONCE:
                self._store(group)
                told(self.tally)
                group = _Group()
        if len(group):
            self._store(group)
            told(self.tally)

    def _prepare(self, row: Row, group: _Group) -> None:
        group.last_line = row.line
        rules = self._rules
        try:
            prepared = prepare(
                row, self._names, images=self._images, limits=rules.limits, defaults=rules.defaults
            )
        except InputRefused as refusal:
            self._refuse(row, refusal.problems, group)
            return
        assert prepared.checked.id is not None, "a prepared row has an id"
        self._names.coming(prepared.checked.id)
        group.rows.append(prepared)
        group.size_bytes += prepared.size_bytes

    def _refuse(self, row: Row, problems: tuple[Problem, ...], group: _Group) -> None:
        if len(problems) > MOST_PROBLEMS:
            more = f"The row has {len(problems)} problems; these are the first. Is it the right file?"
            problems = (*problems[:MOST_PROBLEMS], Problem("$", "more_problems", more))
        group.refused.append((row.line, row.id, problems))
        if row.id is not None:
            self._names.refuse(row.id, row.line)

    def _store(self, group: _Group) -> None:
        results: list[tuple[Prepared, Captured, bool]] = []
        if group.rows:
            if self._dry_run is None:
                keep_reserve(self._database.folder, self._rules.reserve_bytes)
            try:
                with self._database.write() as transaction:
                    for prepared in group.rows:
                        self._put(transaction, prepared, group, results)
                    if self._dry_run is not None:
                        raise _Undone
            except _Undone:
                pass
        # From here on it is durable.
        tally = self.tally
        for prepared, captured, again in results:
            self._count(prepared.row.line, captured, again)
        tally.rejected += len(group.refused)
        tally.rows += len(results) + len(group.refused)
        tally.last_line = group.last_line
        self._names.stored()
        for line, id, problems in sorted(group.refused, key=lambda each: each[0]):
            tally.show(line, problems)
            self._rejects.add(line, id, problems)

    def _put(
        self,
        transaction: Transaction,
        prepared: Prepared,
        group: _Group,
        results: list[tuple[Prepared, Captured, bool]],
    ) -> None:
        """Put one row, or refuse it; the others of the transaction are not touched by that."""
        try:
            for parent in prepared.parents:
                if problem := self._names.refused(parent):
                    raise InputRefused([problem])
            captured = self._captured(transaction, prepared)
        except InputRefused as refusal:
            self._refuse(prepared.row, refusal.problems, group)
        except IdConflict as conflict:
            self._refuse(prepared.row, (Problem("$.id", conflict.code, str(conflict)),), group)
        else:
            # An id that this very import has made: two rows of the file are one entry.
            again = captured.duplicate and (batches.place(transaction, captured.id) or 0) > self._before
            results.append((prepared, captured, again))

    def _captured(self, transaction: Transaction, prepared: Prepared) -> Captured:
        checked = prepared.checked
        assert checked.id is not None, "a prepared row has an id"
        if self._dry_run is not None:
            parents = (parent.entry for parent in prepared.parents)
            self._dry_run.stand_in(transaction, (checked.id, *parents))
        captured = capture_in(
            transaction,
            checked,
            clock=self._clock,
            new_id=checked.id,
            owner=prepared.given.owner,
            clock_offset_s=self._offset_s,
        )
        if self._dry_run is not None and not captured.duplicate:
            self._dry_run.remember(prepared)
        return captured

    def _now(self) -> datetime:
        """A moment of its own for each row, or each would search for one past all those before it."""
        now = self._wall.now()
        if self._moment is not None:
            now = max(now, self._moment + _TICK)
        self._moment = now
        return now

    def _knows(self, id: str) -> bool:
        if self._dry_run is not None and self._dry_run.knows(id):
            return True
        with self._database.read() as transaction:
            return batches.place(transaction, id) is not None

    def _count(self, line: int, captured: Captured, again: bool) -> None:
        tally = self.tally
        if captured.duplicate:
            tally.duplicates += 1
        else:
            tally.captured += 1
        if again:
            message = "The same intervention stands in the file more than once; it was captured once."
            tally.warn("equal_rows", message, line)
        for warning in captured.warnings:
            tally.warn(warning["code"], warning["message"], line)
