"""What can go wrong with the outbox itself: misuse, or a disk or database that cannot be used.

Failures of the network are data (`sync/outcome.py`), not exceptions. Light: `status` imports this module.
"""

from __future__ import annotations


class StorageProblem(Exception):
    """The outbox could not do what was asked. `next_command` is what a person can run next."""

    code = "storage"
    next_command: str | None = None

    def __init__(self, message: str, *, next_command: str | None = None) -> None:
        super().__init__(message)
        if next_command is not None:
            self.next_command = next_command


class IllegalTransition(StorageProblem):
    """The lifecycle has no such move: a bug, or an order that does not fit the entry's state."""

    code = "illegal_transition"


class EntryNotFound(StorageProblem):
    """No entry has this id or ends in it."""

    code = "no_such_entry"
    next_command = "fieldsync list"


class AmbiguousId(StorageProblem):
    """Several entries end in the given characters."""

    code = "ambiguous_id"

    def __init__(self, suffix: str, candidates: list[str]) -> None:
        super().__init__(f"several entries end in {suffix}: {', '.join(candidates)}; give more characters")
        self.candidates = candidates


class EntryHeld(StorageProblem):
    """Somebody is delivering this entry at the moment; what a person says about it has to wait for that."""

    code = "entry_held"
    next_command = "fieldsync status"

    def __init__(self, id: str, until: int) -> None:
        from datetime import UTC, datetime

        moment = (
            datetime.fromtimestamp(until / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        )
        super().__init__(f"entry {id[-8:]} is being delivered right now; its claim ends at {moment}")
        self.until = until


class IdConflict(StorageProblem):
    """The id is taken by a capture with another content."""

    code = "id_conflict"


class StorageFull(StorageProblem):
    """The disk has no room; nothing was stored, and nothing that was stored is touched."""

    code = "storage_full"


class StorageReadOnly(StorageProblem):
    """The storage folder or database cannot be written; nothing was stored."""

    code = "storage_read_only"


class StorageForbidden(StorageReadOnly):
    """The storage belongs to another user of this device; nothing is wrong with it."""

    code = "storage_forbidden"


class StorageObstructed(StorageReadOnly):
    """Something that is no file, such as a folder or a pipe, stands where a file of ours belongs."""

    code = "storage_obstructed"


class DatabaseUnusable(StorageProblem):
    """The database is missing although one was known, damaged, or newer than this program: nothing is changed."""

    code = "database_unusable"


class DatabaseDamaged(DatabaseUnusable):
    """The file is not a readable database, or was found damaged in part."""

    code = "database_damaged"
    next_command = "fieldsync db recover"


class DatabaseMissing(DatabaseUnusable):
    """A database was known in this folder and is not there."""

    code = "database_missing"
    next_command = "fieldsync db recover"


class DatabaseOutdated(DatabaseUnusable):
    """The database knows less than was seen of it before: an older copy, or its log was lost."""

    code = "database_outdated"
    next_command = "fieldsync db recover"


class DatabaseNewer(DatabaseUnusable):
    """The schema was written by a newer program."""

    code = "database_newer"


class StorageBusy(StorageProblem):
    """Another process kept the database locked for longer than we wait; nothing was stored."""

    code = "storage_busy"
