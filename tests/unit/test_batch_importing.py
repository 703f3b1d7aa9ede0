"""What an import costs, what it leaves and what it may read: one sync and the memory of a transaction, no file lost."""

from __future__ import annotations

import csv
import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sync import app
from sync.batch.errors import RejectsLost
from sync.batch.images import ImageFolder
from sync.batch.importing import BYTES_AT_ONCE, ROWS_AT_ONCE, Import, Rules
from sync.batch.preparing import Defaults
from sync.batch.rejects import Rejects
from sync.batch.row import Row
from sync.batch.tally import Tally
from sync.capture import ImageLimits
from sync.clock import Clock
from sync.errors import InputRefused, Problem
from tests.support.builders import signature_png
from tests.support.fsyncs import counted_syncs

LIMITS = ImageLimits(2 * 1024 * 1024, 4_000_000)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def row(number: int, *, image: str | None = "0.png", **more: Any) -> Row:
    data = {"companyId": number, "siteIds": [1], "ruleIds": [1], "provider": {}}
    return Row(number, (), data, id=str(number), signature=image, **more)


def plan(number: int) -> Row:
    data = {
        "scheduledStart": "2026-05-01T08:00:00Z",
        "scheduledEnd": "2026-05-01T10:00:00Z",
        "anomalyIds": [number],
        "creationStatus": 1,
    }
    return Row(number, (), data, kind="curative")


def bad(number: int) -> Row:
    return Row(number, (Problem("$", "broken_json", "The JSON is broken."),))


def run(
    place: Path,
    rows: Iterator[Row],
    *,
    clock: Clock | None = None,
    told: Callable[[Tally], None] = lambda _: None,
) -> tuple[Tally, list[int]]:
    """Imports the rows into the outbox in `place`; also how many were settled after each transaction."""
    images = place / "images"
    images.mkdir(parents=True, exist_ok=True)
    if not (images / "0.png").exists():
        (images / "0.png").write_bytes(signature_png(1, width=60, height=20))
    clock = clock or Clock()
    database = app.open_outbox(place / "outbox", clock)
    rejects = Rejects(place / "rejects.csv")
    rules = Rules(LIMITS, Defaults("unplanned-preventive", None), 0)
    settled: list[int] = []
    try:
        work = Import(database, rejects, ImageFolder(images), rules, clock)

        def tell(tally: Tally) -> None:
            settled.append(tally.rows)
            told(tally)

        work.run(rows, stopped=lambda: False, told=tell)
        rejects.finish()
    finally:
        rejects.give_up()
        database.close()
    return work.tally, settled


def test_hundred_rows_cost_one_sync(tmp_path: Path) -> None:
    at: list[int] = []
    plans = (plan(number) for number in range(1, 501))
    with counted_syncs() as syncs:
        tally, settled = run(tmp_path, plans, told=lambda _: at.append(len(syncs)))
    assert tally.captured == 500
    assert settled == [100, 200, 300, 400, 500]
    # The first one begins a new log, and that has a sync of its own.
    assert [after - before for before, after in pairwise(at)] == [1, 1, 1, 1]


def test_large_images_make_transactions_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.batch.importing.BYTES_AT_ONCE", 15_000)
    _, settled = run(tmp_path, (row(number) for number in range(1, 31)))
    assert len(settled) >= 3
    assert max(b - a for a, b in zip([0, *settled], settled, strict=False)) < ROWS_AT_ONCE
    assert ROWS_AT_ONCE * LIMITS.max_bytes > BYTES_AT_ONCE, "the bound has a purpose"


def test_large_bodies_make_transactions_smaller(tmp_path: Path) -> None:
    """A megabyte of small numbers takes tens in memory; a hundred of those would not fit a tablet."""

    def wide(number: int) -> Row:
        found = plan(number)
        assert found.data is not None
        return replace(found, data={**found.data, "anomalyIds": list(range(100_000 + number))})

    _, settled = run(tmp_path, (wide(number) for number in range(1, 7)))
    assert settled == [2, 4, 6]


def test_row_full_of_mistakes_tells_the_first_fifty(tmp_path: Path) -> None:
    many = replace(plan(1), data={f"field{number}": 1 for number in range(1000)})
    tally, _ = run(tmp_path, iter([many, plan(2)]))
    assert (tally.captured, tally.rejected) == (1, 1)
    found = lines_of(tmp_path / "rejects.csv")
    assert len(found) == 1 + 50 + 1
    assert found[-1][3] == "more_problems"
    assert "1004 problems" in found[-1][4]


def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    run(tmp_path / "warm", (row(number) for number in range(150)))

    def peak(name: str, count: int) -> int:
        rows = (row(number) if number % 10 else bad(number) for number in range(1, count + 1))
        tracemalloc.start()
        try:
            tally, _ = run(tmp_path / name, rows)
            assert tally.rows == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak("few", 300), peak("many", 3000)
    # 2,700 more rows would take 7 MB; what lies between is the libraries'.
    assert many - few < 1_000_000


