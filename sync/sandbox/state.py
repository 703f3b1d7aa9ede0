"""What the stand-in's server side remembers: interventions, records, edits, and the parts it is made of.

Knows nothing of HTTP. Clock and seed come in, so a run can be repeated. Ids are never used twice in one run, not
even after a reset, because clients keep them as proof of what the server made.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sync.sandbox import rows
from sync.sandbox.journal import Headers, Journal, public_headers
from sync.sandbox.objects import Objects, image_key
from sync.sandbox.options import Options, TokenPair, derive, make_tokens
from sync.sandbox.signing import SigningKey


def utc_now() -> datetime:
    return datetime.now(UTC)


class KeyReused(Exception):
    """An Idempotency-Key came back with another body."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as the state needs it: which route, its decoded body, its bytes, its headers in lower case."""

    route: str
    body: dict[str, Any]
    raw: bytes
    headers: Headers

    @property
    def key(self) -> str:
        return dict(self.headers).get("idempotency-key", "")

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()


class State:
    """One lock guards the interventions; what is handed out are copies."""

    def __init__(
        self,
        *,
        seed: str = "0",
        clock: Callable[[], datetime] = utc_now,
        first_id: int = 1001,
        options: Options | None = None,
        log_limit: int = 10_000,
    ) -> None:
        self._lock = threading.RLock()
        self._seed, self._clock = seed, clock
        self._initial = self._options = options or Options()
        self._next_id = first_id
        self._rotation = 0
        self._tokens = make_tokens(seed, 0, clock())
        access, secret = derive(seed, "access")[:13].upper(), derive(seed, "secret")[:40]
        self.signing_key = SigningKey("SANDBOX" + access, secret)
        self.journal = Journal(log_limit)
        self.objects = Objects()
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[int, rows.Row] = {}
        self._rules: dict[int, list[int]] = {}
        self._records: list[dict[str, Any]] = []
        self._edits: list[dict[str, Any]] = []
        self._by_key: dict[str, tuple[str, int]] = {}

    def reset(self) -> None:
        """Forget all that happened and go back to the options of the start; ids, keys and tokens go on."""
        with self._lock:
            self._forget()
            self._options = self._initial
            self.journal.clear()
            self.objects.clear()

    def now(self) -> datetime:
        """The server's time, aware UTC."""
        return self._clock() + timedelta(seconds=self._options.clock_offset_s)

    @property
    def options(self) -> Options:
        return self._options

    def set_options(self, changes: Mapping[str, Any]) -> Options:
        """Raises ValueError for an unknown name or a value of another type."""
        with self._lock:
            self._options = self._options.changed(changes)
            return self._options

    @property
    def tokens(self) -> TokenPair:
        return self._tokens

    def rotate_tokens(self) -> TokenPair:
        """A new pair; with `strict_tokens` the old one is refused from now on."""
        with self._lock:
            self._rotation += 1
            self._tokens = make_tokens(self._seed, self._rotation, self.now())
            return self._tokens

    def create(self, call: Call) -> tuple[rows.Row, bool]:
        """The row of this POST, and whether it is new (False: `honour_keys` knows its key).

        Raises KeyReused when the key was used for another body.
        """
        with self._lock:
            if call.key and self._options.honour_keys and call.key in self._by_key:
                digest, row_id = self._by_key[call.key]
                if digest != call.digest:
                    raise KeyReused(call.key)
                return dict(self._rows[row_id]), False
            row = self._make_row(call)
            self._rows[row["id"]] = row
            self._rules[row["id"]] = [int(rule) for rule in call.body.get("ruleIds", [])]
            if call.key:
                self._by_key.setdefault(call.key, (call.digest, row["id"]))
            self._records.append(
                _note(call, row["id"], row["createdAt"]) | {"image_key": row["imgSignature"]}
            )
            self.journal.count_record(key=call.key, body_sha256=call.digest)
            return dict(row), True

    def _make_row(self, call: Call) -> rows.Row:
        now, row_id = self.now(), self._next_id
        self._next_id += 1
        pin = 100_000 + int(derive(self._seed, f"pin{row_id}")[:8], 16) % 900_000
        if call.route != "unplanned":
            return rows.curative(row_id, call.body, pin=pin, now=now)
        where = image_key(row_id, call.body["signature"]["mimeType"])
        return rows.unplanned(row_id, call.body, pin=pin, image_key=where, now=now)

    def add_row(self, values: Mapping[str, Any]) -> int:
        """An intervention that was there before: planned and preventive unless `values` say otherwise.

        `id` and `ruleIds` may be given too. Raises ValueError for a field that interventions do not have.
        """
        with self._lock:
            row_id = int(values.get("id") or self._next_id)
            blank = rows.blank(row_id, self.now())
            unknown = sorted(set(values) - set(blank) - {"ruleIds"})
            if unknown:
                raise ValueError(f"an intervention has no {', '.join(unknown)}")
            self._next_id = max(self._next_id, row_id + 1)
            given = {name: value for name, value in values.items() if name not in {"id", "ruleIds"}}
            self._rows[row_id] = blank | given
            self._rules[row_id] = list(values.get("ruleIds", []))
            return row_id

    def change_row(self, row_id: int, values: Mapping[str, Any]) -> bool:
        """Somebody else's edit, through no call of ours: `updatedAt` is now, unless given. False: no such row.

        Raises ValueError for a field that interventions do not have.
        """
        with self._lock:
            row = self._rows.get(row_id)
            if row is None:
                return False
            unknown = sorted(set(values) - (set(row) - {"id"}))
            if unknown:
                raise ValueError(f"nobody can change {', '.join(unknown)}")
            self._rows[row_id] = {**row, "updatedAt": rows.iso(self.now()), **values}
            return True

    def change(self, call: Call, row_id: int) -> rows.Row | None:
        """The row after an edit, a decision or an execution; None when there is no such row.

        Raises KeyReused when keys are honoured and the key was used for something else.
        """
        with self._lock:
            row, now = self._rows.get(row_id), self.now()
            if row is None:
                return None
            this, known = (f"{call.route} {call.digest}", row_id), self._by_key.get(call.key)
            if call.key and known and self._options.honour_keys:
                if known != this:
                    raise KeyReused(call.key)
                return dict(row)
            if call.key:
                self._by_key.setdefault(call.key, this)
            if call.route == "verify":
                changed = rows.verified(row, call.body, now)
            elif call.route == "execute":
                where = image_key(row_id, call.body["signature"]["mimeType"])
                changed = rows.executed(row, call.body, image_key=where, now=now)
            else:
                changed = rows.edited(row, call.body, now)
            self._rows[row_id] = changed
            if "ruleId" in call.body:
                self._rules[row_id] = [int(call.body["ruleId"])]
            self._edits.append(_note(call, row_id, rows.iso(now)))
            self.journal.count("edits")
            self.journal.count("mails", rows.mails(call.body))
            self.journal.count("notices", int("notificationId" in call.body))
            return dict(changed)

    def open_row(self) -> int | None:
        """The newest intervention still to be executed."""
        with self._lock:
            planned = (row_id for row_id, row in self._rows.items() if row["status"] == rows.SCHEDULED)
            return max(planned, default=None)

    def detail(self, row_id: int) -> rows.Row | None:
        with self._lock:
            row = self._rows.get(row_id)
            full = self._options.full_detail
            return rows.detail(row, self._rules[row_id], full=full) if row else None

    def image_key(self, row_id: int) -> str | None:
        """Where the signature of this row belongs; None where it has none."""
        with self._lock:
            return self._rows.get(row_id, {}).get("imgSignature") or None

    def listed(self) -> list[rows.Row]:
        """Every visible row as the list shows it, newest first."""
        with self._lock:
            limit = rows.iso(self.now() - timedelta(seconds=self._options.list_lag_s))
            hidden = {record["id"] for record in self._records} if self._options.list_hidden else set()
            seen = [
                row for row in self._rows.values() if row["createdAt"] <= limit and row["id"] not in hidden
            ]
            return [rows.list_item(row, self._rules[row["id"]]) for row in reversed(seen)]

    def records(self) -> list[dict[str, Any]]:
        """What the POSTs made, oldest first."""
        with self._lock:
            return copy.deepcopy(self._records)

    def edits(self) -> list[dict[str, Any]]:
        """What the PATCHes changed, oldest first."""
        with self._lock:
            return copy.deepcopy(self._edits)


def _note(call: Call, row_id: int, at: str) -> dict[str, Any]:
    return {
        "id": row_id,
        "route": call.route,
        "body": call.body,
        "body_sha256": call.digest,
        "idempotency_key": call.key,
        "headers": public_headers(call.headers),
        "received_at": at,
    }
