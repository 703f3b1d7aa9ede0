"""T20: the pages of ops with 10,000 entries, 1,000 of them held, against the same pages with 100 entries.

In this process, behind the guard and through the templates, without a socket. The aim of the product, 200 ms, is a
time and is told in the note; what is judged is that the pages do not grow with the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from storage.samples import KEPT, STEP_MS
from sync.clock import Clock
from sync.visitor import OPS
from tests.bench.rounds import in_turns
from tests.bench.rows import Ask, Figure, Row
from tests.support.builders import unplanned_body
from tests.support.local_api import browser, desk_in
from tests.support.scratch import entry_id

MANY, FEW = 10_000, 100
STATES = ("dead", "pending", "pending", *("done",) * 7)
PAGES = (
    "/ops",
    "/ops/fragment",
    "/ops/entries",
    "/ops/entries?state=done&older={middle}",
    "/ops/entries?owner=nobody",
)
LIMIT = 4.0


def measure(ask: Ask) -> Iterator[Figure]:
    with ExitStack() as stack:
        look_at = [
            _pages(stack, ask.place / name, ask.of(entries, 20))
            for name, entries in (("many", MANY), ("few", FEW))
        ]
        for path in PAGES:
            subject, baseline = (look(path) for look in look_at)
            yield in_turns(
                f"GET {path}", subject, baseline, rounds=ask.of(7, 1), times=ask.of(5, 1), limit=LIMIT
            )


def _pages(stack: ExitStack, place: Path, entries: int) -> Callable[[str], Callable[[], object]]:
    desk = stack.enter_context(desk_in(place))
    _fill(desk.database, entries)
    client = browser(desk, OPS)

    def page(path: str) -> Callable[[], object]:
        where = path.replace("{middle}", entry_id(entries // 2))

        def look() -> None:
            answer = client.get(where)
            assert answer.status_code == 200, answer.text

        return look

    return page


def _fill(database: Any, entries: int) -> None:
    """Entries in every state and a month of samples. One in ten is held, with what the server said in its own words."""
    now = Clock().now_ms()
    body = json.dumps(unplanned_body(), ensure_ascii=False)
    rows = []
    for number in range(entries):
        state = STATES[number % len(STATES)]
        stage, reason = ("pending", "refused") if state == "dead" else (None, None)
        rows.append(
            (entry_id(number), state, stage, reason, body, entry_id(number), now - (entries - number) * 1000)
        )
    said = [
        (number + 1, json.dumps({"message": f"siteIds: site {number} is unknown"}))
        for number in range(0, entries, len(STATES))
    ]
    samples = [(now // STEP_MS * STEP_MS - n * STEP_MS, n % 50, n % 7, KEPT - n) for n in range(KEPT)]
    with database.write() as transaction:
        transaction.cursor.executemany(
            "INSERT INTO entry (id, kind, state, stage, reason, creates, has_signature, payload_version, payload, "
            "payload_sha256, input_digest, idempotency_key, due_at, attempts, attempt_n, link_failures, lease_fence, "
            "certainly_created, lookups, clean_misses, captured_at, clock_suspect) "
            "VALUES (?, 'unplanned-preventive', ?, ?, ?, 1, 0, 1, ?, '', '', ?, 0, 0, 1, 0, 0, 0, 0, 0, ?, 0)",
            rows,
        )
        transaction.cursor.executemany(
            "INSERT INTO attempt (entry_seq, n, step, started_at, outcome, status, reason, detail) "
            "VALUES (?, 1, 'send', 1, 'Rejected', 400, 'refused', ?)",
            said,
        )
        transaction.cursor.executemany(
            "INSERT INTO sample (at, waiting, needs_action, delivered) VALUES (?, ?, ?, ?)", samples
        )


ROW = Row("T20", "the ops pages with 10,000 entries, against 100", f"<= {LIMIT:g}x", measure)
