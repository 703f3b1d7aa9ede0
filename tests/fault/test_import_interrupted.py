"""An import that does not come to its end: what was counted is safe, and the same import again adds the rest, once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.folder import StorageFolder
from storage.queries import reading
from sync.batch import importing
from sync.batch.errors import SourceLost
from sync.batch.importing import ROWS_AT_ONCE, Import
from sync.batch.lines import Lines
from sync.sandbox.server import Sandbox
from tests.support import small_disk
from tests.support.command import Ended, Tablet
from tests.support.device import Device
from tests.support.polling import eventually

ROWS = 5 * ROWS_AT_ONCE + 1


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Who starts the tests in the background has it ignored, and that is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def tablet(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def plans(folder: Path, count: int = ROWS, *, bad: int | None = None) -> Path:
    """Rows that need no image; line `bad` is refused."""
    lines = []
    for number in range(1, count + 1):
        data: dict[str, Any] = {
            "scheduledStart": "2026-05-01T08:00:00Z",
            "scheduledEnd": "2026-05-01T10:00:00Z",
            "anomalyIds": [number],
            "creationStatus": 9 if number == bad else 1,
        }
        lines.append(json.dumps({"kind": "curative", "id": number, "data": data}) + "\n")
    file = folder / "batch.jsonl"
    file.write_text("".join(lines), encoding="utf-8")
    return file


def safe(ended: Ended) -> tuple[int, int]:
    """How many rows the message calls safe, and up to which line."""
    found = re.search(r"\. (\d+) rows are safe \(up to line (\d+)\)", ended.error["message"])
    assert found is not None, ended.error["message"]
    return int(found[1]), int(found[2])


def count(tablet: Tablet) -> int:
    return sum(tablet.run("status", "--json").document["counts"].values())


def completed(tablet: Tablet, file: Path, before: int, rows: int = ROWS, *more: str) -> None:
    """The same import again brings what was missing, and each row is there once."""
    again = tablet.run("import", str(file), "--json", *more).document
    assert (again["captured"], again["duplicates"]) == (rows - before, before)
    assert count(tablet) == rows


def test_ctrl_c_keeps_what_was_committed_and_says_how_far(
    tablet: Tablet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The technician sees that it is the wrong file, or that the train leaves."""
    file = plans(tablet.folder, bad=7)
    whole = Import._store
    stored: list[object] = []

    def interrupted(self: Import, group: Any) -> None:
        whole(self, group)
        stored.append(group)
        if len(stored) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Import, "_store", interrupted)
        ended = tablet.run("import", str(file), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (130, "interrupted", True)
    assert safe(ended) == (2 * ROWS_AT_ONCE - 1, 2 * ROWS_AT_ONCE)
    assert count(tablet) == 2 * ROWS_AT_ONCE - 1
    rejects = (tablet.folder / "batch.jsonl.rejects.csv").read_text(encoding="utf-8")
    assert rejects.count("\n") == 2, "what was refused so far is told"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert tablet.run("import", str(file)).code == 3
    assert count(tablet) == ROWS - 1


def test_second_ctrl_c_does_not_wait_and_undoes_only_what_was_not_counted(
    tablet: Tablet, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plans(tablet.folder)
    whole = importing.prepare
    went_on: list[object] = []

    def impatient(row: Any, *rest: Any, **named: Any) -> Any:
        if row.line == ROWS_AT_ONCE + 50:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            went_on.append(row)
        return whole(row, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(importing, "prepare", impatient)
        ended = tablet.run("import", str(file), "--json")
    assert (ended.code, ended.error["code"], went_on) == (130, "interrupted", [])
    assert count(tablet) == ROWS_AT_ONCE
    assert [path.name for path in tablet.folder.glob("batch*")] == ["batch.jsonl"]
    completed(tablet, file, ROWS_AT_ONCE)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


def held(device: Device) -> int:
    """How many entries the outbox has at this moment."""
    with reading(StorageFolder(device.storage)) as reader:
        assert reader is not None
        return sum(reader.counts().values())


def test_p1_import_that_is_killed_is_completed_by_the_same_import(tmp_path: Path, sandbox: Sandbox) -> None:
    """The battery is pulled in the middle of the month's import."""
    device = Device(tmp_path, sandbox)
    device.capture_many(1)
    file = plans(tmp_path, 8000, bad=3)
    process = device.start("import", str(file))
    eventually(lambda: held(device) > ROWS_AT_ONCE, every_s=0.01)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, "it was not over yet"
    kept = held(device) - 1
    # Line 3 is refused, and stands in the first transaction.
    assert kept % ROWS_AT_ONCE == ROWS_AT_ONCE - 1, "whole transactions"
    assert not (tmp_path / "batch.jsonl.rejects.csv").exists(), "no half file of rejects"
    again = device.json("import", str(file), expect=(3,))
    assert (again["captured"], again["duplicates"], again["rejected"]) == (7999 - kept, kept, 1)
    assert held(device) == 8000
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("number", [1, 3, 6])
@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_p1_import_killed_at_a_commit_has_whole_transactions_and_is_completed_once(
    tablet: Tablet, point: str, number: int
) -> None:
    """The battery is pulled right when a hundred rows become durable, or right after."""
    assert tablet.run("import", str(plans(tablet.folder, 1)), "--json").code == 0, "the outbox is there"
    file = plans(tablet.folder)
    command = [sys.executable, "-m", "tests.support.dying_import", point, str(number), str(file)]
    environment = {**os.environ, **tablet.environment}
    died = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    assert died.returncode == -signal.SIGKILL, died.stderr
    durable = number if point == "after-commit" else number - 1
    # The first row is there from before; the last transaction is of one row.
    kept = max(min(durable * ROWS_AT_ONCE, ROWS), 1)
    assert count(tablet) == kept
    completed(tablet, file, kept)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    yield from small_disk.mounted(tmp_path / "disk", "12m")


def test_p1_import_that_fills_the_disk_keeps_what_it_counted(tmp_path: Path, small: Path) -> None:
    """Photos filled the tablet; when some are deleted, the same import brings the rest."""
    tablet = Tablet(tmp_path)
    tablet.storage = small / "outbox"
    tablet.environment["FIELDSYNC_STORAGE__DIR"] = str(tablet.storage)
    photos = small / "photos"
    photos.write_bytes(bytes(8_000_000))
    rows = 20 * ROWS_AT_ONCE
    file = plans(tmp_path, rows)
    ended = tablet.run("import", str(file), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (9, "storage_full", True)
    kept = count(tablet)
    assert safe(ended) == (kept, kept)
    assert kept % ROWS_AT_ONCE == 0
    assert kept > 0
    assert tablet.run("import", str(file)).code == 9, "still full"
    assert tablet.run("db", "check", "--json").document["ok"]
    photos.unlink()
    completed(tablet, file, kept, rows)


def test_full_disk_behind_the_rejects_is_told_and_the_rows_are_safe(tmp_path: Path, small: Path) -> None:
    """The file came on a stick that has no room left."""
    tablet = Tablet(tmp_path)
    file = plans(tmp_path, 10, bad=3)
    filler = small_disk.fill(small)
    place = small / "told.csv"
    ended = tablet.run("import", str(file), "--rejects", str(place), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (9, "rejects_not_written", True)
    assert safe(ended) == (9, 10)
    assert count(tablet) == 9
    assert list(small.iterdir()) == [filler], "nothing half is left"
    filler.unlink()
    assert tablet.run("import", str(file), "--rejects", str(place), "--json").document["duplicates"] == 9
    assert "3,3,creationStatus,not_allowed" in place.read_text(encoding="utf-8")


def test_stick_that_is_pulled_out_is_told_and_what_was_read_is_safe(
    tablet: Tablet, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plans(tablet.folder)
    whole = Lines._read

    def gone(self: Lines, at_most: int) -> bytes:
        if self.number == ROWS_AT_ONCE + 50:
            raise SourceLost("line 151 of the file cannot be read (Input/output error)")
        return whole(self, at_most)

    with monkeypatch.context() as patched:
        patched.setattr(Lines, "_read", gone)
        ended = tablet.run("import", str(file), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (5, "file_unreadable", True)
    assert safe(ended) == (ROWS_AT_ONCE, ROWS_AT_ONCE)
    completed(tablet, file, ROWS_AT_ONCE)


def test_file_that_is_still_being_written_is_told(tablet: Tablet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The export of the other system has not finished when the import begins."""
    file = plans(tablet.folder, 30)
    whole = importing.prepare

    def meanwhile(row: Any, *rest: Any, **named: Any) -> Any:
        if row.line == 20:
            with file.open("a", encoding="utf-8") as stream:
                stream.write("{")
        return whole(row, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(importing, "prepare", meanwhile)
        ended = tablet.run("import", str(file), "--json")
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (5, "file_changed", True)
    assert safe(ended) == (30, 31)
    completed(tablet, plans(tablet.folder, 40), 30, 40)
