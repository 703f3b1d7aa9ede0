"""A process that makes processes: each is one `fieldsync` command with a fate of its own. Run with `python -m`.

It is single-threaded and has everything loaded, so that a fork is cheap and safe. One JSON order a line on stdin,
{"number", "arguments", "environment", "plan", "out", "err", "notes"}; events a line on stdout: born, stopped, ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Final

# Loaded once, so that a command starts in a tenth of a second. None of them starts a thread by being loaded.
_PRELOADED: Final = (
    "boto3",
    "httpx",
    "sync.app",
    "sync.capture",
    "sync.commands",
    "sync.entrypoints.cli.capturing",
    "sync.entrypoints.cli.draining",
    "sync.entrypoints.cli.seeing",
    "sync.entrypoints.cli.steering",
    "sync.scheduler",
    "sync.transport",
    "sync.upload",
    "sync.upload_connection",
    "sync.upload_result",
    "_strptime",
    "encodings.idna",
)


class Maker:
    """Forks a command for each order, and tells what becomes of it until its orders end."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._children: dict[int, int] = {}  # process id -> number of its order
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def serve(self) -> None:
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, _noticed)
        # Ctrl-C on a terminal reaches all processes at once; this one ends when its orders do.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        waiting = b""
        while True:
            readable, _, _ = select.select([0, self._wake_read], [], [])
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
                self._look_after_children()
            if 0 in readable:
                read = os.read(0, 65536)
                if not read:
                    break
                *lines, waiting = (waiting + read).split(b"\n")
                for line in lines:
                    self._fork(json.loads(line))
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _fork(self, order: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(_become(order))
        self._children[pid] = order["number"]
        self._tell({"event": "born", "number": order["number"], "pid": pid})

    def _look_after_children(self) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._children[pid]
            if os.WIFSTOPPED(status):
                self._tell({"event": "stopped", "number": number})
            elif not os.WIFCONTINUED(status):
                del self._children[pid]
                code = os.waitstatus_to_exitcode(status)
                self._tell({"event": "ended", "number": number, "code": code})

    def _tell(self, event: dict[str, Any]) -> None:
        os.write(self._events, json.dumps(event).encode() + b"\n")


def _noticed(_number: int, _frame: FrameType | None) -> None:
    """The wake-up pipe says the rest."""


def _become(order: dict[str, Any]) -> int:
    """In the forked process: be that command, to its end; its exit code."""
    from sync.torture.fate import Fate, Plan

    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for descriptor, path in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[:] = ["fieldsync", *order["arguments"]]
    code = 0
    try:
        Fate(Plan.from_json(order["plan"]), Path(order["notes"])).install()
        import_module("sync.__main__").main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  there is nobody above: the traceback is what is left to judge
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def run() -> None:
    # Events have a descriptor of their own: whatever a library prints must not be taken for one.
    events = os.dup(1)
    os.set_inheritable(events, False)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for name in _PRELOADED:
        import_module(name)
    _warm_clients()
    os.write(events, b'{"event": "ready"}\n')
    Maker(events).serve()


def _warm_clients() -> None:
    """The first clients of a process load a good deal more than their modules."""
    from datetime import UTC, datetime

    from sync.presigned_url import UrlRules
    from sync.transport import Timeouts, Transport, ssl_context
    from sync.upload import Uploader
    from sync.upload_line import UploadLine

    def now() -> datetime:
        return datetime.now(UTC)

    # Nothing is sent: the address is there to be read.
    Transport(
        "http://127.0.0.1:9", timeouts=Timeouts(), verify=ssl_context(None), user_agent="fieldsync", now=now
    ).close()
    line = UploadLine(
        connect_timeout_s=1,
        read_timeout_s=1,
        max_connections=1,
        ca_file=None,
        user_agent="fieldsync",
        now=now,
    )
    uploader = Uploader(line, rules=UrlRules(), fallback="off")
    uploader.warm()
    uploader.close()


if __name__ == "__main__":
    run()
