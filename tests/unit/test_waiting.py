"""When is there something to do again? What the worker's sleep follows from."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from storage import control
from storage.lifecycle import Event
from sync.clock import Clock
from sync.gate import Gate, Mode
from sync.waiting import next_moment
from tests.support.scratch import NOON, NOON_MS, Scratch

SETTLE_S = 60.0
# The doubt of `Scratch.set_back` begins at one second of its boot.
CLOCK = Clock(now=lambda: NOON, monotonic_s=lambda: 100.0, boot=lambda: "boot-1")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path)
    scratch.put(1)
    scratch.set_back(1, scratch.send(1), Event.DOUBT)
    yield scratch
    scratch.close()


def gate(outbox: Scratch, host: str, state: Gate) -> None:
    with outbox.database.write() as transaction:
        control.put(transaction, control.GATE + host, state.to_json(), now=NOON_MS)


def moment(outbox: Scratch) -> datetime | None:
    return next_moment(outbox.database, settle_s=SETTLE_S, clock=CLOCK)


def test_look_up_that_is_due_is_the_next_moment(outbox: Scratch) -> None:
    found = moment(outbox)
    assert found is not None
    assert found < NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    "closed",
    [
        Gate(Mode.CANARY, "busy", hold_until=NOON + timedelta(minutes=10)),
        Gate(Mode.CLOSED, "no_connection", probe_at=NOON + timedelta(minutes=10)),
    ],
    ids=["held", "closed"],
)
def test_look_up_waits_for_the_gate_of_the_api(outbox: Scratch, closed: Gate) -> None:
    """Else the worker would make a pass every second, for an hour, and could do nothing in any of them."""
    gate(outbox, "api", closed)
    assert moment(outbox) == NOON + timedelta(minutes=10)


def test_look_up_does_not_wait_for_the_upload_host(outbox: Scratch) -> None:
    gate(outbox, "upload", Gate(Mode.CLOSED, "no_connection", probe_at=NOON + timedelta(minutes=10)))
    found = moment(outbox)
    assert found is not None
    assert found < NOON + timedelta(seconds=1)
