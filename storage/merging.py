"""Which of two copies of an outbox knows more of an entry, and whether either knows that it has left. Pure.

A copy and a database are one history, seen at two moments; after a recovery they may be two branches of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from storage.lifecycle import State
from storage.verdicts import HANDED_OVER, PERHAPS_HANDED_OVER

Rows = Iterable[Mapping[str, Any]]

# What the history says of ways between devices; the last of these tells where the entry is. `detail` is the bundle.
_WAYS: Final = frozenset({HANDED_OVER, "taken_back", "imported"})


class Standing(NamedTuple):
    """How far an entry has come, as one copy knows it: the larger one knows more.

    What cannot be undone comes first. A recovery raises every fence, and no number of an attempt, so the numbers of
    attempts are compared before the fences.
    """

    delivered: bool
    given_up: bool
    hand_overs_known: bool
    attempts: int
    fence: int


def standing(row: Mapping[str, Any], attempts: Rows, receipts: Rows, *, hand_overs_known: bool) -> Standing:
    """`hand_overs_known`: whether this copy knows of every hand-over there was."""
    return Standing(
        delivered=row["server_id"] is not None
        or row["state"] == State.DONE
        or State.ACCEPTED in (row["state"], row["stage"])
        or any(each["adopted"] for each in receipts),
        given_up=row["state"] == State.DISCARDED,
        hand_overs_known=hand_overs_known and row["reason"] != PERHAPS_HANDED_OVER,
        attempts=max([row["attempt_n"], *(each["n"] for each in attempts)]),
        fence=row["lease_fence"],
    )


def ways(attempts: Rows) -> tuple[Mapping[str, Any], ...]:
    """The lines of a history that tell of hand-overs, in their order."""
    return tuple(
        sorted((each for each in attempts if each["reason"] in _WAYS), key=lambda each: int(each["n"]))
    )


def left_in(row: Mapping[str, Any], own: Rows, others: Rows) -> str | None:
    """The bundle that an entry has left in, where its row does not say so; None where it has not, or says so itself.

    `own` are attempts that the row's copy knows, `others` those of the other copy.
    """
    if row["state"] == State.PARKED and row["reason"] == HANDED_OVER:
        return None
    mine, theirs = ways(own), ways(others)
    if mine and mine[-1]["reason"] == HANDED_OVER:
        return str(mine[-1]["detail"])
    known = {each["detail"] for each in mine if each["reason"] == HANDED_OVER}
    if theirs and theirs[-1]["reason"] == HANDED_OVER and theirs[-1]["detail"] not in known:
        return str(theirs[-1]["detail"])
    return None
