"""Facts about the queue as a whole, one JSON value a key: pauses, gates, wake flag, heartbeat, clock offset.

Written here; `queries.py` reads them for people.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import Integer, Text, bindparam, cast, delete, select
from sqlalchemy.dialects.sqlite import insert

from storage.database import Transaction
from storage.guarded import CONTROL
from storage.prepared import Prepared
from storage.readiness import PAUSED_OWNER

PAUSE: Final = "pause"  # {"reason", "since", "detail"}: nothing is claimed
WAKE: Final = "wake"  # {"n", "forced_n"}: numbers that grow; somebody asks for a pass now, or orders one
REPORT: Final = "report"  # what the worker is doing, or did last, for those who follow it
WORKER: Final = "worker"  # {"pid", "since", "beat_at"}
CLOCK: Final = "clock"  # {"offset_s", "samples"}
SENDS: Final = "sends"  # how many sends were begun: a copy of the database that knows fewer is an older one
HAND_OVERS: Final = (
    "hand_overs"  # how many entries left in bundles: a copy that knows fewer does not know which
)
REJECTIONS: Final = "rejections"  # ids refused for good in a row: nobody has got through since
LAST_SUCCESS: Final = "last_success"
SUSPECTS: Final = "suspects"  # {reason: ids in a row}: what was met, and nobody has got through since
ALONE: Final = "alone"  # ids of entries that met something while others got through
REMOVED: Final = (
    "removed"  # how many delivered entries were removed: a count of `purged` that nobody need repeat
)
RECOVERED_AS: Final = (
    "recovered_as"  # a fresh id of the recovery that made this database: its changes count anew
)
CLOCK_BASE: Final = "clock_base"  # {"boot", "parted_ms"}: wall clock minus monotonic time
GATE: Final = (
    "gate:"  # + host: {"mode", "reason", "since", "probe_at", "hold_until", "failures", "proven_at"}
)

_insert = insert(CONTROL).values(key=bindparam("key"), value=bindparam("value"), at=bindparam("at"))
_SET: Final = Prepared(
    _insert.on_conflict_do_update(
        index_elements=[CONTROL.c.key], set_={"value": _insert.excluded.value, "at": _insert.excluded.at}
    )
)
_COUNT: Final = Prepared(
    _insert.on_conflict_do_update(
        index_elements=[CONTROL.c.key],
        set_={
            "value": cast(cast(CONTROL.c.value, Integer) + cast(_insert.excluded.value, Integer), Text),
            "at": _insert.excluded.at,
        },
    ).returning(CONTROL.c.value)
)
_GET: Final = Prepared(select(CONTROL.c.value).where(CONTROL.c.key == bindparam("wanted")))
_LIKE: Final = Prepared(
    select(CONTROL.c.key, CONTROL.c.value).where(
        CONTROL.c.key >= bindparam("first"), CONTROL.c.key < bindparam("beyond")
    )
)
_CLEAR: Final = Prepared(delete(CONTROL).where(CONTROL.c.key == bindparam("wanted")))


def get(transaction: Transaction, key: str) -> Any | None:
    """The value of `key`, or None where it was never set."""
    row = transaction.run(_GET, wanted=key).fetchone()
    return None if row is None else json.loads(row[0])


def get_all(transaction: Transaction, prefix: str) -> dict[str, Any]:
    """All values whose key starts with `prefix`, by the rest of their key."""
    rows = transaction.run(_LIKE, first=prefix, beyond=prefix + "\U0010ffff").fetchall()
    return {key[len(prefix) :]: json.loads(value) for key, value in rows}


def put(transaction: Transaction, key: str, value: Any, *, now: int) -> None:
    transaction.run(_SET, key=key, value=json.dumps(value, separators=(",", ":")), at=now)


def clear(transaction: Transaction, key: str) -> bool:
    """Whether there was a value to remove."""
    return bool(transaction.run(_CLEAR, wanted=key).rowcount)


def count_send(transaction: Transaction, *, now: int) -> None:
    """One more send is begun, or an order is given that an older copy of the database would send against.

    Once this is durable it is told beside the database, so that such a copy is noticed.
    """
    transaction.sends = int(transaction.run(_COUNT, key=SENDS, value="1", at=now).fetchone()[0])


def count_hand_overs(transaction: Transaction, n: int, *, now: int) -> None:
    """So many entries leave for another device: an older copy must not send what it does not know to have left."""
    count_send(transaction, now=now)
    transaction.hand_overs = int(transaction.run(_COUNT, key=HAND_OVERS, value=str(n), at=now).fetchone()[0])


def wake(transaction: Transaction, *, now: int, forced: bool = False) -> int:
    """Ask the worker for a pass now; answers the number to look for in its reports. Forced: gates are forgotten."""
    known = get(transaction, WAKE) or {"n": 0, "forced_n": 0}
    number = int(known["n"]) + 1
    put(transaction, WAKE, {"n": number, "forced_n": number if forced else known["forced_n"]}, now=now)
    return number


def pause_owner(transaction: Transaction, owner: str | None, value: dict[str, Any], *, now: int) -> None:
    """Hold the sends of one owner's entries; uploads go on, they need no token of ours."""
    put(transaction, PAUSED_OWNER + (owner or ""), value, now=now)


def resume_owner(transaction: Transaction, owner: str | None) -> bool:
    return clear(transaction, PAUSED_OWNER + (owner or ""))


def paused_owners(transaction: Transaction) -> dict[str, Any]:
    """Each held owner ("" is: none named) and the facts of the hold."""
    return get_all(transaction, PAUSED_OWNER)
