"""Bundles go round between three devices in any order: one entry is never sendable on two, and never on none for good.

What the runbook forbids is left out: one bundle for two devices, and a bundle taken back that was imported elsewhere.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.bundles import given_away, taken_in
from tests.unit.test_handovers import Box

IN_MEMORY = Path("/dev/shm")  # each step is a few commits: no disk need wait for them
DEVICES = ("anna", "bert", "carla")
PICKS = st.integers(0, 999)


@dataclass
class Parcel:
    """One file that was made: where, what is in it, and on which device it was imported first."""

    origin: str
    path: Path
    numbers: frozenset[int]
    taken_by: str | None = field(default=None)


class HandOvers(RuleBasedStateMachine):
    """Each step picks among all that a person could do now, so that no step is wasted."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(mkdtemp(prefix="hand-over-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.boxes = {name: Box(self.place / name) for name in DEVICES}
        self.captured = 0
        self.parcels: list[Parcel] = []
        self.under_way: dict[int, Parcel] = {}  # entries whose newest hand-over nobody has taken yet

    def teardown(self) -> None:
        for box in self.boxes.values():
            box.close()
        shutil.rmtree(self.place)

    @initialize(device=st.sampled_from(DEVICES))
    def begin(self, device: str) -> None:
        self.capture(device, chained=False)

    @precondition(lambda self: self.captured < 3)
    @rule(device=st.sampled_from(DEVICES), chained=st.booleans())
    def capture(self, device: str, chained: bool) -> None:
        box = self.boxes[device]
        waiting = sorted(box.sendable())
        self.captured += 1
        box.visit(self.captured, after=f"{waiting[-1]:012d}" if chained and waiting else None)

    @precondition(lambda self: any(box.sendable() for box in self.boxes.values()))
    @rule(pick=PICKS)
    def export(self, pick: int) -> None:
        able = [name for name, box in self.boxes.items() if box.sendable()]
        device = able[pick % len(able)]
        number = len(self.parcels) + 1
        path = self.place / f"{number}.bundle"
        done = given_away(self.boxes[device].database, path, number)
        parcel = Parcel(device, path, frozenset(int(each.id[-12:]) for each in done.choice.going))
        self.parcels.append(parcel)
        self.under_way |= dict.fromkeys(parcel.numbers, parcel)

    @precondition(lambda self: self.parcels)
    @rule(pick=PICKS)
    def import_or_take_back(self, pick: int) -> None:
        able = [(parcel, name) for parcel in self.parcels for name in DEVICES if self._allowed(parcel, name)]
        parcel, device = able[pick % len(able)]
        taken_in(self.boxes[device].database, parcel.path)
        if parcel.taken_by is None:
            parcel.taken_by = device
            for number in parcel.numbers:
                del self.under_way[number]

    def _allowed(self, parcel: Parcel, device: str) -> bool:
        """One device for each bundle, as often as you like; a new one only while nobody has handed on what is in it."""
        if parcel.taken_by is not None:
            return device == parcel.taken_by
        return all(self.under_way[number] is parcel for number in parcel.numbers)

    @invariant()
    def each_entry_is_sendable_on_one_device_or_waits_in_a_file(self) -> None:
        places = [name for box in self.boxes.values() for name in box.sendable()]
        assert len(places) == len(set(places)), "sendable on two devices"
        assert set(places) | set(self.under_way) == set(range(1, self.captured + 1)), (
            "on no device and in no file"
        )
        assert not set(places) & set(self.under_way)


HandOvers.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestHandOvers = HandOvers.TestCase