def test_rows_without_a_start_get_one_each_without_searching(tmp_path: Path) -> None:
    """The clock of the device stands still, or all rows come within a millisecond."""
    asked: list[object] = []

    def still() -> datetime:
        asked.append(None)
        return NOON

    tally, _ = run(tmp_path, (row(number) for number in range(1, 301)), clock=Clock(now=still))
    assert (tally.captured, tally.warnings) == (300, {})
    from storage.folder import StorageFolder
    from storage.queries import reading

    with reading(StorageFolder(tmp_path / "outbox")) as reader:
        assert reader is not None
        columns = ("start_at", "captured_at")
        found = reader.rows(columns, "SELECT start_at, captured_at FROM entry ORDER BY seq")
    first = int(NOON.timestamp() * 1000)
    assert [each["start_at"] for each in found] == list(range(first, first + 300))
    assert all(each["start_at"] == each["captured_at"] for each in found), "the first one tried was free"


# Rejects


def lines_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def written(path: Path, *problems: Problem, id: str | None = None) -> Path | None:
    rejects = Rejects(path)
    if problems:
        rejects.add(3, id, problems)
    return rejects.finish()


PROBLEM = Problem("$.siteIds[1]", "wrong_type", "siteIds[1] must be an integer.")


def test_rejects_have_one_line_a_problem_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    previous = os.umask(0)
    try:
        two = (PROBLEM, Problem("--target", "target_invalid", 'target is "é,\n".'))
        assert written(path, *two, id="A1") == path
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines_of(path) == [
        ["line", "id", "field", "code", "reason"],
        ["3", "A1", "siteIds[1]", "wrong_type", "siteIds[1] must be an integer."],
        ["3", "A1", "target", "target_invalid", 'target is "é,\n".'],
    ]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\tx", "\r=x"])
def test_cell_that_a_spreadsheet_would_run_is_quoted(tmp_path: Path, text: str) -> None:
    written(tmp_path / "rejects.csv", PROBLEM, id=text)
    assert lines_of(tmp_path / "rejects.csv")[1][1] == "'" + text


def test_rejects_are_replaced_and_taken_away_when_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    written(path, PROBLEM, PROBLEM)
    written(path, PROBLEM)
    assert len(lines_of(path)) == 2
    assert written(path) is None
    assert list(tmp_path.iterdir()) == []


def test_rejects_of_before_stay_until_new_ones_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    written(path, PROBLEM)
    rejects = Rejects(path)
    rejects.add(9, None, (PROBLEM,))
    assert lines_of(path)[1][0] == "3"
    rejects.give_up()
    assert lines_of(path)[1][0] == "3"
    assert list(tmp_path.iterdir()) == [path]


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _photo(path: Path) -> None:
    path.write_bytes(signature_png(1))


def _link(path: Path) -> None:
    written(path.with_name("elsewhere"), PROBLEM)
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("name", ["rejects.csv", "rejects.csv.part"])
@pytest.mark.parametrize("there", [_folder, _pipe, _photo, _link])
def test_what_is_no_file_of_rejects_is_not_written_over(tmp_path: Path, there: Any, name: str) -> None:
    """`--rejects holiday.jpg`, by a slip of the completion key."""
    there(tmp_path / name)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputRefused) as caught:
        Rejects(tmp_path / "rejects.csv")
    assert [each.code for each in caught.value.problems] == ["rejects_not_possible"]
    assert sorted(tmp_path.iterdir()) == before


def test_part_that_a_killed_import_left_is_used_again(tmp_path: Path) -> None:
    rejects = Rejects(tmp_path / "rejects.csv")
    rejects.add(1, None, (PROBLEM,))
    rejects._stream.flush()
    assert written(tmp_path / "rejects.csv", PROBLEM) is not None
    with pytest.raises(RejectsLost, match="somebody else"):
        rejects.finish()
    rejects.give_up()
    assert [path.name for path in tmp_path.iterdir()] == ["rejects.csv"]


def test_folder_that_takes_no_file_is_told_before_anything_is_stored(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be made"):
        Rejects(tmp_path / "missing" / "rejects.csv")


# Images


def test_images_are_found_in_their_folder_and_below(tmp_path: Path) -> None:
    (tmp_path / "images" / "monday").mkdir(parents=True)
    (tmp_path / "images" / "monday" / "1.png").write_bytes(b"x")
    (tmp_path / "images" / "same.png").symlink_to("monday/1.png")
    (tmp_path / "link").symlink_to("images")
    folder = ImageFolder(tmp_path / "link")
    assert folder.find("monday/1.png") == (tmp_path / "images" / "monday" / "1.png").resolve()
    assert folder.find("same.png") == folder.find("monday/1.png")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../1.png", "image_outside"),
        ("monday/../../1.png", "image_outside"),
        ("/etc/hostname", "image_outside"),
        ("c:1.png", "image_outside"),
        ("\\\\server\\share\\1.png", "image_outside"),
        ("out/1.png", "image_outside"),
        ("loop", "image_not_found"),
        ("1.png", "image_not_found"),
        ("x" * 300, "image_not_found"),
        ("a\0b", "image_not_found"),
    ],
)
def test_nothing_outside_the_folder_can_be_named(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "1.png").write_bytes(b"x")
    (tmp_path / "images" / "out").symlink_to(tmp_path)
    (tmp_path / "images" / "loop").symlink_to("loop")
    with pytest.raises(InputRefused) as caught:
        ImageFolder(tmp_path / "images").find(name)
    assert [each.code for each in caught.value.problems] == [code]


def test_folder_of_images_that_is_none_is_lines_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(InputRefused, match="is no folder"):
            ImageFolder(place)
