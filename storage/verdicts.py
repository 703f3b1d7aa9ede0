"""What becomes of an entry that was read from a damaged database. Pure.

What the server certainly has is never sent again, what may have been sent is in doubt, and what is not what was
captured is held: the same three rules as everywhere, with less known. What another device may be sending is held too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from storage.lifecycle import FINAL, NEEDS_ACTION, STAGES, State, stage_kept

RECOVERED: Final = "recovered"
HANDED_OVER: Final = "handed_over"
# It may have left in a bundle after this copy was made, and another device may be sending it.
PERHAPS_HANDED_OVER: Final = "perhaps_handed_over"


class Evidence(NamedTuple):
    """What is known of one entry besides its row. `server_id` and `accepted_at` come from its receipt."""

    states_hold: bool  # only single rows are damaged: what the others say about sends is the whole truth
    intact: bool  # the row is what was captured
    image_ok: bool  # so is its image, or it has none
    server_id: int | None = None
    accepted_at: int | None = None
    left_in: str | None = None  # the bundle that it was handed over in, whatever its row says
    hand_overs_known: bool = True  # no entry was handed over that this row would not say so of


def verdict(
    row: Mapping[str, Any], evidence: Evidence, *, now: int, doubt: Mapping[str, Any]
) -> dict[str, Any]:
    """The changes to make to `row` before it is stored anew. `doubt` starts the settling clock at this moment."""
    state = row["state"] if row["state"] in set(State) else None
    if state in FINAL:
        return {}
    changes: dict[str, Any] = {"lease_owner": None, "lease_expires_at": None}
    server_id = row["server_id"] if row["server_id"] is not None else evidence.server_id
    stage = _stage(row, state, server_id, evidence)
    if server_id is not None:
        changes["server_id"] = server_id
    if server_id is None and State.ACCEPTED in (state, row["stage"]):
        changes["certainly_created"] = 1
    if stage is State.IN_DOUBT:
        changes |= doubt
        if not evidence.states_hold:
            # Nobody knows when it was sent, or whether: a look-up must not believe the times that were read.
            changes |= {"first_sent_server_at": None, "last_sent_server_at": None}
            changes["first_sent_at"] = row["first_sent_at"] or row["captured_at"]
    held = _hold(row, state, stage, evidence)
    if held is not None:
        return changes | held
    if state in NEEDS_ACTION and stage is not State.ACCEPTED:
        return changes | {"stage": _kept(stage).value}
    if stage is State.ACCEPTED and not row["has_signature"]:
        at = evidence.accepted_at or now
        return changes | {
            "state": State.DONE.value,
            "stage": None,
            "reason": None,
            "due_at": 0,
            "done_at": at,
        }
    if stage.value == state or (state in NEEDS_ACTION and row["stage"] == State.ACCEPTED):
        return changes
    reason = RECOVERED if stage is State.IN_DOUBT else None
    return changes | {"state": stage.value, "stage": None, "reason": reason, "due_at": 0}


def _hold(
    row: Mapping[str, Any], state: State | None, stage: State, evidence: Evidence
) -> dict[str, Any] | None:
    """What it is held for from now on, whatever its row says; None: for nothing new."""
    if not evidence.intact or not evidence.image_ok:
        return _held(stage, "signature_damaged" if evidence.intact else "payload_damaged")
    if stage is State.ACCEPTED:
        return None
    if evidence.left_in is not None:
        return _held(stage, HANDED_OVER) | {"bundle": evidence.left_in}
    return _held(stage, PERHAPS_HANDED_OVER) if _may_have_left(row, state, evidence) else None


def _may_have_left(row: Mapping[str, Any], state: State | None, evidence: Evidence) -> bool:
    """Only what was never sent can be handed over."""
    if evidence.hand_overs_known or (state == State.PARKED and row["reason"] == HANDED_OVER):
        return False
    return row["request_digest"] is None and row["first_sent_at"] is None


def _stage(row: Mapping[str, Any], state: State | None, server_id: int | None, evidence: Evidence) -> State:
    """Where it stands on its way: held entries by the stage they remember."""
    if server_id is not None:
        return State.ACCEPTED
    known = row["stage"] if state in NEEDS_ACTION else state
    if known in (State.ACCEPTED, None) or known not in {*STAGES, State.SENDING}:
        return State.IN_DOUBT
    # Also a change: sent once more it could overwrite what was changed since, or write to people a second time.
    return State(known) if evidence.states_hold else State.IN_DOUBT


def _held(stage: State, reason: str) -> dict[str, Any]:
    return {"state": State.PARKED.value, "stage": _kept(stage).value, "reason": reason, "due_at": 0}


def _kept(stage: State) -> State:
    # Held while it was being sent: nobody may take it for unsent.
    return State.IN_DOUBT if stage is State.SENDING else stage_kept(stage)
