"""Every fault by its name. A new one is a function in one of the `*_faults` modules and a name in this list."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from sync.torture import (
    chain_faults,
    change_faults,
    clock_faults,
    lease_faults,
    plan_faults,
    process_faults,
    upload_faults,
    wire_faults,
)
from sync.torture.stale_writes import stale_writes
from sync.torture.trial import Trial

# Makes it happen, and answers whether it struck.
Act = Callable[[Trial, Random], bool]

_ALL: Final[tuple[Act, ...]] = (
    process_faults.kill_at_capture,
    process_faults.full_disk_at_capture,
    process_faults.kill_before_first_byte,
    process_faults.kill_after_store,
    process_faults.kill_before_upload,
    process_faults.kill_after_upload,
    process_faults.kill_at_commit,
    process_faults.kill_at_random,
    process_faults.full_disk_at_delivery,
    process_faults.two_drainers,
    process_faults.stopped_drainer,
    process_faults.worker_told_to_stop,
    process_faults.person_resyncs,
    process_faults.person_pauses,
    wire_faults.lost_answer,
    wire_faults.half_body,
    wire_faults.created_and_hidden,
    wire_faults.slow_drip,
    wire_faults.read_timeout,
    wire_faults.late_store,
    wire_faults.late_504,
    wire_faults.garbage,
    wire_faults.cut_off,
    wire_faults.storm_5xx,
    wire_faults.storm_429,
    wire_faults.refused,
    wire_faults.telltale_answer,
    wire_faults.portal_page,
    wire_faults.portal_redirect,
    wire_faults.unauthorized,
    wire_faults.offline,
    upload_faults.url_expired,
    upload_faults.url_of_a_get,
    upload_faults.url_useless,
    upload_faults.etag_wrong,
    upload_faults.etag_missing,
    upload_faults.etag_odd,
    upload_faults.upload_portal,
    upload_faults.upload_answer_lost,
    upload_faults.upload_storm,
    upload_faults.upload_timeout,
    upload_faults.store_offline,
    lease_faults.stale_claim,
    lease_faults.stale_claim_at_first_byte,
    lease_faults.late_outcome,
    lease_faults.late_setback,
    lease_faults.late_upload,
    stale_writes,
    clock_faults.clock_ahead,
    clock_faults.clock_behind,
    clock_faults.clock_jump,
    clock_faults.reboot,
    chain_faults.chain_disturbed,
    chain_faults.chain_killed,
    change_faults.change_lost,
    change_faults.changed_before_known,
    change_faults.change_killed,
    plan_faults.plan_lost,
    plan_faults.plan_moved,
)
FAULTS: Final[dict[str, Act]] = {act.__name__: act for act in _ALL}
