"""The process dies by SIGKILL at every step of an export and of an import, and no two devices can send one entry.

What is written reaches the file only when it is flushed: each death also leaves what the last flush left.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from storage.orders import resync
from sync.bundle.errors import BundleRefused
from tests.support.bundles import given_away, taken_in
from tests.support.dying_bundle import EXPORT_POINTS, IMPORT_POINTS
from tests.support.mortals import Mortals
from tests.support.scratch import NOON_MS, entry_id
from tests.unit.test_handovers import PARKED, PENDING, Box

NUMBERS = (1, 2, 3)


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    made = Mortals("dying_bundle")
    yield made
    made.close()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The folder of a device with three entries that wait for one another."""
    box = Box(tmp_path / "origin")
    box.visit(1)
    box.update(2, f"local:{entry_id(1)}")
    box.visit(3, after=entry_id(2))
    box.close()
    return tmp_path / "origin"


def boxes(origin: Path, place: Path) -> tuple[Path, Path]:
    """A copy of the origin, and an empty device."""
    shutil.copytree(origin, place / "here")
    Box(place / "there").close()
    return place / "here", place / "there"


def opened(root: Path) -> Box:
    from storage.folder import StorageFolder

    return Box(root, folder=StorageFolder(root))


@pytest.mark.parametrize("at", EXPORT_POINTS)
def test_export_that_dies_leaves_no_entry_that_two_devices_send(
    at: str, origin: Path, mortals: Mortals, tmp_path: Path
) -> None:
    """The tablet's battery is pulled while it writes to the stick."""
    deaths = 0
    for number in count(1):
        place = tmp_path / f"{number}"
        place.mkdir()
        here_root, there_root = boxes(origin, place)
        file = place / "monday.bundle"
        died = mortals.die(here_root, at, number, do="export", path=str(file))
        here, there = opened(here_root), opened(there_root)
        states = set(here.states().values())
        assert len(states) == 1, "all of them or none"
        for written in (file, file.with_name(file.name + ".part")):
            if written.exists():
                try:
                    taken_in(there.database, written)
                except BundleRefused:
                    assert written != file, "what has the name is whole"
                    assert there.states() == {}
        assert not here.sendable() & there.sendable()
        assert states == {PARKED} or (states == {PENDING} and not there.states())
        if not there.sendable():
            _brought_back(here, file)
        here.close()
        there.close()
        if not died:
            break
        deaths += 1
    assert deaths >= 1, "the point was never passed"


def _brought_back(here: Box, file: Path) -> None:
    """The way out that the runbook tells: take back, remove what was cut, export again."""
    for n in NUMBERS:
        with here.database.write() as transaction:
            resync(transaction, entry_id(n), now=NOON_MS, force=True)
    assert here.sendable() == set(NUMBERS)
    file.with_name(file.name + ".part").unlink(missing_ok=True)
    assert len(given_away(here.database, file, 9).choice.going) == len(NUMBERS)


@pytest.mark.parametrize("at", IMPORT_POINTS)
def test_import_that_dies_is_made_good_by_the_next(
    at: str, origin: Path, mortals: Mortals, tmp_path: Path
) -> None:
    """The battery is pulled while a bundle comes in; the same file is imported again."""
    deaths = 0
    for number in count(1):
        place = tmp_path / f"{number}"
        place.mkdir()
        here_root, there_root = boxes(origin, place)
        here = opened(here_root)
        file = place / "monday.bundle"
        given_away(here.database, file)
        died = mortals.die(there_root, at, number, do="import", path=str(file))
        there = opened(there_root)
        assert there.sendable() in (set(), set(NUMBERS)), "all of a bundle or nothing"
        taken_in(there.database, file)
        assert (here.sendable(), there.sendable()) == (set(), set(NUMBERS))
        assert len(there.all("SELECT 1 FROM signature")) == 2
        here.close()
        there.close()
        if not died:
            break
        deaths += 1
    assert deaths >= 1, "the point was never passed"
