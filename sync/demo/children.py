"""The processes of the demo and the torture: started with a clean environment, and ended in every case.

They stay in the process group of who started them, so that whoever ends that group ends them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

import sync
from sync.demo import guard

# Often enough to look alive, seldom enough to leave the processor to those who are looked at.
POLL_S: Final = 0.1
STOP_WITHIN_S: Final = 6.0
_FOREIGN: Final = ("FIELDSYNC_", "AWS_")
_PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "STATE_DIRECTORY"})


class DemoBroken(Exception):
    """The demo itself could not go on: a process did not start or did not do its part in time."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message + (f"; the end of its log: {log}" if log else ""))


def clean_environment(ambient: Mapping[str, str]) -> dict[str, str]:
    """What the children inherit: nothing that configures the user's own fieldsync, and no way off this machine."""
    kept = {
        name: value
        for name, value in ambient.items()
        if not name.upper().startswith(_FOREIGN) and name.upper() not in _PROXIES
    }
    # Named too, because some systems know proxies from elsewhere than the environment.
    fixed = {"NO_PROXY": "*", "no_proxy": "*", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
    return kept | fixed | _where_we_are(kept)


def _where_we_are(ambient: Mapping[str, str]) -> dict[str, str]:
    """Children find this very program, also where it runs from a folder without being installed."""
    root = Path(sync.__file__ or "").parents[1]
    if root.name in ("site-packages", "dist-packages"):
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), ambient.get("PYTHONPATH", "")]))}


def wait_for(done: Callable[[], bool], *, within_s: float, step: Callable[[], None] = lambda: None) -> bool:
    """Look until it is so, or the time is over; `step` is called at each look."""
    deadline_s = time.monotonic() + within_s
    while True:
        step()
        if done():
            return True
        if time.monotonic() > deadline_s:
            return False
        time.sleep(POLL_S)


class Children:
    """All processes of one trial and its scratch folder; a context manager that leaves neither behind."""

    def __init__(self, *, keep: bool, prefix: str = "fieldsync-demo-") -> None:
        self._keep = keep
        self._prefix = prefix
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Children:
        self.folder = Path(tempfile.mkdtemp(prefix=self._prefix))
        self.environment = clean_environment(os.environ)
        try:
            self._guard = subprocess.Popen(  # noqa: S603  our own file
                [sys.executable, "-I", "-S", guard.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=tempfile.gettempdir(),
                env=self.environment,
            )
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        if not self._keep:
            self._tell(f"folder {self.folder}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for process in list(self._processes):
                self.kill(process)
            if not self._keep:
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            # What an interrupt kept us from doing here, the guard does when its input ends.
            assert self._guard.stdin is not None, "it was made with a pipe"
            self._guard.stdin.close()
            self._guard.wait(STOP_WITHIN_S)

    def start(
        self, *arguments: str, log: str, environment: Mapping[str, str] | None = None, module: str = "sync"
    ) -> subprocess.Popen[bytes]:
        """`fieldsync ARGUMENTS` as a process of its own; stdout goes to `log`.out, stderr to `log`.err."""
        with (self.folder / f"{log}.out").open("ab") as out, (self.folder / f"{log}.err").open("ab") as err:
            process = subprocess.Popen(  # noqa: S603  our own program, our own arguments
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env={**self.environment, **(environment or {})},
            )
        self._processes.append(process)
        self.watch(process.pid)
        return process

    def keep(self) -> None:
        """Leave the scratch folder for a look afterwards."""
        self._keep = True
        self._tell(f"kept {self.folder}")

    def start_module(self, module: str, *, log: str) -> subprocess.Popen[bytes]:
        """`python -m MODULE`, spoken with over its standard input and output; stderr goes to `log`.err."""
        with (self.folder / f"{log}.err").open("ab") as err:
            process = subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                cwd=self.folder,
                env=self.environment,
                bufsize=0,
            )
        self._processes.append(process)
        self.watch(process.pid)
        return process

    def watch(self, pid: int) -> None:
        """See to it that this process, which one of ours has made, is ended in every case too."""
        self._tell(f"child {pid}")

    def unwatch(self, pid: int) -> None:
        self._tell(f"gone {pid}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End it at once, as a power cut would."""
        if process.poll() is None:
            process.kill()
        process.wait(STOP_WITHIN_S)
        self._gone(process)

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """Ask it to end, and make it when it does not; answers its exit code."""
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill(process)
        self._gone(process)
        return process.returncode

    def output(self, log: str) -> str:
        return (self.folder / f"{log}.out").read_text("utf-8", "replace")

    def end_of_log(self, log: str) -> str:
        """The last words of a process, for the message about its failure."""
        lines = (self.folder / f"{log}.err").read_text("utf-8", "replace").split("\n")
        return " | ".join(line.strip() for line in lines[-8:] if line.strip())[-600:]

    def _gone(self, process: subprocess.Popen[bytes]) -> None:
        if process in self._processes:
            self._processes.remove(process)
            self.unwatch(process.pid)

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None, "it was made with a pipe"
        try:
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()
        except OSError:
            return  # without its guard this process still tidies up after itself
