"""What supervisors and Prometheus are told: that it answers, that it works, and numbers without anybody's name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from storage import control, outbox
from storage.locks import FileLock
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.metrics import _KNOWN
from sync.visitor import Scope, Visitor, technician
from tests.support.local_api import browser, desk_in, program
from tests.support.scratch import new_entry

NAMES = {
    "fieldsync_entries", "fieldsync_needs_action", "fieldsync_waiting", "fieldsync_in_doubt",
    "fieldsync_signatures_owed", "fieldsync_oldest_waiting_seconds", "fieldsync_paused", "fieldsync_disk_free_bytes",
    "fieldsync_database_bytes", "fieldsync_problem_entries", "fieldsync_worker_up", "fieldsync_build_info",
    "fieldsync_sign_in_needed",
}  # fmt: skip
KNOWN_LATER = {
    "fieldsync_online",
    "fieldsync_last_success_timestamp_seconds",
    "fieldsync_clock_offset_seconds",
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


def samples(desk: Desk) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = program(desk).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.text))
    assert all(each.documentation for each in families)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for each in families
        for sample in each.samples
    }


def test_process_answers_to_everybody(desk: Desk) -> None:
    assert browser(desk).get("/healthz").json() == {"schema": 1, "ok": True}


def test_it_is_ready_while_a_worker_gives_signs_of_life(desk: Desk) -> None:
    client = browser(desk)
    nobody = client.get("/readyz")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (503, "no_worker")
    with FileLock(desk.database.folder.worker_lock).hold():
        silent = client.get("/readyz")
        assert (silent.status_code, silent.json()["error"]["code"]) == (503, "worker_silent")
        with desk.database.write() as transaction:
            control.put(
                transaction, control.WORKER, {"beat_at": desk.clock.now_ms()}, now=desk.clock.now_ms()
            )
        assert client.get("/readyz").json() == {"schema": 1, "ready": True}
        assert samples(desk)["fieldsync_worker_up", ()] == 1


def test_what_is_not_ready_names_no_place_of_this_device(desk: Desk, tmp_path: Path) -> None:
    desk.database.folder.database.rename(tmp_path / "elsewhere")
    answer = browser(desk).get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_missing")
    assert str(tmp_path) not in answer.text
    assert program(desk).get("/metrics").status_code == 503


def test_metrics_count_what_is_there(desk: Desk) -> None:
    for number in range(3):
        outbox.put(desk.database, new_entry(number, owner="somebody-CANARY"))
    with desk.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'dead', reason = 'CANARY' WHERE seq = 2")
        transaction.cursor.execute(
            "UPDATE entry SET state = 'parked', reason = 'start_rejected' WHERE seq = 3"
        )
        now = desk.clock.now_ms()
        control.put(transaction, control.LAST_SUCCESS, now, now=now)
        control.put(transaction, control.CLOCK, {"offset_s": 1.5, "samples": []}, now=now)
        control.put(transaction, control.GATE + "api", {"mode": "open"}, now=now)
        control.put(
            transaction, control.PAUSE, {"reason": "person", "since": None, "detail": "CANARY"}, now=now
        )
    found = samples(desk)
    assert {name for name, _ in found} == NAMES | KNOWN_LATER
    assert [found["fieldsync_entries", (state,)] for state in ("pending", "dead", "parked", "done")] == [
        1,
        1,
        1,
        0,
    ]
    assert (found["fieldsync_needs_action", ()], found["fieldsync_waiting", ()]) == (2, 1)
    assert (found["fieldsync_online", ()], found["fieldsync_paused", ()]) == (1, 1)
    assert found["fieldsync_clock_offset_seconds", ()] == 1.5
    since = datetime.now(UTC).timestamp() - found["fieldsync_last_success_timestamp_seconds", ()]
    assert 0 <= since < 60
    reasons = {
        labels[0]: value for (name, labels), value in found.items() if name == "fieldsync_problem_entries"
    }
    assert reasons["other"] >= 1
    assert set(reasons) <= _KNOWN | {"other"}
    assert "CANARY" not in program(desk).get("/metrics").text


def test_what_is_not_known_is_left_out(desk: Desk) -> None:
    assert {name for name, _ in samples(desk)} == NAMES


@pytest.mark.parametrize(
    "visitor",
    [None, technician("ann"), Visitor(frozenset({Scope.CONTROL}), everyone=True)],
    ids=["nobody", "technician", "one-scope"],
)
def test_numbers_of_all_are_for_who_sees_all(desk: Desk, visitor: Visitor | None) -> None:
    client = program(desk) if visitor is None else program(desk, visitor)
    if visitor is None:
        del client.headers["authorization"]
    assert client.get("/metrics").status_code == (401 if visitor is None else 403)
