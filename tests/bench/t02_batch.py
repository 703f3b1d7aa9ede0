"""T2: a batch, 100 captures a transaction, each item against the same rows written by hand (`raw_writer.py`).

The subject is `storage.outbox.put_in` for entries that lie ready; the baseline binds ready tuples in the same loop.
Both commit once a hundred. The second figure is what an import does with rows that are checked: it looks each id up,
writes and hashes the body and then puts the entry, so it has no aim of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count

from storage.outbox import NewEntry, put_in
from sync import app
from sync.capture import Checked, capture_in
from sync.clock import Clock
from tests.bench import workload
from tests.bench.raw_writer import RawWriter, Values, values_of
from tests.bench.rounds import in_turns
from tests.bench.rows import Ask, Figure, Row

BATCH = 100

_clock = Clock()
_numbers = count()


def measure(ask: Ask) -> Iterator[Figure]:
    rounds, times = ask.of(15, 1), ask.of(2, 1)
    acts = rounds * times + 1
    theirs = workload.open_outbox(ask.place / "theirs", _clock)
    theirs.close()
    with (
        closing(workload.open_outbox(ask.place / "ours", _clock)) as ours,
        closing(RawWriter(theirs.folder.database)) as raw,
    ):
        inputs = iter([_checked() for _ in range(acts)])
        batches = iter([_entries() for _ in range(acts)])
        ready: Iterator[list[Values]] = iter(
            [[values_of(new) for new in _entries()] for _ in range(2 * acts)]
        )

        def store() -> None:
            with ours.write() as transaction:
                for new in next(batches):
                    put_in(transaction, new)

        yield in_turns(
            "100 a transaction, an item",
            store,
            lambda: raw.put(next(ready)),
            rounds=rounds,
            times=times,
            limit=1.3,
            each=BATCH,
        )

        boot = _clock.boot()
        clock = replace(_clock, boot=lambda: boot)

        def take_in() -> None:
            with ours.write() as transaction:
                for checked in next(inputs):
                    assert checked.id is not None
                    capture_in(transaction, checked, clock=clock, new_id=checked.id, owner=None)

        yield in_turns(
            "as an import puts checked rows",
            take_in,
            lambda: raw.put(next(ready)),
            rounds=rounds,
            times=times,
            each=BATCH,
        )


def _entries() -> list[NewEntry]:
    return [workload.entry(next(_numbers), _clock) for _ in range(BATCH)]


def _checked() -> list[Checked]:
    return [replace(workload.checked(next(_numbers)), id=app.new_id(_clock)) for _ in range(BATCH)]


ROW = Row("T2", "batch import, 100 a transaction, an item against raw SQL", "<= 1.3x", measure)
