"""Entries that wait for each other (`--after`), with trouble in front of the chain: their order must hold."""

from __future__ import annotations

from random import Random

from sync.sandbox import faults
from sync.torture import fate
from sync.torture.fate import Plan, Strike
from sync.torture.trial import KILLED, ORDERLY, Trial


def chain_disturbed(trial: Trial, rng: Random) -> bool:
    """The first of three is lost, refused or cut off; what comes after it waits or follows, and never overtakes."""
    mark = trial.mark()
    first = trial.capture()
    second = trial.capture(after=first)
    trial.capture(after=second)
    fault = rng.choice(
        [
            faults.lost_answer("unplanned"),
            faults.answer("unplanned", 503),
            faults.answer("unplanned", 422, message="not accepted"),
            faults.bad_url("expired"),
        ]
    )
    trial.fault(fault)
    trial.drain()
    return trial.hurt(mark)


def chain_killed(trial: Trial, rng: Random) -> bool:
    """A process dies in the middle of a chain."""
    first = trial.capture()
    second = trial.capture(after=first)
    trial.capture(after=second)
    at = rng.choice([fate.FIRST_BYTE, fate.POSTED, fate.PUT, fate.PUT_ENDED])
    died = trial.drain(Plan((Strike(at, "kill", rng.randint(1, 2)),)), expected=(KILLED, *ORDERLY))
    return bool(died.struck("kill"))
