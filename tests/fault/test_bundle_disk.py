"""A stick and an outbox that are really full: nothing is half there, and the same command works later."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import small_disk
from tests.support.builders import signature_png
from tests.support.command import Ended, Tablet
from tests.support.device import distinct_body

PASSPHRASE = "seven wet tablets in a row"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    yield from small_disk.mounted(tmp_path / "disk", "3m")


@pytest.fixture
def here(tmp_path: Path) -> Tablet:
    return Tablet(tmp_path)


def on(disk: Path, folder: Path) -> Tablet:
    """A tablet whose outbox lies on the small disk."""
    tablet = Tablet(folder)
    tablet.storage = disk / "outbox"
    tablet.environment["FIELDSYNC_STORAGE__DIR"] = str(tablet.storage)
    return tablet


def capture(tablet: Tablet, count: int, *, first: int = 1) -> None:
    for seed in range(first, first + count):
        image = tablet.file("signature.png", signature_png(seed % 5))
        given = ("unplanned-preventive", "--data", "-", "--signature", str(image))
        ended = tablet.run("capture", *given, stdin=json.dumps(distinct_body(seed)))
        assert ended.code == 0, ended


def order(tablet: Tablet, *arguments: str) -> Ended:
    return tablet.run(*arguments, "--passphrase-stdin", "--json", stdin=PASSPHRASE)


def states(tablet: Tablet) -> set[str]:
    return {str(entry["state"]) for entry in tablet.entries()}


def test_key_that_a_full_stick_does_not_take_is_not_there(here: Tablet, small: Path) -> None:
    """An empty file would stand in the way of the next try, and look like a key."""
    filler = small / "holiday"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    key = small / "office.key"
    for code in ("storage_full", "storage_full"):
        ended = here.run("export", "--new-key", str(key), "--json")
        assert (ended.code, ended.error["code"]) == (9, code)
        assert not key.exists()
    filler.unlink()
    assert here.run("export", "--new-key", str(key), "--json").code == 0


def test_export_to_a_full_stick_takes_everything_back(here: Tablet, small: Path) -> None:
    """The stick held somebody's holiday pictures."""
    capture(here, 40)
    filler = small / "holiday"
    filler.write_bytes(bytes(3 * 1024 * 1024 - 300_000))  # what is left is less than forty signatures take
    file = str(small / "anna.bundle")
    ended = order(here, "export", "-o", file)
    assert (ended.code, ended.error["code"], ended.error["retryable"]) == (9, "storage_full", True), ended
    assert states(here) == {"pending"}
    assert sorted(path.name for path in small.iterdir()) == ["holiday"]
    filler.unlink()
    ended = order(here, "export", "-o", file)
    assert (ended.code, len(ended.document["handed_over"])) == (0, 40), ended


def test_export_from_a_full_tablet_hands_all_over_or_nothing(small: Path, tmp_path: Path) -> None:
    """Nothing can be captured any more; whether what was captured can still be parked is a matter of a few bytes."""
    full = on(small, tmp_path)
    capture(full, 10)
    small_disk.fill(small)
    file = tmp_path / "anna.bundle"
    ended = order(full, "export", "-o", str(file))
    expected = (0, {"parked"}, ["anna.bundle"]) if ended.code == 0 else (9, {"pending"}, [])
    assert (ended.code, states(full), [path.name for path in tmp_path.glob("anna*")]) == expected, ended


def test_import_into_a_full_outbox_stores_nothing_and_works_later(
    here: Tablet, small: Path, tmp_path: Path
) -> None:
    capture(here, 60)
    file = str(tmp_path / "anna.bundle")
    assert order(here, "export", "-o", file).code == 0
    there = on(small, tmp_path)
    capture(there, 1, first=900)
    filler = small / "holiday"
    filler.write_bytes(bytes(shutil.disk_usage(small).free - 400_000))  # sixty signatures take more
    ended = order(there, "import", file)
    assert (ended.code, ended.error["retryable"]) == (9, True), ended
    assert len(there.entries()) == 1
    assert there.run("db", "check", "--full", "--json").document["ok"]
    filler.unlink()
    ended = order(there, "import", file)
    assert (ended.code, ended.document["imported"]) == (0, 60), ended
