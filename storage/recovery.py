"""Recovers what can be read of a damaged, cut off, emptied, outdated or lost database into a new one.

The damaged files are moved aside and never deleted. Until the new database is in place every command refuses, so that
nobody takes half a queue for the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2

from storage import aside, damage, driver, witness
from storage.checking import Findings, check, page_damage
from storage.claims import doubt_clock
from storage.errors import DatabaseNewer, DatabaseUnusable, StorageProblem
from storage.folder import StorageFolder, from_os_error, write_durably
from storage.guard import SCHEMA_VERSION
from storage.guarded import to_ms
from storage.locks import FileLock
from storage.rebuild import Moment, Rebuild, Tally
from storage.salvage import Layout, Salvage, layout_of
from storage.schema import open_database

REPORT: Final = "report.json"
# Neither of these is damage: one is a memory of it, the other what the next drain puts right.
_HARMLESS: Final = frozenset({"damage_remembered", "schema_older"})


class OutboxInUse(StorageProblem):
    """A worker or drain is at work on this outbox."""

    code = "outbox_in_use"
    next_command = "fieldsync status"


class NothingKnown(DatabaseUnusable):
    """There is no database here and never was one."""

    code = "nothing_to_recover"
    next_command = "fieldsync status"


@dataclass(frozen=True, slots=True)
class When:
    """The moment of the recovery, and a fresh id: its own, and the identity should none be left."""

    now: datetime
    mono_ms: int
    boot: str
    new_id: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found and done. `place` is where the damaged files are; None where nothing had to be done."""

    problems: tuple[str, ...]
    place: Path | None = None
    tally: Tally = field(default_factory=Tally)
    unknown_lost: int = 0  # captures that were seen before and of which nothing is left, not even a number
    backup: Path | None = None  # the newest one that could bring more
    source: Path | None = None
    from_source: int = 0  # entries that only the given file had
    database_lost: bool = False  # it was gone or empty, or nothing at all could be read of it

    @property
    def complete(self) -> bool:
        """Whether nothing was lost, damaged or put in doubt. Of a lost database nobody knows what was in it."""
        tally = self.tally
        lost = self.database_lost or self.unknown_lost or any(tally.lost.values())
        return not (lost or tally.damaged or tally.in_doubt)

    def to_json(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "schema": 1,
            "recovered": self.place is not None,
            "problems": list(self.problems),
            "database_lost": self.database_lost,
            "tables": {
                table: {"read": tally.read.get(table, 0), "lost": tally.lost.get(table, 0)}
                for table in ("entry", "signature", "attempt", "receipt", "purged", "control")
            },
            "lost_ids": tally.lost_ids,
            "lost_unknown": self.unknown_lost,
            "damaged": tally.damaged,
            "broken_images": tally.broken_images,
            "in_doubt": tally.in_doubt,
            "notes": tally.notes,
            "from": None if self.source is None else str(self.source),
            "from_entries": self.from_source,
            "backup": None if self.backup is None else str(self.backup),
            "moved_to": None if self.place is None else str(self.place),
            "report": None if self.place is None else str(self.place / REPORT),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any], place: Path) -> Recovered:
        """What `to_json` told of a recovery that moved the damaged files to `place`."""
        tally = Tally(
            read={table: counts["read"] for table, counts in told["tables"].items()},
            lost={table: counts["lost"] for table, counts in told["tables"].items()},
            lost_ids=told["lost_ids"],
            damaged=told["damaged"],
            broken_images=told["broken_images"],
            in_doubt=told["in_doubt"],
            notes=told["notes"],
        )
        backup, source = (None if told[name] is None else Path(told[name]) for name in ("backup", "from"))
        lost, added, gone = told["lost_unknown"], told["from_entries"], told["database_lost"]
        return cls(tuple(told["problems"]), place, tally, lost, backup, source, added, gone)


def recover(
    folder: StorageFolder,
    when: When,
    *,
    methods: Mapping[str, str],
    force: bool = False,
    source: Path | None = None,
) -> Recovered:
    """Rebuild the database of `folder`; where it is sound nothing is done unless forced, or a `source` is to be added.

    `source` is another copy of the same database, such as a backup: what only it has is added, in doubt where it was
    not final.

    Raises:
        OutboxInUse: a worker or drain holds its lock.
        NothingKnown: no database was ever here.
        DatabaseUnusable: it is another one than the known, or newer than this program.
        StorageFull, StorageReadOnly: a file cannot be read, written or moved.
    """
    try:
        return _recover(folder, when, methods, force=force, source=source)
    except OSError as error:
        raise from_os_error(error, Path(error.filename or folder.root)) from error


