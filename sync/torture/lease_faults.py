"""A claim is lost by a drainer that is not dead: it may send nothing any more, and its late news may overwrite nothing.

The drain lock makes this rare in the field; leases and fences are what is left where it does not hold. Each function
makes one fault happen in a trial and answers whether it struck.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any, Final

from storage.rehearsal import Theft
from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.torture import fate
from sync.torture.fate import Plan, Strike
from sync.torture.nursery import Run
from sync.torture.trial import Trial

_POST: Final = "unplanned"
_ONE: Final = {"SYNC__CONCURRENCY": 1}


def stale_claim(trial: Trial, rng: Random) -> bool:
    """The claim is taken away before connecting, or between connecting and the first byte: nothing may be sent."""
    thefts = list(Theft)
    rng.shuffle(thefts)
    trial.captures(len(thefts))
    points = (fate.POST, fate.FIRST_BYTE)
    # One a send, at one of the two points.
    return _stale(
        trial,
        [
            Strike(rng.choice(points), "steal", number, theft=theft.value)
            for number, theft in enumerate(thefts, 1)
        ],
    )


def stale_claim_at_first_byte(trial: Trial, rng: Random) -> bool:
    """As above, with every claim lost at the last moment: when the connection stands."""
    thefts = list(Theft)
    rng.shuffle(thefts)
    trial.captures(len(thefts))
    return _stale(
        trial,
        [
            Strike(fate.FIRST_BYTE, "steal", number, theft=theft.value)
            for number, theft in enumerate(thefts, 1)
        ],
    )


def _stale(trial: Trial, strikes: list[Strike]) -> bool:
    mark = trial.mark()
    run = trial.drain(Plan(tuple(strikes)), settings=_ONE)
    told = run.told()
    began = Counter(note["id"] for note in told if note.get("at") == fate.POST and "struck" not in note)
    looked = Counter(
        note["id"] for note in told if note.get("at") == fate.FIRST_BYTE and "struck" not in note
    )
    stolen = Counter(note["id"] for note in run.struck("steal") if note["row"] is not None)
    for id in began:
        sent = trial.posts(id, mark)
        allowed = began[id] - stolen[id]
        trial.expect(
            sent <= allowed,
            "stale_send",
            f"{id[-8:]} was sent {sent} times, and {allowed} times by somebody who held it",
        )
        trial.expect(
            sent <= looked[id],
            "stale_send",
            f"{id[-8:]} was sent without a look at its claim before the first byte",
        )
    return bool(stolen)


def late_outcome(trial: Trial, rng: Random) -> bool:
    """Claims are lost while their requests are on the wire. Acceptances are kept, setbacks change nothing."""
    trial.captures(2)
    setback = rng.choice(
        [
            faults.answer(_POST, 422, message="not accepted"),
            faults.answer(_POST, 503, message="broken"),
            faults.answer(_POST, 429, retry_after="1"),
            faults.dropped(_POST),
            faults.lost_answer(_POST),
        ]
    )
    accepted = Strike(
        fate.POSTED, "steal", 1, theft=rng.choice([Theft.TAKEN, Theft.AGAIN, Theft.RESCUED]).value
    )
    set_back = Strike(fate.POSTED, "steal", 2, theft=rng.choice([Theft.TAKEN, Theft.AGAIN]).value)
    trial.fault(_second(setback))
    run = trial.drain(Plan((accepted, set_back)), settings=_ONE)
    stolen = _stolen(run)
    for note in stolen[:1]:
        _kept_as_evidence(trial, note["id"])
    for note in stolen[1:2]:
        _unchanged(trial, note, "a late setback")
    return len(stolen) == 2


def late_setback(trial: Trial, rng: Random) -> bool:
    """Another drainer holds the entry by the time that this one learns of its failure."""
    trial.captures(1)
    trial.fault(
        rng.choice(
            [
                faults.answer(_POST, 422, message="not accepted"),
                faults.answer(_POST, 500),
                faults.dropped(_POST),
            ]
        )
    )
    taken = Strike(fate.POSTED, "steal", theft=rng.choice([Theft.TAKEN, Theft.AGAIN]).value)
    stolen = _stolen(trial.drain(Plan((taken,)), settings=_ONE))
    for note in stolen:
        _unchanged(trial, note, "a late setback")
    return bool(stolen)


def late_upload(trial: Trial, rng: Random) -> bool:
    """The claim is lost while the image is on the wire: neither success nor refusal may be written over the new one."""
    trial.captures(1)
    if rng.random() < 0.4:
        trial.fault(faults.answer("upload", 403, body="xml", code="AccessDenied", message="Access Denied"))
    taken = Strike(fate.PUT_ENDED, "steal", theft=rng.choice([Theft.TAKEN, Theft.AGAIN]).value)
    stolen = _stolen(trial.drain(Plan((taken,)), settings=_ONE))
    for note in stolen:
        _unchanged(trial, note, "the late end of an upload")
    return bool(stolen)


def _second(fault: Fault) -> Fault:
    return replace(fault, skip=1)


def _stolen(run: Run) -> list[dict[str, Any]]:
    return [note for note in run.struck("steal") if note["row"] is not None]


def _unchanged(trial: Trial, note: dict[str, Any], what: str) -> None:
    """The row is as its new holder left it."""
    row = trial.row(note["id"]) or {}
    changed = {name: (was, row.get(name)) for name, was in note["row"].items() if row.get(name) != was}
    trial.expect(
        not changed, "overwritten", f"{what} changed {note['id'][-8:]}, which another held: {changed}"
    )


def _kept_as_evidence(trial: Trial, id: str) -> None:
    made = [each["id"] for each in trial.sandbox.state.records() if each["idempotency_key"] == id]
    receipts = [each["server_id"] for each in trial.story(id)["receipts"]]
    trial.expect(
        set(made) <= set(receipts),
        "evidence_lost",
        f"{id[-8:]} was accepted late as {made}; receipts: {receipts}",
    )
