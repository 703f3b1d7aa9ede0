"""A database is made once, upgraded after a copy, refused when it is not what this program knows, never replaced."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlcipher3 import dbapi2
from sqlmodel import SQLModel

from storage import guard, schema
from storage.database import Database
from storage.errors import (
    DatabaseDamaged,
    DatabaseMissing,
    DatabaseNewer,
    DatabaseUnusable,
    StorageFull,
    StorageProblem,
    StorageReadOnly,
)
from storage.folder import StorageFolder
from storage.guard import SCHEMA_VERSION, open_for_reading
from storage.models import Entry
from storage.queries import reading
from storage.schema import open_database
from tests.support.scratch import DATABASE_ID, NOON, Scratch, fresh_folder

OTHER_ID = "0193a000-0000-7000-8000-00000000a11e"


@pytest.fixture
def folder(tmp_path: Path) -> StorageFolder:
    """A folder with a database that holds one entry, closed."""
    scratch = Scratch(tmp_path / "queue")
    scratch.put(1)
    scratch.close()
    return scratch.folder


def opened(folder: StorageFolder, new_id: str = OTHER_ID) -> Database:
    return open_database(folder, new_id=new_id, now=NOON)


def digest(folder: StorageFolder) -> str:
    return hashlib.sha256(folder.database.read_bytes()).hexdigest()


def run_sql(folder: StorageFolder, *statements: str) -> None:
    """As another program would, in rollback mode, so that one file holds everything."""
    connection = dbapi2.connect(str(folder.database), isolation_level=None)
    for statement in ("PRAGMA journal_mode = DELETE", *statements):
        connection.execute(statement).fetchall()
    connection.close()


@contextmanager
def engine_connection(folder: StorageFolder) -> Iterator[Any]:
    database = opened(folder)
    with database.engine_connection() as connection:
        yield connection
    database.close()


def test_models_and_migrations_describe_the_same_tables(folder: StorageFolder) -> None:
    with engine_connection(folder) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        differences = compare_metadata(context, SQLModel.metadata)
    assert [d for d in differences if d[0] != "remove_table" or d[1].name != "alembic_version"] == []


def test_models_and_migrations_have_the_same_partial_indexes(folder: StorageFolder) -> None:
    """What Alembic does not compare: the conditions, and the order of columns."""
    from sqlalchemy.dialects.sqlite import dialect
    from sqlalchemy.schema import CreateIndex

    expected = {
        str(index.name): " ".join(str(CreateIndex(index).compile(dialect=dialect())).split())
        for index in SQLModel.metadata.tables[str(Entry.__tablename__)].indexes
    }
    connection = dbapi2.connect(str(folder.database))
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'entry' AND sql IS NOT NULL"
    ).fetchall()
    connection.close()
    assert {name: " ".join(sql.split()) for name, sql in found} == expected


def test_counters_follow_every_change_by_triggers(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "queue")
    for number in (1, 2, 3):
        scratch.put(number)
    scratch.edit(1, state="parked", stage="pending", reason="target_missing")
    scratch.edit(2, state="parked", stage="pending", reason="target_missing")
    scratch.edit(1, reason="url_expired")
    scratch.edit(3, payload="{}")
    with scratch.database.write() as transaction:
        transaction.cursor.execute("DELETE FROM entry WHERE seq = 2")
    counted = scratch.all("SELECT state, reason, n FROM counter WHERE n <> 0 ORDER BY state, reason")
    assert counted == [("parked", "url_expired", 1), ("pending", "", 1)]
    scratch.close()


def test_fresh_database_has_schema_identity_and_marker(tmp_path: Path) -> None:
    folder = StorageFolder(tmp_path / "a" / "queue")
    database = opened(folder, DATABASE_ID)
    with database.read() as transaction:
        assert guard.read_version_and_id(transaction.cursor) == (SCHEMA_VERSION, DATABASE_ID)
    database.close()
    assert folder.marked_id() == DATABASE_ID
    assert not folder.backups.exists()


def test_second_opening_keeps_identity_and_entries(folder: StorageFolder) -> None:
    database = opened(folder)
    with database.read() as transaction:
        assert guard.read_version_and_id(transaction.cursor) == (SCHEMA_VERSION, DATABASE_ID)
        assert transaction.cursor.execute("SELECT count(*) FROM entry").fetchall() == [(1,)]
    database.close()
    assert folder.marked_id() == DATABASE_ID


def test_second_opening_does_not_import_alembic(folder: StorageFolder) -> None:
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path;"
        "from storage.folder import StorageFolder; from storage.schema import open_database;"
        "open_database(StorageFolder(Path(sys.argv[1])), new_id='x', now=datetime.now(UTC)).close();"
        "print([name for name in sys.modules if name.partition('.')[0] in {'alembic', 'mako'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_looking_imports_neither_sqlalchemy_nor_pydantic(folder: StorageFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from storage.folder import StorageFolder; from storage import story;"
        "from storage.queries import reading\n"
        "with reading(StorageFolder(Path(sys.argv[1]))) as reader: print(reader.counts()['pending'])\n"
        "print([name for name in sys.modules if name.partition('.')[0] in {'sqlalchemy', 'sqlmodel', 'pydantic'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["1", "[]"]


def test_marker_is_written_again_after_a_crash_before_it(folder: StorageFolder) -> None:
    folder.marker.unlink()
    opened(folder).close()
    assert folder.marked_id() == DATABASE_ID


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_known_database_that_is_gone_is_damage_and_never_a_new_queue(
    folder: StorageFolder, damage: str
) -> None:
    if damage == "missing":
        folder.database.unlink()
    else:
        folder.database.write_bytes(b"")
    for look in (opened, open_for_reading):
        with pytest.raises(DatabaseMissing, match="was known here"):
            look(folder)
    assert not folder.database.exists() or folder.database.stat().st_size == 0


def test_known_database_that_lost_its_schema_is_not_filled_anew(folder: StorageFolder) -> None:
    """Somebody put an empty database in the place of the known one: as good as missing."""
    folder.database.unlink()
    run_sql(folder, "CREATE TABLE x (y)", "DROP TABLE x")
    for look in (opened, open_for_reading):
        with pytest.raises(DatabaseUnusable):
            look(folder)
    connection = dbapi2.connect(str(folder.database))
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, known: bool) -> None:
    folder = StorageFolder(tmp_path / "queue")
    folder.make()
    folder.database.write_bytes(b"these are not the rows you are looking for " * 300)
    if known:
        folder.mark(DATABASE_ID)
    before = digest(folder)
    for look in (opened, open_for_reading):
        with pytest.raises(DatabaseDamaged, match="do not delete it"):
            look(folder)
    assert digest(folder) == before


def test_database_cut_off_in_the_middle_is_refused_or_read_as_damaged(folder: StorageFolder) -> None:
    content = folder.database.read_bytes()
    folder.database.write_bytes(content[: len(content) // 2 // 4096 * 4096])
    with pytest.raises(DatabaseDamaged):  # noqa: PT012
        database = opened(folder)
        try:
            with database.read() as transaction:
                transaction.cursor.execute("PRAGMA foreign_key_check").fetchall()
                transaction.cursor.execute("SELECT * FROM signature").fetchall()
                transaction.cursor.execute("SELECT * FROM entry").fetchall()
        finally:
            database.close()
    with pytest.raises(DatabaseDamaged), reading(folder) as reader:  # noqa: PT012
        assert reader is not None
        reader.entries()


def test_newer_schema_is_refused_and_not_a_byte_is_changed(folder: StorageFolder) -> None:
    run_sql(folder, f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "PRAGMA journal_mode = WAL")
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.root.iterdir()}
    for look in (opened, open_for_reading):
        with pytest.raises(DatabaseNewer, match="nothing was changed"):
            look(folder)
    after = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.root.iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) <= {"schema.lock", "fieldsync.db-wal", "fieldsync.db-shm"}


NEXT_STEP = """
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "{before:04}"
def upgrade() -> None:
    op.add_column("entry", sa.Column("colour", sa.Text(), nullable=True))
    {more}
