"""What is a worker given, and what does it answer? One step of one entry, or a look-up, and its end.

Made by `intake.py` and `lookups.py`, done by `delivery.py`, written down by `ledger.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from storage.claims import Lease
from storage.guarded import from_ms
from storage.readiness import Due
from storage.records import Result
from sync import outcome as o
from sync.credentials import Tokens
from sync.detours import Direct
from sync.gate import Host
from sync.hosts import upload_key
from sync.looking import Looked, LookJob, TargetJob, TargetsRead
from sync.operations.operation import Operation
from sync.policy import Step
from sync.secret import redact
from sync.ways_out import NOT_STUCK, Stuck

if TYPE_CHECKING:
    from sync.transport import ApiRequest


@dataclass(frozen=True, slots=True)
class Update:
    """What an update would set in which intervention. `body` is without what only notifies somebody."""

    target: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One step of one entry, claimed for one worker."""

    step: Step
    seq: int
    id: str
    kind: str
    attempts: int
    attempt_n: int
    first_attempt_at: datetime | None
    owner: str | None
    has_signature: bool
    repeat: bool  # it was sent, or its upload tried, before
    lease: Lease
    digest: str
    request: ApiRequest | None = None
    operation: Operation | None = None
    repeatable: bool = False  # sending this very request once more does no harm
    tokens: Tokens | None = None
    tokens_proven: bool = False
    probe: bool = False  # it asks whether the tokens of a held owner are good again
    url: str | None = None
    url_expires_at: datetime | None = None
    clock_offset_s: float | None = None
    link_failures: int = 0
    stuck: Stuck = NOT_STUCK  # what is known of a URL that cannot be used, and the way that is tried instead
    pointer: str = ""  # where the answer to a reissue holds the URL
    direct: Direct | None = None  # an upload with the machine's own credentials
    update: Update | None = None  # a check: what is to be sent to which intervention


def job_of(step: Step, due: Due, lease: Lease, *, has_signature: bool, repeat: bool) -> Job:
    """What every job of an entry holds; what its step needs besides is for who claims it."""
    return Job(
        step,
        due.seq,
        due.id,
        due.kind,
        due.attempts,
        lease.attempt_n,
        None if due.first_attempt_at is None else from_ms(due.first_attempt_at),
        due.owner,
        has_signature=has_signature,
        repeat=repeat,
        lease=lease,
        digest=due.request_digest or "",
        link_failures=due.link_failures,
    )


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job ended. `outcome` None: the lease was gone before the first byte, and nothing was sent."""

    job: Job
    outcome: o.Outcome | None
    duration_ms: int
    request_id: str | None = None
    clock_offset_s: float | None = None
    url_trouble: str | None = None  # why the URL of an acceptance cannot be used
    url_expires_at: datetime | None = None  # when that URL says that it ends


# What a worker is given, and what it answers.
Work = Job | LookJob | TargetJob
Done = Finished | Looked | TargetsRead


def host_of(job: Job) -> Host | str:
    """The gate that this job has to pass."""
    return upload_key(job.url) if job.step is Step.UPLOAD else Host.API


def result_of(finished: Finished, outcome: o.Outcome) -> Result:
    """How this job ended, for the history; free of secrets."""
    return Result(
        outcome=type(outcome).__name__,
        reason=outcome.reason,
        duration_ms=finished.duration_ms,
        status=outcome.status,
        detail=redact(outcome.detail),
        request_id=finished.request_id,
    )
