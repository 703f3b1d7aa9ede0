"""A real outbox on the disk of this test, with short ways to bring an entry where a test needs it.

The clock stands still unless a test moves it, ids and digests follow from a number, and the schema is made once a run.
"""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from storage import claims, digests, doubts, orders, outbox, readiness, records, retention, settlements
from storage.claims import Lease
from storage.database import Database
from storage.folder import StorageFolder
from storage.lifecycle import Event
from storage.outbox import NewEntry, NewSignature, Put
from storage.readiness import Due, Filter
from storage.records import Answer, Kept, Result, Setback
from storage.schema import open_database

DATABASE_ID = "0193a000-0000-7000-8000-00000000da7a"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
LEASE_MS = 120_000
KIND, REPEATABLE_KIND = "unplanned-preventive", "preventive-update"
WENT_WRONG = Result("Retryable", "server_busy", 12, status=429)
WENT_WELL = Result("Accepted", "created", 12, status=201)
URL = "https://bucket.s3.amazonaws.com/signature?X-Amz-Signature=0ddba11"


@cache
def _fresh_database() -> bytes:
    """The bytes of a database with the schema and nothing else."""
    with TemporaryDirectory() as place:
        folder = StorageFolder(Path(place))
        open_database(folder, new_id=DATABASE_ID, now=NOON).close()
        return folder.database.read_bytes()


def fresh_folder(root: Path) -> StorageFolder:
    """A storage folder with an empty, known database."""
    folder = StorageFolder(root)
    folder.make()
    folder.database.write_bytes(_fresh_database())
    folder.database.chmod(0o600)
    folder.marker.write_text(DATABASE_ID + "\n")
    return folder


def entry_id(number: int) -> str:
    return f"0193a000-0000-7000-8000-{number:012d}"


def signature(number: int = 1, size: int = 200) -> NewSignature:
    data = (f"image {number} ".encode() * size)[:size]
    return NewSignature(
        "signature.png", "image/png", size, hashlib.sha256(data).hexdigest(), _md5(data), data
    )


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def new_entry(number: int, *, signed: bool = True, **changes: Any) -> NewEntry:
    """A capture that differs from those of other numbers in all that must differ."""
    facts: dict[str, Any] = {
        "id": entry_id(number),
        "id_was_given": False,
        "kind": KIND,
        "creates": True,
        "payload": f'{{"n":{number}}}',
        "input_digest": f"input-{number}",
        "idempotency_key": entry_id(number),
        "captured_at": NOON_MS + number,
        "signature": signature(number) if signed else None,
    }
    return NewEntry(**(facts | changes))


def answer(server_id: int, url: str | None = URL, expires_at: int | None = NOON_MS + 900_000) -> Answer:
    return Answer(201, server_id, f'{{"data":{{"id":{server_id}}}}}', url, expires_at)


def setback(event: Event, **changes: Any) -> Setback:
    doubt = claims.doubt_clock(NOON_MS, 1_000, "boot-1") if event is Event.DOUBT else None
    facts: dict[str, Any] = {"event": event, "reason": "server_busy", "doubt": doubt}
    return Setback(**(facts | changes))