"""


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program whose schema is one step further; answers the file of that step."""
    migrations = tmp_path / "program" / "migrations"
    (migrations / "versions").mkdir(parents=True)
    original = Path(schema.__file__).with_name("migrations")
    for known in [original / "env.py", *(original / "versions").glob("*.py")]:
        (migrations / known.relative_to(original)).write_bytes(known.read_bytes())
    step = migrations / "versions" / "9999_colour.py"
    step.write_text(NEXT_STEP.format(more="", before=SCHEMA_VERSION))
    monkeypatch.setattr(schema, "__file__", str(migrations.parent / "schema.py"))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(guard, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    return step


def test_older_schema_is_upgraded_after_a_backup_copy(folder: StorageFolder, next_version: Path) -> None:
    with pytest.raises(DatabaseUnusable, match=f"still has schema {SCHEMA_VERSION}"):
        open_for_reading(folder)
    database = opened(folder)
    with database.read() as transaction:
        assert transaction.cursor.execute("SELECT id IS NOT NULL, colour FROM entry").fetchall() == [
            (1, None)
        ]
        assert guard.read_version_and_id(transaction.cursor) == (SCHEMA_VERSION + 1, DATABASE_ID)
    database.close()
    (copy,) = folder.backups.iterdir()
    assert copy.name.startswith(f"schema-{SCHEMA_VERSION}-20260302T120000")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.backups.stat().st_mode) == 0o700
    connection = dbapi2.connect(str(copy))
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert connection.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    connection.close()
    opened(folder).close()
    assert len(list(folder.backups.iterdir())) == 1


