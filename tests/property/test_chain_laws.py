"""Random graphs of targets, references and orders, met by every kind of answer: nobody goes too early or gets stuck.

What is allowed is said here anew, from what was captured, and compared with what the claim offers.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.claims import Lease
from storage.lifecycle import Event
from sync.capture import ImageLimits, Input, capture_in, check_input
from sync.clock import Clock
from sync.errors import InputRefused
from tests.support.scratch import Scratch, entry_id

IN_MEMORY = Path("/dev/shm")
FIRST_SERVER_ID = 500
picks = st.integers(0, 10**6)


@dataclass
class Captured:
    """One entry as it was captured: numbers of those it hangs on. `about` is the creator whose intervention it is."""

    creates: bool
    about: int | None = None
    after: int | None = None
    names: tuple[int, ...] = ()
    by_server_id: bool = False
    lease: Lease | None = field(default=None)


class Chains(RuleBasedStateMachine):
    """Entries are numbers in capture order; `on_the_wire` are those that were claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.place = TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.box = Scratch(Path(self.place.name) / "queue")
        self.entries: dict[int, Captured] = {}
        self.server_ids: dict[int, int] = {}
        self.on_the_wire: dict[int, Lease] = {}

    def teardown(self) -> None:
        self.box.close()
        self.place.cleanup()

    def one_of(self, numbers: list[int], pick: int) -> int | None:
        return numbers[pick % len(numbers)] if numbers else None

    def creators(self) -> list[int]:
        return [number for number, each in self.entries.items() if each.creates]

    def in_state(self, *states: str) -> list[int]:
        return [number for number in self.entries if self.box.state(number) in states]

    @initialize(pick=picks)
    def begin(self, pick: int) -> None:
        self.create(named=False, follows=False, pick=0)
        for by_server_id in (False, True, False):
            self.update(follows=False, by_server_id=by_server_id, pick=0)
        self.create(named=True, follows=True, pick=pick)
        self.update(follows=True, by_server_id=False, pick=pick)

    @rule(named=st.booleans(), follows=st.booleans(), pick=picks)
    def create(self, named: bool, follows: bool, pick: int) -> None:
        """A visit, which may follow another entry, and whose body may name another intervention."""
        number = len(self.entries) + 1
        names = self.one_of(self.creators(), pick) if named else None
        if names is not None and (self.box.state(names) == "discarded" and names not in self.server_ids):
            names = None
        after = self.one_of(list(self.entries), pick // 7) if follows else None
        self.box.put(
            number,
            after_entry=None if after is None else entry_id(after),
            references=() if names is None else (entry_id(names),),
        )
        self.entries[number] = Captured(True, number, after, () if names is None else (names,))

    @rule(follows=st.booleans(), by_server_id=st.booleans(), pick=picks)
    def update(self, follows: bool, by_server_id: bool, pick: int) -> None:
        """A change of a visit, by its entry or by the number that the server gave it."""
        number = len(self.entries) + 1
        about = self.one_of(self.creators(), pick)
        assert about is not None, "the first entry makes one"
        after = self.one_of(list(self.entries), pick // 7) if follows else None
        known = self.server_ids.get(about)
        target = str(known) if by_server_id and known is not None else f"local:{entry_id(about)}"
        body = json.dumps({"description": f"change {number}"}).encode()
        given = Input(
            "preventive-update", body, target=target, after=None if after is None else entry_id(after)
        )
        checked = check_input(given, ImageLimits(2**21, 4_000_000))
        lost = self.box.state(about) == "discarded" and known is None
        with self.box.database.write() as transaction:
            if lost:
                with pytest.raises(InputRefused):
                    capture_in(transaction, checked, clock=Clock(), new_id=entry_id(number), owner=None)
                return
            capture_in(transaction, checked, clock=Clock(), new_id=entry_id(number), owner=None)
        self.entries[number] = Captured(False, about, after)

    def settled(self, number: int) -> bool:
        row = self.box.row(number)
        held = row["state"] == "parked" and row["stage"] == "accepted"
        return held or row["state"] in ("accepted", "done", "discarded")

    def may_go(self, number: int) -> bool:
        """By what was captured, in the plainest words."""
        entry = self.entries[number]
        needs = [*entry.names, *([] if entry.creates or entry.about is None else [entry.about])]
        if any(parent not in self.server_ids for parent in needs):
            return False
        if entry.after is not None and not self.settled(entry.after):
            return False
        others = [
            other
            for other, each in self.entries.items()
            if not entry.creates and not each.creates and each.about == entry.about and other != number
        ]
        return all(
            self.settled(other) if other < number else other not in self.on_the_wire for other in others
        )

    @invariant()
    def claim_offers_exactly_who_may_go(self) -> None:
        wanted = [number for number in self.in_state("pending") if self.may_go(number)]
        assert sorted(self.box.due()) == wanted

    @invariant()
    def rows_are_what_was_captured(self) -> None:
        assert all(self.box.intact(number) for number in self.entries)

    @invariant()
    def who_lost_the_target_is_parked(self) -> None:
        for number, entry in self.entries.items():
            needs = [*entry.names, *([] if entry.creates or entry.about is None else [entry.about])]
            lost = any(
                parent not in self.server_ids and self.box.state(parent) == "discarded" for parent in needs
            )
            if lost and self.box.state(number) != "discarded":
                row = self.box.row(number)
                assert (row["state"], row["reason"]) == ("parked", "target_discarded")

    @precondition(lambda self: self.box.due())
    @rule(pick=picks)
    def claim(self, pick: int) -> None:
        number = self.one_of(self.box.due(), pick)
        assert number is not None, "somebody is due"
        self.on_the_wire[number] = self.box.send(number)

    @precondition(lambda self: self.box.due())
    @rule(event=st.sampled_from([None, Event.DOUBT, Event.REJECT]), pick=picks)
    def claim_and_answer(self, event: Event | None, pick: int) -> None:
        self.claim(pick)
        last = len(self.on_the_wire) - 1
        if event is None:
            self.server_takes_it(last)
        else:
            self.it_goes_wrong(event, last)

    def answered(self, pick: int) -> tuple[int, Lease] | None:
        number = self.one_of(list(self.on_the_wire), pick)
        return None if number is None else (number, self.on_the_wire.pop(number))

    @precondition(lambda self: self.on_the_wire)
    @rule(pick=picks)
    def server_takes_it(self, pick: int) -> None:
        number, lease = self.answered(pick) or (0, None)
        assert lease is not None, "something is on the wire"
        entry = self.entries[number]
        assert entry.about is not None, "every entry is about an intervention"
        server_id = FIRST_SERVER_ID + entry.about
        self.box.accept(number, lease, server_id)
        if entry.creates:
            self.server_ids[number] = server_id

    @precondition(lambda self: self.on_the_wire)
    @rule(event=st.sampled_from([Event.RETRY, Event.DOUBT, Event.REJECT, Event.PARK]), pick=picks)
    def it_goes_wrong(self, event: Event, pick: int) -> None:
        number, lease = self.answered(pick) or (0, None)
        assert lease is not None, "something is on the wire"
        if event is Event.DOUBT and not self.entries[number].creates:
            event = Event.RETRY
        self.box.set_back(number, lease, event)

    @rule(found=st.booleans(), by_word=st.booleans(), pick=picks)
    def doubt_ends(self, found: bool, by_word: bool, pick: int) -> None:
        number = self.one_of(self.in_state("in_doubt"), pick)
        if number is None:
            return
        if not found:
            self.box.take_for_absent(number)
            return
        (self.box.say_arrived if by_word else self.box.find)(number, FIRST_SERVER_ID + number)
        self.server_ids[number] = FIRST_SERVER_ID + number

    @rule(pick=picks)
    def person_repairs(self, pick: int) -> None:
        number = self.one_of(self.in_state("parked", "dead"), pick)
        if number is not None:
            self.box.resync(number)

    @rule(pick=picks)
    def person_gives_up(self, pick: int) -> None:
        number = self.one_of(self.in_state("pending", "parked", "dead", "in_doubt", "accepted"), pick)
        if number is not None and pick % 3 == 0:
            self.box.discard(number)

    @rule()
    def everything_is_repaired_in_the_end(self) -> None:
        """The server takes all, a person lets all go on: what is left needs what was given up, or follows nobody."""
        for _ in range(3 * len(self.entries) + 3):
            while self.on_the_wire:
                self.server_takes_it(0)
            for number in self.in_state("in_doubt"):
                self.box.find(number, FIRST_SERVER_ID + number)
                self.server_ids[number] = FIRST_SERVER_ID + number
            for number in self.in_state("parked", "dead"):
                self.box.resync(number)
            if not self.box.due():
                break
            self.claim(0)
        waiting = self.in_state("pending", "sending", "in_doubt", "dead")
        held = {number for number in self.in_state("parked") if not self.settled(number)}
        assert {self.box.row(number)["reason"] for number in held} <= {"target_discarded"}
        # Whoever waits still stands behind one that was parked because its target was given up.
        for number in waiting:
            assert not self.may_go(number)
            assert held


TestChains = Chains.TestCase
TestChains.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
