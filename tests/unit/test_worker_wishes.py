"""A wish for a pass that comes at a bad moment is fulfilled all the same, whatever the scheduler dropped."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.clock import Clock
from sync.report import DrainReport
from sync.rules import Ask
from sync.scheduler import Worker
from tests.support.polling import eventually
from tests.support.rig import FakeRig, FakeServer, FakeTime


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FakeRig]:
    made = FakeRig(tmp_path / "outbox", FakeServer(), FakeTime())
    yield made
    made.close()


def worker_of(rig: FakeRig, monkeypatch: pytest.MonkeyPatch) -> tuple[Worker, list[Ask]]:
    """A worker, and a list that grows with each of its passes."""
    passes: list[Ask] = []
    run = rig.drain.run

    def counted(ask: Ask, *more: object) -> DrainReport:
        passes.append(ask)
        return run(ask)

    monkeypatch.setattr(rig.drain, "run", counted)
    return Worker(rig.database, rig.drain, interval_s=600, settle_s=60, clock=Clock()), passes


def test_wish_after_the_last_look_and_before_the_release_is_not_lost(
    rig: FakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture comes in while the worker works out how long it may sleep."""
    worker, passes = worker_of(rig, monkeypatch)
    wishes = [True]

    def sleep() -> None:
        if wishes:
            wishes.pop()
            worker._dirty.set()
            worker._passes()  # what the scheduler would start for the wish, and finds somebody at work

    monkeypatch.setattr(worker, "_sleep_until_next", sleep)
    worker._passes()
    assert len(passes) == 2


def test_wish_whose_trigger_was_dropped_is_noticed_by_the_watcher(
    rig: FakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler drops what comes while a pass is ending; the interval is ten minutes."""
    worker, passes = worker_of(rig, monkeypatch)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        eventually(lambda: len(passes) == 1, within_s=30)
        eventually(lambda: not worker._draining.locked(), within_s=30)
        worker._dirty.set()
        eventually(lambda: len(passes) == 2, within_s=30)
    finally:
        worker.stop()
        thread.join(20)