def test_first_schema_is_upgraded_with_its_entries(tmp_path: Path) -> None:
    """A device that was set up by the first version gets the present one."""
    folder = StorageFolder(tmp_path / "old")
    folder.make()
    database = Database(folder)
    with database.engine_connection() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            f"INSERT INTO control VALUES ('database_id', '\"{DATABASE_ID}\"', 0)",
            "INSERT INTO entry (id, kind, state, due_at, creates, has_signature, payload_version, payload,"
            " payload_sha256, input_digest, idempotency_key, attempts, attempt_n, link_failures, lease_fence,"
            " certainly_created, lookups, clean_misses, captured_at, clock_suspect)"
            " VALUES ('old', 'unplanned-preventive', 'in_doubt', 0, 1, 0, 1, '{}', '', '', 'old', 1, 1, 0, 1,"
            " 0, 0, 0, 1, 0)",
            "PRAGMA user_version = 1",
        ):
            connection.exec_driver_sql(statement)
    database.close()
    folder.mark(DATABASE_ID)
    database = opened(folder)
    with database.read() as transaction:
        assert guard.read_version_and_id(transaction.cursor) == (SCHEMA_VERSION, DATABASE_ID)
        found = transaction.cursor.execute(
            "SELECT id, state, doubt_waited_ms, row_digest, lookup_due_mono_ms FROM entry"
        )
        assert found.fetchall() == [("old", "in_doubt", 0, None, None)]
    database.close()


def test_upgrade_that_fails_leaves_the_old_schema_whole(folder: StorageFolder, next_version: Path) -> None:
    """The power goes, or a step is wrong, with half of the changes made."""
    next_version.write_text(NEXT_STEP.format(more='raise RuntimeError("half way")', before=SCHEMA_VERSION))
    with pytest.raises(RuntimeError, match="half way"):
        opened(folder)
    connection = dbapi2.connect(str(folder.database))
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert "colour" not in {row[1] for row in connection.execute("PRAGMA table_info(entry)")}
    connection.close()
    assert len(list(folder.backups.iterdir())) == 1


def test_database_that_is_not_the_known_one_is_refused(folder: StorageFolder) -> None:
    """A copy restored beside the original: both would send everything."""
    folder.mark(OTHER_ID)
    for look in (opened, open_for_reading):
        with pytest.raises(DatabaseUnusable, match="not the database that is known here"):
            look(folder)
    assert folder.marked_id() == OTHER_ID