def _recover(
    folder: StorageFolder, when: When, methods: Mapping[str, str], *, force: bool, source: Path | None
) -> Recovered:
    if not folder.root.is_dir():
        raise NothingKnown(f"nothing was ever captured in {folder.root}")
    with _nobody_works(folder):
        place = aside.finish(folder)
        if place is not None:
            return _told_late(folder, place)
        findings = check(folder, methods=methods, full=True)
        if findings is None and source is None:
            raise NothingKnown(f"nothing was ever captured in {folder.root}")
        findings = findings or Findings()
        problems = tuple(problem.what for problem in findings.problems)
        found = {problem.code for problem in findings.problems} - _HARMLESS
        if "database_unusable" in found:
            raise DatabaseUnusable(problems[-1])
        if not found and not force and source is None:
            damage.forget(folder)
            aside.clear(folder)
            return Recovered(problems)
        identity = _identity_for(folder, source) or when.new_id
        if source is not None:
            _refuse_foreign(source, identity)
        # A source may know of sends that the database does not; and the other way round.
        states_hold = findings.pages_sound and "database_missing" not in found
        moment = Moment(
            to_ms(when.now), doubt_clock(to_ms(when.now), when.mono_ms, when.boot), states_hold, methods
        )
        lost = "database_missing" in found
        with _remembered_meanwhile(folder):
            return _rebuilt(
                folder, when, moment, problems=problems, source=source, identity=identity, database_lost=lost
            )


@contextmanager
def _remembered_meanwhile(folder: StorageFolder) -> Iterator[None]:
    """Every command refuses until it is done. What fails before the plan leaves everything as it was."""
    before = damage.remembered(folder) is not None
    damage.remember(folder, "it is being recovered")
    try:
        yield
    except BaseException:
        if not aside.planned(folder):
            aside.clear(folder)
            if not before:
                damage.forget(folder)
        raise


def _told_late(folder: StorageFolder, place: Path) -> Recovered:
    """An earlier recovery was cut off after its plan was made: it is finished now, and nobody was told of it yet."""
    note = (
        "an earlier recovery that was cut off is finished now, and this is its report; nothing else was done"
    )
    try:
        recovered = Recovered.from_json(json.loads((place / REPORT).read_bytes()), place)
    except (OSError, ValueError, LookupError, TypeError) as error:
        note = f"{note}, which cannot be read ({type(error).__name__})"
        recovered = Recovered((), place, database_lost=True)
    recovered.tally.notes.append(note)
    identity = _identity_of(folder.database)
    if identity is not None:
        folder.mark(identity)
    damage.forget(folder)
    aside.clear(folder)
    return recovered


@contextmanager
def _nobody_works(folder: StorageFolder) -> Iterator[None]:
    with ExitStack() as held:
        for path in (folder.worker_lock, folder.drain_lock, folder.schema_lock):
            lock = FileLock(path)
            if not lock.take():
                holder = FileLock.holder(path)
                who = f"process {holder.pid}" if holder is not None and holder.pid else "another process"
                raise OutboxInUse(f"{who} is at work on this outbox; stop the worker, and order it again")
            held.callback(lock.give)
        yield


def _rebuilt(
    folder: StorageFolder,
    when: When,
    moment: Moment,
    *,
    problems: tuple[str, ...],
    source: Path | None,
    identity: str,
    database_lost: bool,
) -> Recovered:
    before = aside.state_of(folder)
    seen = witness.seen(folder)
    new = aside.workshop(folder)
    given = max(seen.entries, *(number for _, number in copies_of(folder, identity)), 0)
    database = open_database(new, new_id=identity, now=when.now)
    try:
        with database.write() as transaction:
            cursor = transaction.cursor
            layout = layout_of(cursor)
            rebuild = Rebuild(cursor, layout, moment, given=given)
            if folder.database.exists() and folder.database.stat().st_size:
                _add(rebuild, folder.database, layout)
            known = rebuild.highest
            database_lost = database_lost or not any(rebuild.tally.read.values())
            from_source = 0 if source is None else _add_source(rebuild, source, layout, identity)
            rebuild.finish(
                database_id=identity,
                made_as=when.new_id,
                sequence=max(given, known),
                sends=max(seen.sends, rebuild.sends),
            )
        database.checkpoint()
        found = page_damage_of(database)
    finally:
        database.close()
    if found:
        raise DatabaseUnusable(f"the new database in {new.root} is not sound ({found[0]}); nothing was moved")
    lost = max(0, given - known)
    unknown = lost if source is None else max(0, min(lost, given - rebuild.highest))
    recovered = Recovered(
        problems,
        aside.make_place(folder, f"{when.now:%Y%m%dT%H%M%S%fZ}"),
        rebuild.tally,
        unknown,
        newest_backup(folder, identity),
        source,
        from_source,
        database_lost,
    )
    assert recovered.place is not None
    write_durably(recovered.place / REPORT, json.dumps(recovered.to_json(), indent=1).encode() + b"\n")
    aside.swap(folder, recovered.place, unchanged_since=before)
    folder.mark(identity)
    damage.forget(folder)
    aside.clear(folder)
    return recovered


