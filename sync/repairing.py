"""What a person repairs about captured entries, whoever passes the order on: whose they are.

Writes rows and a wake flag; needs no drain lock and is safe beside a running worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from storage import control, handovers, repairs
from storage.database import Database
from storage.locks import FileLock
from storage.queries import Reader
from sync.clock import Clock

WHY: Final = {
    repairs.SAME_OWNER: "it is theirs already",
    repairs.BEING_DELIVERED: "it is being delivered right now",
    repairs.FINISHED: "it is finished",
    repairs.ARRIVED: "the server has it already; only its signature is missing, and that needs no sign-in",
    repairs.PERHAPS_ARRIVED: "it was sent under its owner's name and may have arrived; settle that first",
    handovers.HANDED_OVER: "it was handed over in a bundle, and goes from there",
    repairs.DAMAGED: "what is stored is not what was captured",
}


class NotAssigned(Exception):
    """Some of the named entries cannot be given away, so none was. `problems`: full id and code of each."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("nothing was changed")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Assigned:
    """What an assignment did, in the shape of `edit --owner --json`. `signed_in` is for the caller to find out."""

    owner: str
    ids: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    drain: str

    def to_json(self, *, signed_in: bool) -> dict[str, Any]:
        return {
            "schema": 1,
            "assigned": len(self.ids),
            "owner": self.owner,
            "ids": list(self.ids),
            "skipped": [{"id": id, "code": code, "why": WHY[code]} for id, code in self.skipped],
            "signed_in": signed_in,
            "drain": self.drain,
        }


def assign(
    database: Database,
    owner: str,
    clock: Clock,
    *,
    suffixes: tuple[str, ...] = (),
    from_owner: str | None = None,
    dry_run: bool = False,
) -> Assigned:
    """Give entries to `owner`: those named, all or none; or what is unfinished of another owner ("": nobody's).

    Raises:
        NotAssigned: one of the named entries cannot be given away.
        EntryNotFound, AmbiguousId: a name does not mean one entry.
    """
    now = clock.now_ms()
    with database.write() as transaction:
        if from_owner is not None:
            ids = repairs.unfinished_of(transaction, from_owner)
        else:
            reader = Reader(transaction.cursor)
            ids = [reader.resolve(suffix) for suffix in dict.fromkeys(suffixes)]
        found = {id: repairs.obstacle(transaction, id, owner, now=now) for id in dict.fromkeys(ids)}
        skipped = tuple((id, code) for id, code in found.items() if code is not None)
        serious = [each for each in skipped if each[1] != repairs.SAME_OWNER]
        if from_owner is None and serious:
            raise NotAssigned(serious)
        free = tuple(id for id, code in found.items() if code is None)
        if not dry_run:
            for id in free:
                repairs.assign(transaction, id, owner, now=now)
            control.wake(transaction, now=now)
    drain = "none" if FileLock.holder(database.folder.worker_lock) is None else "worker"
    return Assigned(owner, free, skipped, drain)
