"""What the drain takes in hand of signatures whose address cannot be used: their next way, and calls for another one.

Beside `intake.py`, which takes the uploads and the sends. Which way comes next is decided in `ways_out.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from storage import claims, readiness
from storage.claims import Lease
from storage.database import Transaction
from storage.guarded import to_ms
from storage.readiness import Due
from storage.records import Detour, park_accepted, take_detour
from sync.credentials import Tokens
from sync.detours import Direct, ReissueCall
from sync.job import Job, job_of
from sync.policy import Step
from sync.ways_out import NO_WAYS, URL_LOST, Stuck, Way, Ways, next_way

# So many entries are turned to another way in one claim; the others follow in the next.
_MOST_TURNS: Final = 100


@dataclass(frozen=True, slots=True)
class Detours:
    """The ways that the settings open. `call` is there where one of them asks the server."""

    ways: Ways = NO_WAYS
    call: ReissueCall | None = None

    def is_for(self, due: Due) -> bool:
        """Whether the present way of this entry leads nowhere: it has no URL, or the settings closed it."""
        if due.upload_way == Way.AMBIENT:
            return not self.ways.ambient
        return due.presigned_url is None

    def turn(self, transaction: Transaction, due: Due) -> None:
        """It takes the next way, or is held for a person."""
        stuck = _stuck(due)
        way = next_way(stuck, self.ways)
        if way is None:
            park_accepted(transaction, due.seq, reason=stuck.trouble)
        else:
            take_detour(transaction, due.seq, Detour(way.value, stuck.trouble))

    def turn_those_without_a_server(self, transaction: Transaction) -> None:
        """Who waits for a call that is not set up any more, or whose owner is held, takes the next way now."""
        for due in readiness.due_reissues(transaction, _MOST_TURNS, paused=True):
            if self.call is None or self._goes_on(due):
                self.turn(transaction, due)
        if self.call is None:
            for due in readiness.due_reissues(transaction, _MOST_TURNS):
                self.turn(transaction, due)

    def _goes_on(self, due: Due) -> bool:
        return next_way(_stuck(due), self.ways) is not None

    def reissues(
        self,
        transaction: Transaction,
        most: int,
        *,
        tokens_of: Callable[[Due], Tokens | None],
        hold: Callable[[Due], None],
        owner: str,
        now: datetime,
        lease_until: int,
    ) -> list[Job]:
        """At most `most` calls for another URL, each leased.

        Where the tokens of the entry's owner cannot be used (`tokens_of` gives None) it takes the next way, and where
        there is none its owner is put on `hold`. `owner` is who leases.
        """
        jobs: list[Job] = []
        if self.call is None or most <= 0:
            return jobs
        for due in readiness.due_reissues(transaction, most):
            tokens = tokens_of(due)
            if tokens is not None:
                lease = claims.lease_upload(
                    transaction,
                    due.seq,
                    owner=owner,
                    now=to_ms(now),
                    lease_until=lease_until,
                    step=Step.REISSUE.value,
                )
                jobs.append(_reissue(due, lease, tokens, self.call))
            elif self._goes_on(due):
                self.turn(transaction, due)
            else:
                hold(due)
        return jobs


def _reissue(due: Due, lease: Lease, tokens: Tokens, call: ReissueCall) -> Job:
    assert due.server_id is not None, "an accepted entry has a server id"
    job = accepted_job(Step.REISSUE, due, lease)
    return replace(job, request=call.request(due.server_id), tokens=tokens, pointer=call.pointer)


def direct(transaction: Transaction, due: Due) -> Direct | None:
    """Where the image of this entry goes with the machine's own credentials; None where its way is another."""
    if due.upload_way != Way.AMBIENT:
        return None
    return Direct(due.presigned_url, _facts(transaction, due))


def accepted_job(step: Step, due: Due, lease: Lease) -> Job:
    """The job of an accepted entry."""
    job = job_of(step, due, lease, has_signature=True, repeat=due.attempts > 0)
    return replace(job, stuck=_stuck(due))


def _stuck(due: Due) -> Stuck:
    tried = None if due.upload_way is None else Way(due.upload_way)
    return Stuck(due.url_trouble or URL_LOST, tried, due.url_reissues)


def _facts(transaction: Transaction, due: Due) -> dict[str, str]:
    """What a key pattern can be filled with; a fact that the server did not tell is left out."""
    facts = {"server_id": str(due.server_id), "entry_id": due.id}
    answer = json.loads(readiness.answer_of(transaction, due.seq, due.server_id) or "{}")
    data = answer.get("data", answer) if isinstance(answer, dict) else None
    # Source: "Create unplanned preventive intervention", answer field data.imgSignature.
    image_key = data.get("imgSignature") if isinstance(data, dict) else None
    return {**facts, "image_key": image_key} if isinstance(image_key, str) else facts