def page_damage_of(database: Any) -> list[str]:
    with database.read() as transaction:
        return page_damage(transaction.cursor, full=True)


def _add(rebuild: Rebuild, path: Path, layout: Layout) -> int:
    source = Salvage(path, layout)
    try:
        return rebuild.add(source)
    finally:
        source.close()


def _add_source(rebuild: Rebuild, path: Path, layout: Layout, identity: str) -> int:
    source = Salvage(path, layout)
    try:
        # Its entries may be in use elsewhere: whose copy it is must be certain, also where it is damaged.
        ids = {row["value"] for _, row in source.rows("control") if row and row["key"] == "database_id"}
        if ids != {json.dumps(identity)}:
            raise DatabaseUnusable(
                f"{path} does not say that it is a copy of the database that is known here"
            )
        rebuild.trust_no_state()
        added = rebuild.add(source)
    finally:
        source.close()
    rebuild.forget_found()
    return added


def _identity_for(folder: StorageFolder, source: Path | None) -> str | None:
    """Whose database it is, by whatever is left that says so."""
    with suppress(StorageProblem):
        if marked := folder.marked_id():
            return marked
    found = _identity_of(folder.database) or (source and _identity_of(source))
    return found or next((id for path in _backups(folder) if (id := _identity_of(path, sound=True))), None)


def _refuse_foreign(path: Path, identity: str) -> None:
    """What can be told before anything is changed; the rest needs its rows.

    Raises:
        DatabaseNewer: a newer program wrote it.
        DatabaseUnusable: it is a copy of another database.
    """
    version = _version_of(path)
    if version > SCHEMA_VERSION:
        raise DatabaseNewer(
            f"{path} has schema {version}, this program knows {SCHEMA_VERSION}: install the newer fieldsync; "
            "nothing was changed"
        )
    found = _identity_of(path)
    if found is not None and found != identity:
        raise DatabaseUnusable(f"{path} is a copy of another database than the one that is known here")


def _version_of(path: Path) -> int:
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return 0
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except dbapi2.Error:
        return 0
    finally:
        connection.close()


def _backups(folder: StorageFolder) -> list[Path]:
    try:
        return sorted(folder.backups.glob("*.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []


def copies_of(folder: StorageFolder, identity: str) -> list[tuple[Path, int]]:
    """The copies of this database in `backups/`, each with the highest number that an entry ever had in it."""
    return [(path, _sequence_of(path)) for path in _backups(folder) if _identity_of(path) == identity]


def _sequence_of(path: Path) -> int:
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return 0
    try:
        return witness.known(connection).entries
    except dbapi2.Error:
        return 0
    finally:
        connection.close()


def newest_backup(folder: StorageFolder, identity: str) -> Path | None:
    """The newest sound copy of this database in `backups/`; None where there is none."""
    return next((path for path in _backups(folder) if _identity_of(path, sound=True) == identity), None)


def _identity_of(path: Path, *, sound: bool = False) -> str | None:
    """Which database this is a copy of; None where it does not say, or with `sound` where it is damaged."""
    if not path.exists():
        return None
    try:
        connection = driver.connect_for_reading(path)
    except dbapi2.Error:
        return None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if not 0 < version <= SCHEMA_VERSION or (sound and page_damage(connection)):
            return None
        row = connection.execute("SELECT value FROM control WHERE key = 'database_id'").fetchone()
    except dbapi2.Error:
        return None
    finally:
        connection.close()
    return None if row is None else str(row[0]).strip('"')
