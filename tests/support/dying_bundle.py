"""A process that exports or imports a bundle and dies by SIGKILL at one exact point. Run by the kill tests.

Orders and answers as in `dying_drain`, one a line: {"root", "do": "export" | "import", "path", "at", "number"}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from storage.database import Database
from storage.folder import StorageFolder
from sync.bundle import handing
from sync.bundle.sealed_file import Sealer
from tests.support.bundles import given_away, taken_in
from tests.support.dying_drain import Death, _between, _Connection

EXPORT_POINTS = (
    "before-commit", "after-commit", "before-write", "after-write", "before-finish", "after-finish",
    "before-fsync", "after-fsync", "before-rename", "after-rename",
)  # fmt: skip
IMPORT_POINTS = ("before-commit", "after-commit", "before-store", "after-store")


def work_until_death(order: dict[str, Any]) -> None:
    death = Death(order["at"], order["number"])
    connect = Database._connect
    Database._connect = lambda self: _Connection(connect(self), death)  # type: ignore[method-assign]
    database, path = Database(StorageFolder(Path(order["root"]))), Path(order["path"])
    if order["do"] == "import":
        from storage import handovers

        _between(handovers, "put_in", death, "before-store", "after-store")
        taken_in(database, path)
        return
    _between(Sealer, "write", death, "before-write", "after-write")
    _between(Sealer, "finish", death, "before-finish", "after-finish")
    _between(handing.os, "fsync", death, "before-fsync", "after-fsync")
    _between(Path, "rename", death, "before-rename", "after-rename")
    given_away(database, path)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                work_until_death(json.loads(line))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = {"died": died, "code": None if died else os.waitstatus_to_exitcode(status)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
