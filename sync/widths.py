"""How many may go to each host now: as its gate lets out, one canary where it is closed or unproven.

A presigned URL spoils, so while the upload host is in trouble the sends that would make another wait too. What is
taken in hand is `intake.py`; the gates are `gate.py` and `hosts.py`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from storage import owing, readiness
from storage.database import Transaction
from storage.readiness import Due
from storage.upload_host import upload_host
from sync.gate import Gate, Host, Mode
from sync.hosts import Hosts, second_opinion_after, upload_key
from sync.job import Job, Work
from sync.policy import LINK_TRIES, Step
from sync.server_clock import clock_offset, server_ms

# How many owed signatures are looked at beyond those that may go.
_LOOK_AHEAD: Final = 16


def width_of(hosts: Hosts, host: Host | str, now: datetime, active: int, idle: int) -> int:
    """How many more jobs may go to this host now."""
    if hosts.waits_until(host, now) is not None:
        return 0
    if hosts[host].mode is Mode.OPEN:
        return idle
    # A closed gate whose time has come gets a canary like an unproven one.
    return min(idle, max(0, 1 - active))


def owed(transaction: Transaction, hosts: Hosts, active: list[Work], most: int, now: datetime) -> list[Due]:
    """At most `most` signatures that may go now, each host at the width of its own gate."""
    looked_at = most + _LOOK_AHEAD
    while True:
        dues = _spent_last(readiness.due_uploads(transaction, looked_at), now, clock_offset(transaction))
        chosen = _choose(dues, hosts, active, most, now)
        # What waits for a dead host of its own may stand in front of everything else.
        if len(chosen) >= most or len(dues) < looked_at:
            return chosen
        looked_at *= 4


def _spent_last(dues: list[Due], now: datetime, offset_s: float | None) -> list[Due]:
    """Who can still be in time goes before whose URL has ended by what it says of itself; S3 alone knows."""
    server_now = server_ms(now, offset_s)
    if server_now is None:
        return dues
    return sorted(dues, key=lambda due: due.url_expires_at is not None and due.url_expires_at <= server_now)


def _choose(dues: list[Due], hosts: Hosts, active: list[Work], most: int, now: datetime) -> list[Due]:
    """Of `dues`, in their order, those that their hosts let pass; where one may go, it is the one least tried."""
    in_flight = Counter(
        upload_key(job.url) for job in active if isinstance(job, Job) and job.step is Step.UPLOAD
    )
    waiting: dict[str, list[Due]] = {}
    for due in dues:
        waiting.setdefault(upload_key(due.presigned_url), []).append(due)
    chosen: set[int] = set()
    for key, group in waiting.items():
        width = width_of(hosts, key, now, in_flight[key], most)
        if width < len(group) and hosts[key].mode is not Mode.OPEN:
            least_tried = sorted(group, key=lambda due: due.attempts + due.link_failures)
            chosen.update(due.seq for due in least_tried[:width])
        else:
            chosen.update(due.seq for due in group[:width])
    return [due for due in dues if due.seq in chosen][:most]


def signed_width(
    transaction: Transaction, hosts: Hosts, now: datetime, active: list[Work], width: int
) -> int:
    """How many kinds with a signature may be sent: each POST mints a URL that has to be used."""
    gate, waits = hosts[Host.UPLOAD], hosts.waits_until(Host.UPLOAD, now) is not None
    if gate.mode is Mode.OPEN and not waits:
        return width
    alone = _second_opinion(transaction, gate, now)
    if waits and not alone:
        return 0
    host = hosts.main_upload_host
    if any(job.has_signature and _may_concern(job, host) for job in active):
        return 0
    # While the host is in trouble, the entry that waits for it is the canary, also through its backoff. A host that
    # is merely unproven is not judged by one entry whose own upload keeps failing.
    # Nor is one in trouble for ever: a canary that failed again and again makes way for another.
    if gate.failures > 0:
        owed = owing.any_canary(transaction, host, tries=LINK_TRIES)
    else:
        owed = owing.any_owed_now(transaction, host)
    return 0 if owed and not alone else min(width, 1)


def _second_opinion(transaction: Transaction, gate: Gate, now: datetime) -> bool:
    """Whether the upload host is shut for so long that one more entry may find out whether it is still the one."""
    if gate.mode is not Mode.CLOSED or gate.since is None:
        return False
    return now - gate.since >= second_opinion_after(owing.count_owed(transaction, 10))


def _may_concern(job: Work, host: str) -> bool:
    """Whether the end of this job says something of the upload host: a send does, its URL is still to come."""
    return isinstance(job, Job) and (job.step is Step.SEND or not host or upload_host(job.url) == host)
