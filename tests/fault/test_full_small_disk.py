"""A disk that is full to the brim, and one that cannot be written: the installed commands on it, from end to end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox.server import Sandbox
from tests.support import small_disk
from tests.support.builders import signature_jpeg
from tests.support.command import Ended, run_here
from tests.support.device import Device, distinct_body


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    yield from small_disk.mounted(tmp_path / "disk", "5m")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


class Tight(Device):
    """A device whose outbox lies on the small disk; commands run in this process."""

    def __init__(self, folder: Path, disk: Path, sandbox: Sandbox) -> None:
        super().__init__(folder, sandbox)
        self.environment["FIELDSYNC_STORAGE__DIR"] = str(disk / "outbox")
        self.storage = disk / "outbox"

    def order(self, *arguments: str, stdin: str = "") -> Ended:
        return run_here(self.environment, *arguments, stdin=stdin)

    def try_capture(self, seed: int) -> Ended:
        image = self.folder / "signature.jpg"
        image.write_bytes(signature_jpeg(seed % 7))
        given = ("unplanned-preventive", "--data", "-", "--signature", str(image), "--json")
        return self.order("capture", *given, stdin=json.dumps(distinct_body(seed)))


def test_p1_disk_full_to_the_brim_refuses_captures_drains_and_damages_nothing(
    tmp_path: Path, small: Path, sandbox: Sandbox
) -> None:
    """Photos filled the tablet; the queue empties all the same, and then there is room again."""
    device = Tight(tmp_path, small, sandbox)
    others = small / "music"
    others.write_bytes(bytes(1_500_000))
    ids = []
    for seed in range(1, 400):
        captured = device.try_capture(seed)
        if captured.code:
            break
        ids.append(captured.document["id"])
    assert (captured.code, captured.error["code"], captured.error["retryable"]) == (9, "storage_full", True)
    assert "full" in captured.error["message"] or "no room" in captured.error["message"]
    assert len(ids) > 30
    small_disk.fill(small)
    assert device.order("status", "--json").code == 0
    assert [entry["id"] for entry in device.order("list", "--json").document] == ids
    assert device.try_capture(500).code == 9
    assert device.order("db", "check", "--json").document["ok"]
    synced = device.order("sync", "--json")
    assert (synced.code, synced.document["delivered"]) == (0, len(ids)), synced.out
    assert len(sandbox.state.records()) == len(ids)
    assert device.try_capture(501).code == 9, "delivered is not deleted: there still is no room"
    assert device.order("db", "check", "--full", "--json").document["problems"] == []
    others.unlink()
    assert device.try_capture(502).code == 0
    assert not list(small.rglob("fieldsync.damaged"))


def test_backup_that_finds_no_room_leaves_no_half_copy(tmp_path: Path, small: Path, sandbox: Sandbox) -> None:
    device = Tight(tmp_path, small, sandbox)
    while device.try_capture(1).code == 0:
        continue
    refused = device.order("db", "backup", "--json")
    assert (refused.code, refused.error["code"]) == (9, "storage_full")
    assert list((device.storage / "backups").iterdir()) == []
    assert device.order("db", "check").code == 0


def test_recovery_that_finds_no_room_moves_nothing(tmp_path: Path, small: Path, sandbox: Sandbox) -> None:
    """It needs as much room as the database; the damaged file stays where it is until there is."""
    device = Tight(tmp_path, small, sandbox)
    while device.try_capture(1).code == 0:
        continue
    refused = device.order("db", "recover", "--force", "--json")
    assert (refused.code, refused.error["code"]) == (9, "storage_full")
    assert (device.storage / "fieldsync.db").exists()
    assert not (device.storage / "damaged").exists()


def remounted(disk: Path, mode: str) -> None:
    import subprocess

    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True, timeout=10)


def test_read_only_disk_shows_and_refuses_and_is_not_taken_for_damage(
    tmp_path: Path, small: Path, sandbox: Sandbox
) -> None:
    """The file system found an error of its own and went read-only in the middle of the day."""
    device = Tight(tmp_path, small, sandbox)
    id = device.try_capture(1).document["id"]
    remounted(small, "ro")
    try:
        assert device.order("status", "--json").document["counts"]["pending"] == 1
        assert [entry["id"] for entry in device.order("list", "--json").document] == [id]
        assert device.order("show", id).code == 0
        assert device.order("db", "check", "--json").document["ok"]
        for refused in (device.try_capture(2), device.order("sync", "--json"), device.order("run")):
            assert refused.code == 9, refused.out + refused.err
            assert "cannot be written" in refused.out + refused.err
        copy = tmp_path / "copy.db"
        assert device.order("db", "backup", "-o", str(copy), "--json").code == 0
        assert os.stat(copy).st_mode & 0o777 == 0o600
    finally:
        remounted(small, "rw")
    assert device.order("sync", "--json").document["delivered"] == 1
