"""File locks between processes: one drain at a time, one worker, one schema step.

The kernel gives a lock back when its holder ends, however it ends, and keeps it while the holder is merely stopped:
that is what makes a paused process unable to send twice. The file is never deleted, or two processes could hold "it".
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from storage.errors import StorageBusy
from storage.folder import from_os_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt


class Holder(NamedTuple):
    """Who wrote itself into a lock file last. Only current while the lock is held."""

    pid: int
    since: str


class FileLock:
    """An exclusive lock on a file. Not inherited by child processes; not reentrant."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, since: str = "") -> bool:
        """Whether it is ours now; waits for nobody. `since` is written for others to read.

        Raises:
            StorageProblem: the lock file cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise from_os_error(error, self._path) from None
        # A glance by `holder` lasts microseconds and must not look like a real holder.
        for _ in range(5):
            if _lock(descriptor):
                break
            time.sleep(0.01)
        else:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        note = json.dumps({"pid": os.getpid(), "since": since}).encode()
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note, 0) if hasattr(os, "pwrite") else os.write(descriptor, note)
        except OSError:  # a full disk must not stop the drain that would empty the queue
            pass
        return True

    def give(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def beat(self) -> None:
        """A sign of life of the holder, for others to see. It costs no sync."""
        with suppress(OSError):
            os.utime(self._path)

    @contextmanager
    def hold(self, timeout_s: float = 30.0) -> Iterator[None]:
        """Wait for the lock, at most `timeout_s`.

        Raises:
            StorageBusy: somebody else held it all that time.
        """
        deadline = time.monotonic() + timeout_s
        while not self.take():
            if time.monotonic() > deadline:
                raise StorageBusy(f"{self._path} stayed locked by another process for {timeout_s:.0f} s")
            time.sleep(0.05)
        try:
            yield
        finally:
            self.give()

    @staticmethod
    def last_beat(path: Path) -> float | None:
        """When the holder of the lock at `path` gave its last sign of life: seconds since 1970, device clock."""
        try:
            return path.stat().st_mtime
        except OSError:
            return None

    @classmethod
    def holder(cls, path: Path) -> Holder | None:
        """Who holds the lock at `path` now; None when nobody does. Takes nothing, also on a read-only folder."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            if _lock(descriptor, shared=True):
                return None
            note: Any = json.loads(os.read(descriptor, 200) or b"{}")
            return Holder(int(note.get("pid", 0)), str(note.get("since", "")))
        except ValueError:
            return Holder(0, "")
        finally:
            os.close(descriptor)


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # a byte far behind the note, which stays readable
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
