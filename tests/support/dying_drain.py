"""A process that makes processes which drain once and die by SIGKILL at one exact point. Run by the kill tests.

It is single-threaded and has everything loaded, so that a fork is cheap and safe. One JSON order a line on stdin:
{"root", "settings", "at", "number"}; one answer a line: {"died": bool}. `at` names the point, `number` which time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import sync.transport
import sync.upload
from config.settings import load
from storage.database import Database
from storage.folder import StorageFolder
from sync import app
from sync.clock import Clock
from sync.rules import Ask

COMMIT_POINTS = ("before-commit", "after-commit")
WIRE_POINTS = ("before-post", "after-post", "before-put", "after-put")


class Death:
    """Counts how often its point is passed, and ends the process the n-th time."""

    def __init__(self, at: str, number: int) -> None:
        self._at, self._left = at, number

    def passes(self, point: str) -> None:
        if point == self._at:
            self._left -= 1
            if self._left == 0:
                # No handler, no `finally`, no flush: as when the battery is pulled, but for the disk's own cache.
                os.kill(os.getpid(), signal.SIGKILL)


class _Cursor:
    """A driver cursor that tells of each COMMIT of the drain."""

    def __init__(self, cursor: Any, death: Death) -> None:
        self._cursor, self._death = cursor, death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql != "COMMIT":
            return self._cursor.execute(sql, *values)
        self._death.passes("before-commit")
        found = self._cursor.execute(sql)
        self._death.passes("after-commit")
        return found


class _Connection:
    def __init__(self, connection: Any, death: Death) -> None:
        self._connection, self._death = connection, death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self, *arguments: Any) -> Any:
        return _Cursor(self._connection.cursor(*arguments), self._death)


def _between(owner: Any, name: str, death: Death, before: str, after: str) -> None:
    whole = getattr(owner, name)

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        death.passes(before)
        answer = whole(self, *arguments, **named)
        death.passes(after)
        return answer

    setattr(owner, name, watched)


def drain_until_death(order: dict[str, Any]) -> None:
    death = Death(order["at"], order["number"])
    connect = Database._connect
    Database._connect = lambda self: _Connection(connect(self), death)  # type: ignore[method-assign]
    _between(sync.transport.Transport, "send", death, "before-post", "after-post")
    _between(sync.upload.Uploader, "put", death, "before-put", "after-put")
    settings = load(order["settings"], environ={})
    database = Database(StorageFolder(Path(order["root"])))
    drain = app.build_drain(settings, database, Clock())
    drain.run(Ask(looked=True))


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                drain_until_death(json.loads(line))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = {"died": died, "code": None if died else os.waitstatus_to_exitcode(status)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    # Loaded here once, so that each child has it without a thread ever having run.
    for heavy in ("boto3", "httpx", "sync.upload_connection"):
        import_module(heavy)
    main()
