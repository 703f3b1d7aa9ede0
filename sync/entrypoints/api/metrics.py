"""Where everything stands as numbers for Prometheus: base units, and no ids, names or addresses as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from sync import app as composition
from sync.entrypoints.api.seeing import TheDesk
from sync.entrypoints.api.visiting import demand_everyone, may
from sync.explain_english import ENGLISH
from sync.sentences import SENTENCES
from sync.status import Status, conclude
from sync.status_facts import Facts, look
from sync.version import VERSION
from sync.visitor import Scope, Visitor

router = APIRouter(tags=["health"])

_KNOWN: Final = frozenset(ENGLISH.reasons) | frozenset(SENTENCES)
_OTHER: Final = "other"


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(desk: TheDesk, visitor: Annotated[Visitor, Depends(may(Scope.READ))]) -> Response:
    """Numbers in the text format of Prometheus."""
    demand_everyone(visitor)
    facts = look(desk.database.folder, composition.credentials(desk.settings, desk.clock), desk.clock.now())
    if facts.broken is not None:
        raise facts.broken
    registry = CollectorRegistry()  # one for each look: there is nothing to remember between two
    registry.register(_Told(facts, conclude(facts)))
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Told(Collector):
    def __init__(self, facts: Facts, status: Status) -> None:
        self._facts = facts
        self._status = status

    def collect(self) -> Iterator[GaugeMetricFamily | InfoMetricFamily]:
        return families(self._facts, self._status)


def families(facts: Facts, status: Status) -> Iterator[GaugeMetricFamily | InfoMetricFamily]:
    """Every metric. What is not known is left out: zero would be a lie."""
    document = status.document
    yield _by("fieldsync_entries", "Entries in each state", "state", facts.counts.items())
    problems: Counter[str] = Counter()
    for each in document["problems"]:
        problems[each["reason"] if each["reason"] in _KNOWN else _OTHER] += each["count"] or 0
    yield _by("fieldsync_problem_entries", "Entries that a reason keeps", "reason", problems.items())
    for name, text, value in _numbers(facts, status):
        if value is not None:
            yield GaugeMetricFamily(name, text, value=float(value))
    yield InfoMetricFamily("fieldsync_build", "The program that answers", value={"version": VERSION})


def _numbers(facts: Facts, status: Status) -> Iterator[tuple[str, str, Any]]:
    document = status.document
    yield "fieldsync_needs_action", "Entries that need a person: parked or dead", facts.needs_action
    yield "fieldsync_waiting", "Entries that wait: pending, sending or accepted", facts.waiting
    yield (
        "fieldsync_in_doubt",
        "Entries of which it is not known whether they arrived",
        facts.counts["in_doubt"],
    )
    yield (
        "fieldsync_signatures_owed",
        "Entries at the server without their image in storage",
        facts.signatures_owed,
    )
    yield (
        "fieldsync_oldest_waiting_seconds",
        "Age of the oldest entry that waits or is in doubt, 0 without one",
        document["oldest_waiting_s"] or 0,
    )
    yield "fieldsync_online", "Whether the API was reached when it was last tried", document["online"]
    yield "fieldsync_paused", "Whether the queue is held", facts.pause is not None
    yield "fieldsync_sign_in_needed", "Whether something waits for a sign-in", status.sign_in_needed
    yield (
        "fieldsync_last_success_timestamp_seconds",
        "When the server last took something",
        _seconds(document["last_success_at"]),
    )
    yield (
        "fieldsync_clock_offset_seconds",
        "The server's clock minus the device's",
        document["clock_offset_s"],
    )
    yield "fieldsync_disk_free_bytes", "Free space where the outbox is", facts.disk_free_bytes
    yield "fieldsync_database_bytes", "Size of the outbox", facts.database_bytes
    yield "fieldsync_worker_up", "Whether the worker runs and gives signs of life", status.alive


def _by(name: str, text: str, label: str, values: Iterable[tuple[str, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family


def _seconds(instant: str | None) -> float | None:
    return None if instant is None else datetime.fromisoformat(instant).timestamp()
