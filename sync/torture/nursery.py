"""Starts `fieldsync` commands with a fate, as forks of one prepared process, and waits for what becomes of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sync.demo.children import Children, DemoBroken
from sync.torture.fate import Plan

READY_WITHIN_S: Final = 60.0
# Far beyond what any command here may take, so that only a command that hangs is taken for one.
COMMAND_WITHIN_S: Final = 45.0
_BORN_WITHIN_S: Final = 20.0


class Hung(Exception):
    """A command did not end, or did not get where its fate waited for it."""


@dataclass(eq=False)
class Run:
    """One command as a process. `out`, `err` and `notes` are files that it writes to."""

    arguments: tuple[str, ...]
    out: Path
    err: Path
    notes: Path
    changed: threading.Condition
    pid: int = 0
    code: int | None = None
    stopped: bool = False

    def wait(self, within_s: float = COMMAND_WITHIN_S) -> int:
        """Its exit code, negative where a signal ended it.

        Raises:
            Hung: it went on for too long, and was killed.
        """
        if not self._until(lambda: self.code is not None, within_s):
            self.kill()
            raise Hung(f"fieldsync {' '.join(self.arguments)} went on for more than {within_s:.0f} s")
        assert self.code is not None, "it has ended"
        return self.code

    def wait_until_stopped(self, within_s: float = COMMAND_WITHIN_S) -> bool:
        """Whether it stands still (SIGSTOP); False where it ended before."""
        self._until(lambda: self.stopped or self.code is not None, within_s)
        return self.stopped and self.code is None

    def _until(self, done: Callable[[], bool], within_s: float) -> bool:
        with self.changed:
            return self.changed.wait_for(done, timeout=within_s)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """SIGTERM, as a service manager does it."""
        self._signal(signal.SIGTERM)

    def go_on(self) -> None:
        self.stopped = False
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.pid or self.code is not None, timeout=_BORN_WITHIN_S)
            # Under the lock: a process id is only ours until its end was told.
            if self.pid and self.code is None:
                os.kill(self.pid, number)

    def told(self) -> list[dict[str, Any]]:
        """What its fate wrote down, in order."""
        if not self.notes.exists():
            return []
        # A process that was killed in the middle of a note leaves half a line.
        whole = self.notes.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def struck(self, what: str | None = None) -> list[dict[str, Any]]:
        return [note for note in self.told() if note.get("struck") and what in (None, note["struck"])]

    def document(self) -> Any:
        """The last line of its standard output; None where it has none."""
        lines = self.out.read_bytes().strip().splitlines()
        try:
            return json.loads(lines[-1]) if lines else None
        except ValueError:
            return None


class Nursery:
    """All commands of one torture."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._runs: dict[int, Run] = {}
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._maker: subprocess.Popen[bytes] = children.start_module("sync.torture.child", log="maker")
        # Daemon: it reads until the maker ends, which it does with us.
        threading.Thread(target=self._listen, name="torture-events", daemon=True).start()

    def ready(self) -> None:
        """Returns when commands can be started.

        Raises:
            DemoBroken: the maker did not start.
        """
        if not self._ready.wait(READY_WITHIN_S):
            raise DemoBroken("the processes of the torture do not start", self._children.end_of_log("maker"))

    def start(
        self, *arguments: str, environment: Mapping[str, str], log: Path, plan: Plan | None = None
    ) -> Run:
        """`fieldsync ARGUMENTS` as a process. `log` is the beginning of the names of its files."""
        number = len(self._runs) + 1
        out, err, notes = (log.with_name(f"{log.name}.{end}") for end in ("out", "err", "notes"))
        run = Run(arguments, out, err, notes, self._changed)
        self._runs[number] = run
        order = {
            "number": number,
            "arguments": arguments,
            "environment": {**self._children.environment, **environment},
            "plan": (plan or Plan()).to_json(),
            "out": str(out),
            "err": str(err),
            "notes": str(notes),
        }
        assert self._maker.stdin is not None, "it was made with a pipe"
        try:
            self._maker.stdin.write(json.dumps(order).encode() + b"\n")
        except OSError:
            raise DemoBroken("the maker has ended", self._children.end_of_log("maker")) from None
        return run

    def end_all(self) -> None:
        """Kill whatever still runs."""
        for run in self._runs.values():
            if run.pid and run.code is None:
                run.kill()

    def _listen(self) -> None:
        assert self._maker.stdout is not None, "it was made with a pipe"
        waiting = b""
        while read := os.read(self._maker.stdout.fileno(), 65536):
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
        # Without its maker no command can be waited for.
        self._ready.set()
        with self._changed:
            for run in self._runs.values():
                run.code = -signal.SIGKILL if run.code is None else run.code
            self._changed.notify_all()

    def _note(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "ready":
            self._ready.set()
            return
        run = self._runs[event["number"]]
        with self._changed:
            if event["event"] == "born":
                run.pid = event["pid"]
                self._children.watch(run.pid)
            elif event["event"] == "stopped":
                run.stopped = True
            else:
                run.code = event["code"]
                self._children.unwatch(run.pid)
            self._changed.notify_all()
