"""Recovers what can be read of a damaged, cut off, emptied, outdated or lost database into a new one.

The damaged files are moved aside and never deleted. Until the new database is in place every command refuses, so that
nobody takes half a queue for the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any, Final

from storage import aside, damage, listed, witness
from storage.checking import Findings, check, page_damage
from storage.claims import doubt_clock
from storage.coming import known_to
from storage.copies import backups_of, copies_of, identity_of, kept_list, newest_backup, refuse_foreign
from storage.database import Transaction
from storage.errors import DatabaseUnusable, StorageProblem
from storage.folder import StorageFolder, from_os_error, write_durably
from storage.guarded import to_ms
from storage.locks import FileLock
from storage.rebuild import Moment, Rebuild
from storage.recovered import REPORT, Recovered
from storage.salvage import Layout, Salvage, layout_of
from storage.schema import open_database
from storage.witness import Seen

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


def recover(
    folder: StorageFolder,
    when: When,
    *,
    methods: Mapping[str, str],
    force: bool = False,
    source: Path | None = None,
) -> Recovered:
    """Rebuild the database of `folder`; where it is sound nothing is done unless forced, or a `source` is to be added.

    `source` is another copy of the same database, such as a backup: what only it has, or knows more of, is taken from
    it, in doubt where it was not final. What may have been handed over to another device since is held.

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
            refuse_foreign(source, identity)
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
    identity = identity_of(folder.database)
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
    copies = [known for _, known in copies_of(folder, identity)]
    seen = reduce(Seen.joined, copies, witness.seen(folder))
    new = aside.workshop(folder)
    database = open_database(new, new_id=identity, now=when.now)
    try:
        with database.write() as transaction, ExitStack() as opened:
            layout = layout_of(transaction.cursor)
            there = folder.database.exists() and folder.database.stat().st_size > 0
            main = _opened(opened, folder.database, layout) if there else None
            more = None if source is None else _opened(opened, source, layout)
            if more is not None:
                _refuse_other(more, identity, source)
            known = [known_to(each) for each in (main, more) if each is not None]
            if len(known) == 2 and any(known[1].lost_from(known[0])):
                moment = replace(
                    moment, states_hold=False
                )  # the copy proves that the database is an older one
            given = seen.entries
            rebuild = Rebuild(
                transaction.cursor, layout, moment, seen=reduce(Seen.joined, known, seen), given=given
            )
            if main is not None:
                if more is not None:
                    rebuild.expect(more)
                rebuild.add(main)
            highest = rebuild.highest
            database_lost = database_lost or not any(rebuild.tally.read.values())
            from_source = 0
            if more is not None:
                rebuild.trust_no_state()
                from_source = rebuild.add(more) - len(rebuild.superseded)
                rebuild.forget_found()
            rebuild.finish(database_id=identity, made_as=when.new_id, sequence=max(given, highest))
            _keep_list(
                transaction, [each for each in (folder.database if there else None, source) if each], rebuild
            )
        database.checkpoint()
        found = page_damage_of(database)
    finally:
        database.close()
    if found:
        raise DatabaseUnusable(f"the new database in {new.root} is not sound ({found[0]}); nothing was moved")
    lost = max(0, given - highest)
    unknown = lost if source is None else max(0, min(lost, given - rebuild.highest))
    recovered = Recovered(
        problems,
        aside.make_place(folder, f"{when.now:%Y%m%dT%H%M%S%fZ}"),
        rebuild.tally,
        unknown,
        newest_backup(folder, identity),
        source,
        from_source,
        len(rebuild.superseded),
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


def _opened(opened: ExitStack, path: Path, layout: Layout) -> Salvage:
    source = Salvage(path, layout)
    opened.callback(source.close)
    return source


def _refuse_other(source: Salvage, identity: str, path: Path | None) -> None:
    """
    Raises: DatabaseUnusable, where it is not certain whose copy this is: its entries may be in use elsewhere.
    """
    ids = {row["value"] for _, row in source.rows("control") if row and row["key"] == "database_id"}
    if ids != {json.dumps(identity)}:
        raise DatabaseUnusable(f"{path} does not say that it is a copy of the database that is known here")


def _keep_list(transaction: Transaction, paths: Sequence[Path], rebuild: Rebuild) -> None:
    """The reference list goes along from the first of `paths` in which it is whole."""
    lists = [kept_list(path) for path in paths]
    whole = next((each for each in lists if each is not None and each.whole), None)
    if whole is not None:
        listed.replace(transaction, whole.lines, now=whole.at)
    elif any(lists):
        rebuild.tally.notes.append(
            "the reference list is damaged and was left out; import it again: fieldsync reference import FILE"
        )


def _identity_for(folder: StorageFolder, source: Path | None) -> str | None:
    """Whose database it is, by whatever is left that says so."""
    with suppress(StorageProblem):
        if marked := folder.marked_id():
            return marked
    found = identity_of(folder.database) or (source and identity_of(source))
    return found or next((id for path in backups_of(folder) if (id := identity_of(path, sound=True))), None)
