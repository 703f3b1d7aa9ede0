"""What is lost, not ours or no file in the storage folder is told as that; nothing new is made in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage import damage, guard, witness
from storage.errors import (
    DatabaseMissing,
    DatabaseUnusable,
    StorageForbidden,
    StorageObstructed,
    StorageReadOnly,
)
from storage.folder import StorageFolder
from storage.schema import open_database
from tests.support.command import Tablet
from tests.support.scratch import DATABASE_ID, NOON, Scratch

OTHER_ID = "0193a000-0000-7000-8000-00000000a11e"


@pytest.fixture
def folder(tmp_path: Path) -> StorageFolder:
    """The outbox of `tablet`: a database that holds one entry, closed."""
    scratch = Scratch(tmp_path / "outbox")
    scratch.put(1)
    scratch.close()
    return scratch.folder


@pytest.fixture
def tablet(tmp_path: Path, folder: StorageFolder) -> Tablet:
    assert folder.root == tmp_path / "outbox"
    return Tablet(tmp_path)


def lose_database(folder: StorageFolder) -> None:
    for path in (folder.database, *folder.side_files):
        path.unlink(missing_ok=True)


def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """This user has no rights on the folder, which belongs to another."""
    real = os.open
    us = os.geteuid()

    def refuse(path: object, flags: int, mode: int = 0o777, **more: int | None) -> int:
        if "outbox" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, mode, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: us + 1)


@pytest.mark.parametrize("marker", [None, b""], ids=["lost", "empty"])
def test_lost_database_is_noticed_by_what_was_seen_of_it(folder: StorageFolder, marker: bytes | None) -> None:
    """Somebody deletes fieldsync.db and fieldsync.id; an empty queue would read as: everything went."""
    lose_database(folder)
    folder.marker.unlink()
    if marker is not None:
        folder.marker.write_bytes(marker)
    before = sorted(path.name for path in folder.root.iterdir())
    with pytest.raises(DatabaseMissing) as missing:
        guard.check_present(folder)
    assert missing.value.next_command == "fieldsync db recover"
    with pytest.raises(DatabaseMissing):
        open_database(folder, new_id=OTHER_ID, now=NOON)
    assert sorted(path.name for path in folder.root.iterdir()) == before


def test_every_look_says_that_the_database_is_lost(tablet: Tablet, folder: StorageFolder) -> None:
    lose_database(folder)
    folder.marker.unlink()
    assert tablet.run("status", "--check").code == 8
    listed = tablet.run("list", "--json")
    assert (listed.code, listed.error["code"]) == (8, "database_missing")


def test_emptied_database_without_its_marker_is_not_filled_anew(folder: StorageFolder) -> None:
    lose_database(folder)
    folder.marker.unlink()
    with pytest.raises(DatabaseMissing):
        guard.check_not_emptied(0, folder)


def test_fresh_folder_is_no_loss(tmp_path: Path) -> None:
    folder = StorageFolder(tmp_path)
    assert guard.check_present(folder) is False
    witness.Witness(folder.witness).note()
    assert guard.check_present(folder) is False


def test_folder_of_another_user_is_no_damage(
    tablet: Tablet, folder: StorageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The technician runs as anna what the administrator set up as root."""
    foreign(monkeypatch)
    with pytest.raises(StorageForbidden, match="another user") as refused:
        damage.refuse_damaged(folder)
    assert refused.value.next_command is None
    listed = tablet.run("list", "--json")
    assert (listed.code, listed.error["code"]) == (9, "storage_forbidden")
    assert listed.error["retryable"] is False


def test_tokens_that_may_not_be_removed_are_told(tablet: Tablet, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    cleared = tablet.run("auth", "clear", "--json")
    assert (cleared.code, cleared.error["code"]) == (9, "storage_read_only")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\n", b"a\x1bb\n", b"0" * 200], ids=["no text", "escape", "long"]
)
def test_marker_that_is_no_id_is_told_with_what_to_run(
    tablet: Tablet, folder: StorageFolder, content: bytes
) -> None:
    folder.marker.write_bytes(content)
    with pytest.raises(DatabaseUnusable):
        folder.marked_id()
    listed = tablet.run("list", "--json")
    assert (listed.code, listed.error["code"]) == (8, "database_unusable")
    assert listed.error["next_command"] == "fieldsync db recover"
    assert "remove it" in listed.error["message"]
    folder.marker.unlink()
    open_database(folder, new_id=OTHER_ID, now=NOON).close()
    assert folder.marked_id() == DATABASE_ID


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
@pytest.mark.parametrize("name", ["fieldsync.id", "fieldsync.damaged", "fieldsync.db"])
def test_what_is_no_file_is_told_and_nobody_waits_for_it(
    tablet: Tablet, folder: StorageFolder, name: str, make: object
) -> None:
    (folder.root / name).unlink(missing_ok=True)
    make(folder.root / name)  # type: ignore[operator]
    for command in (("list", "--json"), ("pause", "--json")):
        ended = tablet.run(*command)
        assert (ended.code, ended.error["code"]) == (9, "storage_obstructed"), (command, ended)
        assert ended.error["retryable"] is False
        assert ended.error["next_command"]
    with pytest.raises((StorageObstructed, StorageReadOnly)):
        guard.open_for_reading(folder)


def test_pipe_in_the_place_of_the_witness_is_in_nobodys_way(folder: StorageFolder) -> None:
    folder.witness.unlink()
    os.mkfifo(folder.witness)
    assert witness.seen(folder) == witness.Seen()
    note = witness.Witness(folder.witness)
    note.note(entries=3)
    note.close()
    assert witness.seen(folder) == witness.Seen()
