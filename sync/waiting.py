"""What the outbox waits for: is it time alone, a sign-in, or a person? Read for `--wait`, exit codes and the worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage import control, doubts, owing, readiness, waits
from storage.database import Database
from sync.clock import Clock
from sync.credentials import Credentials
from sync.gate import Gate, Host, waits_until
from sync.lookups import next_look_s
from sync.reconcile import still_promising
from sync.server_clock import clock_offset


def sign_in_needed(database: Database, tokens: Credentials, waiting: int, clock: Clock) -> bool:
    """Whether there are no tokens at all, or something waits (`waiting` entries) for want of usable ones."""
    with database.read() as transaction:
        held = bool(control.paused_owners(transaction))
        now = clock.server_now(clock_offset(transaction)) or clock.now()
    known = tokens.status(now)
    if all(each.state == "missing" for each in known):
        return True
    return waiting > 0 and (held or not any(each.state == "ok" for each in known))


def goes_on_by_itself(
    database: Database, tokens: Credentials, waiting: int, in_doubt: int, clock: Clock
) -> bool:
    """Whether anything is left that time alone can deliver. A pause and a missing sign-in need somebody."""
    if not waiting and not in_doubt:
        return False
    with database.read() as transaction:
        if control.get(transaction, control.PAUSE) is not None:
            return False
        owed = owing.any_owed(transaction)
        # A list that was asked often enough and settles nothing leaves it to a person in the end.
        promising = any(still_promising(doubt) for doubt in doubts.in_doubt(transaction))
        blocked = readiness.only_blocked(transaction, now=clock.now_ms())
    if owed or promising:
        return True
    if not waiting:
        return False
    return not sign_in_needed(database, tokens, waiting, clock) and not blocked


def next_moment(database: Database, *, settle_s: float, clock: Clock) -> datetime | None:
    """When something can change by itself: a wait ends, a gate may be tried, a settling time is over."""
    now = clock.now()
    with database.read() as transaction:
        if control.get(transaction, control.PAUSE) is not None:
            return None  # who lets the queue go on also wakes the worker
        due_at = waits.next_due_at(transaction)
        gates = control.get_all(transaction, control.GATE)
        settles_s = next_look_s(transaction, settle_s=settle_s, clock=clock)
        waiting = readiness.anything_due(transaction, now=clock.now_ms())
        probes = [int(hold.get("probe_at", 0)) for hold in control.paused_owners(transaction).values()]
    moments = [] if due_at is None else [datetime.fromtimestamp(due_at / 1000, UTC)]
    if waiting:
        # A probe that is due already is held back by something else, such as a gate.
        moments += [each for at in probes if (each := datetime.fromtimestamp(at / 1000, UTC)) > now]
        until = (waits_until(Gate.from_json(gate), now) for gate in gates.values())
        moments += [each for each in until if each is not None]
    if settles_s is not None:
        # Doubt is settled at the API: while its gate waits, waking every second for a look-up would only cost power.
        settles_at = now + timedelta(seconds=settles_s + 0.05)
        api = waits_until(Gate.from_json(gates.get(Host.API.value)), now)
        moments.append(max(settles_at, api or settles_at))
    return min(moments, default=None)
