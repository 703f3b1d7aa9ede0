"""Hands entries over: parks them, then writes them into one sealed file. In this order, at every kill.

First they are parked, in one transaction; then the file is written under another name, made durable, and only then
named. A failure that is seen takes them back. A kill leaves them parked, and no file that anybody can import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from storage import control, handovers
from storage.database import Database, Transaction
from storage.digests import intact
from storage.errors import DatabaseDamaged, StorageProblem
from storage.folder import from_os_error, sync_folder
from storage.handovers import Candidate
from storage.lifecycle import State
from storage.queries import Reader
from storage.signatures import read_signature
from sync.bundle.choice import WHY, Choice, choose, parents_first, torn
from sync.bundle.contents import MOST_ENTRIES, Head, Writer
from sync.bundle.errors import BundleRefused
from sync.bundle.sealed_file import Lock, Sealer
from sync.clock import Clock
from sync.durable import written
from sync.version import VERSION

_TAKEN_BACK_WITHIN_S: Final = 15.0
_BUFFER: Final = 256 * 1024


class FileInTheWay(BundleRefused):
    """There is a file of that name already, or one that an export left behind."""

    code = "file_exists"


class NotHandedOver(BundleRefused):
    """There is no bundle to write again."""

    code = "not_handed_over"


class LeftParked(BundleRefused):
    """The file could not be written, and the entries could not be taken back: they are kept, and not sent."""

    code = "left_parked"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: those named by id or its end, of a kind, of an owner ("": nobody's); all where nothing is."""

    ids: tuple[str, ...] = ()
    kind: str | None = None
    owner: str | None = None


@dataclass(slots=True)
class HandedOver:
    """What an export did. `bundle` is None where nothing could go, and then there is no file."""

    bundle: str | None
    path: Path
    choice: Choice
    size_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "bundle": self.bundle,
            "path": None if self.bundle is None else str(self.path),
            "bytes": self.size_bytes,
            "handed_over": [each.id for each in self.choice.going],
            "brought": list(self.choice.brought),
            "staying": [
                {"id": each.id, "code": each.code, "why": WHY[each.code]} for each in self.choice.staying
            ],
        }


def look(database: Database, wanted: Wanted, clock: Clock, path: Path) -> HandedOver:
    """What an export would hand over now; changes nothing.

    Raises:
        EntryNotFound, AmbiguousId: a name does not mean one entry.
    """
    with database.read() as transaction:
        choice = _choose(transaction, wanted, clock, _Damaged(database))
    return HandedOver(None, path, choice)


def hand_over(
    database: Database,
    wanted: Wanted,
    path: Path,
    lock: Lock,
    *,
    clock: Clock,
    bundle: str,
    random: Callable[[int], bytes] = os.urandom,
) -> HandedOver:
    """Park what is wanted and can go, and seal it into a new file `path`. `bundle` is a fresh id.

    Raises:
        FileInTheWay: `path`, or what an export was writing for it, is there.
        EntryNotFound, AmbiguousId: a name does not mean one entry.
        StorageProblem: the file cannot be written; nothing was handed over.
        LeftParked: it cannot be written, and the entries are parked.
    """
    draft = path.with_name(path.name + ".part")
    damaged = _Damaged(database)
    with database.read() as transaction:
        _choose(transaction, wanted, clock, damaged)  # their images are read here, outside of the write lock
    stream = _made(path, draft)
    finished = parked = False
    try:
        # scrypt takes its time, and this is the first thing that a full stick refuses: before anything is parked.
        sealer = Sealer(stream, lock, random=random)
        stream.flush()
        with database.write() as transaction:
            choice = _choose(transaction, wanted, clock, damaged)
            handovers.hand_over(transaction, [each.id for each in choice.going], bundle, now=clock.now_ms())
        parked = bool(choice.going)
        if not parked:
            draft.unlink()
            return HandedOver(None, path, choice)
        _write(database, choice.going, sealer, Writer(Head(bundle, clock.now(), VERSION)), bundle)
        finished = True
        size = _finished(stream, sealer, draft, path)
    except BaseException as error:
        _give_up(database, draft, bundle, clock, parked=parked, finished=finished, error=error)
        if isinstance(error, OSError):
            raise from_os_error(error, path) from None
        raise
    finally:
        with suppress(OSError):  # what it would still write belongs to a file that was given up
            stream.close()
    with suppress(OSError):
        sync_folder(path.parent)
    return HandedOver(bundle, path, choice, size)


def write_again(
    database: Database,
    id: str,
    path: Path,
    lock: Lock,
    *,
    clock: Clock,
    random: Callable[[int], bytes] = os.urandom,
) -> HandedOver:
    """The file of a hand-over once more, for one that was cut off or lost: the same bundle, so it is as good as that.

    `id` is the end of the id of any entry in it. Nothing is parked or taken back by this, whatever happens.

    Raises:
        FileInTheWay: `path`, or what an export was writing for it, is there.
        NotHandedOver: the entry left in no bundle, or what it waits for is not in that any more.
        EntryNotFound, AmbiguousId: the name does not mean one entry.
        StorageProblem: the file cannot be written.
    """
    with database.read() as transaction:
        (full_id,) = _resolved(transaction, (id,))
        bundle = handovers.bundle_of(transaction, full_id)
        if bundle is None:
            raise NotHandedOver(
                f"entry {full_id[-8:]} is not handed over, so there is no bundle to write again"
            )
        seqs = set(handovers.in_bundle(transaction, bundle))
        there = handovers.candidates(transaction, now=clock.now_ms())
        going = parents_first(each for each in there if each.seq in seqs)
        alone = torn(going, there, lambda id: handovers.known(transaction, id))
    if alone:
        named = ", ".join(each.id[-8:] for each in going if each.id in alone)
        raise NotHandedOver(
            f"what these wait for was in the bundle, and was taken back or given up here since: {named}. "
            "Import the first file, or set them free here too (resync ID --force), or give them up"
        )
    draft = path.with_name(path.name + ".part")
    stream = _made(path, draft)
    try:
        sealer = Sealer(stream, lock, random=random)
        _write(database, going, sealer, Writer(Head(bundle, clock.now(), VERSION)), bundle)
        size = _finished(stream, sealer, draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError):
            raise from_os_error(error, path) from None
        raise
    finally:
        with suppress(OSError):
            stream.close()
    return HandedOver(bundle, path, Choice(going, (), ()), size)


