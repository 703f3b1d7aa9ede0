"""Plans whose answer is lost: found by their words among others for the same hours, or sent again, and never twice."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.torture.trial import Trial


def plan_lost(trial: Trial, rng: Random) -> bool:
    """Of three plans for the same hours one was made, one was not, and neither was answered; the third shows both."""
    mark = trial.mark()
    for carried_out in (True, False):
        lost = rng.choice(
            [
                faults.answer("curative", 504, after=carried_out),
                Fault("drop", "curative", after=carried_out),
                Fault("garbage", "curative", after=carried_out),
            ]
        )
        trial.fault(replace(lost, when={"anomalyIds": [trial.plan()]}))
    trial.plan()
    trial.drain()
    return trial.hurt(mark)


def plan_moved(trial: Trial, rng: Random) -> bool:
    """Somebody moves a plan of ours to another day or hour before this device knows that it arrived."""
    mark = trial.mark()
    moved = trial.plan()
    trial.plan()
    trial.fault(replace(faults.lost_answer("curative"), when={"anomalyIds": [moved]}))
    trial.drain()
    for record in trial.sandbox.state.records():
        if record["body"].get("anomalyIds") == [moved]:
            day = rng.choice(["2030-01-01T09", "2031-01-01T08"])
            trial.sandbox.state.change_row(record["id"], {"scheduledStart": f"{day}:00:00.000Z"})
    return trial.hurt(mark)
