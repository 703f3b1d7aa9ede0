"""Which states an entry can be in, and what moves it from one to the next.

Pure: no clock, no disk, no network. `guarded.py` asks `next_state()` before it writes a state.
Who holds an entry is the lease, not the state; "waits for backoff" and "waits for another entry" are computed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from storage.errors import IllegalTransition


class State(StrEnum):
    PENDING = "pending"  # waiting for its turn
    SENDING = "sending"  # the request may be on the wire; written before it is
    IN_DOUBT = "in_doubt"  # sent, answer unknown, not safe to repeat
    ACCEPTED = "accepted"  # the server has it, receipt stored, signature still to go
    DONE = "done"  # delivered in full
    PARKED = "parked"  # held until something outside changes
    DEAD = "dead"  # dead letter: no retry can help
    DISCARDED = "discarded"  # a person gave it up, with a reason


class Event(StrEnum):
    SEND = "send"  # intent: the request is about to leave
    ACCEPTED = "accepted"  # the server answered that it has it, a signature is owed
    COMPLETED = "completed"  # the server answered that it has it, nothing more to do
    RETRY = "retry"  # certainly not carried out, or safe to repeat
    DOUBT = "doubt"  # it may have been carried out, nobody knows
    REJECT = "reject"  # the server will never take it as it is
    PARK = "park"  # nothing goes on by itself until something outside changes
    FOUND = "found"  # evidence that the server has it, a signature is owed
    FOUND_COMPLETE = "found_complete"  # evidence that the server has it, nothing more to do
    ABSENT = "absent"  # it is known (or ordered to be taken) that the server does not have it
    UPLOADED = "uploaded"  # the signature is in storage, verified
    UNSIGNED = "unsigned"  # a person ends it without the signature
    RELEASE = "release"  # a person lets a parked entry go on where it was
    REQUEUE = "requeue"  # a person orders a dead letter to be tried again
    DISCARD = "discard"  # a person gives it up


FINAL: Final = frozenset({State.DONE, State.DISCARDED})
WAITING: Final = frozenset({State.PENDING, State.SENDING, State.ACCEPTED})
NEEDS_ACTION: Final = frozenset({State.PARKED, State.DEAD})

# The stages a held entry can go back to. An accepted entry is released to `accepted` and so never sent again;
# one in doubt goes back into doubt, never to `pending`.
STAGES: Final = frozenset({State.PENDING, State.IN_DOUBT, State.ACCEPTED})

_BACK_TO_STAGE: Final = None  # the move leads to the stage the entry remembers

TRANSITIONS: Final[dict[tuple[State, Event], State | None]] = {
    (State.PENDING, Event.SEND): State.SENDING,
    (State.PENDING, Event.PARK): State.PARKED,
    (State.PENDING, Event.DISCARD): State.DISCARDED,
    # A late answer to an earlier attempt: evidence is always adopted, or makes a second send a matter of doubt.
    (State.PENDING, Event.FOUND): State.ACCEPTED,
    (State.PENDING, Event.FOUND_COMPLETE): State.DONE,
    (State.PENDING, Event.DOUBT): State.IN_DOUBT,
    (State.SENDING, Event.ACCEPTED): State.ACCEPTED,
    (State.SENDING, Event.COMPLETED): State.DONE,
    (State.SENDING, Event.RETRY): State.PENDING,
    (State.SENDING, Event.DOUBT): State.IN_DOUBT,
    (State.SENDING, Event.REJECT): State.DEAD,
    (State.SENDING, Event.PARK): State.PARKED,
    (State.IN_DOUBT, Event.FOUND): State.ACCEPTED,
    (State.IN_DOUBT, Event.FOUND_COMPLETE): State.DONE,
    (State.IN_DOUBT, Event.ABSENT): State.PENDING,
    (State.IN_DOUBT, Event.PARK): State.PARKED,
    (State.IN_DOUBT, Event.DISCARD): State.DISCARDED,
    (State.ACCEPTED, Event.UPLOADED): State.DONE,
    (State.ACCEPTED, Event.RETRY): State.ACCEPTED,
    (State.ACCEPTED, Event.PARK): State.PARKED,
    (State.ACCEPTED, Event.UNSIGNED): State.DONE,
    (State.ACCEPTED, Event.DISCARD): State.DISCARDED,
    (State.PARKED, Event.RELEASE): _BACK_TO_STAGE,
    (State.PARKED, Event.FOUND): State.ACCEPTED,
    (State.PARKED, Event.FOUND_COMPLETE): State.DONE,
    (State.PARKED, Event.ABSENT): State.PENDING,
    (State.PARKED, Event.UNSIGNED): State.DONE,
    (State.PARKED, Event.DISCARD): State.DISCARDED,
    (State.DEAD, Event.REQUEUE): _BACK_TO_STAGE,
    (State.DEAD, Event.DISCARD): State.DISCARDED,
}


# A parked entry is several things at once; what may happen to it depends on the stage it remembers.
_ONLY_FROM_STAGE: Final[dict[tuple[State, Event], frozenset[State]]] = {
    (State.PARKED, Event.FOUND): STAGES - {State.ACCEPTED},
    (State.PARKED, Event.FOUND_COMPLETE): STAGES - {State.ACCEPTED},
    (State.PARKED, Event.ABSENT): frozenset({State.IN_DOUBT}),
    (State.PARKED, Event.UNSIGNED): frozenset({State.ACCEPTED}),
}


def next_state(state: State, event: Event, stage: State | None = None) -> State:
    """Where `event` takes an entry that is in `state`.

    `stage` is what a parked or dead entry remembers.

    Raises:
        IllegalTransition: the table has no such move, or a held entry remembers no stage.
    """
    try:
        target = TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"an entry that is {state} cannot {event}") from None
    if (allowed := _ONLY_FROM_STAGE.get((state, event))) is not None and stage not in allowed:
        raise IllegalTransition(f"an entry that is {state} from {stage or 'an unknown stage'} cannot {event}")
    if target is not _BACK_TO_STAGE:
        return target
    if stage not in STAGES:
        raise IllegalTransition(f"an entry that is {state} remembers no stage to go back to")
    return stage


def stage_kept(state: State) -> State:
    """The stage that an entry leaving `state` for `parked` or `dead` goes back to one day."""
    return State.PENDING if state is State.SENDING else state
