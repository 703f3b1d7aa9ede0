"""The disk fills up while the device delivers: what the server answered is kept until it can be written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.database import Transaction
from storage.errors import StorageBusy, StorageFull, StorageProblem
from storage.reserve import keep_reserve
from tests.support.rig import FakeRig, FakeServer, FakeTime

MIB = 1024 * 1024


class FailingCommits:
    """Stands before a database: some write transactions fail at their end, as a COMMIT does on a full disk."""

    def __init__(self, rig: FakeRig, problem: StorageProblem, fail: set[int]) -> None:
        self._write = rig.database.write
        self._problem, self._fail = problem, fail
        self.number = 0
        self.reserve_at_failure: list[bool] = []
        self._rig = rig
        rig.database.write = self.write  # type: ignore[method-assign]

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self.number += 1
        number = self.number
        with self._write() as transaction:
            yield transaction
            if number in self._fail:
                self.reserve_at_failure.append(self._rig.database.folder.reserve.exists())
                raise self._problem


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def rig(tmp_path: Path, server: FakeServer) -> Iterator[FakeRig]:
    made = FakeRig(tmp_path / "outbox", server, FakeTime())
    yield made
    made.close()


def commits_of_one_delivery(tmp_path: Path) -> int:
    """How many write transactions a pass with these entries takes."""
    counted = FakeRig(tmp_path / "counted", FakeServer(), FakeTime())
    counted.capture_many(3)
    commits = FailingCommits(counted, StorageFull("full"), set())
    counted.sync()
    counted.close()
    return commits.number


@pytest.mark.parametrize("problem", [StorageFull("no room"), StorageBusy("locked")], ids=["full", "busy"])
def test_each_result_is_kept_until_it_can_be_committed(tmp_path: Path, problem: StorageProblem) -> None:
    """P2, P4: any one commit of a delivery fails; nothing is sent twice for it, and nothing is forgotten."""
    commits = commits_of_one_delivery(tmp_path)
    assert commits >= 8
    for failing in range(1, commits + 1):
        server = FakeServer()
        rig = FakeRig(tmp_path / f"outbox-{failing}", server, FakeTime())
        rig.capture_many(3)
        FailingCommits(rig, problem, {failing})
        report = rig.sync()
        assert rig.counts() == {"done": 3}, f"commit {failing}"
        assert (len(server.sent), len(server.put_urls)) == (3, 3), f"commit {failing}"
        assert (report.sent, report.uploaded, report.delivered) == (3, 3, 3), (
            f"commit {failing} counted twice"
        )
        assert set(rig.column("presigned_url")) == {None}
        rig.close()


def test_full_disk_takes_the_reserve_for_the_drain(rig: FakeRig, server: FakeServer) -> None:
    """P1: the space that captures had to leave is what empties the queue."""
    keep_reserve(rig.database.folder, MIB)
    rig.capture_many(2)
    commits = FailingCommits(rig, StorageFull("no room"), {4, 5})
    rig.sync()
    assert commits.reserve_at_failure == [True, False]
    assert rig.counts() == {"done": 2}
    assert (len(server.sent), len(server.put_urls)) == (2, 2)


def test_busy_disk_leaves_the_reserve_alone(rig: FakeRig) -> None:
    """Only a full disk is worth the reserve."""
    keep_reserve(rig.database.folder, MIB)
    rig.capture_many(2)
    FailingCommits(rig, StorageBusy("locked"), {4})
    rig.sync()
    assert rig.database.folder.reserve.exists()


def test_nothing_new_is_claimed_while_a_result_waits_for_the_disk(tmp_path: Path) -> None:
    """P2: a device that cannot write down what came back must not send more."""
    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime(), width=2)
    rig.capture_many(6)
    sent_at_failure = []
    original = FailingCommits.write

    class Watching(FailingCommits):
        @contextmanager
        def write(self) -> Iterator[Transaction]:
            with original(self) as transaction:
                sent_at_failure.append(len(server.sent))
                yield transaction

    # The first result's commit fails three times in a row.
    Watching(rig, StorageFull("no room"), {4, 5, 6})
    rig.sync()
    assert sent_at_failure[3] == sent_at_failure[4] == sent_at_failure[5] == 1
    assert rig.counts() == {"done": 6}
    assert len(server.sent) == 6
    rig.close()


def test_result_that_could_never_be_committed_is_a_doubt_and_not_a_second_send(tmp_path: Path) -> None:
    """P2: the disk stays read-only after the POST; the next process finds `sending` and takes it for a doubt."""
    from storage.errors import StorageReadOnly

    server = FakeServer()
    rig = FakeRig(tmp_path / "outbox", server, FakeTime())
    id = rig.capture(1)
    FailingCommits(rig, StorageReadOnly("read-only"), set(range(4, 100)))
    with pytest.raises(StorageReadOnly):
        rig.sync()
    rig.restart()
    rig.sync()
    entry = rig.entry(id)
    assert (entry["state"], entry["reason"], entry["stage"]) == ("parked", "arrival_unknown", "in_doubt")
    assert len(server.sent) == 1
    rig.close()
