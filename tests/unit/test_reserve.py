"""Space is kept back while there is some, given to the drain when there is none, and never eats a small disk."""

import errno
import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from storage import reserve
from storage.errors import StorageFull
from storage.folder import StorageFolder
from storage.reserve import keep_reserve, release_reserve

MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> StorageFolder:
    return StorageFolder(tmp_path)


def free_space(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))


def test_reserve_takes_real_space_that_only_its_owner_can_read(folder: StorageFolder) -> None:
    keep_reserve(folder, 2 * MIB)
    facts = folder.reserve.stat()
    assert facts.st_size == 2 * MIB
    assert facts.st_blocks * 512 >= 2 * MIB
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert [path.name for path in folder.root.iterdir()] == ["fieldsync.reserve"]


def test_reserve_that_is_there_is_left_alone(folder: StorageFolder) -> None:
    keep_reserve(folder, MIB)
    before = folder.reserve.stat()
    keep_reserve(folder, 2 * MIB)
    assert folder.reserve.stat() == before


def test_two_who_set_it_aside_at_once_both_find_it(
    folder: StorageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two captures of one moment: no one of them may be told that the disk is full."""
    allocate = reserve._allocate
    others: list[StorageFolder] = [folder]

    def let_another_be_first(descriptor: int, size_bytes: int) -> None:
        allocate(descriptor, size_bytes)
        if others:
            keep_reserve(others.pop(), size_bytes)

    monkeypatch.setattr(reserve, "_allocate", let_another_be_first)
    keep_reserve(folder, MIB)
    assert [path.name for path in folder.root.iterdir()] == ["fieldsync.reserve"]
    assert folder.reserve.stat().st_size == MIB


def test_size_of_nothing_switches_it_off(folder: StorageFolder) -> None:
    keep_reserve(folder, 0)
    assert not folder.reserve.exists()


def test_released_reserve_comes_back_with_the_next_capture(folder: StorageFolder) -> None:
    keep_reserve(folder, MIB)
    release_reserve(folder)
    assert not folder.reserve.exists()
    release_reserve(folder)
    keep_reserve(folder, MIB)
    assert folder.reserve.exists()


def test_small_disk_keeps_back_a_quarter_of_what_is_free(
    folder: StorageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_space(monkeypatch, 4 * MIB)
    keep_reserve(folder, 32 * MIB)
    assert folder.reserve.stat().st_size == MIB


def test_full_disk_refuses_the_capture_with_a_word_that_calms(
    folder: StorageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_space(monkeypatch, 1000)
    with pytest.raises(StorageFull, match="safe and goes on being delivered"):
        keep_reserve(folder, 32 * MIB)
    assert list(folder.root.iterdir()) == []


def test_disk_that_fills_up_meanwhile_leaves_no_draft(
    folder: StorageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(StorageFull):
        keep_reserve(folder, MIB)
    assert list(folder.root.iterdir()) == []


def test_draft_of_a_run_that_died_is_written_over(folder: StorageFolder) -> None:
    folder.reserve.with_name("fieldsync.reserve.new").write_bytes(b"x" * 100)
    keep_reserve(folder, MIB)
    assert folder.reserve.stat().st_size == MIB
    assert [path.name for path in folder.root.iterdir()] == ["fieldsync.reserve"]
