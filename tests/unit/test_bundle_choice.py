"""Which entries go into a bundle together: all that wait for them, and none that would leave its parent behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage.handovers import Candidate, Known
from storage.lifecycle import State
from sync.bundle.choice import WHY, Choice, choose


def entry(number: int, **changes: Any) -> Candidate:
    facts: dict[str, Any] = {
        "seq": number,
        "id": f"e{number}",
        "kind": "unplanned-preventive",
        "state": State.PENDING,
        "reason": None,
        "owner": None,
        "target_entry": None,
        "after_entry": None,
        "chain_key": None,
        "references": (),
        "was_sent": False,
        "leased": False,
        "settled": False,
    }
    return Candidate(**(facts | changes))


def chosen(*entries: Candidate, wanted: Callable[[Candidate], bool] | None = None, **facts: Known) -> Choice:
    """`facts` are of entries that are finished."""
    unfinished = {each.id: Known(None, each.settled) for each in entries}
    return choose(entries, wanted or (lambda _: True), known=(unfinished | facts).get)


def ids(choice: Choice) -> list[str]:
    return [each.id for each in choice.going]


def stays(choice: Choice) -> dict[str, str]:
    return {each.id: each.code for each in choice.staying}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"leased": True}, "being_delivered"),
        ({"was_sent": True}, "was_sent"),
        ({"state": State.SENDING}, "being_delivered"),
        ({"state": State.IN_DOUBT}, "perhaps_arrived"),
        ({"state": State.ACCEPTED, "settled": True}, "arrived"),
        ({"state": State.PARKED, "reason": "handed_over"}, "handed_over"),
        ({"state": State.PARKED, "reason": "forbidden"}, "needs_person"),
        ({"state": State.DEAD}, "needs_person"),
    ],
)
def test_what_may_have_been_sent_or_is_held_stays(changes: dict[str, Any], code: str) -> None:
    choice = chosen(entry(1, **changes), entry(2))
    assert (ids(choice), stays(choice)) == (["e2"], {"e1": code})
    assert code in WHY


def test_what_is_damaged_stays() -> None:
    choice = choose([entry(1), entry(2)], lambda _: True, known=lambda _: None, damaged={"e2"})
    assert (ids(choice), stays(choice)) == (["e1"], {"e2": "damaged"})


def test_all_that_waits_goes_along_whoever_asked_for_it() -> None:
    chain = [
        entry(1),
        entry(2, target_entry="e1", chain_key="local:e1"),
        entry(3, target_entry="e1", chain_key="local:e1"),
        entry(4, after_entry="e3"),
        entry(5, references=("e4",)),
        entry(6),
    ]
    choice = chosen(*chain, wanted=lambda each: each.id == "e1")
    assert ids(choice) == ["e1", "e2", "e3", "e4", "e5"]
    assert choice.brought == ("e2", "e3", "e4", "e5")


def test_child_whose_parent_is_on_the_wire_stays_with_all_behind_it() -> None:
    choice = chosen(
        entry(1, state=State.SENDING, was_sent=True),
        entry(2, target_entry="e1", chain_key="local:e1"),
        entry(3, after_entry="e2"),
        entry(4),
    )
    assert ids(choice) == ["e4"]
    assert stays(choice) == {"e1": "being_delivered", "e2": "parent_stays", "e3": "parent_stays"}


@pytest.mark.parametrize("reference", [False, True])
def test_child_goes_alone_once_the_number_of_its_parent_is_known(reference: bool) -> None:
    link: dict[str, Any] = {"references": ("gone",)} if reference else {"target_entry": "gone"}
    assert ids(chosen(entry(2, **link), gone=Known(7, settled=True))) == ["e2"]
    assert stays(chosen(entry(2, **link), gone=Known(None, settled=True))) == {"e2": "parent_stays"}
    assert stays(chosen(entry(2, **link))) == {"e2": "parent_stays"}


def test_follower_goes_once_its_turn_has_come() -> None:
    follower = entry(2, after_entry="e1")
    only = {"wanted": lambda each: each.id == "e2"}
    assert stays(chosen(entry(1), follower, **only)) == {"e2": "parent_stays"}
    assert ids(chosen(entry(1, state=State.ACCEPTED, settled=True), follower, **only)) == ["e2"]
    assert ids(chosen(follower, e1=Known(None, settled=True))) == ["e2"]


def test_order_at_one_target_is_kept_whatever_was_asked_for() -> None:
    """The second change of an intervention must not overtake the first, from another device."""
    chain = [entry(n, chain_key="target:7") for n in (1, 2, 3)]
    assert stays(chosen(*chain, wanted=lambda each: each.id == "e2")) == {
        "e2": "parent_stays",
        "e3": "parent_stays",
    }
    assert ids(chosen(*chain, wanted=lambda each: each.id == "e1")) == ["e1", "e2", "e3"]
    settled = entry(1, chain_key="target:7", state=State.ACCEPTED, settled=True)
    assert ids(chosen(settled, *chain[1:], wanted=lambda each: each.id == "e2")) == ["e2", "e3"]


def test_entry_that_an_edit_hung_on_a_later_one_stays_with_it() -> None:
    choice = chosen(entry(1, target_entry="e3"), entry(2, after_entry="e1"), entry(3, leased=True))
    assert stays(choice) == {"e1": "parent_stays", "e2": "parent_stays", "e3": "being_delivered"}


def test_ten_thousand_links_are_chosen_in_one_go() -> None:
    chain = [entry(1), *(entry(n, after_entry=f"e{n - 1}", chain_key="target:1") for n in range(2, 10_001))]
    assert len(chosen(*chain, wanted=lambda each: each.id == "e1").going) == 10_000
    stuck = [entry(1, leased=True), *chain[1:]]
    assert len(chosen(*stuck).staying) == 10_000
