"""What needs a person, by cause, as the ops page shows it; and which entries exactly one button is about.

A cause is named in addresses by a hash of itself: it holds the server's words. How many entries it has is said with
every order and compared again: a person lets go what they saw, and nothing that came later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from storage.handovers import HANDED_OVER
from storage.held import ALL, held
from storage.queries import Narrowed, Reader
from sync.causes import Cause, Group, grouped
from sync.entrypoints.page.ops_frame import Told
from sync.explain import explain_held

# So many of the oldest are looked at for the first page, however many are held: each costs a look at what was said.
AMONG: Final = 200
EXAMPLES: Final = 3
# Letting go alone cannot help these: the order would leave each of them alone.
_ONE_BY_ONE: Final = frozenset({HANDED_OVER, "target_discarded", "parent_lost"})


@dataclass(frozen=True, slots=True)
class CauseView:
    """One cause. `key` names it; `ids` are all of its entries that were looked at, oldest first."""

    key: str
    count: int
    kind: str
    kind_words: str
    state: str
    state_words: str
    reason: str
    status: int | None
    message: str
    why: str
    next_step: str
    can: Sequence[str]
    ids: Sequence[str]
    by_bulk: bool

    @property
    def examples(self) -> Sequence[str]:
        return self.ids[:EXAMPLES]


@dataclass(frozen=True, slots=True)
class Held:
    """The causes among what was looked at. `beyond`: how many more are held; `also`: their reasons, with counts."""

    causes: Sequence[CauseView]
    beyond: int
    also: Sequence[tuple[str, str, int]]


def key_of(cause: Cause) -> str:
    """Sixteen hex digits; the same for as long as the cause reads the same."""
    return hashlib.sha256(repr(astuple(cause)).encode()).hexdigest()[:16]


def look(reader: Reader, told: Told, needs_action: int, reasons: Sequence[tuple[str, str, int, Any]]) -> Held:
    """What the first page shows. `reasons`: state, reason and count as `status` counts them."""
    found = [view(group, told) for group in grouped(held(reader, Narrowed(), limit=AMONG))]
    beyond = max(0, needs_action - sum(each.count for each in found))
    seen = {(each.state, each.reason) for each in found}
    also = [
        (state, reason or state, n)
        for state, reason, n, *_ in reasons
        if beyond and state in ("parked", "dead") and (state, reason or state) not in seen
    ]
    return Held(found, beyond, also)


def find(reader: Reader, told: Told, key: str) -> CauseView | None:
    """This cause with all its entries; None where nothing is held by it any more."""
    for group in grouped(held(reader, Narrowed(), limit=ALL)):
        if key_of(group.cause) == key:
            return view(group, told)
    return None


def view(group: Group, told: Told) -> CauseView:
    """One cause for a person."""
    cause, one = group.cause, len(group.ids) == 1
    entry: Mapping[str, Any] = {
        "id": group.ids[0] if one else "ID",
        "owner": group.owner,
        "state": cause.state,
        "stage": cause.stage,
        "reason": cause.reason,
    }
    explained = explain_held(entry, language=told.explained_in)
    return CauseView(
        key=key_of(cause),
        count=len(group.ids),
        kind=cause.kind,
        kind_words=told.kind(cause.kind),
        state=cause.state,
        state_words=told.state(cause.state),
        reason=cause.reason,
        status=cause.status,
        message=cause.message,
        why=explained["waiting_for"] or "",
        next_step=explained["next_step"],
        can=explained["person_can"],
        ids=tuple(group.ids),
        by_bulk=cause.reason not in _ONE_BY_ONE,
    )
