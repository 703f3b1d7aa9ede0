"""T5: a cold drain of 500 at 80 ms a request and 16 at a time, against ceil(500/16) rounds of POST and PUT.

Cold: `fieldsync sync` as a new process each time; what is judged is the pass as its summary reports it, with the making
of all network clients inside. The whole process, interpreter and settings included, has a line of its own, and so
has `bare_client.py`, run by turns with it against the same stand-in, because that is the floor on this machine.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import workload
from tests.bench.bare_client import deliver
from tests.bench.rounds import over, timed_s
from tests.bench.rows import Ask, Figure, Row
from tests.bench.sandbox_process import Running, sandbox
from tests.support.builders import signature_jpeg

ITEMS, WIDTH = 500, 16


@dataclass(frozen=True, slots=True)
class Load:
    """So many entries, so many at a time, at so many seconds a request."""

    items: int
    width: int
    delay_s: float
    rounds: int


def measure(ask: Ask) -> Iterator[Figure]:
    items, width = ask.of(ITEMS, 4), ask.of(WIDTH, 2)
    with sandbox() as server:
        load = Load(items, width, 0.005 if ask.quick else 0.080, rounds=ask.of(5, 1))
        yield from _drains(ask.place, server, load, 1.15)
        if ask.long:
            yield from _drains(ask.place, server, Load(items, width, 0.300, rounds=ask.of(3, 1)), 1.10)


def _drains(root: Path, server: Running, load: Load, limit: float) -> Iterator[Figure]:
    items, width, delay_s = load.items, load.width, load.delay_s
    least_s = math.ceil(items / width) * 2 * delay_s
    passes, processes, bares = [], [], []
    for number in range(load.rounds):
        place = root / f"{delay_s * 1000:.0f}-{number}"
        workload.fill(place, items)
        _ready(server, delay_s)
        started_s = time.perf_counter()
        summary = _drained(place, server, width)
        processes.append(time.perf_counter() - started_s)
        if summary["delivered"] != items:
            raise RuntimeError(f"delivered {summary['delivered']} of {items}: {summary}")
        passes.append(float(summary["duration_s"]))
        captures = [(f"bare-{number}-{n}", workload.signed_body(n), signature_jpeg()) for n in range(items)]
        _ready(server, delay_s)
        bares.append(timed_s(lambda captures=captures: deliver(server, captures, width)))  # type: ignore[misc]
    label = f"{items} at {delay_s * 1000:.0f} ms, {width} at a time"
    yield over(f"{label}: the pass", passes, least_s, limit)
    yield over(f"{label}: the whole process", processes, least_s, None)
    yield over(f"{label}: http.client alone", bares, least_s, None)


def _ready(server: Running, delay_s: float) -> None:
    server.forget()
    server.delay(delay_s, "unplanned", "upload")


def _drained(place: Path, server: Running, width: int) -> dict[str, Any]:
    """The summary of a drain in a new process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIELDSYNC_")}
    environment |= {
        "FIELDSYNC_STORAGE__DIR": str(place),
        "FIELDSYNC_API__BASE_URL": server.api_url,
        "FIELDSYNC_API__TOKEN": server.token,
        "FIELDSYNC_API__SESSION_TOKEN": server.session_token,
        "FIELDSYNC_UPLOAD__ALLOW_INSECURE_LOOPBACK": "true",
        "FIELDSYNC_SYNC__CONCURRENCY": str(width),
    }
    done = subprocess.run(
        [sys.executable, "-m", "sync", "sync", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if not done.stdout:
        raise RuntimeError(f"fieldsync sync ended with {done.returncode}: {done.stderr[-300:]}")
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "delivered" not in summary:
        raise RuntimeError(f"fieldsync sync ended with {done.returncode}: {summary}")
    return summary


ROW = Row(
    "T5",
    f"drain of {ITEMS} at 80 ms a request, {WIDTH} at a time, cold, against ceil({ITEMS}/{WIDTH}) x 160 ms",
    "<= 1.15x (<= 1.10x at 300 ms, with --long)",
    measure,
)
