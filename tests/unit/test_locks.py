"""One drain at a time: the kernel keeps the lock for a stopped process and takes it from a dead one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.errors import StorageBusy, StorageReadOnly
from storage.locks import FileLock, Holder

HOLD = """
import sys
from pathlib import Path
from storage.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.take(since="2026-03-02T12:00:00Z"), flush=True)
sys.stdin.readline()
lock.give()
print("given", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "drain.lock"


@pytest.fixture
def other(path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that hold the lock until a line is written to them."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_lock_is_exclusive_between_processes(path: Path, other: Callable[[], subprocess.Popen[str]]) -> None:
    process = other()
    mine = FileLock(path)
    assert not mine.take()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "given\n"
    assert mine.take()
    mine.give()


def test_lock_is_not_reentrant_within_one_process(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert first.take()
    assert not second.take()
    assert not first.take()
    first.give()
    first.give()
    assert second.take()
    second.give()


def test_kernel_takes_the_lock_from_a_killed_process(
    path: Path, other: Callable[[], subprocess.Popen[str]]
) -> None:
    process = other()
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    mine = FileLock(path)
    assert within(5, mine.take)
    mine.give()


def test_stopped_process_keeps_its_lock_and_is_named(
    path: Path, other: Callable[[], subprocess.Popen[str]]
) -> None:
    """A paused sender may still have a request in its hands: nobody else may send until it ended."""
    process = other()
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    assert not FileLock(path).take()
    assert FileLock.holder(path) == Holder(process.pid, "2026-03-02T12:00:00Z")
    process.send_signal(signal.SIGCONT)


def test_child_does_not_inherit_the_lock(path: Path) -> None:
    mine = FileLock(path)
    assert mine.take()
    # close_fds=False is how a careless library starts a program.
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        mine.give()
        assert FileLock.holder(path) is None
        assert mine.take()
        mine.give()
    finally:
        child.kill()
        child.wait()


def test_holder_is_nobody_where_nobody_holds(path: Path) -> None:
    assert FileLock.holder(path) is None
    mine = FileLock(path)
    assert mine.take()
    assert FileLock.holder(path) == Holder(os.getpid(), "")
    mine.give()
    assert FileLock.holder(path) is None
    assert path.exists()


@pytest.mark.parametrize("note", [b"", b"{", b"\xff\xfe", b'{"pid": "x"}'])
def test_holder_without_a_readable_note_is_still_a_holder(path: Path, note: bytes) -> None:
    mine = FileLock(path)
    assert mine.take()
    path.write_bytes(note)
    assert FileLock.holder(path) == Holder(0, "")
    mine.give()


def test_note_of_a_shorter_holder_leaves_nothing_of_a_longer_one(path: Path) -> None:
    for since in ("2026-03-02T12:00:00.000000+00:00", ""):
        mine = FileLock(path)
        assert mine.take(since=since)
        assert FileLock.holder(path) == Holder(os.getpid(), since)
        mine.give()


LOOK = """
import sys
from pathlib import Path
from storage.locks import FileLock
print("looking", flush=True)
while True:
    FileLock.holder(Path(sys.argv[1]))
"""


def test_somebody_who_only_looks_does_not_keep_a_drain_out_for_long(path: Path) -> None:
    """A page that asks for the state again and again must not make a pass answer `busy`."""
    path.touch()
    looker = subprocess.Popen([sys.executable, "-c", LOOK, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert looker.stdout is not None
        assert looker.stdout.readline() == "looking\n"
        mine = FileLock(path)
        for _ in range(20):
            assert within(2, mine.take)
            mine.give()
    finally:
        looker.kill()
        looker.communicate()


def test_waiting_for_the_lock_has_an_end(path: Path) -> None:
    mine = FileLock(path)
    assert mine.take()
    with pytest.raises(StorageBusy, match="stayed locked"), FileLock(path).hold(timeout_s=0.1):
        pytest.fail("the lock was given twice")
    mine.give()
    with FileLock(path).hold(timeout_s=0.1):
        assert not mine.take()
    assert mine.take()
    mine.give()


def test_lock_that_cannot_be_made_is_a_storage_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageReadOnly):
        FileLock(tmp_path / "file" / "drain.lock").take()
