"""Changes of an intervention that no server knows when they are captured: they follow it, in order, and mail once."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.torture import fate
from sync.torture.fate import Plan, Strike
from sync.torture.trial import KILLED, ORDERLY, Trial


def change_lost(trial: Trial, rng: Random) -> bool:
    """The answers to two changes that mail somebody are lost: one was carried out, one was not; others follow them."""
    mark = trial.mark()
    for carried_out in (True, False):
        lost = rng.choice(
            [
                faults.answer("preventive", 504, after=carried_out),
                faults.answer("preventive", 500, after=carried_out),
                Fault("drop", "preventive", after=carried_out),
                Fault("garbage", "preventive", after=carried_out),
            ]
        )
        mailing = _changed_twice(trial)
        trial.fault(replace(lost, when={"description": f"change {trial.changes[mailing].number}"}))
    trial.drain()
    return trial.hurt(mark)


def changed_before_known(trial: Trial, rng: Random) -> bool:
    """What they change is itself in doubt, refused or late: they wait, and go on by themselves when it is known."""
    mark = trial.mark()
    _changed_twice(trial)
    trial.fault(
        rng.choice(
            [
                faults.lost_answer("unplanned"),
                faults.answer("unplanned", 503),
                faults.answer("unplanned", 422, message="not accepted"),
                faults.bad_url("expired"),
            ]
        )
    )
    trial.drain()
    return trial.hurt(mark)


def change_killed(trial: Trial, rng: Random) -> bool:
    """A process dies between an intervention and its changes, or with one of them on the wire."""
    _changed_twice(trial)
    at = rng.choice([fate.POST, fate.FIRST_BYTE, fate.POSTED])
    died = trial.drain(Plan((Strike(at, "kill", rng.randint(1, 3)),)), expected=(KILLED, *ORDERLY))
    return bool(died.struck("kill"))


def _changed_twice(trial: Trial) -> str:
    """One new intervention and two changes of it; the first, which is answered, mails somebody."""
    target = trial.capture()
    mailing = trial.change(target, mails=True)
    trial.change(target, mails=False)
    return mailing
