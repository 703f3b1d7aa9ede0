"""The device's clock is wrong, jumps, or begins anew: nothing may get lost, doubled or stuck for it.

Each function makes one fault happen in a trial and answers whether it struck.
"""

from __future__ import annotations

from random import Random
from typing import Final

from sync.sandbox import faults
from sync.torture import fate
from sync.torture.fate import Plan, Strike
from sync.torture.trial import Trial

_AHEAD_S: Final = 3 * 86_400.0
_BEHIND_S: Final = -2 * 365 * 86_400.0


def clock_ahead(trial: Trial, rng: Random) -> bool:
    """Three days ahead, for one pass; then the network sets it right."""
    return _wrong(trial, rng, _AHEAD_S)


def clock_behind(trial: Trial, rng: Random) -> bool:
    """Two years behind, as after an empty battery."""
    return _wrong(trial, rng, _BEHIND_S)


def _wrong(trial: Trial, rng: Random, clock_s: float) -> bool:
    """With trouble at the same time, so that waits and doubts are written down by the wrong clock."""
    trial.captures(3)
    trial.fault(
        rng.choice(
            [faults.lost_answer("unplanned"), faults.answer("upload", 503, body="xml", code="SlowDown")]
        )
    )
    trial.drain(Plan(clock_s=clock_s))
    trial.captures(1)
    trial.drain()
    return True


def clock_jump(trial: Trial, rng: Random) -> bool:
    """The clock is set in the middle of a delivery."""
    trial.captures(3)
    if rng.random() < 0.5:
        trial.fault(faults.lost_answer("unplanned"))
    at = rng.choice([fate.POST, fate.FIRST_BYTE, fate.POSTED, fate.PUT, fate.PUT_ENDED])
    run = trial.drain(Plan((Strike(at, "jump", seconds=rng.choice([_AHEAD_S, _BEHIND_S])),)))
    return bool(run.struck("jump"))


def reboot(trial: Trial, rng: Random) -> bool:
    """Killed with an answer on its way, and the device starts anew: its monotonic time means something else now."""
    trial.captures(2)
    at = rng.choice([fate.POSTED, fate.FIRST_BYTE])
    died = trial.drain(Plan((Strike(at, "kill"),)), expected=(-9, 0, 3, 4, 5))
    trial.drain(Plan(reboot=True))
    return bool(died.struck("kill"))
