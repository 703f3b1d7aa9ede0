"""Death by SIGKILL at one exact point of a process, and a process that makes such processes, for `dying_*.py`.

It is single-threaded and has everything loaded, so that a fork is cheap and safe. One JSON order a line on stdin, with
"root", "at" and "number" at least; one answer a line. `at` names the point, `number` which time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from storage.database import Database

COMMIT_POINTS = ("before-commit", "after-commit")


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
    """A driver cursor that tells of each COMMIT."""

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


def around_commits(death: Death) -> None:
    """Every COMMIT of this process passes `COMMIT_POINTS`."""
    connect = Database._connect
    Database._connect = lambda self: _Connection(connect(self), death)  # type: ignore[method-assign]


def around(owner: Any, name: str, death: Death, before: str, after: str) -> None:
    """Every call of this function passes `before` and `after`."""
    whole = getattr(owner, name)

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        death.passes(before)
        answer = whole(self, *arguments, **named)
        death.passes(after)
        return answer

    setattr(owner, name, watched)


def answer_orders(work: Callable[[dict[str, Any], Death], None]) -> None:
    """Do each order of stdin in a process of its own, and answer {"died": bool, "code": its exit code or null}."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                order = json.loads(line)
                death = Death(order["at"], order["number"])
                around_commits(death)
                work(order, death)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = {"died": died, "code": None if died else os.waitstatus_to_exitcode(status)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