class Scratch:
    """One outbox. Each act is a transaction of its own; entries are named by the number they were put with."""

    def __init__(self, root: Path, *, folder: StorageFolder | None = None) -> None:
        self.folder = folder or fresh_folder(root)
        self.database = Database(self.folder)
        self.now = NOON_MS
        self.worker = "worker-1"

    def close(self) -> None:
        self.database.close()

    def put(self, number: int, **changes: Any) -> Put:
        return outbox.put(self.database, new_entry(number, **changes))

    def all(self, sql: str, values: Any = ()) -> list[Any]:
        with self.database.read() as transaction:
            rows: list[Any] = transaction.cursor.execute(sql, values).fetchall()
        return rows

    def row(self, number: int) -> dict[str, Any]:
        """Every column of the entry."""
        with self.database.read() as transaction:
            cursor = transaction.cursor.execute("SELECT * FROM entry WHERE id = ?", (entry_id(number),))
            names = [column[0] for column in cursor.description]
            return dict(zip(names, cursor.fetchone(), strict=True))

    def state(self, number: int) -> str:
        return str(self.row(number)["state"])

    def seq(self, number: int) -> int:
        return int(self.row(number)["seq"])

    def edit(self, number: int, **values: Any) -> None:
        """Bring about directly what no order of this version does."""
        with self.database.write() as transaction:
            marks = ", ".join(f"{name} = ?" for name in values)
            sql = f"UPDATE entry SET {marks} WHERE id = ?"
            transaction.cursor.execute(sql, (*values.values(), entry_id(number)))

    def history(self, number: int) -> list[tuple[int, str, str | None]]:
        """n, step and outcome of each try."""
        sql = "SELECT n, step, outcome FROM attempt WHERE entry_seq = ? ORDER BY id"
        return self.all(sql, (self.seq(number),))

    def receipts(self, number: int) -> list[tuple[int, int, int]]:
        """Attempt, server id and whether it was adopted, of each receipt."""
        sql = "SELECT attempt_n, server_id, adopted FROM receipt WHERE entry_seq = ? ORDER BY id"
        return self.all(sql, (self.seq(number),))

    def purge(self, number: int) -> None:
        """Remove the entry as retention does, as if it had been delivered long ago."""
        self.edit(number, state="done", done_at=1)
        assert retention.prune(self.database, before=2, now=self.now).removed == 1

    def due(self, most: int = 50, **left_out: bool) -> list[int]:
        """The numbers of what may be sent now, in the order of the claim."""
        with self.database.read() as transaction:
            return [int(due.id[-12:]) for due in readiness.due_sends(transaction, Filter(**left_out), most)]

    def due_uploads(self, most: int = 50) -> list[int]:
        with self.database.read() as transaction:
            return [int(due.id[-12:]) for due in readiness.due_uploads(transaction, most)]

    def due_facts(self, number: int) -> Due:
        with self.database.read() as transaction:
            return next(
                due for due in readiness.due_sends(transaction, Filter(), 50) if due.id == entry_id(number)
            )

    def send(self, number: int, *, digest: str = "") -> Lease:
        """Claim and mark `sending`, as right before the first byte."""
        with self.database.write() as transaction:
            due = next(
                due
                for due in readiness.due_sends(transaction, Filter(), 10_000)
                if due.id == entry_id(number)
            )
            return claims.mark_sending(
                transaction,
                due,
                owner=self.worker,
                path="/unplanned",
                body=due.payload,
                digest=digest or f"digest-{number}",
                now=self.now,
                lease_until=self.now + LEASE_MS,
            )

    def accept(
        self,
        number: int,
        lease: Lease,
        server_id: int,
        *,
        digest: str = "",
        upload_next: bool = False,
        url: str | None = URL,
        expires_at: int | None = NOON_MS + 900_000,
    ) -> tuple[Kept, Lease | None]:
        seq = self.seq(number)
        with self.database.write() as transaction:
            return records.record_accepted(
                transaction,
                seq,
                lease,
                answer(server_id, url, expires_at),
                WENT_WELL,
                digest=digest or f"digest-{number}",
                now=self.now,
                upload_next=upload_next,
            )

    def set_back(self, number: int, lease: Lease, event: Event, **changes: Any) -> bool:
        seq = self.seq(number)
        with self.database.write() as transaction:
            return records.record_setback(
                transaction, seq, lease, setback(event, **changes), WENT_WRONG, now=self.now
            )

    def hand_back(self, number: int, lease: Lease) -> bool:
        seq = self.seq(number)
        with self.database.write() as transaction:
            return records.hand_back(transaction, seq, lease)

    def lease_upload(self, number: int) -> Lease:
        seq = self.seq(number)
        with self.database.write() as transaction:
            return claims.lease_upload(
                transaction, seq, owner=self.worker, now=self.now, lease_until=self.now + LEASE_MS
            )

    def upload(self, number: int, lease: Lease) -> bool:
        seq = self.seq(number)
        with self.database.write() as transaction:
            return records.record_uploaded(
                transaction, seq, lease, Result("Uploaded", "uploaded", 9, 200), now=self.now
            )

    def rescue(self) -> int:
        with self.database.write() as transaction:
            return claims.rescue(
                transaction,
                repeatable=lambda kind, body: kind == REPEATABLE_KIND,
                now=self.now,
                mono_ms=2_000,
                boot="boot-1",
            )

    def take_for_absent(self, number: int) -> bool:
        with self.database.write() as transaction:
            return any(
                doubts.take_for_absent(transaction, doubt)
                for doubt in doubts.in_doubt(transaction)
                if doubt.seq == self._seq_in(transaction, number)
            )

    def park_doubt(self, number: int, reason: str = "arrival_unknown") -> bool:
        with self.database.write() as transaction:
            return any(
                doubts.park(transaction, doubt, reason=reason)
                for doubt in doubts.in_doubt(transaction)
                if doubt.seq == self._seq_in(transaction, number)
            )

    @staticmethod
    def _seq_in(transaction: Any, number: int) -> int:
        cursor = transaction.cursor.execute("SELECT seq FROM entry WHERE id = ?", (entry_id(number),))
        return int(cursor.fetchone()[0])

    def park_accepted(self, number: int, reason: str = "signature_url_lost") -> None:
        seq = self.seq(number)
        with self.database.write() as transaction:
            records.park_accepted(transaction, seq, reason=reason)

    def park_unsent(self, number: int, reason: str = "request_damaged") -> None:
        seq = self.seq(number)
        with self.database.write() as transaction:
            records.park_unsent(transaction, seq, reason=reason)

    def resync(self, number: int) -> str:
        with self.database.write() as transaction:
            return orders.resync(transaction, entry_id(number), now=self.now).did

    def deliver(self, number: int, server_id: int) -> None:
        """From `pending` to `accepted` (or `done` where nothing more is owed)."""
        self.accept(number, self.send(number), server_id)

    def discard(self, number: int) -> None:
        """A person gives it up."""
        moment = claims.Moment(self.now, 2_000, "boot-1")
        with self.database.write() as transaction:
            settlements.discard(
                transaction,
                entry_id(number),
                "not wanted",
                moment=moment,
                repeatable=lambda kind, body: False,
            )

    def intact(self, number: int) -> bool:
        """Whether the row still is what was captured."""
        seq = self.seq(number)
        with self.database.read() as transaction:
            return digests.intact(transaction.cursor, seq)

    def find(self, number: int, server_id: int) -> None:
        """A look-up shows that the server has it."""
        seq = self.seq(number)
        with self.database.write() as transaction:
            (doubt,) = (each for each in doubts.in_doubt(transaction) if each.seq == seq)
            assert doubts.record_found(
                transaction,
                doubt,
                server_id=server_id,
                status=200,
                answer="{}",
                result=Result("Found", "found", 5, status=200),
                now=self.now,
            )

    def say_arrived(self, number: int, server_id: int) -> None:
        """A person says that the server has it."""
        moment = claims.Moment(self.now, 2_000, "boot-1")
        with self.database.write() as transaction:
            settlements.arrived(
                transaction,
                entry_id(number),
                server_id,
                moment=moment,
                repeatable=lambda kind, body: False,
            )