def _finished(stream: BinaryIO, sealer: Sealer, draft: Path, path: Path) -> int:
    """Give the file its end and its name, durably; its size in bytes."""
    sealer.finish()
    stream.flush()
    os.fsync(stream.fileno())
    size = stream.tell()
    stream.close()
    _refuse_existing(path)
    draft.rename(path)
    return size


def _choose(transaction: Transaction, wanted: Wanted, clock: Clock, damaged: _Damaged) -> Choice:
    candidates = handovers.candidates(transaction, now=clock.now_ms())
    ids = frozenset(_resolved(transaction, wanted.ids))

    def asked(each: Candidate) -> bool:
        if ids:
            return each.id in ids
        if each.state is State.PARKED and each.reason == handovers.HANDED_OVER:
            return False  # it is gone already, and nobody named it
        of_kind = wanted.kind is None or each.kind == wanted.kind
        return of_kind and (wanted.owner is None or (each.owner or "") == wanted.owner)

    first = choose(candidates, asked, known=lambda id: handovers.known(transaction, id))
    broken = damaged.among(transaction, first.going)
    if broken:
        first = choose(candidates, asked, known=lambda id: handovers.known(transaction, id), damaged=broken)
    if len(first.going) > MOST_ENTRIES:
        raise BundleRefused(
            f"one bundle holds at most {MOST_ENTRIES} entries; name fewer, or a kind or owner"
        )
    return first


def _resolved(transaction: Transaction, ids: Iterable[str]) -> list[str]:
    reader = Reader(transaction.cursor)
    return [reader.resolve(suffix) for suffix in dict.fromkeys(ids)]


class _Damaged:
    """Which entries are not what was captured. Images are read once each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sound: dict[int, bool] = {}

    def among(self, transaction: Transaction, entries: Iterable[Candidate]) -> set[str]:
        return {each.id for each in entries if not self._is_sound(transaction, each.seq)}

    def _is_sound(self, transaction: Transaction, seq: int) -> bool:
        if seq not in self._sound:
            try:
                read_signature(self._database, seq)
                self._sound[seq] = True
            except DatabaseDamaged:
                self._sound[seq] = False
        return self._sound[seq] and intact(transaction.cursor, seq)


def _write(
    database: Database, going: Sequence[Candidate], sealer: Sealer, writer: Writer, bundle: str
) -> None:
    sealer.write(writer.head())
    for each in going:
        with database.read() as transaction:
            entry = handovers.carried(transaction, each.seq, bundle)
        sealer.write(writer.entry(entry, read_signature(database, each.seq)))
    with database.read() as transaction:
        if handovers.in_bundle(transaction, bundle) != sorted(each.seq for each in going):
            raise BundleRefused(
                "somebody changed an entry while it was being handed over; nothing was handed over"
            )
    sealer.write(writer.end())


def _made(path: Path, draft: Path) -> BinaryIO:
    _refuse_existing(path)
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        raise FileInTheWay(
            f"{draft} exists: another export is writing it, or one was cut off. Nobody can import it; remove it when "
            "no export is running"
        ) from None
    except OSError as error:
        raise from_os_error(error, draft) from None
    return os.fdopen(descriptor, "w+b", buffering=_BUFFER)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileInTheWay(f"{path} exists; an export never overwrites anything, name another file")


def _give_up(
    database: Database,
    draft: Path,
    bundle: str,
    clock: Clock,
    *,
    parked: bool,
    finished: bool,
    error: BaseException,
) -> None:
    """Remove what was written, and take the entries back if nobody can ever import it."""
    try:
        draft.unlink()
        removed = True
    except OSError:
        removed = False
    if not parked:
        return
    if finished and not removed:
        # The file may be whole, under one name or the other: whoever has it could import it.
        raise LeftParked(
            f"it is not certain whether {draft.name} was written whole ({type(error).__name__}), and it could not be "
            f"removed. The entries stay parked: import the file, or take them back when it is destroyed"
        ) from error
    try:
        with suppress(OSError):
            sync_folder(draft.parent)
        written(
            database,
            lambda transaction: _taken_back(transaction, bundle, clock),
            within_s=_TAKEN_BACK_WITHIN_S,
        )
    except StorageProblem as problem:
        raise LeftParked(
            f"the file could not be written, and the entries could not be taken back ({problem}). They stay parked"
        ) from error


def _taken_back(transaction: Transaction, bundle: str, clock: Clock) -> None:
    handovers.take_back_all(transaction, bundle, now=clock.now_ms())
    control.wake(transaction, now=clock.now_ms())
