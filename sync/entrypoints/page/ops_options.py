"""Which orders fit an entry as it stands now: what the ops page offers a button for. Pure.

Whether an order is carried out is decided where it is carried out; this keeps what would be refused off the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from storage.errors import IllegalTransition
from storage.handovers import HANDED_OVER
from storage.lifecycle import Event, State, next_state
from sync.operations import is_repeatable


class Options(NamedTuple):
    """`resync` says what it would do: hasten, release or requeue; empty where it would do nothing."""

    held_by_delivery: bool = False
    resync: str = ""
    take_back: bool = False
    arrived: bool = False
    not_arrived: bool = False
    unsigned: bool = False
    upload_url: bool = False
    discard: bool = False

    @property
    def settle(self) -> bool:
        return self.arrived or self.not_arrived or self.unsigned or self.upload_url


_DOES = {
    State.PENDING: "hasten",
    State.ACCEPTED: "hasten",
    State.IN_DOUBT: "hasten",
    State.PARKED: "release",
    State.DEAD: "requeue",
}


def options(story: Mapping[str, Any], now: datetime) -> Options:
    """For the entry of this story."""
    if _leased(story, now):
        return Options(held_by_delivery=True)
    state = State(story["state"])
    stage = None if story["stage"] is None else State(story["stage"])
    if state is State.SENDING:
        # It was cut off: whoever says something about it finds it as the next pass would.
        again = is_repeatable(story["kind"], json.dumps(story["payload"]))
        state = State.PENDING if again else State.IN_DOUBT
        resync = ""
    else:
        resync = _DOES.get(state, "")

    def legal(event: Event) -> bool:
        try:
            next_state(state, event, stage)
        except IllegalTransition:
            return False
        return True

    signed = story["signature"] is not None
    owes = signed and (state is State.ACCEPTED or (state is State.PARKED and stage is State.ACCEPTED))
    handed_over = story["reason"] == HANDED_OVER and state is State.PARKED
    sent = any(each["step"] == "send" for each in story["history"])
    arrival = Event.FOUND if signed else Event.FOUND_COMPLETE
    return Options(
        resync="" if handed_over else resync,
        take_back=handed_over,
        # What never left cannot have arrived.
        arrived=story["server_id"] is None and (sent or state is not State.PENDING) and legal(arrival),
        not_arrived=legal(Event.ABSENT),
        unsigned=legal(Event.UNSIGNED),
        upload_url=owes,
        discard=legal(Event.DISCARD),
    )


def _leased(story: Mapping[str, Any], now: datetime) -> bool:
    lease = story["lease"]
    return bool(lease and lease["expires_at"] and datetime.fromisoformat(lease["expires_at"]) > now)
