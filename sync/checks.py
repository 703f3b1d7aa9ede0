"""Before an update that waited long: has somebody else changed its target meanwhile? When to ask, and what follows.

Runs inside the drain's transactions, called by `intake.py` and `ledger.py`. What the server shows is judged in
`target_read.py`. A device that is online sends within the setting and asks nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from storage import checks, claims
from storage.checks import Waited
from storage.database import Transaction
from storage.readiness import Due
from sync import outcome as o
from sync import target_read
from sync.clock import Clock
from sync.credentials import Tokens
from sync.job import Finished, Job, Update, job_of, result_of
from sync.operations.operation import Operation
from sync.policy import Step
from sync.reconcile import CHANGED_REASON
from sync.server_clock import clock_offset
from sync.target_read import Tries
from sync.update_lookups import described, version_of

# A look this old is not repeated before the send that it was made for.
FRESH_MS: Final = 120_000


@dataclass(frozen=True, slots=True)
class Checks:
    """How the server is asked before an update. `after_s` None: never; `path` is that of the list."""

    after_s: float | None = None
    path: str = "/interventions/v2/rs"

    def is_due(self, known: Waited, clock: Clock) -> bool:
        """Whether the target is to be read before this update goes."""
        if self.after_s is None or known.waived:
            return False
        now_ms = clock.now_ms()
        if known.checked_at is not None and 0 <= now_ms - known.checked_at < FRESH_MS:
            return False
        # Monotonic time may stand still while a device sleeps, and the wall clock may be set back: whichever is more.
        waited_ms = max(now_ms - known.captured_at, _ran_ms(known, clock) or 0)
        return waited_ms > self.after_s * 1000

    def claim(
        self,
        transaction: Transaction,
        due: Due,
        operation: Operation,
        body: str,
        tokens: Tokens,
        *,
        owner: str,
        lease_until: int,
        clock: Clock,
        probe: bool,
    ) -> Job | None:
        """The read that comes before this update, leased; None where it may go at once. `owner` is who leases."""
        target = due.target_id if due.target_id is not None else due.target_entry_id
        if not operation.needs_target or self.after_s is None or target is None:
            return None
        if not self.is_due(checks.waited(transaction, due.seq), clock) or _just_told(
            transaction, target, clock
        ):
            return None
        from sync.transport import ApiRequest

        lease = claims.lease_upload(
            transaction,
            due.seq,
            owner=owner,
            now=clock.now_ms(),
            lease_until=lease_until,
            step=Step.CHECK.value,
        )
        return replace(
            job_of(Step.CHECK, due, lease, has_signature=False, repeat=False),
            request=ApiRequest("GET", f"{self.path}/{target}", b"", ""),
            operation=operation,
            tokens=tokens,
            probe=probe,
            update=Update(target, operation.quiet(json.loads(body))),
        )


def record(
    transaction: Transaction, finished: Finished, outcome: o.TargetShown | o.ReadRefused, clock: Clock
) -> None:
    """Write down what was read before an update: it is due still, or held because somebody else was there."""
    job, now_ms = finished.job, clock.now_ms()
    assert job.update is not None, "a check is of an update"
    assert job.operation is not None, "a check is of an update"
    result = result_of(finished, outcome)
    if isinstance(outcome, o.ReadRefused):
        checks.passed(transaction, job.seq, job.lease, result, now=now_ms)
        return
    body, mirrored = job.update.body, job.operation.mirrored
    reading = target_read.read(body, outcome.item, mirrored)
    result = replace(result, detail=described(reading))
    known = checks.waited(transaction, job.seq)
    if target_read.conflicts(
        reading,
        captured_at=_captured_at(transaction, known, clock),
        own_version=_own_version(transaction, job.update.target, clock),
        tries=Tries(known.first_sent_server_at, known.last_sent_server_at) if known.was_sent else None,
    ):
        version = target_read.version_text(body, outcome.item, mirrored)
        changed = replace(result, outcome="Changed", reason=CHANGED_REASON)
        checks.park_changed(transaction, job.seq, job.lease, changed, version=version, now=now_ms)
        return
    reason = "check_passed" if reading.updated_at is not None else "check_untold"
    checks.passed(transaction, job.seq, job.lease, replace(result, reason=reason), now=now_ms)


def _just_told(transaction: Transaction, target: int, clock: Clock) -> bool:
    """Whether an answer has just come to an earlier entry for this target: as good as a look, and it was our doing."""
    now_ms = clock.now_ms()
    return any(
        0 <= now_ms - each.at < FRESH_MS for each in checks.own_answers(transaction, target) if each.status
    )


def _ran_ms(known: Waited, clock: Clock) -> int | None:
    """Milliseconds that the device ran since the capture; None where it was started anew since."""
    if known.captured_mono_ms is None or known.captured_boot != clock.boot():
        return None
    return clock.monotonic_ms() - known.captured_mono_ms


def _captured_at(transaction: Transaction, known: Waited, clock: Clock) -> int:
    """When it was captured, by the server's clock as well as it is known; the earlier where there is doubt."""
    offset_s = clock_offset(transaction)
    offset_ms = 0 if offset_s is None else int(offset_s * 1000)
    if known.clock_offset_ms is not None:
        captured_at = known.captured_at + known.clock_offset_ms
    else:
        captured_at = known.captured_at + offset_ms
    ran_ms = _ran_ms(known, clock)
    if ran_ms is None:
        return captured_at
    return min(captured_at, clock.now_ms() + offset_ms - ran_ms)


def _own_version(transaction: Transaction, target: int, clock: Clock) -> int | None:
    """The newest change of this intervention that is our own doing, in milliseconds of server time."""
    offset_s = clock_offset(transaction)
    offset_ms = 0 if offset_s is None else int(offset_s * 1000)

    def then(each: checks.OwnAnswer | checks.OwnUpload) -> int:
        return offset_ms if each.offset_ms is None else each.offset_ms

    return target_read.own_version(
        [(version_of(each.answer), each.at + then(each)) for each in checks.own_answers(transaction, target)],
        [
            None if each.uploaded_at is None else each.uploaded_at + then(each)
            for each in checks.own_uploads(transaction, target)
            if each.under_way or each.uploaded_at is not None
        ],
        now=clock.now_ms() + offset_ms,
    )
