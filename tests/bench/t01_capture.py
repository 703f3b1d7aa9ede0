"""T1: one capture a transaction, against the same rows written by hand (`raw_writer.py`), and its syncs counted.

The subject is `sync.capture.capture` from checked input to the committed entry: reserve, row, payload, transaction.
Reading and checking the input (JSON, image) is not in it, because the baseline has none; a line of its own says what
it costs. With a slow disk simulated, every sync of either side takes 5 ms longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

from storage import outbox
from sync import app
from sync.capture import capture
from sync.clock import Clock
from tests.bench import workload
from tests.bench.raw_writer import RawWriter, values_of
from tests.bench.rounds import in_turns, timed_s
from tests.bench.rows import Ask, Figure, Row
from tests.support.fsyncs import Sync, counted_syncs

RESERVE_BYTES = 32 * 1024 * 1024
SLOW_SYNC_S = 0.005

_clock = Clock()
_numbers = count()


def measure(ask: Ask) -> Iterator[Figure]:
    rounds, times = ask.of(30, 2), ask.of(20, 2)
    with ExitStack() as stack:
        store, put, raw = _sides(stack, ask.place / "plain", rounds * times + 1)
        yield in_turns(
            "capture, p50",
            store,
            raw,
            rounds=rounds,
            times=times,
            limit=1.5,
            note="from checked input to the committed entry, reserve and payload included",
        )
    with ExitStack() as stack:
        store, put, raw = _sides(stack, ask.place / "put", rounds * times + 1)
        yield in_turns("storage.outbox.put alone, p50", put, raw, rounds=rounds, times=times)
    slow_rounds, slow_times = ask.of(10, 2), ask.of(10, 2)
    with ExitStack() as stack:
        stack.enter_context(counted_syncs(lambda _: time.sleep(SLOW_SYNC_S)))
        store, put, raw = _sides(stack, ask.place / "slow", slow_rounds * slow_times + 1)
        yield in_turns(
            "capture with 5 ms a sync, p50", store, raw, rounds=slow_rounds, times=slow_times, limit=1.15
        )
    yield _syncs(ask)
    took_s = sorted(timed_s(lambda: workload.checked(next(_numbers))) for _ in range(ask.of(100, 3)))
    yield Figure("reading and checking the input, p50", subject=took_s[len(took_s) // 2] * 1000)


def _sides(
    stack: ExitStack, place: Path, most: int
) -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
    """One act each: a capture, a put of a ready entry, and the same by hand in a database of its own."""
    ours = stack.enter_context(closing(workload.open_outbox(place / "ours", _clock)))
    theirs = workload.open_outbox(place / "theirs", _clock)
    theirs.close()
    raw = stack.enter_context(closing(RawWriter(theirs.folder.database)))
    # Input for each act lies ready: what is timed is the storing.
    inputs = iter([workload.checked(next(_numbers)) for _ in range(most)])
    entries = iter([workload.entry(next(_numbers), _clock) for _ in range(most)])
    rows = iter([[values_of(workload.entry(next(_numbers), _clock))] for _ in range(most)])

    def store() -> object:
        return capture(
            ours,
            next(inputs),
            clock=_clock,
            new_id=app.new_id(_clock),
            owner=None,
            reserve_bytes=RESERVE_BYTES,
        )

    return store, lambda: outbox.put(ours, next(entries)), lambda: raw.put(next(rows))


def _syncs(ask: Ask) -> Figure:
    """How many syncs each of many captures asked for; the first is left out, which opens the log."""
    captures = ask.of(100, 5)
    with counted_syncs() as syncs, ExitStack() as stack:
        store, _, raw = _sides(stack, ask.place / "counted", captures + 1)
        ours = _counted(store, captures, syncs)
        theirs = _counted(raw, captures, syncs)
    exact = all(number == 1 for number in ours)
    return Figure(
        "syncs a capture",
        sum(ours) / captures,
        sum(theirs) / captures,
        "",
        sum(ours) / sum(theirs),
        limit=1.0,
        met=exact,
        note=f"{sum(number == 1 for number in ours)} of {captures} captures asked for exactly 1",
    )


def _counted(act: Callable[[], object], times: int, syncs: list[Sync]) -> list[int]:
    act()
    found = []
    for _ in range(times):
        before = len(syncs)
        act()
        found.append(len(syncs) - before)
    return found


ROW = Row(
    "T1",
    "capture, one a transaction, against raw SQL with the same pragmas, schema and bytes",
    "<= 1.5x (<= 1.15x with 5 ms a sync); exactly 1 sync",
    measure,
)