def test_older_database_that_is_not_the_known_one_is_not_upgraded(
    folder: StorageFolder, next_version: Path
) -> None:
    folder.mark(OTHER_ID)
    with pytest.raises(DatabaseUnusable):
        opened(folder)
    connection = dbapi2.connect(str(folder.database))
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_folder_and_files_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = StorageFolder(tmp_path / "queue")
        folder.root.mkdir(mode=0o755)
        database = opened(folder)
        with database.write() as transaction:
            transaction.cursor.execute("INSERT INTO control VALUES ('x', '1', 1)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.root.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert {"fieldsync.db", "fieldsync.db-wal", "fieldsync.id", "schema.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_nothing_known_and_nothing_there_reads_as_no_outbox(tmp_path: Path) -> None:
    assert open_for_reading(StorageFolder(tmp_path / "nowhere")) is None
    with reading(StorageFolder(tmp_path / "nowhere")) as reader:
        assert reader is None
    assert not (tmp_path / "nowhere").exists()


def test_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageReadOnly):
        opened(StorageFolder(tmp_path / "file" / "queue"))


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """A file system of this test's own; skips where this user may not mount."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting needs a privilege that this user does not have: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_read_only_disk_can_be_looked_at_and_refuses_the_rest(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with mounted(place, "-o", "size=8m"):
        scratch = Scratch(place / "queue")
        scratch.put(1)
        scratch.close()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with reading(scratch.folder) as reader:
            assert reader is not None
            assert reader.counts()["pending"] == 1
        with pytest.raises(StorageReadOnly):  # noqa: PT012
            again = Scratch(place / "queue", folder=scratch.folder)
            try:
                again.put(2)
            finally:
                again.close()
        with pytest.raises(StorageReadOnly):
            opened(scratch.folder).close()
        with pytest.raises(StorageReadOnly):
            opened(StorageFolder(place / "new"))


def test_look_at_a_read_only_disk_never_leaves_out_what_is_only_in_the_log(tmp_path: Path) -> None:
    """The device died with a capture in the log, and its disk is looked at read-only: told, or refused, not hidden."""
    place = tmp_path / "disk"
    with mounted(place, "-o", "size=8m"):
        scratch = Scratch(tmp_path / "queue")
        scratch.put(1)
        copy = StorageFolder(place / "queue")
        copy.root.mkdir()
        for name in ("fieldsync.db", "fieldsync.db-wal", "fieldsync.id"):
            (copy.root / name).write_bytes((scratch.folder.root / name).read_bytes())
        scratch.close()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        found = None
        with suppress(StorageProblem), reading(copy) as reader:
            assert reader is not None
            found = reader.counts()["pending"]
        assert found in (1, None)


def test_disk_without_room_for_a_database_says_so(tmp_path: Path) -> None:
    """A fresh device with a full disk: the first capture fails with the right word, and works once there is room."""
    place = tmp_path / "disk"
    with mounted(place, "-o", "size=64k"):
        with pytest.raises(StorageFull):
            opened(StorageFolder(place / "queue"))
        subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
        opened(StorageFolder(place / "queue")).close()


OPENER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from storage.folder import StorageFolder
from storage.schema import open_database
import alembic.command  # so that both arrive at the same moment
print("ready", flush=True)
sys.stdin.readline()
database = open_database(StorageFolder(Path(sys.argv[1])), new_id=sys.argv[2], now=datetime.now(UTC))
with database.write() as transaction:
    transaction.cursor.execute("INSERT INTO control VALUES (?, '1', 1)", (sys.argv[2],))
    print(transaction.cursor.execute("SELECT value FROM control WHERE key = 'database_id'").fetchone()[0])
database.close()
"""


def test_two_programs_that_make_the_database_at_once_agree_on_one(tmp_path: Path) -> None:
    folder = StorageFolder(tmp_path / "queue")
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(folder.root), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "c")
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    answers = [opener.communicate(timeout=60) for opener in openers]
    assert [opener.returncode for opener in openers] == [0, 0, 0], answers
    assert {json.loads(out) for out, _ in answers} == {folder.marked_id()}
    connection = dbapi2.connect(str(folder.database))
    assert connection.execute("SELECT count(*) FROM control WHERE key IN ('a', 'b', 'c')").fetchone() == (3,)
    connection.close()


def test_unreadable_marker_is_told(tmp_path: Path) -> None:
    folder = fresh_folder(tmp_path / "queue")
    folder.marker.write_bytes(b"\xff\xfe\n")
    with pytest.raises(StorageProblem, match=r"fieldsync\.id"):
        opened(folder)
