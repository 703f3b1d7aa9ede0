"""T10: `fieldsync status` and `fieldsync list` as processes, against a bare interpreter that imports three modules.

The baseline is `python -c "import argparse, sqlite3, json"` with the same interpreter: what the smallest program of
the kind would pay before it does anything. The bytecode of our packages is made first, as an installation does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import workload
from tests.bench.rounds import in_turns
from tests.bench.rows import Ask, Figure, Row, not_measured

BARE = "import argparse, sqlite3, json"
ENTRIES = 1000
_ROOT = Path(__file__).parents[2]


def measure(ask: Ask) -> Iterator[Figure]:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "compileall",
            "-q",
            *(str(_ROOT / name) for name in ("config", "storage", "sync")),
        ],
        check=True,
    )
    place = ask.place / "outbox"
    workload.fill(place, ask.of(ENTRIES, 3))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIELDSYNC_")}
    environment["FIELDSYNC_STORAGE__DIR"] = str(place)
    command = Path(sys.executable).with_name("fieldsync")
    bare = _run([sys.executable, "-c", BARE], environment)
    for arguments in (["status"], ["list", "--limit", "50"]):
        what = f"fieldsync {' '.join(arguments)}"
        subject = _run([str(command), *arguments], environment)
        try:
            subject()
        except RuntimeError as error:
            yield not_measured(what, str(error), limit=3.0)
            continue
        yield in_turns(what, subject, bare, rounds=ask.of(5, 1), times=ask.of(5, 1), limit=3.0)


def _run(command: list[str], environment: dict[str, str]) -> Callable[[], object]:
    def run() -> None:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        # 3, 4 and 5 are answers: entries need a person, a sign-in is needed, try later.
        if done.returncode not in (0, 3, 4, 5):
            last = (done.stderr.strip().splitlines() or [""])[-1]
            raise RuntimeError(f"it ended with {done.returncode}: {last}")

    return run


ROW = Row(
    "T10",
    'fieldsync status and list, against python -c "import argparse, sqlite3, json"',
    "<= 3x",
    measure,
)
