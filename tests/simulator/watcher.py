"""Sees every change of every row, at the commit that makes it, and says which promise it breaks.

A trigger in the simulated outbox writes each change down, so that nothing is lost between two looks.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from storage.lifecycle import STAGES, TRANSITIONS
from sync.transport import ApiRequest

if TYPE_CHECKING:
    from tests.simulator.world import World

_LOGGED: Final = ("state", "stage", "server_id", "attempts", "certainly_created", "lease_fence")
_BOTH: Final = ", ".join(f"was_{name}, now_{name}" for name in _LOGGED)
_LOG: Final = f"""
    CREATE TABLE IF NOT EXISTS sim_log (n INTEGER PRIMARY KEY, id, reason, {_BOTH});
    CREATE TRIGGER IF NOT EXISTS sim_log AFTER UPDATE ON entry
    WHEN {" OR ".join(f"old.{name} IS NOT new.{name}" for name in _LOGGED)}
    BEGIN
        INSERT INTO sim_log VALUES (NULL, new.id, new.reason, {", ".join(f"old.{c}, new.{c}" for c in _LOGGED)});
    END;
    DELETE FROM sim_log;
"""
_COLUMNS: Final = ("n", "id", "reason", *(f"{when}_{c}" for c in _LOGGED for when in ("was", "now")))
_FINAL: Final = {"done", "discarded"}
_SENT_AGAIN: Final = {"pending", "sending", "in_doubt", "dead"}


def _legal() -> frozenset[tuple[str, str]]:
    """Every change of state that the lifecycle knows, from its table."""
    found = {(state, target) for (state, _), target in TRANSITIONS.items() if target is not None}
    for (state, _), target in TRANSITIONS.items():
        if target is None:
            found |= {(state, stage) for stage in STAGES}
    return frozenset((str(was), str(now)) for was, now in found)


LEGAL: Final = _legal()


class Watcher:
    """Looks through a connection of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connection = world.place.connect()
        self._connection.executescript(_LOG)
        self._seen = 0
        self.states: dict[str, str] = {}

    def close(self) -> None:
        self._world.place.free.append(self._connection)

    def all(self, sql: str, values: Any = ()) -> list[Any]:
        rows: list[Any] = self._connection.execute(sql, values).fetchall()
        return rows

    def row(self, id: str) -> dict[str, Any]:
        cursor = self._connection.execute("SELECT * FROM entry WHERE id = ?", (id,))
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))

    def has_receipt(self, id: str, server_id: int) -> bool:
        sql = "SELECT 1 FROM receipt JOIN entry ON entry.seq = entry_seq WHERE entry.id = ? AND receipt.server_id = ?"
        return bool(self.all(sql, (id, server_id)))

    def sent_by(self, owner: str) -> list[str]:
        """The entries that this process has claimed for sending."""
        sql = "SELECT id FROM entry WHERE state = 'sending' AND lease_owner = ?"
        return [row[0] for row in self.all(sql, (owner,))]

    def look(self) -> None:
        """Judge what changed since the last look."""
        for values in self.all("SELECT * FROM sim_log WHERE n > ? ORDER BY n", (self._seen,)):
            change = dict(zip(_COLUMNS, values, strict=True))
            self._seen = change["n"]
            self._judge(change)

    def _judge(self, change: dict[str, Any]) -> None:
        world, id = self._world, change["id"]
        was, now, name = change["was_state"], change["now_state"], change["id"][-4:]
        self.states[id] = now
        if now == "in_doubt" and was != now:
            world.captured[id].doubted_s = world.scheduler.t
        if was != now:
            world.note(
                f"    entry {name}: {was} -> {now}" + (f" ({change['reason']})" if change["reason"] else "")
            )
            if (was, now) not in LEGAL:
                world.violated(f"ILLEGAL: entry {name} {was} -> {now}")
            if was in _FINAL:
                world.violated(f"REGRESSION: entry {name} {was} -> {now}")
        if change["was_server_id"] is not None:
            if change["now_server_id"] != change["was_server_id"]:
                world.violated(f"REGRESSION: entry {name} loses its server id")
            if was != now and now in _SENT_AGAIN:
                world.violated(f"REGRESSION: entry {name} has a server id and goes to {now}")
        if change["now_lease_fence"] < change["was_lease_fence"]:
            world.violated(f"FENCE: that of entry {name} sinks")
        if was == "sending" and now == "pending" and change["reason"] == "auth_required":
            self._costs_nothing(change, name)
        if (
            was == "in_doubt"
            and now == "pending"
            and change["was_certainly_created"]
            and not self._ordered(id)
        ):
            world.violated(f"CERTAINLY CREATED: yet entry {name} is to be sent again")
        if was != now and now == "done":
            self._is_done(id, change["now_server_id"], name)

    def _costs_nothing(self, change: dict[str, Any], name: str) -> None:
        if change["now_attempts"] != change["was_attempts"]:
            self._world.violated(f"AUTH: trouble with tokens costs entry {name} an attempt")

    def _ordered(self, id: str) -> bool:
        return self._world.captured[id].ordered > 0

    def _is_done(self, id: str, server_id: int | None, name: str) -> None:
        captured, server = self._world.captured[id], self._world.server
        record = next((each for each in server.of(id) if each.id == server_id), None)
        if "settle --unsigned" in captured.excuses:
            return
        if record is None:
            self._world.violated(f"FALSE DONE: the server has no record {server_id} of entry {name}")
        elif not server.holds_image(record, captured.md5):
            self._world.violated(f"FALSE DONE: the image of entry {name} is not there")

    def sends(self, owner: str, request: ApiRequest) -> None:
        """A request of this process leaves whole: may it?"""
        captured = self._world.captured[request.idempotency_key]
        row = self.row(captured.id)
        if (row["state"], row["lease_owner"]) != ("sending", owner) and not captured.taken_by_person:
            who = row["lease_owner"] or "nobody"
            self._world.violated(
                f"GHOST: {owner} sends entry {captured.id[-4:]}, which is {row['state']} in the hands of {who}"
            )
        earlier = {each.body for each in self._world.server.requests if each.key == captured.id}
        if earlier - {request.body}:
            self._world.violated(f"BYTES: entry {captured.id[-4:]} is sent with another body")
        if captured.doubted_s is not None and not captured.ordered and not captured.taken_by_person:
            waited_s = self._world.scheduler.t - captured.doubted_s
            if waited_s < self._world.settles_after_s:
                self._world.violated(
                    f"TOO SOON: entry {captured.id[-4:]} is sent again {waited_s:.1f} s after its doubt"
                )
        if captured.after is not None:
            before = self.row(captured.after)
            state = before["stage"] if before["state"] == "parked" else before["state"]
            if state not in ("accepted", "done", "discarded"):
                self._world.violated(
                    f"ORDER: entry {captured.id[-4:]} is sent while the one before it is {state}"
                )

    # --- at the end

    def moving(self) -> bool:
        """Whether anything is left that time alone may still move."""
        rows = self.all("SELECT id FROM entry WHERE state IN ('pending', 'sending', 'in_doubt', 'accepted')")
        return not all(self._behind_held(self.row(id)) for (id,) in rows)

    def only_doubt(self) -> bool:
        """Whether all that may still move is in doubt, or waits for what is."""
        rows = self.all("SELECT id FROM entry WHERE state IN ('pending', 'sending', 'accepted')")
        return all(self._behind_held(self.row(id)) for (id,) in rows)

    def judge_the_end(self) -> None:
        """The world was kind for long enough: everything stands where somebody can see why."""
        self.look()
        world = self._world
        ids = [row[0] for row in self.all("SELECT id FROM entry ORDER BY seq")]
        if ids != list(world.captured):
            world.violated(f"LOST: captured {list(world.captured)}, kept {ids}")
        for id in ids:
            self._judge_entry(world, self.row(id))
        for _, id, server_id in world.heard:
            if not self.has_receipt(id, server_id):
                world.violated(
                    f"UNHEARD: the server took entry {id[-4:]} as {server_id}, and no receipt says so"
                )
        self._judge_counters()

    def _judge_entry(self, world: World, row: dict[str, Any]) -> None:
        name, state = row["id"][-4:], row["state"]
        captured = world.captured[row["id"]]
        if state == "sending":
            world.violated(f"STUCK: entry {name} is left in sending")
        elif state in ("pending", "accepted") and not self._behind_held(row):
            world.violated(f"STUCK: entry {name} is left {state} ({row['reason']})")
        elif state in ("parked", "dead", "in_doubt") and not row["reason"]:
            world.violated(f"UNEXPLAINED: entry {name} is {state} without a reason")
        if state in ("done", "discarded") and row["presigned_url"] is not None:
            world.violated(f"SECRET: entry {name} is {state} and keeps its URL")
        if row["lease_owner"] is not None:
            world.violated(f"LEASE: entry {name} is {state} and {row['lease_owner']} holds it")
        if state not in ("done", "discarded") and not captured.excuses and not self._behind_held(row):
            world.violated(f"STUCK: nothing excuses that entry {name} is {state} ({row['reason']})")

    def _behind_held(self, row: dict[str, Any]) -> bool:
        """Whether it waits for one that a person has to look at, and so is counted under that one."""
        if row["state"] != "pending" or row["after_entry"] is None:
            return False
        before = self.row(row["after_entry"])
        return before["state"] in ("parked", "dead", "in_doubt") or self._behind_held(before)

    def _judge_counters(self) -> None:
        counted = Counter(
            {
                (s, r): n
                for s, r, n in self.all(
                    "SELECT state, coalesce(reason, ''), count(*) FROM entry GROUP BY 1, 2"
                )
            }
        )
        kept = Counter(
            {(s, r): n for s, r, n in self.all("SELECT state, reason, n FROM counter WHERE n <> 0")}
        )
        if counted != kept:
            self._world.violated(f"COUNTERS: {dict(kept)}, but counting says {dict(counted)}")
