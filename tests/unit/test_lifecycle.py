"""The table of states and events: what it allows, what it never allows, and that everything in it has its sentence."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import lifecycle
from storage.errors import IllegalTransition
from storage.lifecycle import (
    FINAL,
    NEEDS_ACTION,
    STAGES,
    TRANSITIONS,
    WAITING,
    Event,
    State,
    next_state,
    stage_kept,
)

# How each state is left. `accepted` has no reject: upload trouble parks an entry, it never becomes a dead letter.
LEAVES_BY: dict[State, dict[Event, State | None]] = {
    State.PENDING: {
        Event.SEND: State.SENDING,
        Event.PARK: State.PARKED,
        Event.DISCARD: State.DISCARDED,
        Event.DOUBT: State.IN_DOUBT,
        Event.FOUND: State.ACCEPTED,
        Event.FOUND_COMPLETE: State.DONE,
    },
    State.SENDING: {
        Event.ACCEPTED: State.ACCEPTED,
        Event.COMPLETED: State.DONE,
        Event.RETRY: State.PENDING,
        Event.DOUBT: State.IN_DOUBT,
        Event.REJECT: State.DEAD,
        Event.PARK: State.PARKED,
    },
    State.IN_DOUBT: {
        Event.FOUND: State.ACCEPTED,
        Event.FOUND_COMPLETE: State.DONE,
        Event.ABSENT: State.PENDING,
        Event.PARK: State.PARKED,
        Event.DISCARD: State.DISCARDED,
    },
    State.ACCEPTED: {
        Event.UPLOADED: State.DONE,
        Event.RETRY: State.ACCEPTED,
        Event.PARK: State.PARKED,
        Event.UNSIGNED: State.DONE,
        Event.DISCARD: State.DISCARDED,
    },
    State.DONE: {},
    State.PARKED: {
        Event.RELEASE: None,
        Event.FOUND: State.ACCEPTED,
        Event.FOUND_COMPLETE: State.DONE,
        Event.ABSENT: State.PENDING,
        Event.UNSIGNED: State.DONE,
        Event.DISCARD: State.DISCARDED,
    },
    State.DEAD: {Event.REQUEUE: None, Event.DISCARD: State.DISCARDED},
    State.DISCARDED: {},
}


def moves(state: State, event: Event, stage: State | None) -> bool:
    try:
        return next_state(state, event, stage) in State
    except IllegalTransition:
        return False


@pytest.mark.parametrize("state", State)
def test_state_is_left_by_these_events_and_no_others(state: State) -> None:
    assert {event: to for (at, event), to in TRANSITIONS.items() if at is state} == LEAVES_BY[state]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_move_that_the_table_does_not_name_is_refused_with_both_names(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert any(moves(state, event, stage) for stage in STAGES)
        return
    with pytest.raises(IllegalTransition, match=f"{state} cannot {event}"):
        next_state(state, event)


@pytest.mark.parametrize("stage", sorted(STAGES))
@pytest.mark.parametrize(("state", "event"), [(State.PARKED, Event.RELEASE), (State.DEAD, Event.REQUEUE)])
def test_held_entry_goes_back_to_the_stage_it_came_from(state: State, event: Event, stage: State) -> None:
    assert next_state(state, event, stage) is stage


@pytest.mark.parametrize("stage", [None, *sorted(set(State) - STAGES)])
@pytest.mark.parametrize(("state", "event"), [(State.PARKED, Event.RELEASE), (State.DEAD, Event.REQUEUE)])
def test_held_entry_without_a_stage_to_go_back_to_stays(
    state: State, event: Event, stage: State | None
) -> None:
    with pytest.raises(IllegalTransition, match="remembers no stage"):
        next_state(state, event, stage)


@pytest.mark.parametrize("state", sorted({at for (at, _), to in TRANSITIONS.items() if to in NEEDS_ACTION}))
def test_stage_kept_is_one_that_an_entry_can_go_back_to(state: State) -> None:
    assert stage_kept(state) in STAGES
    assert stage_kept(state) is (State.PENDING if state is State.SENDING else state)


@pytest.mark.parametrize(
    ("event", "stages"),
    [
        (Event.FOUND, {State.PENDING, State.IN_DOUBT}),
        (Event.FOUND_COMPLETE, {State.PENDING, State.IN_DOUBT}),
        (Event.ABSENT, {State.IN_DOUBT}),
        (Event.UNSIGNED, {State.ACCEPTED}),
        (Event.DISCARD, STAGES),
        (Event.RELEASE, STAGES),
    ],
)
def test_what_may_happen_to_a_parked_entry_depends_on_its_stage(event: Event, stages: set[State]) -> None:
    """One that was accepted is never taken for absent, and one that was not is never done without its signature."""
    assert {stage for stage in STAGES if moves(State.PARKED, event, stage)} == stages


@given(st.sampled_from(State), st.lists(st.sampled_from(Event)))
def test_no_sequence_of_events_leaves_a_final_state_or_loses_an_entry(
    start: State, events: list[Event]
) -> None:
    state, stage = start, State.PENDING
    ended: State | None = None
    for event in events:
        try:
            after = next_state(state, event, stage)
        except IllegalTransition:
            continue
        if after in NEEDS_ACTION:
            stage = stage_kept(state)
        state = after
        assert ended is None, f"{event} moved an entry that was {ended}"
        ended = state if state in FINAL else None
    assert state in State


@given(st.lists(st.sampled_from(Event)))
def test_accepted_entry_is_never_to_be_sent_again(events: list[Event]) -> None:
    state, stage = State.ACCEPTED, State.ACCEPTED
    for event in events:
        try:
            after = next_state(state, event, stage)
        except IllegalTransition:
            continue
        if after in NEEDS_ACTION:
            stage = stage_kept(state)
        state = after
        assert state not in {State.PENDING, State.SENDING, State.IN_DOUBT}


def test_every_state_that_is_not_final_can_reach_an_end() -> None:
    reaches = set(FINAL)
    for _ in State:
        for (at, _event), to in TRANSITIONS.items():
            if (to is None and STAGES & reaches) or to in reaches:
                reaches.add(at)
    assert reaches == set(State)


def test_groups_of_states_do_not_overlap() -> None:
    groups = [FINAL, WAITING, NEEDS_ACTION, {State.IN_DOUBT}]
    assert sorted(state for group in groups for state in group) == sorted(State)


@pytest.mark.parametrize("name", ["State", "Event"])
def test_every_member_has_its_sentence_beside_it(name: str) -> None:
    source = Path(lifecycle.__file__).read_text()
    (found,) = [
        node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    lines = source.splitlines()
    members = [node for node in found.body if isinstance(node, ast.Assign)]
    assert len(members) == len(getattr(lifecycle, name))
    for node in members:
        _, mark, sentence = lines[node.lineno - 1].partition("  # ")
        assert mark, lines[node.lineno - 1]
        assert len(sentence.split()) >= 3, lines[node.lineno - 1]
