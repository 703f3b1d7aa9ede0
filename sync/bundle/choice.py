"""Which entries can be handed over together: never sent, held by nobody, and with all that waits for them.

Pure. Whoever waits for an entry goes where that goes, or it would wait here for ever. Whoever needs an entry that
stays stays too, unless the server id of that is known: then the id is all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from storage.handovers import HANDED_OVER, Candidate, Known
from storage.lifecycle import State

# Why an entry stays: stable codes.
WHY: Final[Mapping[str, str]] = {
    "being_delivered": "it is being delivered right now",
    "was_sent": "it was sent before; nobody else may send it",
    "perhaps_arrived": "it was sent and may have arrived; that has to be settled here",
    "arrived": "the server has it already; only its signature is still to go, from here",
    "handed_over": "it was handed over before, in another bundle",
    "needs_person": "it waits for a person here; see fieldsync show",
    "damaged": "what is stored is not what was captured",
    "parent_stays": "it waits for an entry that stays here, and whose number on the server is not known yet",
}


@dataclass(frozen=True, slots=True)
class Stays:
    """An entry that was asked for, or waits for one that was, and cannot go. `code` is one of `WHY`."""

    id: str
    code: str


@dataclass(frozen=True, slots=True)
class Choice:
    """`going` parents first, else in capture order; `brought` of them were not asked for and wait for one that was."""

    going: tuple[Candidate, ...]
    staying: tuple[Stays, ...]
    brought: tuple[str, ...]


def choose(
    candidates: Sequence[Candidate],
    wanted: Callable[[Candidate], bool],
    *,
    known: Callable[[str], Known | None],
    damaged: Collection[str] = (),
) -> Choice:
    """Which of `candidates`, all that is unfinished in capture order, are handed over.

    `known` tells of any entry, unfinished or not; `damaged` are local ids.
    """
    asked = [each for each in candidates if wanted(each)]
    before, behind = _neighbours(candidates)
    together = _with_all_that_wait(asked, candidates, behind)
    staying = {each.id: code for each in together if (code := _own_obstacle(each, damaged)) is not None}
    by_id = {each.id: each for each in candidates}
    going = {each.id for each in together} - staying.keys()
    left = _left_behind([each for each in together if each.id in going], by_id, before, known)
    going -= left
    staying |= dict.fromkeys(left, "parent_stays")
    asked_ids = {each.id for each in asked}
    return Choice(
        going=parents_first(each for each in together if each.id in going),
        staying=tuple(Stays(each.id, staying[each.id]) for each in together if each.id in staying),
        brought=tuple(each.id for each in together if each.id in going and each.id not in asked_ids),
    )


def torn(
    going: Sequence[Candidate], candidates: Sequence[Candidate], known: Callable[[str], Known | None]
) -> set[str]:
    """Those of `going`, by local id, that could not leave without an entry that does not go with them any more."""
    before, _ = _neighbours(candidates)
    return _left_behind(going, {each.id: each for each in candidates}, before, known)


def parents_first(entries: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """In capture order, but none before what it waits for: an edit may have made it wait for a later capture."""
    ordered = sorted(entries, key=lambda each: each.seq)
    by_id = {each.id: each for each in ordered}
    before, _ = _neighbours(ordered)
    waits_for = {
        each.id: {parent for parent in _named(each) if parent in by_id}
        | ({before[each.id].id} if each.id in before else set())
        for each in ordered
    }
    children: dict[str, list[Candidate]] = {}
    for each in ordered:
        for parent in waits_for[each.id]:
            children.setdefault(parent, []).append(each)
    ready: list[tuple[int, str]] = [(each.seq, each.id) for each in ordered if not waits_for[each.id]]
    found: list[Candidate] = []
    while ready:
        _, id = heappop(ready)
        found.append(by_id[id])
        for child in children.get(id, ()):
            waits_for[child.id].remove(id)
            if not waits_for[child.id]:
                heappush(ready, (child.seq, child.id))
    return tuple(found)


def _left_behind(
    going: Sequence[Candidate],
    by_id: Mapping[str, Candidate],
    before: Mapping[str, Candidate],
    known: Callable[[str], Known | None],
) -> set[str]:
    ids = {each.id for each in going}
    # In capture order a parent comes before what waits for it, unless that was edited: until nothing changes.
    changed = True
    while changed:
        changed = False
        for each in going:
            if each.id in ids and not _can_leave(each, ids, by_id, before.get(each.id), known):
                ids.remove(each.id)
                changed = True
    return {each.id for each in going} - ids


_OF_STATE: Final = {
    State.SENDING: "being_delivered",
    State.IN_DOUBT: "perhaps_arrived",
    State.ACCEPTED: "arrived",
}


def _own_obstacle(each: Candidate, damaged: Collection[str]) -> str | None:
    if each.state is State.PENDING:
        if each.leased:
            return "being_delivered"
        if each.was_sent:
            return "was_sent"
        return "damaged" if each.id in damaged else None
    if each.state is State.PARKED and each.reason == HANDED_OVER:
        return "handed_over"
    return _OF_STATE.get(each.state, "needs_person")


def _neighbours(candidates: Sequence[Candidate]) -> tuple[dict[str, Candidate], dict[str, Candidate]]:
    """Of each entry in a chain the one right before it and right behind it that is still on its way."""
    before: dict[str, Candidate] = {}
    behind: dict[str, Candidate] = {}
    last: dict[str, Candidate] = {}
    for each in candidates:
        if each.chain_key is None or each.settled:
            continue
        if each.chain_key in last:
            before[each.id] = last[each.chain_key]
            behind[last[each.chain_key].id] = each
        last[each.chain_key] = each
    return before, behind


def _with_all_that_wait(
    asked: Sequence[Candidate], candidates: Sequence[Candidate], behind: Mapping[str, Candidate]
) -> list[Candidate]:
    """`asked` and whatever waits for one of them, directly or not, in capture order."""
    waiting_for: dict[str, list[Candidate]] = {}
    for each in candidates:
        for parent in _named(each):
            waiting_for.setdefault(parent, []).append(each)
    found: dict[str, Candidate] = {}
    todo = list(asked)
    while todo:
        each = todo.pop()
        if each.id in found:
            continue
        found[each.id] = each
        if each.settled:
            continue  # nobody waits for it any more
        todo += waiting_for.get(each.id, [])
        if each.id in behind:
            todo.append(behind[each.id])
    return sorted(found.values(), key=lambda each: each.seq)


def _named(each: Candidate) -> Iterator[str]:
    for parent in (each.target_entry, each.after_entry, *each.references):
        if parent is not None:
            yield parent


def _can_leave(
    each: Candidate,
    going: Collection[str],
    by_id: Mapping[str, Candidate],
    before: Candidate | None,
    known: Callable[[str], Known | None],
) -> bool:
    """Whether all that it waits for goes along, or is no longer waited for."""
    # Exact order at one target: what comes before it there has to be through, or come before it there, too.
    if before is not None and before.id not in going:
        return False
    for parent in (each.target_entry, *each.references):
        if parent is not None and parent not in going:
            fact = known(parent)
            if fact is None or fact.server_id is None:
                return False
    if each.after_entry is None or each.after_entry in going:
        return True
    if each.after_entry in by_id:
        return by_id[each.after_entry].settled
    fact = known(each.after_entry)
    return fact is not None and fact.settled
